/** What is particular to each version; what both promise is in contract.test.ts. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { LinuxResources } from '../../oci/runtime-spec.ts';
import { DEFAULT_DEVICE_RULES } from '../../oci/spec/devices.ts';
import type { PlanOp } from '../plan/table.ts';
import { cpuMax, cpuWeight, swapMax } from './convert.ts';
import { type CgroupLayout, createCgroupBackend } from './index.ts';

const MIB = 1024 * 1024;
const hierarchy = (name: string) => ({ mountPoint: `/cg/${name}`, controllers: [name], name: null });
const V1: CgroupLayout = {
  version: 1,
  v1: [
    ...['cpu', 'cpuset', 'memory', 'devices', 'pids'].map(hierarchy),
    { mountPoint: '/cg/systemd', controllers: [], name: 'systemd' },
  ],
  unified: { mountPoint: '/cg/unified', controllers: ['hugetlb'] },
  cpuset: { cpus: '0-1', mems: '0' },
  swapAccounting: true,
};
const V2: CgroupLayout = {
  version: 2,
  v1: [],
  unified: { mountPoint: '/cg', controllers: ['cpuset', 'cpu', 'io', 'memory', 'hugetlb', 'pids'] },
  cpuset: null,
  swapAccounting: true,
};
const LIMITS: LinuxResources = {
  memory: { limit: 64 * MIB, swap: 128 * MIB, reservation: 32 * MIB },
  cpu: { shares: 512, quota: 50_000, period: 100_000, cpus: '1' },
  pids: { limit: 20 },
};

/** `path <- text` for every write, in order. */
function writes(ops: readonly PlanOp[], below = '/cg/'): string[] {
  return ops.flatMap((entry) =>
    entry.op === 'write' && entry.args.path.startsWith(below)
      ? [`${entry.args.path.slice(below.length)} <- ${Buffer.from(entry.args.data).toString()}`]
      : [],
  );
}
const paths = (ops: readonly PlanOp[], name: PlanOp['op']) =>
  ops.flatMap((entry) => (entry.op === name && 'path' in entry.args ? [entry.args.path] : []));

describe('cgroup version 1', () => {
  const backend = createCgroupBackend(V1);

  it('limits memory before memory and swap, and sets the period before the quota', () => {
    const { setup } = backend.planContainer('isle/c1', LIMITS);
    assert.deepEqual(writes(setup), [
      'cpu/isle/c1/cpu.shares <- 512',
      'cpu/isle/c1/cpu.cfs_period_us <- 100000',
      'cpu/isle/c1/cpu.cfs_quota_us <- 50000',
      'cpuset/isle/c1/cpuset.cpus <- 1',
      `memory/isle/c1/memory.limit_in_bytes <- ${64 * MIB}`,
      `memory/isle/c1/memory.memsw.limit_in_bytes <- ${128 * MIB}`,
      `memory/isle/c1/memory.soft_limit_in_bytes <- ${32 * MIB}`,
      'pids/isle/c1/pids.max <- 20',
    ]);
  });

  it('leaves swap alone where it is unlimited or not counted', () => {
    const unlimited = backend.planContainer('c', { memory: { limit: 64 * MIB, swap: -1 } });
    const uncounted = createCgroupBackend({ ...V1, swapAccounting: false }).planContainer('c', LIMITS);
    for (const { setup } of [unlimited, uncounted]) assert.ok(!writes(setup).some((line) => line.includes('memsw')));
  });

  it('joins every hierarchy by its tasks file, which is not the slow cgroup.procs', () => {
    const { join } = backend.planContainer('isle/c1', {});
    assert.deepEqual(
      paths(join, 'cgroupJoin'),
      V1.v1.map(({ mountPoint }) => `${mountPoint}/isle/c1/tasks`),
    );
    assert.ok(join.every(({ section }) => section === 'child'));
  });

  it('denies all devices before it allows the default ones, one rule a write', () => {
    const { setup } = backend.planContainer('c', { devices: [...DEFAULT_DEVICE_RULES] });
    const lines = writes(setup);
    assert.equal(lines[0], 'devices/c/devices.deny <- a');
    assert.ok(lines.includes('devices/c/devices.allow <- c *:* m'));
    assert.ok(lines.includes('devices/c/devices.allow <- c 1:3 rwm'));
    assert.ok(lines.includes('devices/c/devices.allow <- c 136:* rwm'));
    assert.ok(!lines.some((line) => line.includes('10:229')), 'no access to /dev/fuse');
  });

  it('writes nothing to allow all devices: a new cgroup has what its parent has', () => {
    assert.deepEqual(writes(backend.planContainer('c', { devices: [{ allow: true, access: 'rwm' }] }).setup), []);
  });

  it('refuses a rule that takes away a part of another, which the kernel would ignore', () => {
    const rules = [
      { allow: false },
      { allow: true, type: 'c' as const, major: 1, access: 'rwm' },
      { allow: false, type: 'c' as const, major: 1, minor: 3, access: 'w' },
    ];
    assert.throws(() => backend.planContainer('c', { devices: rules }), /"deny c 1:3 w" takes away a part of/);
  });

  it('splits a rule for both types: the kernel reads "a" as everything', () => {
    const devices = [{ allow: false }, { allow: true, type: 'a' as const, major: 7, access: 'r' }];
    assert.deepEqual(writes(backend.planContainer('c', { devices }).setup), [
      'devices/c/devices.deny <- a',
      'devices/c/devices.allow <- c 7:* r',
      'devices/c/devices.allow <- b 7:* r',
    ]);
  });

  it('decides about devices by a program where the devices hierarchy is missing but the unified one is there', () => {
    const hybrid = createCgroupBackend({
      ...V1,
      v1: V1.v1.filter(({ controllers }) => !controllers.includes('devices')),
    });
    const { setup, warnings } = hybrid.planContainer('c', { devices: [...DEFAULT_DEVICE_RULES] });
    assert.deepEqual(paths(setup, 'cgroupDevices'), ['/cg/unified/c']);
    assert.deepEqual(warnings, []);
  });

  it('limits huge pages on the unified hierarchy of a hybrid host', () => {
    const { setup } = backend.planContainer('isle/c', { hugepageLimits: [{ pageSize: '2MB', limit: 0 }] });
    assert.deepEqual(writes(setup), [
      'unified/cgroup.subtree_control <- +hugetlb',
      'unified/isle/cgroup.subtree_control <- +hugetlb',
      'unified/isle/c/hugetlb.2MB.max <- 0',
    ]);
  });

  it('gives the levels above a real-time container a budget, which new ones lack', () => {
    const realtime = createCgroupBackend({ ...V1, realtimeRuntimeUs: 950_000 });
    const cpu = { realtimePeriod: 1_000_000, realtimeRuntime: 100_000 };
    assert.deepEqual(writes(realtime.planContainer('isle/c', { cpu }).setup), [
      'cpu/isle/cpu.rt_runtime_us <- 950000',
      'cpu/isle/c/cpu.rt_period_us <- 1000000',
      'cpu/isle/c/cpu.rt_runtime_us <- 100000',
    ]);
  });

  it('has a file for each kind of rate of a device, and 0 takes a rate away', () => {
    const blkio = createCgroupBackend({ ...V1, v1: [...V1.v1, hierarchy('blkio')] });
    const blockIO = { throttleWriteBpsDevice: [{ major: 254, minor: 0, rate: 100 }] };
    const file = 'blkio/c/blkio.throttle.write_bps_device';
    assert.deepEqual(writes(blkio.planContainer('c', { blockIO }).setup), [`${file} <- 254:0 100`]);
    assert.deepEqual(writes(blkio.planUpdate('c', { blockIO }, {}).ops), [`${file} <- 254:0 0`]);
  });

  it('writes memory before the sum with swap when both shrink, after it when memory outgrows the old sum', () => {
    const set = (limit: number, swap: number) => ({ memory: { limit: limit * MIB, swap: swap * MIB } });
    const order = (from: LinuxResources, to: LinuxResources) =>
      writes(backend.planUpdate('c', from, to).ops, '/cg/memory/c/').map((line) => line.split('.limit')[0]);
    assert.deepEqual(order(set(64, 128), set(32, 48)), ['memory', 'memory.memsw']);
    assert.deepEqual(order(set(64, 128), set(256, 512)), ['memory.memsw', 'memory']);
    assert.deepEqual(order(set(64, 128), set(100, 110)), ['memory', 'memory.memsw']);
    assert.deepEqual(order(set(64, 128), {}), ['memory.memsw', 'memory']);
  });

  it('fills the parent cpuset, level by level, and lets children inherit it', () => {
    const ops = backend.planRoot('a/b');
    assert.deepEqual(writes(ops), [
      'cpuset/a/cpuset.cpus <- 0-1',
      'cpuset/a/cpuset.mems <- 0',
      'cpuset/a/b/cpuset.cpus <- 0-1',
      'cpuset/a/b/cpuset.mems <- 0',
      'cpuset/a/b/cgroup.clone_children <- 1',
    ]);
    assert.ok(paths(ops, 'mkdir').includes('/cg/unified/a/b'));
  });

  it('shows a container its own cgroup of each hierarchy, and links combined names', () => {
    const combined = { mountPoint: '/cg/cpu,cpuacct', controllers: ['cpu', 'cpuacct'], name: null };
    const { directory, binds, links } = createCgroupBackend({ ...V1, v1: [combined] }).mounts('isle/c1', true);
    assert.equal(directory, true);
    assert.deepEqual(binds, [{ source: '/cg/cpu,cpuacct/isle/c1', name: 'cpu,cpuacct' }]);
    assert.deepEqual(links, [
      { name: 'cpu', target: 'cpu,cpuacct' },
      { name: 'cpuacct', target: 'cpu,cpuacct' },
    ]);
  });
});

describe('cgroup version 2', () => {
  const backend = createCgroupBackend(V2);

  it('translates the limits', () => {
    assert.deepEqual(writes(backend.planContainer('isle/c1', LIMITS).setup), [
      `isle/c1/memory.max <- ${64 * MIB}`,
      `isle/c1/memory.swap.max <- ${64 * MIB}`,
      `isle/c1/memory.low <- ${32 * MIB}`,
      'isle/c1/cpu.weight <- 59',
      'isle/c1/cpu.max <- 50000 100000',
      'isle/c1/cpuset.cpus <- 1',
      'isle/c1/pids.max <- 20',
    ]);
  });

  it('warns that swappiness, the OOM switch, real time and network classes do not exist', () => {
    const memory = { swappiness: 10, disableOOMKiller: true };
    const { warnings } = backend.planContainer('c', {
      memory,
      cpu: { realtimeRuntime: 1000 },
      network: { classID: 1 },
    });
    assert.deepEqual(
      warnings.map((warning) => warning.split(' ')[0]),
      ['Memory', 'The', 'CPU', 'Network'],
    );
  });

  it('limits huge pages, passing their controller on to this container only', () => {
    const { setup } = backend.planContainer('isle/c', { hugepageLimits: [{ pageSize: '2MB', limit: 4 * MIB }] });
    assert.deepEqual(writes(setup), [
      'cgroup.subtree_control <- +hugetlb',
      'isle/cgroup.subtree_control <- +hugetlb',
      `isle/c/hugetlb.2MB.max <- ${4 * MIB}`,
    ]);
  });

  it('writes the map `unified` as it is, and refuses what is no limit of this container', () => {
    const { setup } = backend.planContainer('c', { unified: { 'memory.high': '1000000', 'cgroup.max.depth': '3' } });
    assert.deepEqual(writes(setup), ['c/memory.high <- 1000000', 'c/cgroup.max.depth <- 3']);
    for (const file of ['../x', 'cgroup.procs', 'cgroup.kill', 'cgroup.subtree_control', 'memory/high', 'x']) {
      assert.throws(() => backend.planContainer('c', { unified: { [file]: '1' } }), /resources\.unified/, file);
    }
  });

  it('puts all rates of a device into one line', () => {
    const rate = (value: number) => [{ major: 8, minor: 0, rate: value }];
    const blockIO = { throttleReadBpsDevice: rate(100), throttleWriteIOPSDevice: rate(7) };
    assert.deepEqual(writes(backend.planContainer('c', { blockIO }).setup), ['c/io.max <- 8:0 rbps=100 wiops=7']);
    assert.deepEqual(writes(backend.planUpdate('c', { blockIO }, {}).ops), ['c/io.max <- 8:0 rbps=max wiops=max']);
  });

  it('converts the block I/O weight for io.weight, and keeps it for BFQ', () => {
    const files = (...names: string[]) => createCgroupBackend({ ...V2, files: new Set(names) });
    const weight = (one: ReturnType<typeof files>) =>
      writes(one.planContainer('c', { blockIO: { weight: 500 } }).setup);
    assert.deepEqual(weight(files('io.bfq.weight', 'io.weight')), ['c/io.bfq.weight <- 500']);
    assert.deepEqual(weight(files('io.weight')), ['c/io.weight <- 4950']);
  });

  it('passes the controllers on at every level above the containers', () => {
    assert.deepEqual(writes(backend.planRoot('a/b')), [
      'cgroup.subtree_control <- +cpuset +cpu +io +memory +pids',
      'a/cgroup.subtree_control <- +cpuset +cpu +io +memory +pids',
      'a/b/cgroup.subtree_control <- +cpuset +cpu +io +memory +pids',
    ]);
  });

  it('shows its own subtree in a cgroup namespace, the whole tree without one', () => {
    assert.deepEqual(backend.mounts('isle/c1', true).binds, [{ source: '/cg/isle/c1', name: '' }]);
    assert.deepEqual(backend.mounts('isle/c1', false).binds, [{ source: '/cg', name: '' }]);
  });
});

describe('conversion to v2 units', () => {
  it('puts shares on the curve that keeps the default at 100', () => {
    const table: [number, number][] = [
      [0, 0],
      [1, 1],
      [2, 1],
      [512, 59],
      [1024, 100],
      [2000, 170],
      [262144, 10000],
    ];
    for (const [shares, weight] of table) assert.equal(cpuWeight(shares), weight, `${shares} shares`);
  });

  it('takes the memory out of memory and swap', () => {
    assert.equal(swapMax(100, 300), '200');
    assert.equal(swapMax(100, 100), '0');
    assert.equal(swapMax(100, -1), 'max');
  });

  it('writes "max" for a quota that is none', () => {
    assert.equal(cpuMax(undefined, 50_000), 'max 50000');
    assert.equal(cpuMax(-1, undefined), 'max 100000');
  });
});
