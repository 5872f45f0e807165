/** The `isle` command itself, as the README shows it. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type Finished, run } from '../harness/command.ts';
import { startWorld, type World } from '../harness/world.ts';

const ISLE = fileURLToPath(new URL('../../isle', import.meta.url));

describe('isle', () => {
  let world: World;
  before(async () => {
    world = await startWorld();
  });
  after(() => world[Symbol.asyncDispose]());

  const isle = (args: readonly string[], stdin?: string): Promise<Finished> => {
    return run(ISLE, args, { env: { DOCKER_HOST: world.daemon.dockerHost }, stdin });
  };
  const ok = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await isle(args);
    assert.equal(code, 0, `isle ${args.join(' ')}: ${stderr}`);
    return stdout.trim();
  };

  it('runs the image that comes with it, which tells its isolation from inside', async () => {
    const text = await ok('run', '--rm', '--memory', '64m', '--pids-limit', '50', 'hello');
    assert.match(text, /^ *process +pid 1, parent 0\n *sees no other process$/m);
    assert.match(text, /of its own: pid mnt net uts ipc cgroup$/m);
    assert.match(text, /root is overlay, writable/);
    assert.match(text, /eth0 +10\.2\d\d\.\d+\.\d+\/24, gateway 10\.2/);
    assert.match(text, /effective 14 of 41: chown /);
    assert.match(text, /seccomp +mode 2/);
    assert.match(text, /memory 64 MiB, processes 50, CPU unlimited/);
  });

  it('attaches: input, both streams, and the exit code of the container', async () => {
    await ok(
      'run',
      '-d',
      '-i',
      '--name',
      'fed',
      world.busybox,
      'sh',
      '-c',
      'read l; echo "got $l"; echo no >&2; exit 7',
    );
    const { code, stdout, stderr } = await isle(['attach', 'fed'], 'hello\n');
    assert.deepEqual([code, stdout, stderr], [7, 'got hello\n', 'no\n']);
    await ok('rm', 'fed');
  });

  it('gives log drivers and options on, and shows what they add', async () => {
    const options = ['--log-driver', 'json-file', '--log-opt', 'max-size=1m', '--log-opt', 'tag={{.Name}}'];
    await ok('run', '--name', 'tagged', ...options, world.busybox, 'echo', 'hi');
    assert.equal(await ok('logs', '--details', 'tagged'), 'tag=tagged hi');
    await ok('rm', 'tagged');
    const { code, stderr } = await isle(['run', '--log-driver', 'nope', world.busybox, 'true']);
    assert.equal(code, 125);
    assert.match(stderr, /plugin "nope" not found/);
  });

  it('runs, lists, shows logs of, stops and removes containers', async () => {
    const { busybox } = world;
    const id = await ok('run', '-d', '--name', 'web', busybox, 'sh', '-c', 'echo started; exec sleep 100');
    assert.match(id, /^[0-9a-f]{64}$/);
    assert.match(await ok('ps'), /\bweb$/m);
    assert.equal(await ok('logs', 'web'), 'started');
    assert.match(await ok('inspect', 'web'), /"Status": "running"/);
    await ok('stop', '-t', '1', 'web');
    assert.equal(await ok('wait', 'web'), '137');
    await ok('rm', 'web');
    assert.doesNotMatch(await ok('ps', '-a'), /\bweb\b/);
  });

  it("gives the command's exit code, streams and standard input through", async () => {
    const { busybox } = world;
    const result = await isle(['run', '--rm', '-i', busybox, 'sh', '-c', 'cat; echo err >&2; exit 7'], 'in\n');
    assert.deepEqual([result.code, result.stdout, result.stderr], [7, 'in\n', 'err\n']);
    assert.equal((await isle(['run', '--rm', busybox, 'no-such-command'])).code, 127);
    assert.equal((await isle(['run', '--rm', busybox, '/etc/passwd'])).code, 126);
    assert.equal((await isle(['run', '--no-such-flag', busybox])).code, 125);
  });

  it('explains a running container: asked, enforced, why', async () => {
    const { busybox } = world;
    await ok('run', '-d', '--name', 'explained', '--memory', '64m', busybox, 'sleep', '100');
    const text = await ok('explain', 'explained');
    for (const word of [/namespace/i, /capabilit/i, /seccomp/i, /memory/i, /overlay/i]) assert.match(text, word);
    await ok('rm', '-f', 'explained');
    assert.match(await ok('explain', busybox), /layer/i);
  });

  it('names what it does not know, and the way out', async () => {
    const unknown = await isle(['frobnicate']);
    assert.notEqual(unknown.code, 0);
    assert.match(unknown.stderr, /frobnicate/);
    assert.match(unknown.stderr, /isle --help/);
    const missing = await isle(['logs', 'nobody']);
    assert.equal(missing.code, 1);
    assert.match(missing.stderr, /nobody/);
  });

  it('has its daemon beside it, which says its flags, and refuses a program of another name for islet', async () => {
    const isled = join(dirname(ISLE), 'isled');
    const help = await run(isled, ['--help']);
    assert.equal(help.code, 0);
    assert.match(help.stdout, /--data-root/);
    const { code, stderr } = await run(isled, ['--islet', '/tmp/other']);
    assert.notEqual(code, 0);
    assert.match(stderr, /--islet \/tmp\/other: the program has to be called islet/);
  });

  it('works through a symbolic link and from another directory', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'isle-link-'));
    try {
      await symlink(ISLE, join(directory, 'isle'));
      const { code, stdout } = await run('sh', ['-c', 'cd "$1" && ./isle version', 'sh', directory], {
        env: { DOCKER_HOST: world.daemon.dockerHost },
      });
      assert.equal(code, 0);
      assert.match(stdout, /Version/);
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});
