/** `docker run -it` on a real pseudo terminal. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { dockerOnTerminal } from '../harness/terminal.ts';
import { startWorld, type World } from '../harness/world.ts';

describe('terminal', () => {
  let world: World;
  before(async () => {
    world = await startWorld();
  });
  after(() => world[Symbol.asyncDispose]());

  it('is a terminal inside, with the size of the one outside', async () => {
    const { daemon, busybox } = world;
    // Clients before 23.0 send the size only after the start: until then there is none.
    const script = 'tty; while s=$(stty size 2> /dev/null); [ -z "$s" ]; do sleep 0.05; done; echo $s; echo $TERM';
    const args = ['run', '--rm', '-it', busybox, 'sh', '-c', script];
    await using terminal = await dockerOnTerminal(daemon, args, { rows: 33, columns: 101 });
    const { code, stdout } = await terminal.finished;
    assert.equal(code, 0);
    assert.deepEqual(stdout.trim().split('\r\n'), ['/dev/pts/0', '33 101', 'xterm']);
  });

  it('follows a change of size while the container runs', async () => {
    const { daemon, busybox } = world;
    const script = 'trap "stty size" WINCH; echo ready; while :; do sleep 0.1; done';
    await using terminal = await dockerOnTerminal(daemon, ['run', '--rm', '-it', busybox, 'sh', '-c', script]);
    await terminal.until(/ready/);
    await terminal.resize(40, 132);
    await terminal.until(/40 132/);
  });

  it('turns Ctrl-C into SIGINT for what runs in it', async () => {
    const { daemon, busybox } = world;
    const script = 'trap "echo interrupted; exit 3" INT; echo ready; while :; do sleep 0.1; done';
    await using terminal = await dockerOnTerminal(daemon, ['run', '--rm', '-it', busybox, 'sh', '-c', script]);
    await terminal.until(/ready/);
    terminal.write('\x03');
    const { code, stdout } = await terminal.finished;
    assert.equal(code, 3);
    assert.match(stdout, /interrupted/);
  });

  it('lets Ctrl-C end a command of an interactive shell, and the shell go on', async () => {
    const { daemon, busybox } = world;
    await using terminal = await dockerOnTerminal(daemon, ['run', '--rm', '-it', busybox, 'sh']);
    terminal.write('echo begin; sleep 100\n');
    await terminal.until(/^begin/m);
    terminal.write('\x03');
    terminal.write('echo sum-$((20 + 3))\n');
    await terminal.until(/^sum-23/m);
    terminal.write('exit 8\n');
    assert.equal((await terminal.finished).code, 8);
  });

  it('turns Ctrl-D into the end of input: the shell ends', async () => {
    const { daemon, busybox } = world;
    await using terminal = await dockerOnTerminal(daemon, ['run', '--rm', '-it', busybox, 'sh']);
    terminal.write('echo sum-$((40 + 2))\n');
    await terminal.until(/^sum-42/m);
    terminal.write('\x04');
    assert.equal((await terminal.finished).code, 0);
  });

  it('has both streams in one, with carriage returns, in its logs', async () => {
    const { daemon, busybox } = world;
    await daemon.ok(['run', '-d', '-t', '--name', 'screen', busybox, 'sh', '-c', 'echo out; echo err >&2']);
    await daemon.ok(['wait', 'screen']);
    const { stdout, stderr } = await daemon.docker(['logs', 'screen']);
    assert.deepEqual([stdout, stderr], ['out\r\nerr\r\n', '']);
    await daemon.ok(['rm', 'screen']);
  });

  it('is left with ctrl-p ctrl-q; the container goes on, and can be attached to again', async () => {
    const { daemon, busybox } = world;
    await using first = await dockerOnTerminal(daemon, ['run', '-it', '--name', 'kept', busybox, 'sh']);
    first.write('echo sum-$((1 + 1))\n');
    await first.until(/^sum-2/m);
    first.write('\x10\x11');
    await first.finished;
    assert.equal(await daemon.ok(['inspect', '-f', '{{.State.Status}}', 'kept']), 'running');
    await using second = await dockerOnTerminal(daemon, ['attach', 'kept']);
    second.write('echo sum-$((2 + 2))\n');
    await second.until(/^sum-4/m);
    second.write('exit 5\n');
    assert.equal((await second.finished).code, 5);
    await daemon.ok(['rm', 'kept']);
  });

  it('is refused by the client when its own input is no terminal', async () => {
    const { daemon, busybox } = world;
    const { code, stderr } = await daemon.docker(['run', '--rm', '-it', busybox, 'sh'], { stdin: '' });
    assert.equal(code, 1);
    assert.match(stderr, /not a (TTY|terminal)/);
  });
});
