/** One suite for both cgroup versions: what the interface promises, whatever the files are called. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { LinuxResources } from '../../oci/runtime-spec.ts';
import { DEFAULT_DEVICE_RULES } from '../../oci/spec/devices.ts';
import type { PlanOp } from '../plan/table.ts';
import { type CgroupLayout, createCgroupBackend } from './index.ts';

const MIB = 1024 * 1024;
const V1_NAMES = [
  'cpu',
  'cpuacct',
  'cpuset',
  'memory',
  'devices',
  'freezer',
  'blkio',
  'pids',
  'net_cls',
  'net_prio',
  'rdma',
];
const LAYOUTS: CgroupLayout[] = [
  {
    version: 1,
    v1: [
      ...V1_NAMES.map((name) => ({ mountPoint: `/cg/${name}`, controllers: [name], name: null })),
      { mountPoint: '/cg/systemd', controllers: [], name: 'systemd' },
    ],
    unified: { mountPoint: '/cg/unified', controllers: ['hugetlb'] },
    cpuset: { cpus: '0-1', mems: '0' },
    swapAccounting: true,
    realtimeRuntimeUs: 950_000,
  },
  {
    version: 2,
    v1: [],
    unified: { mountPoint: '/cg', controllers: ['cpuset', 'cpu', 'io', 'memory', 'hugetlb', 'pids', 'rdma'] },
    cpuset: null,
    swapAccounting: true,
  },
];

const device = { major: 254, minor: 0 };
/** Every limit that both versions have. */
const EVERYTHING: LinuxResources = {
  devices: [...DEFAULT_DEVICE_RULES],
  memory: { limit: 64 * MIB, swap: 128 * MIB, reservation: 32 * MIB },
  cpu: { shares: 512, quota: 50_000, period: 100_000, burst: 10_000, cpus: '1', mems: '0', idle: 0 },
  pids: { limit: 20 },
  blockIO: {
    weight: 300,
    weightDevice: [{ ...device, weight: 200 }],
    throttleReadBpsDevice: [{ ...device, rate: 1000 }],
    throttleWriteBpsDevice: [{ ...device, rate: 2000 }],
    throttleReadIOPSDevice: [{ ...device, rate: 10 }],
    throttleWriteIOPSDevice: [{ ...device, rate: 20 }],
  },
  hugepageLimits: [{ pageSize: '2MB', limit: 4 * MIB }],
  rdma: { mlx5_1: { hcaHandles: 3 } },
};

const written = (ops: readonly PlanOp[]) =>
  ops.flatMap((entry) =>
    entry.op === 'write' ? [{ path: entry.args.path, text: Buffer.from(entry.args.data).toString() }] : [],
  );
const paths = (ops: readonly PlanOp[], name: PlanOp['op']) =>
  ops.flatMap((entry) => (entry.op === name && 'path' in entry.args ? [entry.args.path] : []));

for (const layout of LAYOUTS) {
  describe(`cgroup version ${layout.version}`, () => {
    const backend = createCgroupBackend(layout);

    it('removes exactly the directories that it made', () => {
      const { setup, cleanup } = backend.planContainer('isle/c1', EVERYTHING);
      assert.deepEqual(paths(cleanup, 'rmdir').toSorted(), paths(setup, 'mkdir').toSorted());
      assert.ok(setup.every(({ section }) => section === 'setup'));
      assert.ok(cleanup.every(({ section }) => section === 'cleanup'));
    });

    it('makes a directory before it writes into it', () => {
      const { setup } = backend.planContainer('isle/c1', EVERYTHING);
      const made = new Set<string>();
      for (const entry of setup) {
        if (entry.op === 'mkdir') made.add(entry.args.path);
        if (entry.op !== 'write' || !entry.args.path.includes('/c1/')) continue;
        assert.ok(made.has(entry.args.path.slice(0, entry.args.path.lastIndexOf('/'))), entry.args.path);
      }
    });

    it('lets the clone join the unified hierarchy and tells where OOM kills are counted', () => {
      const { cgroupInto, oom } = backend.planContainer('/isle//c1/', {});
      assert.match(paths(cgroupInto ? [cgroupInto] : [], 'cgroupInto')[0] ?? '', /\/isle\/c1$/);
      assert.equal(oom?.op === 'oomWatch' && oom.args.version, layout.version);
    });

    it('writes no limit that was not asked for', () => {
      const { setup, warnings } = backend.planContainer('isle/c1', {});
      assert.deepEqual(written(setup), []);
      assert.deepEqual(warnings, []);
    });

    it('has a place for every limit, without a warning', () => {
      const { setup, warnings } = backend.planContainer('isle/c1', EVERYTHING);
      assert.deepEqual(warnings, []);
      const files = written(setup).map(({ path }) => path.slice(path.lastIndexOf('/') + 1));
      for (const word of [
        /memory/,
        /swap|memsw/,
        /cpu\.(shares|weight)/,
        /burst/,
        /idle/,
        /cpuset\.cpus/,
        /cpuset\.mems/,
      ]) {
        assert.ok(
          files.some((file) => word.test(file)),
          `${word} in ${files.join(' ')}`,
        );
      }
      for (const word of [
        /pids\.max/,
        /^(blk)?io\..*weight/,
        /hugetlb\.2MB/,
        /rdma\.max/,
        /io\.max|write_iops_device/,
      ]) {
        assert.ok(
          files.some((file) => word.test(file)),
          `${word} in ${files.join(' ')}`,
        );
      }
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
        unified: { mountPoint: '/cg', controllers: ['cpu', 'cpuset', 'memory', 'io', 'hugetlb', 'rdma'] },
      };
      const { setup, warnings } = createCgroupBackend(poor).planContainer('isle/c1', EVERYTHING);
      assert.equal(warnings.length, 1);
      assert.match(warnings[0] ?? '', /pids/i);
      assert.ok(!written(setup).some(({ path }) => path.includes('pids.max')));
    });

    it('warns by name where the kernel has the controller but not the file', () => {
      const all = written(backend.planContainer('c', EVERYTHING).setup).map(({ path }) =>
        path.slice(path.lastIndexOf('/') + 1),
      );
      const without = createCgroupBackend({ ...layout, files: new Set(all.filter((file) => !file.includes('burst'))) });
      const { setup, warnings } = without.planContainer('c', EVERYTHING);
      assert.match(warnings.join('\n'), /^Your kernel does not support CPU burst: it has no file cpu\.\S*burst\S*/);
      assert.equal(written(setup).length, all.length - 1);
    });

    it('warns that kernel memory limits, and weights without a scheduler for them, have no effect', () => {
      const deaf = createCgroupBackend({ ...layout, weighsBlockIO: false });
      const { warnings } = deaf.planContainer('c', { memory: { kernel: MIB }, blockIO: { weight: 100 } });
      assert.match(warnings.join('\n'), /kernel memory.*\n.*BFQ/);
    });

    it('updates nothing when nothing changes', () => {
      assert.deepEqual(backend.planUpdate('isle/c1', EVERYTHING, EVERYTHING), { ops: [], warnings: [] });
    });

    it('updates exactly the limit that changes', () => {
      const { ops } = backend.planUpdate('isle/c1', EVERYTHING, { ...EVERYTHING, pids: { limit: 30 } });
      assert.deepEqual(
        written(ops).map(({ path, text }) => [path.slice(path.lastIndexOf('/') + 1), text]),
        [['pids.max', '30']],
      );
    });

    it('sets to no limit what is asked for no more, and leaves devices alone', () => {
      const { ops } = backend.planUpdate('c', EVERYTHING, {});
      const files = new Map(written(ops).map(({ path, text }) => [path.slice(path.lastIndexOf('/') + 1), text]));
      assert.equal(files.get('pids.max'), 'max');
      assert.match(files.get('memory.limit_in_bytes') ?? files.get('memory.max') ?? '', /^(-1|max)$/);
      assert.match(files.get('cpu.cfs_quota_us') ?? files.get('cpu.max') ?? '', /^(-1|max 100000)$/);
      assert.ok(ops.every(({ op: name }) => name === 'write'));
      assert.ok(![...files.keys()].some((file) => file.startsWith('devices')));
    });

    it('takes saved-up CPU time away before a smaller quota, and gives more behind a larger one', () => {
      const cpu = (quota: number, burst: number) => ({ cpu: { quota, period: 100_000, burst } });
      const order = (from: LinuxResources, to: LinuxResources) =>
        written(backend.planUpdate('c', from, to).ops).map(({ path }) => path.includes('burst'));
      assert.deepEqual(order(cpu(50_000, 40_000), cpu(20_000, 10_000)), [true, false]);
      assert.deepEqual(order(cpu(20_000, 10_000), cpu(50_000, 40_000)), [false, true]);
    });

    it('freezes and thaws by one write, and knows when it has happened', () => {
      for (const frozen of [true, false]) {
        const { ops, stateFile, isReached } = backend.freeze('isle/c1', frozen);
        assert.deepEqual(
          written(ops).map(({ text }) => text),
          [frozen ? '1' : '0'],
        );
        assert.match(stateFile, /\/isle\/c1\/cgroup\.events$/);
        assert.equal(isReached('populated 1\nfrozen 1\n'), frozen);
        assert.equal(isReached('populated 1\nfrozen 0\n'), !frozen);
      }
    });

    it('makes the missing levels of a parent only, and says which they are', () => {
      const there = (path: string) => {
        if (/\/teams\/blue/.test(path)) return null;
        return path.endsWith('cpus') ? '0\n' : '0';
      };
      const { ops, made } = backend.planParent('teams/blue', there);
      assert.ok(made.length > 0);
      assert.ok(made.every(({ level, directory }) => level === 'teams/blue' && directory.endsWith('/teams/blue')));
      assert.deepEqual(
        made.flatMap(({ directory }) => backend.planRemove(directory)).map((entry) => entry.section),
        made.map(() => 'setup'),
      );
      for (const { directory } of made) assert.ok(paths(ops, 'mkdir').includes(directory));
    });
  });
}
