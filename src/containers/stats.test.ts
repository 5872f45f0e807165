import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { networkCounters, systemCpu } from './stats.ts';

describe('the figures of the host that statistics need', () => {
  it('are the ticks from user to softirq, in nanoseconds, and the number of processors', () => {
    const text = 'cpu  10 1 5 100 4 0 2 99 0 0\ncpu0 5 1 2 50 2 0 1 0 0 0\ncpu1 5 0 3 50 2 0 1 0 0 0\nintr 1\n';
    assert.deepEqual(systemCpu(text), { totalNs: 122 * 10_000_000, online: 2 });
  });

  it('are the counters of each network link but the loopback', () => {
    const text = [
      'Inter-|   Receive                                                |  Transmit',
      ' face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls',
      '    lo:     100       1    0    0    0     0          0         0      100       1    0    0    0     0',
      '  eth0:1234567890   11    1    2    0     0          0         0     2000      22    3    4    0     0',
    ].join('\n');
    assert.deepEqual(networkCounters(text), {
      eth0: {
        rx_bytes: 1234567890,
        rx_packets: 11,
        rx_errors: 1,
        rx_dropped: 2,
        tx_bytes: 2000,
        tx_packets: 22,
        tx_errors: 3,
        tx_dropped: 4,
      },
    });
  });
});
