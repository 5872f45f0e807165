/** What limits do, measured: disk, processor and place. Bounded: each measurement takes a few seconds. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { eventually } from '../harness/command.ts';
import { cgroupMounts } from '../harness/leftovers.ts';
import { startWorld, type World } from '../harness/world.ts';

/** `/dev/NAME` of the whole disk below a directory; null where it lies on no disk that can be throttled. */
function diskOf(directory: string): string | null {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' '))
    .filter(([, , , , point = '\0']) => point === '/' || directory === point || directory.startsWith(`${point}/`))
    .toSorted((a, b) => (b[4] ?? '').length - (a[4] ?? '').length);
  const number = mounts[0]?.[2];
  for (const name of readdirSync('/sys/block')) {
    const numbers = readdirSync(`/sys/block/${name}`, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && existsSync(`/sys/block/${name}/${entry.name}/dev`))
      .map((entry) => readFileSync(`/sys/block/${name}/${entry.name}/dev`, 'utf8').trim());
    if ([readFileSync(`/sys/block/${name}/dev`, 'utf8').trim(), ...numbers].includes(number ?? ''))
      return `/dev/${name}`;
  }
  return null;
}

describe('throttling', () => {
  let world: World;
  before(async () => {
    world = await startWorld();
  });
  after(() => world[Symbol.asyncDispose]());

  const cpuNs = (id: string): number => {
    for (const name of ['cpuacct.usage', 'cpu.stat']) {
      for (const mount of cgroupMounts()) {
        const path = join(mount, world.daemon.cgroupParent, id, name);
        if (!existsSync(path)) continue;
        const text = readFileSync(path, 'utf8');
        return name === 'cpuacct.usage' ? Number(text) : Number(/^usage_usec (\d+)$/m.exec(text)?.[1]) * 1000;
      }
    }
    throw new Error(`no cgroup of ${id} counts CPU time`);
  };

  it('holds direct writes at --device-write-bps 10mb, within 15 %', async (test) => {
    const { daemon, busybox } = world;
    const disk = diskOf(daemon.dataRoot);
    assert.ok(disk !== null, `the data root ${daemon.dataRoot} lies on no block device`);
    const script = 'time dd if=/dev/zero of=/file bs=1M count=40 oflag=direct';
    const seconds = async (...flags: string[]) => {
      const { code, stderr } = await daemon.docker(['run', '--rm', ...flags, busybox, 'sh', '-c', script]);
      assert.equal(code, 0, stderr);
      const [, minutes, rest] = /real\s+(\d+)m\s*([\d.]+)s/.exec(stderr) ?? [];
      return Number(minutes) * 60 + Number(rest);
    };
    const free = 40 / (await seconds());
    let held = 0;
    // Others may keep the disk busy, so that it takes longer: it must never be faster.
    for (let attempt = 0; attempt < 5 && held < 8.5; attempt++) {
      held = Math.max(held, 40 / (await seconds('--device-write-bps', `${disk}:10mb`)));
    }
    test.diagnostic(`${free.toFixed(1)} MiB/s without a limit, ${held.toFixed(2)} MiB/s with 10 MiB/s`);
    assert.ok(held > 8.5 && held < 11.5, `10 MB/s were ${held} MB/s`);
    assert.ok(free > held * 1.5, `the disk itself gives no more than ${free} MB/s, so nothing was shown`);
  });

  it('shares one processor 1 to 3 between containers with shares 1 to 3, within 10 %', async (test) => {
    const { daemon, busybox } = world;
    const spin = (shares: string) =>
      daemon.ok(['run', '-d', '--cpuset-cpus', '0', '-c', shares, busybox, 'sh', '-c', 'while :; do :; done']);
    const [small, large] = [await spin('512'), await spin('1536')];
    const [smallBefore, largeBefore] = [cpuNs(small), cpuNs(large)];
    let ratio = 0;
    // The less of the processor others leave for the two, the longer it takes until the turns even out.
    for (let seconds = 0; seconds < 60 && !(seconds >= 6 && ratio > 2.7 && ratio < 3.3); seconds++) {
      await delay(1000);
      ratio = (cpuNs(large) - largeBefore) / (cpuNs(small) - smallBefore);
    }
    test.diagnostic(`the ratio is ${ratio.toFixed(3)}`);
    await daemon.ok(['rm', '-f', small, large]);
    assert.ok(ratio > 2.7 && ratio < 3.3, `shares 1:3 gave 1:${ratio}`);
  });

  it('never runs a pinned container elsewhere', async () => {
    const { daemon, busybox } = world;
    const last = String(availableParallelism() - 1);
    const script = 'for i in 1 2 3 4; do while :; do :; done & done; wait';
    const id = await daemon.ok(['run', '-d', '--cpuset-cpus', last, busybox, 'sh', '-c', script]);
    const pids = await eventually('all five processes run', async () => {
      const all = (await daemon.ok(['top', id, '-o', 'pid'])).split('\n').slice(1).map(Number);
      return all.length === 5 ? all : null;
    });
    for (let sample = 0; sample < 50; sample++) {
      for (const pid of pids) {
        const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
        // Field 39, counted behind the name: the processor it ran on last.
        assert.equal(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[36], last, `process ${pid}`);
      }
      await delay(20);
    }
    assert.match(readFileSync(`/proc/${pids[0]}/status`, 'utf8'), new RegExp(`^Cpus_allowed_list:\\s+${last}$`, 'm'));
    await daemon.ok(['rm', '-f', id]);
  });
});
