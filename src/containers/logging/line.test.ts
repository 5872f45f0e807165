import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatLine, formatLines, type LineFormat, type LogLine } from './line.ts';

const PLAIN: LineFormat = {
  stdout: true,
  stderr: true,
  since: 0n,
  until: 0n,
  timestamps: false,
  details: false,
  raw: true,
};

describe('formatLine', () => {
  const logged: LogLine = { text: 'hi\n', stream: 'stderr', time: '2026-01-02T03:04:05.6Z' };
  const text = (line: LogLine, format: Partial<LineFormat>) =>
    Buffer.from(formatLine(line, { ...PLAIN, ...format }) ?? '').toString();

  it('frames the text by its stream, or leaves it raw for a terminal', () => {
    assert.equal(text(logged, {}), 'hi\n');
    const framed = Buffer.from(formatLine(logged, { ...PLAIN, raw: false }) ?? '');
    assert.deepEqual([...framed.subarray(0, 8)], [2, 0, 0, 0, 0, 0, 0, 3]);
  });

  it('puts the time before the text with all nine digits', () => {
    assert.equal(text(logged, { timestamps: true }), '2026-01-02T03:04:05.600000000Z hi\n');
    const timeNs = BigInt(Date.parse('2026-01-02T03:04:05Z')) * 1_000_000n + 6n;
    assert.equal(text({ ...logged, time: timeNs }, { timestamps: true }), '2026-01-02T03:04:05.000000006Z hi\n');
  });

  it('leaves out the other stream, what is before since, and ends after until', () => {
    const timeNs = BigInt(Date.parse('2026-01-02T03:04:05Z')) * 1_000_000n;
    assert.equal(formatLine(logged, { ...PLAIN, stderr: false }), null);
    assert.equal(formatLine(logged, { ...PLAIN, since: timeNs + 700_000_000n }), null);
    assert.equal(formatLine(logged, { ...PLAIN, until: timeNs }), 'end');
    assert.notEqual(formatLine(logged, { ...PLAIN, since: timeNs }), null);
    assert.equal(formatLine({ ...logged, time: timeNs }, { ...PLAIN, since: timeNs + 1n }), null);
  });

  it('puts attributes before the text as dockerd does, and a blank at least', () => {
    assert.equal(text(logged, { details: true }), ' hi\n');
    const attrs = { tag: 'a/b', FOO: 'b,r', 'com.x': "two (w)'ds" };
    const expected = '2026-01-02T03:04:05.600000000Z FOO=b%2Cr,com.x=two+%28w%29%27ds,tag=a%2Fb hi\n';
    assert.equal(text({ ...logged, attrs }, { details: true, timestamps: true }), expected);
  });

  it('makes one piece of many lines, up to the first that is too late', () => {
    const until = BigInt(Date.parse('2026-01-02T03:04:06Z')) * 1_000_000n;
    const late: LogLine = { ...logged, time: '2026-01-02T03:04:07Z' };
    const { bytes, ended } = formatLines([logged, logged, late, logged], { ...PLAIN, until });
    assert.deepEqual([Buffer.from(bytes).toString(), ended], ['hi\nhi\n', true]);
    assert.equal(formatLines([logged], PLAIN).ended, false);
  });
});
