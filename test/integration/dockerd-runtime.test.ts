import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Dockerd, startDockerd } from '../../bench/peers/dockerd.ts';
import { fetchDockerd } from '../fixtures/dockerd.ts';
import { busyboxImage } from '../fixtures/images.ts';
import { startRegistry, type Registry } from '../fixtures/registry.ts';

const ROOT = join(import.meta.dirname, '../..');
describe('dockerd with isle-runtime', () => {
  let dockerd: Dockerd;
  let registry: Registry;
  let image: string;

  before(async () => {
    await fetchDockerd();
    registry = await startRegistry();
    await registry.push(await busyboxImage(), 'busybox:1');
    image = `${registry.host}/busybox:1`;
    const started = await startDockerd(['--add-runtime', `isle=${join(ROOT, 'isle-runtime')}`]);
    assert.notEqual(started, null, 'dockerd, containerd and runc are there');
    dockerd = started as Dockerd;
    await ok('pull', '-q', image);
  });

  after(async () => {
    await dockerd[Symbol.asyncDispose]();
    await registry[Symbol.asyncDispose]();
  });

  const runIsle = (...args: string[]) => dockerd.docker(['run', '--rm', '--runtime', 'isle', ...args]);
  const ok = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await dockerd.docker(args);
    assert.equal(code, 0, `docker ${args.join(' ')}: ${stderr}`);
    return stdout.trim();
  };

  it('runs containers, with its network, exit statuses and errors', async () => {
    const hello = await runIsle(image, 'sh', '-c', 'echo hello; ip address show eth0 | grep -c inet; exit 3');
    assert.deepEqual([hello.code, hello.stdout], [3, 'hello\n1\n'], hello.stderr);
    assert.equal((await runIsle(image, 'nosuch')).code, 127);
    assert.equal((await runIsle(image, '/etc/passwd')).code, 126);
    const terminal = await runIsle('-t', image, 'sh', '-c', 'tty; exit 4');
    assert.deepEqual([terminal.code, terminal.stdout.trim()], [4, '/dev/pts/0']);
  });

  it('privileged, as another user, with a volume', async () => {
    assert.equal((await runIsle('--privileged', image, 'ls', '/dev/null')).code, 0);
    const seen = await runIsle(
      '--read-only',
      '--user',
      '1000',
      '-v',
      '/etc/hostname:/seen:ro',
      image,
      'sh',
      '-c',
      'id -u; cat /seen >/dev/null && echo read',
    );
    assert.equal(seen.stdout, '1000\nread\n', seen.stderr);
  });

  it('executes, changes limits, pauses, stops, starts again and removes', async () => {
    await ok('run', '-d', '--runtime', 'isle', '--name', 'web', '--memory', '64m', image, 'sleep', '100');
    assert.equal(await ok('exec', 'web', 'cat', '/proc/1/comm'), 'sleep');
    assert.equal((await dockerd.docker(['exec', 'web', 'sh', '-c', 'exit 9'])).code, 9);
    assert.equal(await ok('exec', '-t', 'web', 'tty'), '/dev/pts/0');
    assert.match(await ok('top', 'web'), /sleep 100/);
    await ok('update', '--memory', '70m', '--memory-swap', '140m', 'web');
    await ok('pause', 'web');
    assert.equal(await ok('inspect', '--format', '{{.State.Status}}', 'web'), 'paused');
    await ok('unpause', 'web');
    await ok('stop', '-t', '0', 'web');
    assert.equal(await ok('inspect', '--format', '{{.State.ExitCode}}', 'web'), '137');
    await ok('start', 'web');
    await ok('kill', 'web');
    await ok('rm', '-f', 'web');
  });
});
