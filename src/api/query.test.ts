import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EngineError } from '../errors.ts';
import { parseFilters, Query } from './query.ts';

function refuses(body: () => unknown, words: RegExp): void {
  assert.throws(body, (error) => {
    assert.ok(error instanceof EngineError);
    assert.equal(error.kind, 'InvalidParameter');
    assert.match(error.message, words);
    return true;
  });
}

describe('Query', () => {
  it('reads flags as Docker does', () => {
    const query = new Query('a=1&b=true&c=yes&d=0&e=no&f=FALSE&g=none&h=&i=%20no%20&j=anything');
    assert.deepEqual(
      ['a', 'b', 'c', 'j'].map((key) => query.flag(key)),
      [true, true, true, true],
    );
    assert.deepEqual(
      ['d', 'e', 'f', 'g', 'h', 'i'].map((key) => query.flag(key)),
      [false, false, false, false, false, false],
    );
    assert.equal(query.flag('absent'), false);
    assert.equal(query.flag('absent', true), true);
    assert.equal(query.flag('h', true), false);
  });

  it('reads integers and names the parameter that is none', () => {
    assert.equal(new Query('t=-1').integer('t'), -1);
    assert.equal(new Query('t=').integer('t'), undefined);
    for (const value of ['x', '1.5', '1e3', '0x10', '99999999999999999999']) {
      refuses(() => new Query(`t=${value}`).integer('t'), /`t`/);
    }
  });

  it('reads seconds with a fraction as exact nanoseconds', () => {
    const query = new Query('a=1700000000&b=1700000000.000000001&c=1700000000.5&d=0&e=2024-01-01');
    assert.equal(query.nanoseconds('a'), 1_700_000_000_000_000_000n);
    assert.equal(query.nanoseconds('b'), 1_700_000_000_000_000_001n);
    assert.equal(query.nanoseconds('c'), 1_700_000_000_500_000_000n);
    assert.equal(query.nanoseconds('d'), 0n);
    assert.equal(query.nanoseconds('absent'), 0n);
    refuses(() => query.nanoseconds('e'), /`e`.*seconds since the epoch/);
  });

  it('reads terminal sizes within 32 bits', () => {
    assert.equal(new Query('h=24').uint32('h', 'resize height'), 24);
    for (const value of ['', '-1', '4294967296', 'x']) {
      refuses(() => new Query(`h=${value}`).uint32('h', 'resize height'), /resize height/);
    }
  });

  it('refuses a filter that the list does not know', () => {
    const query = new Query(`filters=${encodeURIComponent('{"lable":["x"]}')}`);
    refuses(() => query.filters(['label']), /invalid filter 'lable'/);
    assert.deepEqual([...query.filters().keys()], ['lable']);
  });
});

describe('parseFilters', () => {
  it('reads both forms that clients send', () => {
    const expected = new Map([['label', ['a=b', 'c']]]);
    assert.deepEqual(parseFilters('{"label":["a=b","c"]}'), expected);
    assert.deepEqual(parseFilters('{"label":{"a=b":true,"c":true}}'), expected);
  });

  it('takes nothing as no filters', () => {
    for (const text of ['', '{}', 'null']) assert.equal(parseFilters(text).size, 0);
    assert.deepEqual(parseFilters('{"name":null}').get('name'), []);
  });

  it('refuses everything else', () => {
    for (const text of ['x', '[]', '1', '{"name":"x"}', '{"name":[1]}', '{"name":{"x":1}}']) {
      refuses(() => parseFilters(text), /invalid filter/);
    }
  });
});
