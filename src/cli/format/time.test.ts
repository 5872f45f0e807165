import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseMoment, rfc3339Nano } from './time.ts';

const NOW_MS = 1_700_000_000_250;

describe('moments', () => {
  it('may be durations back from now', () => {
    assert.equal(parseMoment('42m', NOW_MS), '1699997480.250000000');
    assert.equal(parseMoment('250ms', NOW_MS), '1700000000.000000000');
    assert.equal(parseMoment('0s', NOW_MS), '1700000000.250000000');
    assert.equal(parseMoment('-1s', NOW_MS), '1700000001.250000000');
  });

  it('may be seconds since 1970', () => {
    assert.equal(parseMoment('1700000000', NOW_MS), '1700000000');
    assert.equal(parseMoment('1700000000.5', NOW_MS), '1700000000.5');
    assert.equal(parseMoment('0', NOW_MS), '0');
  });

  it('may be RFC 3339 times, with their fraction kept to the nanosecond', () => {
    assert.equal(parseMoment('2013-01-02T13:23:37Z', NOW_MS), '1357133017');
    assert.equal(parseMoment('2013-01-02T13:23:37.123456789Z', NOW_MS), '1357133017.123456789');
    assert.equal(parseMoment('2013-01-02T13:23:37.5+01:00', NOW_MS), '1357129417.500000000');
    assert.equal(parseMoment('2013-01-02T13:23Z', NOW_MS), '1357132980');
    assert.equal(parseMoment('2013-01-02Z', NOW_MS), '1357084800');
  });

  it('are refused when they are none of these', () => {
    for (const text of ['yesterday', '2013-13-02', '12:00', '1.', '5 m']) {
      assert.throws(() => parseMoment(text, NOW_MS), /invalid value for a time/, text);
    }
  });
});

describe('event times', () => {
  it('keep their nanoseconds', () => {
    assert.match(rfc3339Nano(1_700_000_000_000_000_001n), /^2023-11-1[45]T\d\d:\d\d:20\.000000001(Z|[+-]\d\d:\d\d)$/);
  });
});
