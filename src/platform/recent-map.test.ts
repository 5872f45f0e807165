import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RecentMap } from './recent-map.ts';

describe('a map of recent entries', () => {
  it('forgets what was not used for longest', () => {
    const map = new RecentMap<string, number>(3);
    for (const [index, key] of ['a', 'b', 'c'].entries()) map.set(key, index);
    assert.equal(map.get('a'), 0);
    map.set('d', 3);
    assert.deepEqual(
      ['a', 'b', 'c', 'd'].map((key) => map.get(key)),
      [0, undefined, 2, 3],
    );
    assert.equal(map.size, 3);
  });

  it('keeps one entry a key', () => {
    const map = new RecentMap<string, number>(2);
    for (let round = 0; round < 10; round++) map.set('a', round);
    map.set('b', 0);
    assert.deepEqual([map.get('a'), map.size], [9, 2]);
  });
});
