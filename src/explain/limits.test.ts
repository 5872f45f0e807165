import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { LinuxResources } from '../oci/runtime-spec.ts';
import { op } from '../runtime/plan/op.ts';
import type { Plan } from '../runtime/plan/table.ts';
import { explainContainer } from './container.ts';
import { limitFiles } from './layers/limits.ts';
import { CONTAINER, RUNNING } from './testdata/running.ts';

/** Files that the plan writes, and what the kernel shows in them then. */
type Files = Record<string, { written: string; shown?: string }>;

const ROOT = { 1: '/sys/fs/cgroup/any', 2: '/sys/fs/cgroup' };

function explained(resources: LinuxResources, files: Files, { version = 1, isRunning = true } = {}) {
  const directory = `${version === 2 ? ROOT[2] : ROOT[1]}/${CONTAINER.spec.linux?.cgroupsPath}`;
  const plan: Plan = {
    ops: Object.entries(files).flatMap(([file, { written }]) =>
      written
        .split('\n')
        .map((line) => op('setup', 'cgroups', 'write', { path: `${directory}/${file}`, data: Buffer.from(line) })),
    ),
  };
  const spec = { ...CONTAINER.spec, linux: { ...CONTAINER.spec.linux, resources } };
  const read = Object.keys(limitFiles(spec, plan)).map((path) => {
    const file = files[path.slice(path.lastIndexOf('/') + 1)];
    return [path, { path, text: `${file?.shown ?? file?.written}\n` }] as const;
  });
  const kernel = { ...RUNNING, cgroupFiles: { ...RUNNING.cgroupFiles, ...Object.fromEntries(read) } };
  const { layers } = explainContainer({ ...CONTAINER, spec, plan, kernel: isRunning ? kernel : null });
  const { facts = [] } = layers.find(({ name }) => name === 'cgroups') ?? {};
  const last = facts.findIndex(({ what }) => what === 'process limit');
  return facts.slice(last + 1);
}

const rows = (...given: Parameters<typeof explained>) =>
  explained(...given).map(({ what, asked, enforced, holds }) => [what, asked, enforced, holds]);

describe('limits of cgroup v1', () => {
  const resources: LinuxResources = {
    memory: { swappiness: 10, disableOOMKiller: true },
    cpu: { burst: 2000, realtimePeriod: 1_000_000, realtimeRuntime: 5000, idle: 1 },
    blockIO: {
      weight: 300,
      throttleReadBpsDevice: [
        { major: 8, minor: 0, rate: 1_048_576 },
        { major: 8, minor: 16, rate: 2_097_152 },
      ],
      throttleWriteIOPSDevice: [{ major: 8, minor: 0, rate: 100 }],
    },
    hugepageLimits: [{ pageSize: '2MB', limit: 4_194_304 }],
  };
  const files: Files = {
    'memory.swappiness': { written: '10' },
    'memory.oom_control': { written: '1', shown: 'oom_kill_disable 1\nunder_oom 0\noom_kill 0' },
    'cpu.cfs_burst_us': { written: '2000' },
    'cpu.rt_period_us': { written: '1000000' },
    'cpu.rt_runtime_us': { written: '5000' },
    'cpu.idle': { written: '1' },
    'blkio.bfq.weight': { written: '300' },
    'blkio.throttle.read_bps_device': { written: '8:0 1048576\n8:16 2097152' },
    'blkio.throttle.write_iops_device': { written: '8:0 100' },
    'hugetlb.2MB.limit_in_bytes': { written: '4194304' },
    // Shown elsewhere, or no limits.
    'memory.limit_in_bytes': { written: '1048576' },
    'devices.deny': { written: 'a' },
  };

  it('are told in words, each with what the kernel says', () => {
    assert.deepEqual(rows(resources, files), [
      ['swappiness', '10', '10', true],
      ['killing when memory is out', 'off', 'off', true],
      ['CPU burst', '2000 µs', '2000 µs', true],
      ['CPU real-time period', '1000000 µs', '1000000 µs', true],
      ['CPU real-time runtime', '5000 µs', '5000 µs', true],
      ['runs only on idle CPUs', 'yes', 'yes', true],
      ['block I/O weight', '300', '300', true],
      ['read rate of the disk 8:0', '1 MiB a second', '1 MiB a second', true],
      ['read rate of the disk 8:16', '2 MiB a second', '2 MiB a second', true],
      ['write operations of the disk 8:0', '100 operations a second', '100 operations a second', true],
      ['huge pages of 2MB', '4 MiB', '4 MiB', true],
    ]);
    for (const { why, source } of explained(resources, files)) {
      assert.ok(why.length > 10);
      assert.match(source ?? '', /^\/sys\/fs\/cgroup\/any\/isle\//);
    }
  });

  it('that were changed are found out', () => {
    const changed: Files = {
      ...files,
      'memory.oom_control': { written: '1', shown: 'oom_kill_disable 0\nunder_oom 0' },
      'blkio.throttle.read_bps_device': { written: '8:0 1048576\n8:16 2097152', shown: '8:16 2097152' },
      'cpu.cfs_burst_us': { written: '2000', shown: '0' },
    };
    assert.deepEqual(
      rows(resources, changed).filter(([, , , holds]) => holds === false),
      [
        ['killing when memory is out', 'off', 'on', false],
        ['CPU burst', '2000 µs', '0 µs', false],
        ['read rate of the disk 8:0', '1 MiB a second', 'no limit', false],
      ],
    );
  });

  it('claim nothing about a container that does not run', () => {
    for (const fact of explained(resources, files, { isRunning: false })) {
      assert.deepEqual([fact.enforced, fact.source, fact.holds], [null, null, null], fact.what);
    }
  });
});

describe('limits of cgroup v2', () => {
  it('are in its own units and lines', () => {
    const blockIO = { weight: 300, throttleReadBpsDevice: [{ major: 8, minor: 0, rate: 1_048_576 }] };
    const files: Files = {
      'cpu.max.burst': { written: '2000' },
      'io.weight': { written: '2930', shown: 'default 2930' },
      'io.max': { written: '8:0 rbps=1048576 wiops=10', shown: '8:0 rbps=1048576 wbps=max riops=max wiops=10' },
      'hugetlb.2MB.max': { written: '4194304' },
    };
    const resources = { cpu: { burst: 2000 }, blockIO, hugepageLimits: [{ pageSize: '2MB', limit: 4_194_304 }] };
    const rates = 'reads 1 MiB a second, writes 10 operations a second';
    assert.deepEqual(rows(resources, files, { version: 2 }), [
      ['CPU burst', '2000 µs', '2000 µs', true],
      ['block I/O weight', '2930', '2930', true],
      ['rates of the disk 8:0', rates, rates, true],
      ['huge pages of 2MB', '4 MiB', '4 MiB', true],
    ]);
  });

  it('by the names of the kernel are compared as the kernel shows them', () => {
    const unified = {
      'memory.high': '64M',
      'memory.max': '128M',
      'cpu.weight.nice': '5',
      'io.latency': '8:0 target=50',
    };
    const files: Files = {
      'memory.high': { written: '64M', shown: '67108864' },
      'memory.max': { written: '128M', shown: '134217728' },
      'cpu.weight.nice': { written: '5', shown: '0' },
      'io.latency': { written: '8:0 target=50' },
    };
    assert.deepEqual(rows({ unified }, files, { version: 2 }), [
      ['memory.high', '67108864', '67108864', true],
      ['memory.max', '134217728', '134217728', true],
      ['cpu.weight.nice', '5', '0', false],
      ['io.latency', '8:0 target=50', '8:0 target=50', true],
    ]);
  });

  it('that this host has no file for are not enforced, and that is said', () => {
    const resources: LinuxResources = {
      memory: { swappiness: 10, disableOOMKiller: true, kernel: 1 },
      cpu: { realtimeRuntime: 5000 },
      blockIO: { throttleReadBpsDevice: [{ major: 8, minor: 0, rate: 1 }] },
      network: { classID: 1 },
      unified: { 'misc.max': 'x 1' },
    };
    const facts = explained(resources, {}, { version: 2 });
    assert.deepEqual(
      facts.map(({ what }) => what),
      [
        'swappiness',
        'killing when memory is out',
        'kernel memory',
        'CPU real-time runtime',
        'rates of a disk',
        'network class',
        'misc.max',
      ],
    );
    for (const { enforced, holds } of facts) assert.deepEqual([enforced, holds], ['not enforced', false]);
  });
});
