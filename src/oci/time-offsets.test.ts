import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { checkTimeOffsets, timeOffsets } from './time-offsets.ts';

const annotated = (clock: string, value: string) => ({ Annotations: { [`org.isle.time.${clock}`]: value } });

describe('time offsets', () => {
  it('are seconds, with a fraction that counts forward', () => {
    const cases: [string, number, number][] = [
      ['86400', 86_400, 0],
      ['+5', 5, 0],
      ['0', 0, 0],
      ['1.5', 1, 500_000_000],
      ['-1.5', -2, 500_000_000],
      ['-60', -60, 0],
      ['0.000000001', 0, 1],
    ];
    for (const [value, secs, nanosecs] of cases) {
      assert.deepEqual(timeOffsets(annotated('boottime', value)), { boottime: { secs, nanosecs } }, value);
    }
    const both = { Annotations: { 'org.isle.time.boottime': '1', 'org.isle.time.monotonic': '2', other: 'x' } };
    assert.deepEqual(Object.keys(timeOffsets(both) ?? {}), ['boottime', 'monotonic']);
  });

  it('are none without an annotation', () => {
    assert.equal(timeOffsets({}), undefined);
    assert.equal(timeOffsets({ Annotations: { 'org.isle.health.on-failure': 'kill' } }), undefined);
  });

  it('are refused by name when they are no seconds of a clock', () => {
    for (const value of ['', 'a day', '1h', '1e3', '1.', '0x10', '12345678901', '1.0000000001']) {
      assert.throws(
        () => timeOffsets(annotated('monotonic', value)),
        /org\.isle\.time\.monotonic.*no number of seconds/,
      );
    }
    assert.throws(() => timeOffsets(annotated('realtime', '1')), { message: /no such clock/, hint: /monotonic or / });
  });

  it('are refused where the clock would leave what the kernel counts', () => {
    const facts = { uptimeSeconds: 100, hasTimeNamespaces: true };
    checkTimeOffsets(annotated('boottime', '-99'), facts);
    checkTimeOffsets(annotated('boottime', '4611685918'), facts);
    assert.throws(() => checkTimeOffsets(annotated('boottime', '-101'), facts), /before 0: the host is up for 100 s/);
    assert.throws(() => checkTimeOffsets(annotated('boottime', '4611686019'), facts), /goes to 4611686018 s/);
    const old = { uptimeSeconds: 100, hasTimeNamespaces: false };
    assert.throws(() => checkTimeOffsets(annotated('boottime', '1'), old), { kind: 'NotImplemented' });
    checkTimeOffsets({}, old);
  });
});
