/** Directories and files of the host in a container, by the real docker command line. */
import assert from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { api } from '../harness/api.ts';
import { run } from '../fixtures/process.ts';
import { startWorld, type World } from '../harness/world.ts';

describe('bind mounts', () => {
  let world: World;
  let directory: string;
  before(async () => {
    world = await startWorld();
    directory = mkdtempSync(join(tmpdir(), 'isle-binds-'));
    chmodSync(directory, 0o755);
    writeFileSync(join(directory, 'file'), 'of the host\n');
  });
  after(async () => {
    await world[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true });
  });

  const docker = (flags: string[], script: string) =>
    world.daemon.docker(['run', '--rm', ...flags, world.busybox, 'sh', '-c', script]);
  const inside = (flags: string[], script: string) =>
    world.daemon.ok(['run', '--rm', ...flags, world.busybox, 'sh', '-c', script]);

  it('shows directories and files, writable unless :ro', async () => {
    assert.equal(await inside(['-v', `${directory}:/data`], 'cat /data/file; echo new > /data/made'), 'of the host');
    assert.equal(readFileSync(join(directory, 'made'), 'utf8'), 'new\n');
    assert.equal(await inside(['-v', `${directory}/file:/etc/issue:ro`], 'cat /etc/issue'), 'of the host');
    const { stderr } = await docker(['-v', `${directory}:/data:ro`], 'echo x > /data/made');
    assert.match(stderr, /Read-only file system/);
  });

  it('makes a missing source for -v, and refuses it for --mount', async () => {
    const source = join(directory, 'a/b');
    await inside(['-v', `${source}:/data`], 'true');
    assert.ok(statSync(source).isDirectory());
    const missing = join(directory, 'missing');
    const { code, stderr } = await docker(['--mount', `type=bind,src=${missing},dst=/data`], 'true');
    assert.equal(code, 125);
    assert.ok(stderr.includes(`bind source path does not exist: ${missing}`), stderr);
    assert.ok(!existsSync(missing));
  });

  it('is read-only with all that is mounted below, unless that was not wanted', async () => {
    const below = join(directory, 'below');
    mkdirSync(below, { recursive: true });
    await run('mount', ['-t', 'tmpfs', 'isle-test', below]);
    try {
      const script = 'touch /data/x /data/below/x 2>&1 | grep -c Read-only; true';
      const mount = `type=bind,src=${directory},dst=/data,readonly`;
      assert.equal(await inside(['--mount', mount], script), '2');
      assert.equal(await inside(['--mount', `${mount},bind-recursive=writable`], script), '1');
      assert.equal(await inside(['--mount', `${mount},bind-recursive=disabled`], 'mount | grep -c " /data"'), '1');
    } finally {
      await run('umount', [below]);
    }
  });

  it('carries mounts as its propagation says', async () => {
    const shared = join(directory, 'shared');
    mkdirSync(shared, { recursive: true });
    await run('mount', ['-t', 'tmpfs', 'isle-test', shared]);
    try {
      await run('mount', ['--make-shared', shared]);
      const optional = async (propagation: string) =>
        (await inside(['-v', `${shared}:/data:${propagation}`], 'grep " /data " /proc/self/mountinfo')).split(
          ' - ',
        )[0] ?? '';
      assert.doesNotMatch(await optional('rprivate'), /shared:|master:/);
      assert.match(await optional('rslave'), /master:/);
      assert.match(await optional('rshared'), /shared:/);
      const flags = [
        '--cap-add',
        'SYS_ADMIN',
        '--security-opt',
        'apparmor=unconfined',
        '-v',
        `${shared}:/data:rshared`,
      ];
      await inside(flags, 'mkdir -p /data/inner && mount -t tmpfs of-the-container /data/inner');
      assert.match(readFileSync('/proc/self/mountinfo', 'utf8'), /of-the-container/);
      await run('umount', [join(shared, 'inner')]);
    } finally {
      await run('umount', [shared]);
    }
  });

  it('gives files to the owner of the source with idmap, whoever the container runs as', async () => {
    const project = join(directory, 'project');
    mkdirSync(project, { mode: 0o755 });
    chownSync(project, 4242, 4343);
    const bind = `${project}:/src:idmap`;
    assert.equal(await inside(['-v', bind], 'stat -c %u:%g /src; echo x > /src/by-root'), '0:0');
    await inside(['-u', '1000:1001', '-v', bind], 'echo x > /src/by-user');
    for (const name of ['by-root', 'by-user']) {
      const { uid, gid } = statSync(join(project, name));
      assert.deepEqual([uid, gid], [4242, 4343], name);
    }
    const other = await docker(['-v', bind], 'chmod 777 /src; su nobody -s /bin/sh -c "echo x > /src/by-nobody"');
    assert.notEqual(other.code, 0, 'an id that is not mapped makes no files');
  });

  it('takes idmap as BindOptions.IdMap by the API too', async () => {
    const body = {
      Image: world.busybox,
      Cmd: ['true'],
      HostConfig: { Mounts: [{ Type: 'bind', Source: directory, Target: '/data', BindOptions: { IdMap: true } }] },
    };
    const made = await api(world.daemon, 'POST', '/containers/create', body);
    assert.equal(made.status, 201, made.text);
    const { Id } = JSON.parse(made.text) as { Id: string };
    assert.equal(await world.daemon.ok(['start', '-a', Id]), '');
    await world.daemon.ok(['rm', Id]);
  });

  it('names what it does not do: volumes, labels, modes that are none', async () => {
    assert.match((await docker(['-v', 'name:/data'], 'true')).stderr, /volume .* is not supported by isle yet/);
    assert.match((await docker(['-v', `${directory}:/data:nonsense`], 'true')).stderr, /invalid mode: nonsense/);
    assert.match(
      (await docker(['-v', `${directory}:/x`, '-v', `${directory}:/x/`], 'true')).stderr,
      /Duplicate mount point/,
    );
    if (existsSync('/sys/fs/selinux/enforce')) return;
    const { code, stderr } = await docker(['-v', `${directory}:/data:z`], 'true');
    assert.equal(code, 0);
    assert.match(stderr, /option "z" .* this host has no SELinux/);
  });

  it('shows them in inspect', async () => {
    const { daemon, busybox } = world;
    const id = await daemon.ok(['create', '-v', `${directory}:/data:ro,rslave`, busybox, 'true']);
    const format = '{{range .Mounts}}{{.Type}} {{.Source}} {{.Destination}} {{.Mode}} {{.RW}} {{.Propagation}}{{end}}';
    assert.equal(await daemon.ok(['inspect', '-f', format, id]), `bind ${directory} /data ro,rslave false rslave`);
    await daemon.ok(['rm', id]);
  });
});
