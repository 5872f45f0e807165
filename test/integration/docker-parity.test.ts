/** Small things that users of Docker rely on without thinking, each found by hand beside dockerd. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { eventually } from '../harness/command.ts';
import { startWorld, type World } from '../harness/world.ts';

describe('beside dockerd', () => {
  let world: World;
  before(async () => {
    world = await startWorld();
  });
  after(() => world[Symbol.asyncDispose]());

  it('refuses an unknown network without pulling the image again', async () => {
    const { code, stderr } = await world.daemon.docker(['run', '--rm', '--network', 'nope', world.busybox, 'true']);
    assert.equal(code, 125);
    assert.match(stderr, /network nope not found/);
    assert.doesNotMatch(stderr, /Unable to find image|Pulling/);
  });

  it('tells how much a container has written', async () => {
    const { daemon, busybox } = world;
    const fill = 'head -c 100000 /dev/zero > /f; ln -s /proc /p; sleep 60';
    await daemon.ok(['run', '-d', '--name', 'big', '--network', 'none', busybox, 'sh', '-c', fill]);
    const size = await eventually('it has written', async () => {
      const text = await daemon.ok(['ps', '-s', '--format', '{{.Size}}']);
      return text.startsWith('100kB') ? text : null;
    });
    assert.match(size, /^100kB \(virtual \d+(\.\d+)?MB\)$/);
    const [written, all] = (await daemon.ok(['inspect', '-s', '-f', '{{.SizeRw}} {{.SizeRootFs}}', 'big'])).split(' ');
    assert.equal(written, '100000');
    assert.ok(Number(all) > 1_000_000);
    await daemon.ok(['rm', '-f', 'big']);
  });

  it('gives no labels as details of log lines unless the log driver was told to', async () => {
    const { daemon, busybox } = world;
    await daemon.ok(['run', '--name', 'talk', '-l', 'a=b', '--network', 'none', busybox, 'echo', 'said']);
    assert.equal((await daemon.docker(['logs', '--details', 'talk'])).stdout, ' said\n');
    const { stderr } = await daemon.docker(['rename', 'talk', 'talk']);
    assert.match(stderr, /Renaming a container with the same name as its current name/);
    await daemon.ok(['rm', 'talk']);
  });

  it('names a container on the host network as the host is named', async () => {
    const { daemon, busybox } = world;
    assert.equal(await daemon.ok(['run', '--rm', '--network', 'host', busybox, 'hostname']), hostname());
    const named = ['run', '--rm', '--network', 'host', '--hostname', 'other', busybox, 'hostname'];
    assert.equal(await daemon.ok(named), 'other');
  });

  it('tells where the files of the engine are from the first start on', async () => {
    const { daemon, busybox } = world;
    const id = await daemon.ok(['create', busybox, 'true']);
    const fields = ['inspect', '-f', '{{.HostsPath}},{{.HostnamePath}},{{.ResolvConfPath}}', id];
    assert.equal(await daemon.ok(fields), ',,');
    await daemon.ok(['start', '-a', id]);
    assert.match(await daemon.ok(fields), /^\/.*\/hosts,\/.*\/hostname,\/.*\/resolv.conf$/);
    await daemon.ok(['rm', id]);
  });

  it("gives what cp -a brings to the container's user, before its first start too", async () => {
    const { daemon, busybox } = world;
    const id = await daemon.ok(['create', '--user', '12:34', busybox, 'stat', '-c', '%u:%g', '/brought']);
    await daemon.ok(['cp', '-a', '/etc/hostname', `${id}:/brought`]);
    assert.equal(await daemon.ok(['start', '-a', id]), '12:34');
    await daemon.ok(['rm', id]);
  });

  it('lists by id the image whose name has gone', async () => {
    const { daemon, busybox } = world;
    await daemon.ok(['tag', busybox, 'short-lived']);
    await daemon.ok(['create', '--name', 'orphan', 'short-lived', 'true']);
    const image = ['ps', '-a', '--format', '{{.Image}}'];
    assert.equal(await daemon.ok(image), 'short-lived');
    await daemon.ok(['rmi', 'short-lived']);
    assert.match(await daemon.ok(image), /^[0-9a-f]{12}$/);
    await daemon.ok(['rm', 'orphan']);
  });

  it('shows no limit of processes where none was asked for, as the docker CLI always sends a number', async () => {
    const { daemon, busybox } = world;
    const limit = async (...flags: string[]) => {
      const id = await daemon.ok(['create', ...flags, busybox, 'true']);
      const shown = await daemon.ok(['inspect', '-f', '{{json .HostConfig.PidsLimit}}', id]);
      await daemon.ok(['rm', id]);
      return shown;
    };
    assert.deepEqual([await limit(), await limit('--pids-limit', '-1')], ['null', 'null']);
    assert.equal(await limit('--pids-limit', '7'), '7');
  });

  it('filters by health and Swarm task, although it has neither', async () => {
    const { daemon, busybox } = world;
    await daemon.ok(['create', '--name', 'plain', busybox, 'true']);
    const names = (filter: string) => daemon.ok(['ps', '-a', '--filter', filter, '--format', '{{.Names}}']);
    assert.equal(await names('health=none'), 'plain');
    assert.equal(await names('is-task=false'), 'plain');
    assert.equal(await names('publish=80'), '');
    await daemon.ok(['rm', 'plain']);
  });

  it('says that it cannot build, also to a client that is still sending', async () => {
    const context = await mkdtemp(join(tmpdir(), 'isle-context-'));
    try {
      await writeFile(join(context, 'Dockerfile'), 'FROM busybox\n');
      for (let count = 0; count < 20; count++) await writeFile(join(context, `f${count}`), 'x'.repeat(200_000));
      const { code, stderr } = await world.daemon.docker(['build', context]);
      assert.equal(code, 1);
      assert.match(stderr, /isle cannot build an image yet/);
    } finally {
      await rm(context, { recursive: true });
    }
  });
});
