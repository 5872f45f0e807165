/** One suite for both versions where they promise the same, then what is particular to each. */
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

for (const layout of [V1, V2]) {
  describe(`cgroup version ${layout.version}`, () => {
    const backend = createCgroupBackend(layout);

    it('removes exactly the directories that it made', () => {
      const { setup, cleanup } = backend.planContainer('isle/c1', LIMITS);
      assert.deepEqual(paths(cleanup, 'rmdir').toSorted(), paths(setup, 'mkdir').toSorted());
      assert.ok(setup.every(({ section }) => section === 'setup'));
      assert.ok(cleanup.every(({ section }) => section === 'cleanup'));
    });

    it('lets the clone join the unified hierarchy and tells where OOM kills are counted', () => {
      const { cgroupInto, oom } = backend.planContainer('/isle//c1/', {});
      assert.match(paths(cgroupInto ? [cgroupInto] : [], 'cgroupInto')[0] ?? '', /\/isle\/c1$/);
      assert.equal(oom?.op === 'oomWatch' && oom.args.version, layout.version);
    });

    it('writes no limit that was not asked for', () => {
      const { setup, warnings } = backend.planContainer('isle/c1', {});
      assert.deepEqual(writes(setup), []);
      assert.deepEqual(warnings, []);
    });

    it('names the files where limits can be read back', () => {
      const files = backend.files('isle/c1');
      assert.match(files.memoryLimit ?? '', /\/isle\/c1\/memory\.(limit_in_bytes|max)$/);
      assert.match(files.pidsLimit ?? '', /\/isle\/c1\/pids\.max$/);
      assert.match(files.kill ?? '', /\/isle\/c1\/cgroup\.kill$/);
    });

    it('warns by name where the host has no controller for a limit', () => {
      const poor: CgroupLayout = {
        ...layout,
        v1: layout.v1.filter(({ controllers }) => !controllers.includes('pids')),
        unified: { mountPoint: '/cg', controllers: ['cpu', 'cpuset', 'memory'] },
      };
      const { setup, warnings } = createCgroupBackend(poor).planContainer('isle/c1', LIMITS);
      assert.equal(warnings.length, 1);
      assert.match(warnings[0] ?? '', /pids/i);
      assert.ok(!writes(setup).some((line) => line.includes('pids.max')));
    });
  });
}

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

  it('warns that device rules, swappiness and the OOM switch are not enforced', () => {
    const memory = { swappiness: 10, disableOOMKiller: true };
    const { warnings } = backend.planContainer('c', { devices: [...DEFAULT_DEVICE_RULES], memory });
    assert.deepEqual(
      warnings.map((warning) => warning.split(' ')[0]),
      ['Device', 'Memory', 'The'],
    );
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
