import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseSignal } from './signals.ts';

describe('parseSignal', () => {
  const cases: [string, number][] = [
    ['KILL', 9],
    ['sigterm', 15],
    ['SIGHUP', 1],
    ['9', 9],
    ['RTMIN', 34],
    ['SIGRTMIN+3', 37],
    ['RTMAX-1', 63],
  ];
  for (const [text, number] of cases) {
    it(`reads ${text} as ${number}`, () => assert.equal(parseSignal(text), number));
  }

  for (const text of ['', 'NOPE', '0', '65', '-9', 'RTMIN+31', 'SIGSIGKILL']) {
    it(`refuses "${text}" by name`, () =>
      assert.throws(() => parseSignal(text), { message: `invalid signal: ${text}` }));
  }
});
