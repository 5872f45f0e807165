import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HealthState, type ProbeResult } from './state.ts';
import { healthTest } from './test.ts';

const TEST = { argv: ['x'], intervalMs: 1000, timeoutMs: 100, startPeriodMs: 5000, startIntervalMs: 50, retries: 3 };
const result = (ExitCode: number, Output = ''): ProbeResult => ({ Start: 's', End: 'e', ExitCode, Output });

describe('the health of a container', () => {
  it('is starting until the first probe that succeeds', () => {
    const state = new HealthState(TEST);
    assert.equal(state.status, 'starting');
    assert.equal(state.take(result(0), 10), 'healthy');
    assert.equal(state.take(result(0), 20), null);
  });

  it('becomes unhealthy after as many failures in a row as there are retries, and healthy again by one success', () => {
    const state = new HealthState({ ...TEST, startPeriodMs: 0 });
    assert.deepEqual([state.take(result(1), 1), state.take(result(1), 2)], [null, null]);
    assert.equal(state.take(result(1), 3), 'unhealthy');
    assert.equal(state.failingStreak, 3);
    assert.equal(state.take(result(0), 4), 'healthy');
    assert.equal(state.failingStreak, 0);
  });

  it('does not count failures within the start period, until a probe has succeeded', () => {
    const state = new HealthState({ ...TEST, retries: 1 });
    assert.equal(state.take(result(1), 4999), null);
    assert.equal(state.failingStreak, 0);
    assert.equal(state.take(result(0), 4999), 'healthy');
    assert.equal(state.take(result(1), 4999), 'unhealthy');
  });

  it('is probed at the start interval within the start period only', () => {
    const state = new HealthState(TEST);
    assert.equal(state.pauseMs(100), 50);
    assert.equal(state.pauseMs(5000), 1000);
    state.take(result(0), 100);
    assert.equal(state.pauseMs(200), 1000);
  });

  it('remembers the last five results', () => {
    const state = new HealthState(TEST);
    for (let n = 0; n < 7; n++) state.take(result(0, String(n)), n);
    assert.deepEqual(
      state.log.map(({ Output }) => Output),
      ['2', '3', '4', '5', '6'],
    );
  });
});

describe('a health check', () => {
  it('has Docker’s defaults, and durations in nanoseconds', () => {
    assert.deepEqual(healthTest({ Healthcheck: { Test: ['CMD', 'a', 'b'], Interval: 2e9 } }), {
      argv: ['a', 'b'],
      intervalMs: 2000,
      timeoutMs: 30_000,
      startPeriodMs: 0,
      startIntervalMs: 5000,
      retries: 3,
    });
  });

  it('given as a line runs in the image’s shell', () => {
    const line = { Test: ['CMD-SHELL', 'a | b'] };
    assert.deepEqual(healthTest({ Healthcheck: line })?.argv, ['/bin/sh', '-c', 'a | b']);
    assert.deepEqual(healthTest({ Healthcheck: line, Shell: ['/bin/ash', '-ec'] })?.argv, ['/bin/ash', '-ec', 'a | b']);
  });

  it('can be none', () => {
    for (const Healthcheck of [null, {}, { Test: [] }, { Test: ['NONE'] }])
      assert.equal(healthTest({ Healthcheck }), null);
  });
});
