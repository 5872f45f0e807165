/** Images whose links, devices and FIFOs stand where the engine mounts, makes and reads things. */
import assert from 'node:assert/strict';
import { chmodSync, chownSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { TarEntry } from '../fixtures/layout.ts';
import { startWorld, type World } from '../harness/world.ts';
import { hostileImage, link } from './hostile-image.ts';

describe('a hostile root file system', () => {
  let world: World;
  let host: string;
  before(async () => {
    world = await startWorld();
    host = mkdtempSync(join(tmpdir(), 'isle-host-'));
    writeFileSync(join(host, 'file'), 'untouched');
  });
  after(async () => {
    assert.deepEqual(readdirSync(host), ['file'], 'nothing was made in the host directory that links named');
    assert.equal(readFileSync(join(host, 'file'), 'utf8'), 'untouched');
    rmSync(host, { recursive: true });
    await world[Symbol.asyncDispose]();
  });

  /** Either refused, or the kernel's files are where they belong and protected. */
  async function attempt(entries: TarEntry[], ...flags: string[]): Promise<string> {
    const image = await hostileImage(world, { entries });
    const script = 'stat -f -c %T /proc /sys; echo x > /proc/sysrq-trigger; echo x > /proc/sys/vm/swappiness';
    const { code, stdout, stderr } = await world.daemon.docker(['run', '--rm', ...flags, image, 'sh', '-c', script]);
    if (stdout === '') {
      assert.ok(code === 125 || code === 127, `${code}: ${stderr}`);
      return stderr;
    }
    assert.equal(stdout, 'proc\nsysfs\n');
    assert.match(stderr, /swappiness: (Read-only file system|Permission denied)/);
    return '';
  }

  it('never has a linked /dev, /etc, /proc or /sys lead to the host', async () => {
    const up = `${'../'.repeat(30)}${host.slice(1)}`;
    for (const name of ['dev', 'etc', 'proc', 'sys']) {
      for (const target of [host, up, '/proc/self/root', '/proc/self/fd/7', name]) {
        await attempt([link(name, target)]);
      }
    }
  });

  it('is not started where a link would put a tmpfs on /proc, with the network of the host neither', async () => {
    for (const target of ['/proc', '/proc/sys/net', 'proc/self']) {
      assert.match(await attempt([link('dev', target)], '--network', 'host'), /inside \/proc/);
    }
  });

  it("cannot lead the engine's files, devices and terminal elsewhere", async () => {
    await attempt([
      { name: 'dev/', type: 'directory' },
      ...['null', 'pts', 'shm', 'console', 'ptmx'].map((name) => link(`dev/${name}`, '/proc/sysrq-trigger')),
    ]);
    for (const target of [
      `${host}/new`,
      '/proc/sysrq-trigger',
      '/proc/1/fd/7',
      '/dev/null',
      '/dev/pts/ptmx',
      'hosts',
    ]) {
      await attempt([link('etc/hosts', target)]);
      await attempt([link('etc/hosts', target)], '-t');
    }
  });

  it('has its links to /etc/passwd resolved inside', async () => {
    writeFileSync(join(host, 'file'), 'app:x:4242:4242::/:/bin/sh\n');
    const image = await hostileImage(world, { entries: [link('etc/passwd', join(host, 'file'))] });
    const { code, stderr } = await world.daemon.docker(['run', '--rm', '-u', 'app', image, 'id']);
    writeFileSync(join(host, 'file'), 'untouched');
    assert.equal(code, 125);
    assert.match(stderr, /unable to find user app/);
  });

  it('hangs no start by a FIFO or a device for /etc/passwd, and fills no memory by a large one', async () => {
    const passwd: Partial<TarEntry>[] = [
      { type: 'fifo' },
      { type: 'character-device', devmajor: 1, devminor: 5 },
      { type: 'block-device', devmajor: 254, devminor: 0 },
      { type: 'symlink', linkname: 'passwd' },
      { content: 'x:x:0:0:\n'.repeat(200_000) },
    ];
    for (const entry of passwd) {
      const image = await hostileImage(world, { entries: [{ name: 'etc/passwd', ...entry }] });
      const { code, stderr } = await world.daemon.docker(['run', '--rm', image, 'true']);
      assert.equal(code, 125);
      assert.match(stderr, /cannot read `\/etc\/passwd`/);
    }
  });

  it('with more groups than the kernel has is refused in few words', async () => {
    const group = Array.from({ length: 66_000 }, (_, id) => `g:x:${id}:a`).join('\n');
    const entries = [
      { name: 'etc/passwd', content: 'a:x:0:0::/:/bin/sh\n' },
      { name: 'etc/group', content: group },
    ];
    const image = await hostileImage(world, { entries });
    const { code, stderr } = await world.daemon.docker(['run', '--rm', '-u', 'a', image, 'true']);
    assert.equal(code, 125);
    assert.match(stderr, /66000 groups of user a: a process has at most 65536/);
    assert.ok(stderr.length < 1000);
  });

  it('makes the directories of a working directory as deep as a path can be', async () => {
    const image = await hostileImage(world, { config: { WorkingDir: '/a'.repeat(2047) } });
    assert.equal(await world.daemon.ok(['run', '--rm', image, 'sh', '-c', 'pwd | wc -c']), '4095');
  });

  it("cannot change the mode, owner or time of the host's /dev/null through a masked file", async () => {
    const before = statSync('/dev/null');
    const image = await hostileImage(world, {});
    const script =
      'cd /proc; chmod 000 keys timer_list kcore; chown 7 keys timer_list kcore; echo x > keys && cat keys && echo usable';
    try {
      const { stdout, stderr } = await world.daemon.docker(['run', '--rm', image, 'sh', '-c', script]);
      assert.equal(stdout, 'usable\n', stderr);
      const { mode, uid } = statSync('/dev/null');
      assert.deepEqual([mode, uid], [before.mode, before.uid]);
    } finally {
      chmodSync('/dev/null', before.mode & 0o7777);
      chownSync('/dev/null', before.uid, before.gid);
    }
  });

  it('of one container does not decide who another one of its image runs as', async () => {
    const { daemon } = world;
    const entries = [
      link('etc/passwd', '../accounts/passwd'),
      { name: 'accounts/passwd', content: 'app:x:1000:1000::/:/bin/sh\n' },
    ];
    const image = await hostileImage(world, { entries });
    const script = 'echo app:x:0:0::/:/bin/sh > /accounts/passwd; rm -r /etc; true';
    await daemon.ok(['run', '--name', 'evil', image, 'sh', '-c', script]);
    await daemon.restart();
    await daemon.ok(['start', '-a', 'evil']);
    assert.match(await daemon.ok(['run', '--rm', '-u', 'app', image, 'id']), /^uid=1000/);
    await daemon.ok(['rm', 'evil']);
  });
});
