import assert from 'node:assert/strict';
import { it } from 'node:test';
import { formatResults, inTurns, median } from './measure.ts';

it('runs the candidates in turns, one unmeasured round first', async () => {
  const order: string[] = [];
  const candidate = (name: string) => ({
    name,
    run: async () => void order.push(name),
    reset: async () => void order.push('-'),
  });
  const results = await inTurns([candidate('a'), candidate('b')], 2);
  assert.equal(order.join(''), 'a-b-a-b-a-b-');
  assert.deepEqual(
    results.map(({ timesMs }) => timesMs.length),
    [2, 2],
  );
});

it('takes the time that a candidate gives of itself', async () => {
  const [result] = await inTurns([{ name: 'own clock', run: async () => 7 }], 3, { unmeasured: 0, pauseMs: 1 });
  assert.deepEqual(result?.timesMs, [7, 7, 7]);
});

it('gives the median of even and odd counts', () => {
  assert.equal(median([1, 2, 30]), 2);
  assert.equal(median([1, 2, 4, 30]), 3);
});

it('shows every candidate as a multiple of the first', () => {
  const text = formatResults('start', [
    { name: 'isle', timesMs: [10] },
    { name: 'other', timesMs: [25] },
  ]);
  assert.match(text, /isle .* 1\.00\n/);
  assert.match(text, /other .* 2\.50\n/);
});
