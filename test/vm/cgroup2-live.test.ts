/** On pure cgroup v2, of a container that runs: its limits changed, its processes frozen, its use counted, its devices. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { eventually } from '../harness/command.ts';
import { type Guest, startGuest } from './guest.ts';

describe('a running container on pure cgroup v2', () => {
  let guest: Guest;
  before(async () => {
    guest = await startGuest();
  });
  after(() => guest[Symbol.asyncDispose]());

  const cgroupFile = (id: string, file: string) =>
    readFileSync(join('/sys/fs/cgroup', guest.daemon.cgroupParent, id, file), 'utf8').trim();
  const runs = (...args: string[]) => guest.daemon.ok(['run', '-d', ...args]);

  it('gets other limits by `update`, up and down', async () => {
    const { daemon, busybox } = guest;
    const id = await runs('-m', '32m', '--memory-swap', '64m', busybox, 'sleep', '1000');
    for (const [memory, withSwap] of [
      [128, 256],
      [16, 16],
    ] as const) {
      const sizes = ['-m', `${memory}m`, '--memory-swap', `${withSwap}m`];
      await daemon.ok(['update', ...sizes, '--pids-limit', '44', '--cpus', '0.5', '--cpu-shares', '512', id]);
      assert.equal(cgroupFile(id, 'memory.max'), String(memory << 20));
      assert.equal(cgroupFile(id, 'memory.swap.max'), String((withSwap - memory) << 20));
    }
    assert.deepEqual(
      ['pids.max', 'cpu.max', 'cpu.weight'].map((file) => cgroupFile(id, file)),
      ['44', '50000 100000', '59'],
    );
    await daemon.ok(['rm', '-f', id]);
  });

  it('stands still while it is paused, and goes on then', async () => {
    const { daemon, busybox } = guest;
    const id = await runs(busybox, 'sh', '-c', 'while :; do :; done');
    await daemon.ok(['pause', id]);
    assert.match(cgroupFile(id, 'cgroup.events'), /^frozen 1$/m);
    assert.equal(await daemon.ok(['inspect', '-f', '{{.State.Status}}', id]), 'paused');
    const used = () => Number(/^usage_usec (\d+)$/m.exec(cgroupFile(id, 'cpu.stat'))?.[1]);
    const before = used();
    await new Promise((resolve) => setTimeout(resolve, 500));
    assert.equal(used(), before);
    await daemon.ok(['unpause', id]);
    await eventually('it goes on', () => (used() > before ? true : null));
    await daemon.ok(['pause', id]);
    await daemon.ok(['rm', '-f', id]);
  });

  it('tells what it uses, and its processes', async () => {
    const { daemon, busybox } = guest;
    const id = await runs('-m', '64m', '--pids-limit', '33', busybox, 'sleep', '1000');
    const stats = await daemon.ok(['stats', '--no-stream', '--format', '{{.MemUsage}} {{.PIDs}}', id]);
    assert.match(stats, /^[\d.]+[KM]iB \/ 64MiB 1$/);
    assert.match(await daemon.ok(['top', id]), /sleep 1000/);
    await daemon.ok(['rm', '-f', id]);
  });

  it('opens no disk, though it can make the node; a privileged one does', async () => {
    const { daemon, busybox } = guest;
    const [, major, minor] = /^(\d+):(\d+)$/m.exec(readFileSync('/sys/class/block/vda/dev', 'utf8')) ?? [];
    const peek = `mknod /tmp/disk b ${major} ${minor} && head -c 4096 /tmp/disk | wc -c; cat /dev/null && echo fine`;
    const { stdout, stderr } = await daemon.docker(['run', '--rm', busybox, 'sh', '-c', peek]);
    assert.equal(stdout, '0\nfine\n');
    assert.match(stderr, /Operation not permitted/);
    const privileged = ['run', '--rm', '--privileged', busybox, 'sh', '-c', peek];
    assert.equal(await daemon.ok(privileged), '4096\nfine');
  });

  it('writes to a disk no faster than it may', async () => {
    const { daemon, busybox } = guest;
    const write = 'dd if=/dev/zero of=/file bs=64k count=32 oflag=direct 2> /dev/null; cat /proc/uptime';
    const seconds = async (...flags: string[]) => {
      const began = Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]);
      const text = await daemon.ok(['run', '--rm', ...flags, busybox, 'sh', '-c', write]);
      return Number(text.split(' ')[0]) - began;
    };
    // 2 MiB at 512 KiB/s.
    assert.ok((await seconds('--device-write-bps', '/dev/vda:512kb')) > 3.5);
    assert.ok((await seconds()) < 3.5);
  });
});
