/** The docker command line, unchanged, against isle: what its users type first. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startWorld, type World } from '../harness/world.ts';

describe('docker command line', () => {
  let world: World;
  before(async () => {
    world = await startWorld();
  });
  after(() => world[Symbol.asyncDispose]());

  it('shows the engine and its API in `version` and `info`', async () => {
    const { daemon } = world;
    const version = JSON.parse(await daemon.ok(['version', '--format', '{{json .Server}}'])) as Record<string, unknown>;
    assert.equal(version['Os'], 'linux');
    assert.match(String(version['ApiVersion']), /^1\.\d+$/);
    assert.match(String(version['Version']), /^\d+\.\d+\.\d+/);
    const info = JSON.parse(await daemon.ok(['info', '--format', '{{json .}}'])) as Record<string, unknown>;
    assert.equal(info['DockerRootDir'], daemon.dataRoot);
    assert.equal(info['Images'], 1);
    assert.equal(info['ServerErrors'] ?? null, null);
  });

  it('pulls by tag and by digest, and says what it did', async () => {
    const { daemon, registry, busybox } = world;
    const again = await daemon.ok(['pull', busybox]);
    assert.match(again, /Digest: sha256:[0-9a-f]{64}/);
    assert.match(again, /Status: Image is up to date for /);
    const digest = /sha256:[0-9a-f]{64}/.exec(again)?.[0] ?? '';
    await daemon.ok(['rmi', busybox]);
    assert.equal(await daemon.ok(['images', '-q']), '');
    const byDigest = await daemon.ok(['pull', `${registry.host}/busybox@${digest}`]);
    assert.match(byDigest, /Status: Downloaded newer image for /);
    assert.equal(await daemon.ok(['run', '--rm', `${registry.host}/busybox@${digest}`, 'echo', 'same']), 'same');
    await daemon.ok(['rmi', `${registry.host}/busybox@${digest}`]);
    await daemon.ok(['pull', '-q', busybox]);
  });

  it('pulls what it does not have before it runs', async () => {
    const { daemon, busybox } = world;
    await daemon.ok(['rmi', '-f', busybox]);
    const { code, stdout, stderr } = await daemon.docker(['run', '--rm', busybox, 'echo', 'hi']);
    assert.deepEqual([code, stdout], [0, 'hi\n']);
    assert.match(stderr, /Unable to find image .* locally/);
    assert.match(stderr, /Pull complete/);
  });

  it('lists, inspects and tags images', async () => {
    const { daemon, busybox, registry } = world;
    const [repository, tag, id, size] = (
      await daemon.ok(['images', '--no-trunc', '--format', '{{.Repository}} {{.Tag}} {{.ID}} {{.Size}}'])
    ).split(' ');
    assert.deepEqual([repository, tag], [`${registry.host}/busybox`, '1']);
    assert.match(size ?? '', /^\d+(\.\d+)?MB$/);
    const format = '{{.Id}} {{.Os}} {{.Architecture}} {{json .Config.Cmd}}';
    assert.equal(await daemon.ok(['image', 'inspect', '-f', format, busybox]), `${id} linux amd64 ["sh"]`);
    await daemon.ok(['tag', busybox, 'other:name']);
    assert.equal(await daemon.ok(['run', '--rm', 'other:name', 'echo', 'tagged']), 'tagged');
    assert.match(await daemon.ok(['rmi', 'other:name']), /^Untagged: other:name$/);
  });

  it('runs a command and passes both of its outputs through, apart', async () => {
    const { daemon, busybox } = world;
    const { code, stdout, stderr } = await daemon.docker([
      'run',
      '--rm',
      busybox,
      'sh',
      '-c',
      'echo out; echo err >&2',
    ]);
    assert.deepEqual([code, stdout, stderr], [0, 'out\n', 'err\n']);
  });

  it('feeds standard input and ends it', async () => {
    const { daemon, busybox } = world;
    assert.equal(await daemon.ok(['run', '--rm', '-i', busybox, 'cat'], { stdin: 'x\n' }), 'x');
    const large = Buffer.alloc(5_000_000, 'isle ');
    const counted = await daemon.ok(['run', '--rm', '-i', busybox, 'wc', '-c'], { stdin: large });
    assert.equal(counted, '5000000');
    assert.equal(await daemon.ok(['run', '--rm', busybox, 'cat']), '', 'without -i there is nothing to read');
  });

  it('loses no byte of a large output', async () => {
    const { daemon, busybox } = world;
    const script = 'head -c 20000000 /dev/zero | tr "\\0" x';
    const { code, stdout } = await daemon.docker(['run', '--rm', busybox, 'sh', '-c', script]);
    assert.equal(code, 0);
    assert.equal(stdout.length, 20_000_000);
    assert.match(stdout.slice(0, 10) + stdout.slice(-10), /^x{20}$/);
  });

  it('applies -e, -w, -u, --hostname, --entrypoint and --name', async () => {
    const { daemon, busybox } = world;
    const run = (...args: string[]) => daemon.ok(['run', '--rm', ...args]);
    assert.equal(await run('-e', 'A=1', '-e', 'B=x y', busybox, 'sh', '-c', 'echo $A$B'), '1x y');
    assert.equal(await run('-w', '/made/here', busybox, 'pwd'), '/made/here');
    assert.equal(await run('-u', 'nobody', busybox, 'sh', '-c', 'id -u; id -g'), '65534\n65534');
    assert.equal(await run('-u', '7:8', busybox, 'sh', '-c', 'id -u; id -g'), '7\n8');
    assert.equal(await run('--hostname', 'web', busybox, 'hostname'), 'web');
    assert.equal(await run('--entrypoint', 'echo', busybox, 'from', 'entrypoint'), 'from entrypoint');
    assert.equal(await run('--name', 'named', busybox, 'echo', 'x'), 'x');
    const environment = await run('--hostname', 'web', busybox, 'env');
    assert.match(environment, /^HOSTNAME=web$/m);
    assert.match(environment, /^PATH=\/usr\/local\/sbin:/m);
    assert.match(environment, /^HOME=\/root$/m);
  });

  it('inspects a running container', async () => {
    const { daemon, busybox } = world;
    const id = await daemon.ok(['run', '-d', '--name', 'seen', '-m', '64m', busybox, 'sleep', '100']);
    const [seen] = JSON.parse(await daemon.ok(['inspect', 'seen'])) as {
      Id: string;
      Name: string;
      Path: string;
      Args: string[];
      State: { Status: string; Running: boolean; Pid: number; StartedAt: string };
      HostConfig: { Memory: number };
      NetworkSettings: { Networks: Record<string, { IPAddress: string; Gateway: string; MacAddress: string }> };
    }[];
    assert.ok(seen !== undefined);
    assert.deepEqual([seen.Id, seen.Name, seen.Path, seen.Args], [id, '/seen', 'sleep', ['100']]);
    assert.deepEqual([seen.State.Status, seen.State.Running], ['running', true]);
    assert.ok(seen.State.Pid > 1);
    assert.ok(Math.abs(Date.parse(seen.State.StartedAt) - Date.now()) < 60_000);
    assert.equal(seen.HostConfig.Memory, 64 << 20);
    const { bridge } = seen.NetworkSettings.Networks;
    assert.equal(bridge?.Gateway, daemon.gateway);
    assert.match(bridge?.IPAddress ?? '', /^10\.2\d\d\.\d+\.\d+$/);
    assert.match(bridge?.MacAddress ?? '', /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/);
    await daemon.ok(['rm', '-f', 'seen']);
  });

  it('refuses to remove an image in use, and removes it when it is not', async () => {
    const { daemon, busybox } = world;
    await daemon.ok(['run', '-d', '--name', 'user', busybox, 'sleep', '100']);
    const refused = await daemon.docker(['rmi', busybox]);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /conflict/);
    await daemon.ok(['rm', '-f', 'user']);
    await daemon.ok(['rmi', busybox]);
    assert.equal(await daemon.ok(['images', '-q']), '');
    await daemon.ok(['pull', '-q', busybox]);
  });
});
