import assert from 'node:assert/strict';
import { existsSync, rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Podman, preparePodman } from '../../bench/peers/podman.ts';
import { unmountBelow } from '../../bench/peers/unmount.ts';
import { busyboxImage } from '../fixtures/images.ts';
import { startRegistry } from '../fixtures/registry.ts';
import type { Finished } from '../harness/command.ts';
import { removeCgroups } from '../harness/instance.ts';

const RUNTIME = join(import.meta.dirname, '../../isle-runtime');
const CGROUP = `isle-podman-${process.pid}`;
/** Podman's own defaults cannot be raised to on a machine whose root lacks CAP_SYS_RESOURCE. */
const FLAGS = [
  '--network',
  'none',
  '--cgroup-parent',
  `/${CGROUP}`,
  '--ulimit',
  'nofile=1024:2048',
  '--ulimit',
  'nproc=1024:2048',
];

describe('podman with isle-runtime', () => {
  let directory: string;
  let podman: Podman;
  let image: string;

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'isle-podman-'));
    await using registry = await startRegistry();
    await registry.push(await busyboxImage(), 'busybox:1');
    image = `${registry.host}/busybox:1`;
    const prepared = await preparePodman(directory, image, RUNTIME);
    assert.notEqual(prepared, null, 'podman and conmon are installed');
    podman = prepared as Podman;
  });

  after(async () => {
    await podman.run('rm', '--all', '--force', '--time', '0');
    await unmountBelow(directory);
    await removeCgroups(CGROUP);
    rmSync(directory, { recursive: true, force: true });
  });

  const run = (...args: string[]): Promise<Finished> => podman.run('run', '--rm', ...FLAGS, ...args);

  it('runs a container: output, exit status, user, read-only root, limits', async () => {
    const hello = await run(image, 'echo', 'hello');
    assert.deepEqual([hello.code, hello.stdout], [0, 'hello\n'], hello.stderr);
    assert.equal((await run(image, 'sh', '-c', 'exit 3')).code, 3);
    const user = await run('--user', '1000', image, 'sh', '-c', 'echo told > /dev/stdout; id -u');
    assert.equal(user.stdout, 'told\n1000\n', user.stderr);
    assert.match((await run('--read-only', image, 'touch', '/x')).stderr, /Read-only file system/);
    const limited = await run('--memory', '64m', '--pids-limit', '50', image, 'true');
    assert.equal(limited.code, 0, limited.stderr);
  });

  it('gives 127 for a program that is not there, 126 for one that is none', async () => {
    assert.equal((await run(image, 'nosuch')).code, 127);
    assert.equal((await run(image, '/etc/passwd')).code, 126);
  });

  it('gives a terminal through the console socket', async () => {
    const { code, stdout } = await run('--tty', image, 'sh', '-c', 'tty; exit 4');
    assert.deepEqual([code, stdout.trim()], [4, '/dev/pts/0']);
  });

  it('executes, pauses, stops, starts again and removes', async () => {
    const ok = async (...args: string[]): Promise<string> => {
      const { code, stdout, stderr } = await podman.run(...args);
      assert.equal(code, 0, `podman ${args.join(' ')}: ${stderr}`);
      return stdout.trim();
    };
    const id = await ok('run', '--detach', '--name', 'web', ...FLAGS, image, 'sleep', '100');
    // Others may run containers there at the same time.
    const state = join('/run/isle-runtime', id);
    assert.ok(existsSync(state));
    assert.equal(await ok('exec', 'web', 'cat', '/proc/1/comm'), 'sleep');
    assert.equal(await ok('exec', '--tty', 'web', 'tty'), '/dev/pts/0');
    assert.equal((await podman.run('exec', 'web', 'sh', '-c', 'exit 9')).code, 9);
    assert.equal((await podman.run('exec', 'web', 'nosuch')).code, 127);
    await ok('pause', 'web');
    assert.equal(await ok('inspect', '--format', '{{.State.Status}}', 'web'), 'paused');
    await ok('unpause', 'web');
    await ok('stop', '--time', '0', 'web');
    assert.equal(await ok('wait', 'web'), '137');
    await ok('start', 'web');
    await ok('kill', 'web');
    await ok('rm', '--force', 'web');
    assert.ok(!existsSync(state));
  });
});
