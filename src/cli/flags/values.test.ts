import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FlagValueError } from './flag.ts';
import {
  parseBool,
  parseBytes,
  parseDurationMs,
  parseInteger,
  parseNanoCpus,
  parseSwapBytes,
  parseUlimit,
} from './values.ts';

const refuses = (parse: (text: string) => unknown, text: string, message: string): void => {
  assert.throws(
    () => parse(text),
    (error: unknown) => {
      assert.ok(error instanceof FlagValueError, text);
      assert.equal(error.message, message);
      return true;
    },
  );
};

describe('booleans', () => {
  it('are spelt as Go spells them', () => {
    for (const text of ['1', 't', 'T', 'true', 'TRUE', 'True']) assert.equal(parseBool(text), true);
    for (const text of ['0', 'f', 'F', 'false', 'FALSE', 'False']) assert.equal(parseBool(text), false);
    refuses(parseBool, 'yes', 'strconv.ParseBool: parsing "yes": invalid syntax');
  });
});

describe('integers', () => {
  it('may be decimal, hexadecimal, octal or binary, with a sign', () => {
    const cases: [string, number][] = [
      ['0', 0],
      ['-1', -1],
      ['+7', 7],
      ['0x10', 16],
      ['010', 8],
      ['0o17', 15],
      ['0b11', 3],
      ['1_000', 1000],
    ];
    for (const [text, value] of cases) assert.equal(parseInteger(text), value, text);
  });

  it('are refused when they are none or too large', () => {
    for (const text of ['', '1.5', '1e3', '08', '--1', '0x']) {
      refuses(parseInteger, text, `strconv.ParseInt: parsing "${text}": invalid syntax`);
    }
    refuses(
      parseInteger,
      '99999999999999999999',
      'strconv.ParseInt: parsing "99999999999999999999": value out of range',
    );
  });
});

describe('sizes', () => {
  it('are in powers of 1024', () => {
    const cases: [string, number][] = [
      ['0', 0],
      ['512', 512],
      ['1b', 1],
      ['4k', 4096],
      ['512m', 536870912],
      ['512MB', 536870912],
      ['64KiB', 65536],
      ['1.5g', 1610612736],
      ['.5k', 512],
      ['2 t', 2199023255552],
    ];
    for (const [text, value] of cases) assert.equal(parseBytes(text), value, text);
  });

  it('are refused in the words of Docker', () => {
    refuses(parseBytes, '', "invalid size: ''");
    refuses(parseBytes, '-1', "invalid size: '-1'");
    refuses(parseBytes, 'm', "invalid size: 'm'");
    refuses(parseBytes, '5x', "invalid suffix: 'x'");
    refuses(parseBytes, '5mm', "invalid suffix: 'mm'");
  });

  it('may be -1 for swap: without a limit', () => {
    assert.equal(parseSwapBytes('-1'), -1);
    assert.equal(parseSwapBytes('1k'), 1024);
    refuses(parseSwapBytes, '-2', "invalid size: '-2'");
  });
});

describe('processors', () => {
  it('are decimals or fractions, to a billionth', () => {
    const cases: [string, number][] = [
      ['1', 1e9],
      ['0.5', 5e8],
      ['.1', 1e8],
      ['1.5', 15e8],
      ['3/2', 15e8],
      ['0.000000001', 1],
      ['0', 0],
      ['-1', -1e9],
    ];
    for (const [text, value] of cases) assert.equal(parseNanoCpus(text), value, text);
  });

  it('are refused when they are no number or finer than that', () => {
    refuses(parseNanoCpus, 'abc', 'failed to parse abc as a rational number');
    refuses(parseNanoCpus, '', 'failed to parse  as a rational number');
    refuses(parseNanoCpus, '1/0', 'failed to parse 1/0 as a rational number');
    refuses(parseNanoCpus, '0.0000000001', 'value is too precise');
    refuses(parseNanoCpus, '1/3', 'value is too precise');
  });
});

describe('durations', () => {
  it('add up their parts', () => {
    const cases: [string, number | undefined][] = [
      ['42m', 2_520_000],
      ['1h30m', 5_400_000],
      ['1.5s', 1500],
      ['300ms', 300],
      ['-2m', -120_000],
      ['0', 0],
      ['5', undefined],
      ['m', undefined],
      ['1d', undefined],
      ['', undefined],
    ];
    for (const [text, value] of cases) assert.equal(parseDurationMs(text), value, text);
  });
});

describe('ulimits', () => {
  it('have a soft and a hard limit, or one for both', () => {
    assert.deepEqual(parseUlimit('nofile=1024:2048'), { Name: 'nofile', Soft: 1024, Hard: 2048 });
    assert.deepEqual(parseUlimit('nproc=5'), { Name: 'nproc', Soft: 5, Hard: 5 });
    assert.deepEqual(parseUlimit('memlock=-1:-1'), { Name: 'memlock', Soft: -1, Hard: -1 });
    assert.deepEqual(parseUlimit('core=5:-1'), { Name: 'core', Soft: 5, Hard: -1 });
  });

  it('are refused in the words of Docker', () => {
    refuses(parseUlimit, 'foo', 'invalid ulimit argument: foo');
    refuses(parseUlimit, 'foo=3', 'invalid ulimit type: foo');
    refuses(parseUlimit, 'nofile=3:2', 'ulimit soft limit must be less than or equal to hard limit: 3 > 2');
    refuses(parseUlimit, 'nofile=-1:2', 'ulimit soft limit must be less than or equal to hard limit: -1 > 2');
  });
});
