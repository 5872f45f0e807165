/** The daemon dies at once (`kill -9`) and is started again: no container, log line, exit code or record may be lost. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { eventually } from '../harness/command.ts';
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
    await new Promise((resolve) => setTimeout(resolve, 500));
    await daemon.restart();
    assert.equal(await daemon.ok(['ps', '-q', '--no-trunc']), id);
    assert.equal(await daemon.ok(['inspect', '-f', '{{.State.Pid}}', 'counter']), pidBefore);
    await daemon.ok(['kill', 'counter']);
    const numbers = (await daemon.ok(['logs', 'counter'])).split('\n').map(Number);
    assert.ok(numbers.length > 20, `${numbers.length} lines`);
    assert.deepEqual(
      numbers,
      Array.from({ length: numbers.length }, (_, index) => index + 1),
    );
    assert.equal(await daemon.ok(['inspect', '-f', '{{.State.ExitCode}}', 'counter']), '137');
    await daemon.ok(['rm', 'counter']);
  });

  it('knows how containers ended while it was away', async () => {
    const { daemon, busybox } = world;
    await daemon.ok(['run', '-d', '--name', 'ended', busybox, 'sh', '-c', 'sleep 1; echo last words; exit 7']);
    await daemon.ok(['run', '-d', '--name', 'eaten', '-m', '32m', busybox, 'sh', '-c', 'sleep 1; exec tail /dev/zero']);
    await daemon.ok(['run', '-d', '--name', 'alive', busybox, 'sleep', '100']);
    await daemon.kill9();
    await new Promise((resolve) => setTimeout(resolve, 2500));
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
    await daemon.ok(['run', '-d', '--rm', '--name', 'fleeting', busybox, 'sleep', '1']);
    await daemon.kill9();
    await new Promise((resolve) => setTimeout(resolve, 1500));
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
});
