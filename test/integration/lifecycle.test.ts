/** A container's life, seen by the docker command line: started, listed, followed, stopped, waited for, removed. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { api } from '../harness/api.ts';
import { eventually } from '../harness/command.ts';
import { startWorld, type World } from '../harness/world.ts';

describe('lifecycle', () => {
  let world: World;
  before(async () => {
    world = await startWorld();
  });
  after(() => world[Symbol.asyncDispose]());

  const state = (name: string): Promise<string> => {
    return world.daemon.ok(['inspect', '-f', '{{.State.Status}} {{.State.ExitCode}}', name]);
  };

  it('lists running containers, all with -a, filtered with -f', async () => {
    const { daemon, busybox } = world;
    const id = await daemon.ok(['run', '-d', '--name', 'up', busybox, 'sleep', '100']);
    await daemon.docker(['run', '--name', 'down', busybox, 'false']);
    const names = async (...args: string[]) =>
      (await daemon.ok(['ps', '--format', '{{.Names}}', ...args])).split('\n').sort();
    assert.deepEqual(await names(), ['up']);
    assert.deepEqual(await names('-a'), ['down', 'up']);
    assert.deepEqual(await names('-a', '-f', 'status=exited'), ['down']);
    assert.deepEqual(await names('-a', '-f', 'name=up'), ['up']);
    const line = await daemon.ok(['ps', '--no-trunc', '--format', '{{.ID}}|{{.Image}}|{{.Command}}|{{.Status}}']);
    assert.match(line, new RegExp(`^${id}\\|${busybox}\\|"sleep 100"\\|Up `));
    assert.match(await daemon.ok(['ps', '-a', '-f', 'name=down', '--format', '{{.Status}}']), /^Exited \(1\) /);
    await daemon.ok(['rm', '-f', 'up', 'down']);
  });

  it('ends a container that minds SIGTERM with the code it chose', async () => {
    const { daemon, busybox } = world;
    const script = 'trap "echo bye; exit 5" TERM; echo ready; while :; do sleep 0.1; done';
    await daemon.ok(['run', '-d', '--name', 'polite', busybox, 'sh', '-c', script]);
    await eventually('it is ready', async () =>
      (await daemon.ok(['logs', 'polite'])).includes('ready') ? true : null,
    );
    await daemon.ok(['stop', 'polite']);
    assert.equal(await state('polite'), 'exited 5');
    assert.equal(await daemon.ok(['logs', 'polite']), 'ready\nbye');
    assert.equal((await api(daemon, 'POST', '/containers/polite/stop')).status, 304);
    await daemon.ok(['rm', 'polite']);
  });

  it('kills a container that does not mind SIGTERM after the grace time', async () => {
    const { daemon, busybox } = world;
    await daemon.ok(['run', '-d', '--name', 'deaf', busybox, 'sleep', '100']);
    await daemon.ok(['stop', '-t', '1', 'deaf']);
    assert.equal(await state('deaf'), 'exited 137');
    await daemon.ok(['rm', 'deaf']);
  });

  it('sends the signal that `kill -s` names', async () => {
    const { daemon, busybox } = world;
    const script = 'trap "echo usr1" USR1; trap "exit 9" HUP; echo ready; while :; do sleep 0.1; done';
    await daemon.ok(['run', '-d', '--name', 'listener', busybox, 'sh', '-c', script]);
    const logHas = (text: string) =>
      eventually(text, async () => ((await daemon.ok(['logs', 'listener'])).includes(text) ? true : null));
    await logHas('ready');
    await daemon.ok(['kill', '-s', 'USR1', 'listener']);
    await logHas('usr1');
    assert.equal(await state('listener'), 'running 0');
    await daemon.ok(['kill', '-s', '1', 'listener']);
    assert.equal(await daemon.ok(['wait', 'listener']), '9');
    const dead = await daemon.docker(['kill', 'listener']);
    assert.equal(dead.code, 1);
    assert.match(dead.stderr, /is not running/);
    await daemon.ok(['rm', 'listener']);
  });

  it('gives 137 for a container killed by SIGKILL', async () => {
    const { daemon, busybox } = world;
    await using running = await daemon.dockerStart(['run', '--name', 'victim', busybox, 'sleep', '100']);
    await eventually('it runs', async () =>
      (await daemon.ok(['ps', '-q', '-f', 'name=victim'])) === '' ? null : true,
    );
    await daemon.ok(['kill', 'victim']);
    assert.equal((await running.finished).code, 137);
    assert.equal(await state('victim'), 'exited 137');
    await daemon.ok(['rm', 'victim']);
  });

  it('passes a signal that the docker client gets on to the container', async () => {
    const { daemon, busybox } = world;
    const script = 'trap "echo term; exit 4" TERM; echo ready; while :; do sleep 0.1; done';
    await using running = await daemon.dockerStart(['run', '--rm', busybox, 'sh', '-c', script]);
    await running.until(/ready/);
    running.child.kill('SIGTERM');
    const { code, stdout } = await running.finished;
    assert.deepEqual([code, stdout], [4, 'ready\nterm\n']);
  });

  it('gives the command its exit code: 0 to 255, 126, 127, and 125 for the engine itself', async () => {
    const { daemon, busybox } = world;
    const code = async (...args: string[]) => (await daemon.docker(['run', '--rm', ...args])).code;
    assert.equal(await code(busybox, 'true'), 0);
    assert.equal(await code(busybox, 'sh', '-c', 'exit 7'), 7);
    assert.equal(await code(busybox, 'sh', '-c', 'exit 255'), 255);
    assert.equal(await code(busybox, '/etc/passwd'), 126, 'a file that is not executable');
    assert.equal(await code(busybox, '/etc'), 126, 'a directory');
    assert.equal(await code(busybox, 'no-such-command'), 127);
    assert.equal(await code(busybox, '/no/such/path'), 127);
    assert.equal(await code('--no-such-flag', busybox), 125);
    assert.equal(await code('-m', '1m', busybox, 'true'), 125);
    assert.equal(await daemon.ok(['ps', '-aq']), '', 'what failed to start is removed with --rm');
  });

  it('waits for the end, for as many containers as asked', async () => {
    const { daemon, busybox } = world;
    await daemon.ok(['run', '-d', '--name', 'w1', busybox, 'sh', '-c', 'sleep 0.5; exit 3']);
    await daemon.ok(['run', '-d', '--name', 'w2', busybox, 'sh', '-c', 'exit 4']);
    assert.equal(await daemon.ok(['wait', 'w1', 'w2']), '3\n4');
    assert.equal(await daemon.ok(['wait', 'w1']), '3', 'and again, after the end');
    await daemon.ok(['rm', 'w1', 'w2']);
  });

  it('starts an exited container again, with what it had written', async () => {
    const { daemon, busybox } = world;
    await daemon.ok(['run', '--name', 'twice', busybox, 'sh', '-c', 'echo run >> /runs; cat /runs | wc -l']);
    assert.equal(await daemon.ok(['start', '-a', 'twice']), '2');
    assert.equal(await daemon.ok(['logs', 'twice']), '1\n2');
    await daemon.ok(['rm', 'twice']);
  });

  it('removes a running container only by force', async () => {
    const { daemon, busybox } = world;
    await daemon.ok(['run', '-d', '--name', 'stays', busybox, 'sleep', '100']);
    const refused = await daemon.docker(['rm', 'stays']);
    assert.equal(refused.code, 1);
    assert.equal((await api(daemon, 'DELETE', '/containers/stays')).status, 409);
    assert.equal(await daemon.ok(['rm', '-f', 'stays']), 'stays');
    assert.equal((await api(daemon, 'GET', '/containers/stays/json')).status, 404);
  });
});
