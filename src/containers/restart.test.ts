import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { containerRecord } from '../../test/fixtures/container-record.ts';
import type { HostConfig } from '../oci/container-config.ts';
import { wantsRestart } from './restart.ts';
import { RestartTimer } from './restart-timer.ts';

type Policy = NonNullable<NonNullable<HostConfig['RestartPolicy']>['Name']>;

function wants(
  Name: Policy,
  exitCode: number,
  more: { max?: number; count?: number; stopped?: boolean } = {},
): boolean {
  const record = containerRecord();
  record.hostConfig = { RestartPolicy: { Name, MaximumRetryCount: more.max ?? 0 } };
  record.restartCount = more.count ?? 0;
  return wantsRestart(record, exitCode, more.stopped ?? false);
}

describe('a restart policy', () => {
  it('`no` never starts again', () => {
    assert.deepEqual([wants('', 1), wants('no', 1)], [false, false]);
  });

  it('`always` and `unless-stopped` start again whatever the exit code was', () => {
    for (const name of ['always', 'unless-stopped'] as const)
      assert.deepEqual([wants(name, 0), wants(name, 1)], [true, true]);
  });

  it('`on-failure` starts again after a failure, as often as it may', () => {
    assert.deepEqual([wants('on-failure', 0), wants('on-failure', 2)], [false, true]);
    assert.deepEqual(
      [wants('on-failure', 1, { max: 3, count: 2 }), wants('on-failure', 1, { max: 3, count: 3 })],
      [true, false],
    );
  });

  it('yields to whoever asked for the end', () => {
    for (const name of ['always', 'unless-stopped', 'on-failure'] as const)
      assert.equal(wants(name, 137, { stopped: true }), false);
  });
});

describe('the wait before a restart', () => {
  it('doubles from 100 ms to a minute, and starts over after ten seconds of running', () => {
    const timer = new RestartTimer();
    const waits = Array.from({ length: 12 }, () => timer.next(0));
    assert.deepEqual(waits.slice(0, 4), [100, 200, 400, 800]);
    assert.equal(waits.at(-1), 60_000);
    assert.equal(timer.next(10), 100);
  });
});
