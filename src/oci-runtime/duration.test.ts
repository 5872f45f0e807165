import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EngineError } from '../errors.ts';
import { parseDuration } from './duration.ts';

describe('a duration', () => {
  it("is read in Go's form, and a bare number as seconds", () => {
    const given = ['5s', '500ms', '1m30s', '1h0.5s', '250us', '3', '0.5'];
    assert.deepEqual(
      given.map((text) => parseDuration(text, 'interval')),
      [5000, 500, 90_000, 3_600_500, 0.25, 3000, 500],
    );
  });

  it('is refused when it is none, or not above 0', () => {
    for (const text of ['', '0', '0s', '-1s', 's', '5x', '5s5', 'x5s', '5 s', '1m 3s', '9'.repeat(400)]) {
      assert.throws(() => parseDuration(text, 'interval'), EngineError, text);
    }
  });
});
