import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { humanDuration } from './list.ts';

describe('humanDuration', () => {
  const cases: [number, string][] = [
    [0.4, 'Less than a second'],
    [1, '1 second'],
    [59, '59 seconds'],
    [60, 'About a minute'],
    [150, '2 minutes'],
    [3600, 'About an hour'],
    [3 * 3600, '3 hours'],
    [72 * 3600, '3 days'],
    [15 * 24 * 3600, '2 weeks'],
    [70 * 24 * 3600, '2 months'],
    [3 * 365 * 24 * 3600, '3 years'],
  ];
  for (const [seconds, text] of cases) {
    it(`says "${text}" for ${seconds} s`, () => assert.equal(humanDuration(seconds), text));
  }
});
