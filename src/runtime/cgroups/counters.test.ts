import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { countersV1, countersV2 } from './counters.ts';

const reader = (files: Record<string, string>) => (path: string) => files[path] ?? null;

describe('counters', () => {
  it('are read from the hierarchies of v1', () => {
    const read = reader({
      '/cpuacct/cpuacct.usage': '5000000000\n',
      '/cpuacct/cpuacct.usage_percpu': '2000000000 3000000000 \n',
      '/cpuacct/cpuacct.stat': 'user 300\nsystem 200\n',
      '/cpu/cpu.stat': 'nr_periods 10\nnr_throttled 4\nthrottled_time 1234\n',
      '/memory/memory.usage_in_bytes': '4096\n',
      '/memory/memory.max_usage_in_bytes': '8192\n',
      '/memory/memory.failcnt': '2\n',
      '/memory/memory.limit_in_bytes': '9223372036854771712\n',
      '/memory/memory.stat': 'cache 5\nrss 7\n',
      '/pids/pids.current': '3\n',
      '/pids/pids.max': 'max\n',
      '/blkio/blkio.throttle.io_service_bytes_recursive': '254:0 Read 100\n254:0 Write 200\nTotal 300\n',
    });
    const counters = countersV1((controller) => `/${controller}`, read);
    assert.deepEqual(counters.cpu, {
      totalNs: 5e9,
      userNs: 3e9,
      systemNs: 2e9,
      perCpuNs: [2e9, 3e9],
      periods: 10,
      throttledPeriods: 4,
      throttledNs: 1234,
    });
    assert.deepEqual(counters.memory, {
      usage: 4096,
      maxUsage: 8192,
      failures: 2,
      limit: null,
      details: { cache: 5, rss: 7 },
    });
    assert.deepEqual(counters.pids, { current: 3, limit: null });
    assert.deepEqual(counters.blockIO?.bytes, [
      { major: 254, minor: 0, op: 'read', value: 100 },
      { major: 254, minor: 0, op: 'write', value: 200 },
    ]);
  });

  it('are read from the one directory of v2', () => {
    const read = reader({
      '/c/cpu.stat': 'usage_usec 5\nuser_usec 3\nsystem_usec 2\nnr_periods 1\nnr_throttled 1\nthrottled_usec 9\n',
      '/c/memory.current': '4096\n',
      '/c/memory.max': '65536\n',
      '/c/memory.stat': 'anon 5\n',
      '/c/pids.current': '1\n',
      '/c/pids.max': '20\n',
      '/c/io.stat': '254:0 rbytes=100 wbytes=200 rios=1 wios=2 dbytes=0 dios=0\n253:0\n',
    });
    const { cpu, memory, pids, blockIO } = countersV2('/c', read);
    assert.deepEqual([cpu.totalNs, cpu.userNs, cpu.systemNs, cpu.throttledNs], [5000, 3000, 2000, 9000]);
    assert.deepEqual(memory, { usage: 4096, limit: 65536, details: { anon: 5 } });
    assert.deepEqual(pids, { current: 1, limit: 20 });
    assert.deepEqual(
      blockIO?.operations.map(({ op, value }) => [op, value]),
      [
        ['read', 1],
        ['write', 2],
      ],
    );
  });

  it('are nothing where the host has no controller, or the container has just gone', () => {
    const none = reader({});
    for (const counters of [countersV1(() => null, none), countersV2('/c', none)]) {
      assert.deepEqual([counters.memory, counters.pids, counters.blockIO], [null, null, null]);
      assert.equal(counters.cpu.totalNs, 0);
    }
  });
});
