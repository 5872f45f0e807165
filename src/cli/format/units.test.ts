import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ago, binarySize, ellipsis, humanDuration, humanSize, shortId } from './units.ts';

describe('sizes', () => {
  it('have three significant digits and powers of 1000', () => {
    const cases: [number, string][] = [
      [0, '0B'],
      [999, '999B'],
      [1000, '1kB'],
      [1024, '1.02kB'],
      [12_345_678, '12.3MB'],
      [4_200_000, '4.2MB'],
      [123_456_789, '123MB'],
      [1.5e12, '1.5TB'],
    ];
    for (const [bytes, text] of cases) assert.equal(humanSize(bytes), text);
  });

  it('have powers of 1024 where memory is meant', () => {
    assert.equal(binarySize(8_345_600_000), '7.772GiB');
    assert.equal(binarySize(512), '512B');
  });
});

describe('durations', () => {
  it('are rounded as Docker rounds them', () => {
    const second = 1000;
    const hour = 3600 * second;
    const day = 24 * hour;
    const cases: [number, string][] = [
      [-5, 'Less than a second'],
      [999, 'Less than a second'],
      [second, '1 second'],
      [59 * second, '59 seconds'],
      [60 * second, 'About a minute'],
      [119 * second, 'About a minute'],
      [120 * second, '2 minutes'],
      [59 * 60 * second, '59 minutes'],
      [60 * 60 * second, 'About an hour'],
      [1.5 * hour, '2 hours'],
      [47 * hour, '47 hours'],
      [48 * hour, '2 days'],
      [13 * day, '13 days'],
      [14 * day, '2 weeks'],
      [60 * day, '2 months'],
      [729 * day, '24 months'],
      [730 * day, '2 years'],
    ];
    for (const [ms, text] of cases) assert.equal(humanDuration(ms), text, String(ms));
  });

  it('count from a moment to now', () => {
    assert.equal(ago(100, 220_000), '2 minutes ago');
  });
});

describe('cutting', () => {
  it('ends with an ellipsis that counts', () => {
    assert.equal(ellipsis('sleep 100', 20), 'sleep 100');
    assert.equal(ellipsis('sleep infinity and more', 10), 'sleep inf…');
  });

  it('takes the algorithm off an id', () => {
    assert.equal(shortId(`sha256:${'0123456789abcdef'.repeat(4)}`), '0123456789ab');
  });
});
