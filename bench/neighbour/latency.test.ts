import assert from 'node:assert/strict';
import { it } from 'node:test';
import { formatCases, parseLatencies, percentile } from './latency.ts';

it('reads the times of a worker, and sorts them as numbers', () => {
  assert.deepEqual(parseLatencies('ready\n900\n1000\n20\n', 3), [20, 900, 1000]);
});

it('takes no output that is cut short, or that says something else', () => {
  assert.throws(() => parseLatencies('ready\n900\n', 2), /made 1 requests instead of 2/);
  assert.throws(() => parseLatencies('', 0), /something else/);
  assert.throws(() => parseLatencies('ready\n900\nwrite: No space left on device\n', 2), /something else/);
});

it('gives percentiles that are values which occurred', () => {
  const hundred = Array.from({ length: 100 }, (_, index) => index + 1);
  assert.deepEqual(
    [50, 99, 100].map((percent) => percentile(hundred, percent)),
    [50, 99, 100],
  );
  assert.equal(percentile([7], 99), 7);
  assert.equal(percentile([1, 2, 3], 99), 3);
  assert.equal(percentile([1, 2, 3], 0), 1);
  assert.ok(Number.isNaN(percentile([], 99)));
});

it('shows each case as a multiple of the first', () => {
  const text = formatCases('reads', [
    { name: 'alone', latencies: [1000, 2000] },
    { name: 'beside noise', latencies: [3000, 9000] },
  ]);
  assert.match(text, /^reads \(2 requests each\)\n/);
  assert.match(text, /alone +1\.00 +2\.00 +2\.00 +1\.0\n/);
  assert.match(text, /beside noise +3\.00 +9\.00 +9\.00 +4\.5\n/);
});
