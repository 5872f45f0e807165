/** The daemon dies at once (`kill -9`) and is started again: no container, log line, exit code or record may be lost. */
import assert from 'node:assert/strict';
import { cpSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { api } from '../harness/api.ts';
import { eventually } from '../harness/command.ts';
import { hasEnded, tell, untilTold } from '../harness/go-ahead.ts';
import { startWorld, type World } from '../harness/world.ts';

describe('a daemon that was killed', () => {
  let world: World;
  before(async () => {
    world = await startWorld();
  });
  after(() => world[Symbol.asyncDispose]());

  const counting = 'i=0; while :; do i=$((i + 1)); echo $i; sleep 0.02; done';

  it('finds its running containers, and their logs have no hole', async () => {
    const { daemon, busybox } = world;
    const id = await daemon.ok(['run', '-d', '--name', 'counter', busybox, 'sh', '-c', counting]);
    const pidBefore = await daemon.ok(['inspect', '-f', '{{.State.Pid}}', 'counter']);
    await daemon.kill9();
    const lines = () =>
      readFileSync(join(daemon.dataRoot, 'containers', id, `${id}-json.log`), 'utf8').split('\n').length;
    const linesBefore = lines();
    await eventually('the container goes on writing', () => lines() > linesBefore + 20 || null);
    await daemon.restart();
    assert.equal(await daemon.ok(['ps', '-q', '--no-trunc']), id);
    assert.equal(await daemon.ok(['inspect', '-f', '{{.State.Pid}}', 'counter']), pidBefore);
    await daemon.ok(['kill', 'counter']);
    const numbers = (await daemon.ok(['logs', 'counter'])).split('\n').map(Number);
    assert.ok(numbers.length > linesBefore + 20, `${linesBefore} lines before, ${numbers.length} after`);
    assert.deepEqual(
      numbers,
      Array.from({ length: numbers.length }, (_, index) => index + 1),
    );
    assert.equal(await daemon.ok(['inspect', '-f', '{{.State.ExitCode}}', 'counter']), '137');
    await daemon.ok(['rm', 'counter']);
  });

  it('knows how containers ended while it was away', async () => {
    const { daemon, busybox } = world;
    const shell = (script: string) => [busybox, 'sh', '-c', `${untilTold}; ${script}`];
    const ended = await daemon.ok(['run', '-d', '--name', 'ended', ...shell('echo last words; exit 7')]);
    const eaten = await daemon.ok(['run', '-d', '--name', 'eaten', '-m', '32m', ...shell('exec tail /dev/zero')]);
    await daemon.ok(['run', '-d', '--name', 'alive', busybox, 'sleep', '100']);
    const pids = (await daemon.ok(['inspect', '-f', '{{.State.Pid}}', 'ended', 'eaten'])).split('\n').map(Number);
    await daemon.kill9();
    for (const pid of pids) tell(pid);
    for (const id of [ended, eaten]) await hasEnded(daemon, id);
    await daemon.restart();
    const format = '{{.State.Status}} {{.State.ExitCode}} {{.State.OOMKilled}}';
    const states = await daemon.ok(['inspect', '-f', format, 'ended', 'eaten', 'alive']);
    assert.deepEqual(states.split('\n'), ['exited 7 false', 'exited 137 true', 'running 0 false']);
    assert.equal(await daemon.ok(['logs', 'ended']), 'last words');
    assert.equal(await daemon.ok(['wait', 'ended']), '7');
    await daemon.ok(['rm', '-f', 'ended', 'eaten', 'alive']);
  });

  it('can stop, wait for, attach to and remove what it found', async () => {
    const { daemon, busybox } = world;
    const script = 'trap "exit 5" TERM; while read -r l; do echo "got $l"; done; while :; do sleep 0.1; done';
    await daemon.ok(['run', '-d', '-i', '--name', 'found', busybox, 'sh', '-c', script]);
    await daemon.kill9();
    await daemon.restart();
    await using attached = await daemon.dockerStart(['attach', '--sig-proxy=false', 'found'], { keepStdin: true });
    attached.write('hello\n');
    await attached.until(/got hello/);
    await using waiting = await daemon.dockerStart(['wait', 'found']);
    await daemon.ok(['kill', '-s', 'KILL', 'found']);
    assert.equal((await waiting.finished).stdout, '137\n');
    await daemon.ok(['rm', 'found']);
  });

  it('gives no address of a container that it found to another', async () => {
    const { daemon, busybox } = world;
    const format = '{{.NetworkSettings.Networks.bridge.IPAddress}}';
    await daemon.ok(['run', '-d', '--name', 'old', busybox, 'sleep', '100']);
    const old = await daemon.ok(['inspect', '-f', format, 'old']);
    await daemon.kill9();
    await daemon.restart();
    await daemon.ok(['run', '-d', '--name', 'new', busybox, 'sleep', '100']);
    assert.notEqual(await daemon.ok(['inspect', '-f', format, 'new']), old);
    assert.equal(await daemon.ok(['inspect', '-f', format, 'old']), old);
    const ping = await daemon.ok(['run', '--rm', busybox, 'ping', '-c', '1', '-W', '5', old]);
    assert.match(ping, /1 packets received/);
    await daemon.ok(['rm', '-f', 'old', 'new']);
  });

  it('removes a container that ended meanwhile and was to be removed with --rm', async () => {
    const { daemon, busybox } = world;
    const id = await daemon.ok(['run', '-d', '--rm', busybox, 'sh', '-c', untilTold]);
    const pid = Number(await daemon.ok(['inspect', '-f', '{{.State.Pid}}', id]));
    await daemon.kill9();
    tell(pid);
    await hasEnded(daemon, id);
    await daemon.restart();
    await eventually('it is removed', async () => ((await daemon.ok(['ps', '-aq'])) === '' ? true : null));
  });

  it('leaves containers alone also when it is asked to end', async () => {
    const { daemon, busybox } = world;
    const id = await daemon.ok(['run', '-d', busybox, 'sleep', '100']);
    await daemon.restart();
    assert.equal(await daemon.ok(['ps', '-q', '--no-trunc']), id);
    await daemon.ok(['rm', '-f', id]);
  });

  it('leaves nothing half-made when it dies while containers start, and works on', async () => {
    const { daemon, busybox } = world;
    const before = daemon.leftovers();
    for (const delayMs of [0, 5, 15, 30, 60]) {
      const starting = Promise.all(
        ['x', 'y', 'z'].map((name) => daemon.docker(['run', '-d', '--name', name, busybox, 'sleep', '100'])),
      );
      await new Promise((resolve) => setTimeout(resolve, 60 + delayMs));
      await daemon.kill9();
      await starting;
      await daemon.restart();
      const listed = (await daemon.ok(['ps', '-aq'])).split('\n').filter((id) => id !== '');
      if (listed.length > 0) await daemon.ok(['rm', '-f', ...listed]);
      await eventually('nothing is left', () => {
        return daemon.leftovers().every((line) => before.includes(line)) ? true : null;
      }).catch(() => assert.deepEqual(daemon.leftovers(), before));
    }
    assert.equal(await daemon.ok(['run', '--rm', busybox, 'echo', 'works']), 'works');
  });

  it('leaves no half-made layer when it dies in a pull, and pulls again', async () => {
    const { daemon, busybox } = world;
    const inside = (path: string) => readdirSync(join(daemon.dataRoot, path));
    await daemon.ok(['rmi', busybox]);
    for (const delayMs of [40, 60, 80, 110, 150]) {
      const pulling = daemon.docker(['pull', '-q', busybox]);
      await new Promise((resolve) => setTimeout(resolve, delayMs));
      await daemon.kill9();
      const { code } = await pulling;
      await daemon.restart();
      for (const path of ['content/ingest', 'snapshots/ingest', 'snapshots/trash']) assert.deepEqual(inside(path), []);
      if ((await daemon.ok(['images', '-q'])) === '') {
        assert.notEqual(code, 0, 'a pull that had succeeded was lost');
        assert.deepEqual(inside('content/blobs/sha256'), []);
        assert.deepEqual(inside('snapshots/layers'), ['empty']);
      }
      await daemon.ok(['pull', '-q', busybox]);
      assert.equal(await daemon.ok(['run', '--rm', busybox, 'echo', 'whole']), 'whole');
      await daemon.ok(['rmi', busybox]);
    }
    await daemon.ok(['pull', '-q', busybox]);
  });
});

describe('the other processes of isle, killed', () => {
  let world: World;
  before(async () => {
    world = await startWorld();
  });
  after(() => world[Symbol.asyncDispose]());

  /** The pids that a monitor has written: of the container's first process, and its own. */
  function pidsOf(id: string): { init: number; monitor: number } {
    const [init = '', , monitor = ''] = readFileSync(
      join(world.daemon.execRoot, 'containers', id, 'pid'),
      'utf8',
    ).split(' ');
    return { init: Number(init), monitor: Number(monitor) };
  }

  async function nothingRuns(): Promise<void> {
    const { daemon } = world;
    const found = () => daemon.leftovers().filter((line) => !line.startsWith('file '));
    await eventually('nothing runs', () => found().length === 0 || null).catch(() => assert.deepEqual(found(), []));
  }

  it('a monitor takes its container along, everybody who waits hears of it, and it can be started again', async () => {
    const { daemon, busybox } = world;
    const echoing = ['sh', '-c', 'while read -r line; do echo "got $line"; done'];
    const id = await daemon.ok(['run', '-d', '-i', '--name', 'bereft', busybox, ...echoing]);
    await using waiting = await daemon.dockerStart(['wait', 'bereft']);
    await using attached = await daemon.dockerStart(['attach', 'bereft'], { keepStdin: true });
    await using following = await daemon.dockerStart(['logs', '-f', 'bereft']);
    attached.write('hello\n');
    for (const client of [attached, following]) await client.until(/got hello/);
    process.kill(pidsOf(id).monitor, 'SIGKILL');
    assert.equal((await waiting.finished).stdout, '255\n');
    assert.equal((await attached.finished).code, 255);
    await following.finished;
    const state = await daemon.ok([
      'inspect',
      '-f',
      '{{.State.Status}} {{.State.ExitCode}} {{.State.Error}}',
      'bereft',
    ]);
    assert.match(state, /^exited 255 the monitor of the container died/);
    await nothingRuns();
    await daemon.ok(['start', 'bereft']);
    await daemon.ok(['rm', '-f', 'bereft']);
  });

  it('a monitor that dies together with the daemon is found dead by the next', async () => {
    const { daemon, busybox } = world;
    const id = await daemon.ok(['run', '-d', '--name', 'both', busybox, 'sleep', '100']);
    const { monitor } = pidsOf(id);
    await daemon.kill9();
    process.kill(monitor, 'SIGKILL');
    await daemon.restart();
    assert.match(
      await daemon.ok(['inspect', '-f', '{{.State.Status}} {{.State.Error}}', 'both']),
      /^exited the monitor/,
    );
    await nothingRuns();
    await daemon.ok(['rm', 'both']);
  });

  it('the first process of a container, killed from the host, ends it with 137', async () => {
    const { daemon, busybox } = world;
    const id = await daemon.ok(['run', '-d', '--name', 'shot', busybox, 'sleep', '100']);
    process.kill(pidsOf(id).init, 'SIGKILL');
    assert.equal(await daemon.ok(['wait', 'shot']), '137');
    await daemon.ok(['rm', 'shot']);
    await nothingRuns();
  });

  it('the launcher leaves no start behind of which nobody knows', async () => {
    const { daemon, busybox } = world;
    const names = Array.from({ length: 10 }, (_, index) => `start-${index}`);
    for (const name of names) await daemon.ok(['create', '--name', name, busybox, 'sleep', '100']);
    const starts = names.map((name) => api(daemon, 'POST', `/containers/${name}/start`).catch(() => null));
    await new Promise((resolve) => setTimeout(resolve, 15));
    process.kill(Number(readFileSync(join(daemon.execRoot, 'launcher.pid'), 'utf8').split('\n')[0]), 'SIGKILL');
    const answers = await Promise.all(starts);
    await daemon.restart();
    const format = '{{.State.Status}} {{.NetworkSettings.Networks.bridge.IPAddress}}';
    const states = (await daemon.ok(['inspect', '-f', format, ...names])).split('\n');
    for (const [index, state] of states.entries()) {
      assert.match(state, answers[index]?.status === 204 ? /^running \d/ : /^(running \d|created)/);
    }
    const addresses = states.filter((state) => state.startsWith('running'));
    assert.equal(new Set(addresses).size, addresses.length, 'an address was given twice');
    await daemon.ok(['start', ...names]);
    await daemon.ok(['rm', '-f', ...names]);
    await nothingRuns();
  });
});

describe('a daemon that is killed before it has written a start down', () => {
  let world: World;
  before(async () => {
    world = await startWorld();
  });
  after(() => world[Symbol.asyncDispose]());

  /** The database of before `start`, put back when the daemon is dead: as if it had died at once. */
  async function killedAtOnce(start: () => Promise<unknown>, meanwhile: () => Promise<unknown>): Promise<void> {
    const { daemon } = world;
    const names = ['isle.db', 'isle.db-wal'];
    const [root, copy] = [daemon.dataRoot, join(daemon.execRoot, 'before')];
    for (const name of names) cpSync(join(root, name), join(copy, name));
    await start();
    await daemon.kill9();
    rmSync(join(root, 'isle.db-shm'), { force: true });
    for (const name of names) cpSync(join(copy, name), join(root, name));
    await meanwhile();
    await daemon.restart();
  }

  it('finds that the container runs, with its address and the time of its start', async () => {
    const { daemon, busybox } = world;
    const id = await daemon.ok(['create', '--name', 'unwritten', busybox, 'sleep', '1000']);
    const format = '{{.State.Status}} {{.State.Pid}} {{.NetworkSettings.Networks.bridge.IPAddress}}';
    let known = '';
    let startedAt = 0;
    const began = Date.now();
    await killedAtOnce(
      async () => {
        await daemon.ok(['start', 'unwritten']);
        known = await daemon.ok(['inspect', '-f', format, 'unwritten']);
        startedAt = Date.parse(await daemon.ok(['inspect', '-f', '{{.State.StartedAt}}', 'unwritten']));
      },
      // A start whose time nobody knew would be as late as the next daemon.
      () => new Promise((resolve) => setTimeout(resolve, 1500)),
    );
    assert.match(known, /^running [1-9]\d* 10\./);
    assert.equal(await daemon.ok(['inspect', '-f', format, 'unwritten']), known);
    const found = Date.parse(await daemon.ok(['inspect', '-f', '{{.State.StartedAt}}', 'unwritten']));
    // The kernel tells the age of a process in hundredths of a second.
    assert.ok(found >= began - 20 && found <= startedAt + 20, `${found - startedAt} ms after what the first one said`);
    const other = await daemon.ok(['run', '--rm', busybox, 'ip', '-4', '-o', 'address', 'show', 'eth0']);
    assert.ok(!other.includes(`${known.split(' ')[2]}/`), other);
    assert.equal(await daemon.ok(['stop', '-t', '0', id]), id);
    await daemon.ok(['rm', id]);
  });

  it('finds how it has ended meanwhile', async () => {
    const { daemon, busybox } = world;
    const script = `echo seen; ${untilTold}; exit 7`;
    const id = await daemon.ok(['create', '--name', 'unseen', busybox, 'sh', '-c', script]);
    const began = Date.now();
    let pid = 0;
    await killedAtOnce(
      async () => {
        await daemon.ok(['start', 'unseen']);
        pid = Number(await daemon.ok(['inspect', '-f', '{{.State.Pid}}', 'unseen']));
      },
      () => {
        tell(pid);
        return hasEnded(daemon, id);
      },
    );
    assert.equal(await daemon.ok(['inspect', '-f', '{{.State.Status}} {{.State.ExitCode}}', 'unseen']), 'exited 7');
    const startedAt = Date.parse(await daemon.ok(['inspect', '-f', '{{.State.StartedAt}}', 'unseen']));
    assert.ok(startedAt >= began - 1000 && startedAt < began + 60_000, String(startedAt - began));
    assert.equal(await daemon.ok(['logs', 'unseen']), 'seen');
    await daemon.ok(['rm', 'unseen']);
  });
});
