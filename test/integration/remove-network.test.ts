/** `isled --remove-network`: what a daemon leaves on the host by design can be taken away, but not from under a container. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { run } from '../harness/command.ts';
import { cgroupMounts } from '../harness/leftovers.ts';
import { startWorld, type World } from '../harness/world.ts';

const PROGRAM = fileURLToPath(new URL('../../dist/daemon.js', import.meta.url));

describe('removing the network', () => {
  let world: World;
  before(async () => {
    world = await startWorld();
  });
  afterEach(() => world.daemon.restart());
  after(() => world[Symbol.asyncDispose]());

  const remove = () => {
    const { dataRoot, execRoot, bridge, cgroupParent } = world.daemon;
    const roots = [
      '--data-root',
      dataRoot,
      '--exec-root',
      execRoot,
      '--bridge',
      bridge,
      '--cgroup-parent',
      cgroupParent,
    ];
    return run(process.execPath, [PROGRAM, ...roots, '--remove-network']);
  };
  const link = () => `/sys/class/net/${world.daemon.bridge}`;
  const cgroups = () => cgroupMounts().map((mount) => join(mount, world.daemon.cgroupParent));
  const hasTable = async () => (await run('nft', ['list', 'tables'])).stdout.includes(`isle-${world.daemon.bridge}\n`);

  it('takes bridge, table and cgroups; the next start makes them anew, and kept containers run', async () => {
    const { daemon, busybox } = world;
    const { bridge } = daemon;
    await daemon.ok(['create', '--name', 'kept', busybox, 'ip', 'route']);
    await daemon.stop();
    assert.ok(existsSync(link()) && (await hasTable()) && cgroups().every((path) => existsSync(path)));
    const { code, stdout, stderr } = await remove();
    assert.equal(code, 0, stderr);
    const expected = [`the bridge ${bridge}`, `the nftables table isle-${bridge}`];
    expected.push(...cgroups().map((path) => `the cgroup ${path}`));
    assert.deepEqual(
      stdout.trim().split('\n'),
      expected.map((what) => `removed ${what}`),
    );
    assert.deepEqual(
      [link(), ...cgroups()].filter((path) => existsSync(path)),
      [],
    );
    assert.equal(await hasTable(), false);
    const again = await remove();
    assert.deepEqual([again.code, again.stdout, again.stderr], [0, '', ''], 'there is nothing left to do');
    await daemon.restart();
    assert.ok(existsSync(link()));
    assert.match(await daemon.ok(['start', '-a', 'kept']), new RegExp(`default via ${daemon.gateway} dev eth0`));
    await daemon.ok(['rm', 'kept']);
  });

  it('is refused while the daemon or a container runs, whatever its network and cgroup', async () => {
    const { daemon, busybox } = world;
    const asDaemonRuns = await remove();
    assert.equal(asDaemonRuns.code, 1);
    assert.match(asDaemonRuns.stderr, /^isled: isled is already running/);
    const elsewhere = ['--network', 'none', '--cgroup-parent', `/${daemon.cgroupParent}-other`];
    for (const flags of [[], elsewhere]) {
      const id = await daemon.ok(['run', '-d', ...flags, busybox, 'sleep', '1000']);
      await daemon.stop();
      const { code, stdout, stderr } = await remove();
      assert.deepEqual([code, stdout], [1, '']);
      assert.match(
        stderr,
        new RegExp(`^isled: containers still run: ${id.slice(0, 12)}\nHint: start isled, stop or remove`),
      );
      assert.ok(existsSync(link()));
      await daemon.restart();
      assert.equal(await daemon.ok(['inspect', '-f', '{{.State.Running}}', id]), 'true');
      await daemon.ok(['rm', '-f', id]);
    }
  });

  it('leaves what others use, or have made', async () => {
    const { daemon } = world;
    const port = `islep${process.pid}`;
    const guest = join(cgroups()[0] ?? '', 'guest');
    await daemon.stop();
    await run('ip', ['link', 'add', port, 'type', 'veth', 'peer', 'name', `${port}x`]);
    await run('ip', ['link', 'set', port, 'master', daemon.bridge]);
    mkdirSync(guest);
    try {
      const { code, stdout } = await remove();
      assert.equal(code, 0);
      assert.match(stdout, new RegExp(`^left the link ${daemon.bridge}: ${port} is connected to it$`, 'm'));
      assert.match(stdout, new RegExp(`^left the cgroup ${cgroups()[0]}: something is in it$`, 'm'));
      assert.ok(existsSync(link()));
    } finally {
      rmdirSync(guest);
      await run('ip', ['link', 'delete', port]);
    }
    // As a bridge that somebody made for isle: another hardware address than isle gives.
    await run('ip', ['link', 'set', daemon.bridge, 'address', '02:00:00:00:00:01']);
    const { stdout } = await remove();
    assert.match(stdout, new RegExp(`^left the link ${daemon.bridge}: isled did not make it$`, 'm'));
    assert.ok(existsSync(link()));
  });
});
