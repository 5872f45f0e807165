import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EngineError } from '../../errors.ts';
import { parseBytes } from './update.ts';

describe('an amount of memory', () => {
  it('is bytes, or has a unit of 1024', () => {
    const given = ['-1', '0', '4096', '512m', '1.5G', '2GiB', '3kb', '7b'];
    assert.deepEqual(
      given.map((text) => parseBytes(text, 'memory')),
      [-1, 0, 4096, 512 * 1024 ** 2, 1.5 * 1024 ** 3, 2 * 1024 ** 3, 3072, 7],
    );
  });

  it('is refused when it is none', () => {
    for (const text of ['', 'm', '5x', '-2', '1e3', '1.', '5 5', '9'.repeat(30)]) {
      assert.throws(() => parseBytes(text, 'memory'), EngineError, text);
    }
  });
});
