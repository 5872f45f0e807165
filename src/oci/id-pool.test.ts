import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { freeCount, freeRange, poolLine, poolRanges } from './id-pool.ts';

const file = (text: string) => ({ path: '/etc/subuid', text });

describe('the pool of user ids', () => {
  it('is what the file gives to its name, less what it gives to others', () => {
    assert.deepEqual(poolRanges(file('isle:1000:100\nalice:1020:10\nbob:1090:50\nisle:5000:10\n'), 'isle'), [
      { first: 1000, count: 20 },
      { first: 1030, count: 60 },
      { first: 5000, count: 10 },
    ]);
    assert.deepEqual(poolRanges(file('alice:0:9\nisle:2:3\n'), 'isle'), []);
    assert.deepEqual(poolRanges(file('alice:0:9\n'), 'isle'), []);
    assert.throws(() => poolRanges(file('isle:1\n'), 'isle'), { kind: 'InvalidParameter' });
  });

  it('is made beyond the ids that others hand out, and below where those are taken', () => {
    assert.equal(poolLine(file(''), 'isle'), 'isle:2147483648:268435456\n');
    assert.equal(poolLine(file('a:100000:65536\nb:2147483648:10\n'), 'isle'), 'isle:2147483658:268435456\n');
    // The range that podman's documentation proposes.
    assert.equal(
      poolLine(file('a:100000:65536\ncontainers:2147483647:2147483648\n'), 'isle'),
      'isle:165536:268435456\n',
    );
    assert.equal(poolLine(file('a:1:4294967294\n'), 'isle'), undefined);
  });

  it('gives the first place behind the last one given, and begins anew at its end', () => {
    const pool = [{ first: 100, count: 30 }];
    const taken = (...firsts: number[]) => firsts.map((first) => ({ first, count: 10 }));
    assert.equal(freeRange(pool, [], 10, 0), 100);
    assert.equal(freeRange(pool, taken(100), 10, 110), 110);
    assert.equal(freeRange(pool, taken(110), 10, 110), 120, 'what was freed last is not given first');
    assert.equal(freeRange(pool, taken(110, 120), 10, 130), 100);
    assert.equal(freeRange(pool, taken(100, 110, 120), 10, 110), undefined);
    assert.equal(freeRange(pool, taken(105), 10, 0), 115);
    assert.equal(freeRange(pool, taken(105, 115), 10, 0), undefined, 'only in a row');
    assert.equal(freeCount(pool, taken(105, 115)), 10);
  });

  it('never gives what is taken, in whatever order containers come and go', () => {
    const pool = [
      { first: 1000, count: 500 },
      { first: 3000, count: 700 },
    ];
    let seed = 7;
    const random = (below: number) => (seed = (seed * 48_271) % 2_147_483_647) % below;
    let held: { first: number; count: number }[] = [];
    let next = 0;
    for (let round = 0; round < 3000; round++) {
      if (held.length > 0 && random(3) === 0) held.splice(random(held.length), 1);
      const count = 1 + random(90);
      const first = freeRange(pool, held, count, next);
      if (first === undefined) {
        held = held.slice(5);
        continue;
      }
      assert.ok(
        pool.some((range) => first >= range.first && first + count <= range.first + range.count),
        `${first}`,
      );
      assert.ok(held.every((other) => first + count <= other.first || other.first + other.count <= first));
      held.push({ first, count });
      next = first + count;
    }
  });
});
