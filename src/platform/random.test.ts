import assert from 'node:assert/strict';
import { it } from 'node:test';
import { randomHex } from './random.ts';

it('gives as many bytes as asked for, and none of them twice', () => {
  const seen = new Set<string>();
  for (let index = 0; index < 1000; index++) {
    const name = randomHex(32);
    assert.match(name, /^[0-9a-f]{64}$/);
    seen.add(name);
  }
  assert.equal(seen.size, 1000);
  assert.match(randomHex(9), /^[0-9a-f]{18}$/);
  assert.equal(randomHex(4096).length, 8192);
});
