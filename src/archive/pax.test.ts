import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { paxRecord } from '../../test/fixtures/tar-bytes.ts';
import { parsePax, paxInteger, paxName, paxTime } from './pax.ts';

const BAD = { code: 'EBADARCHIVE' };

describe('parsePax', () => {
  it('keeps values as bytes, also with newlines, NULs, equals signs and invalid UTF-8', () => {
    const value = Buffer.from([0, 1, 0x0a, 0x3d, 0xff, 0xfe, 0x80, 0x0a]);
    const records = parsePax(
      Buffer.concat([paxRecord('SCHILY.xattr.security.capability', value), paxRecord('path', 'ä')]),
    );
    assert.deepEqual(records.get('SCHILY.xattr.security.capability'), value);
    assert.equal(records.get('path')?.toString(), 'ä');
  });

  it('counts its own digits in the length at every boundary', () => {
    for (const length of [1, 90, 91, 92, 93, 94, 985, 986, 990, 991, 9980, 9985]) {
      assert.equal(parsePax(paxRecord('comment', 'x'.repeat(length))).get('comment')?.length, length);
    }
  });

  it('refuses lengths that do not fit their record', () => {
    for (const text of [
      '13 path=abc\n',
      '11 path=abc\n',
      '99 path=abc\n',
      ' path=abc\n',
      'x path=a\n',
      '5 a=\n\n',
      '4 a\n',
      '3 \n',
    ]) {
      assert.throws(() => parsePax(Buffer.from(text)), BAD, text);
    }
    assert.throws(() => parsePax(Buffer.from('11 path=abc ')), BAD, 'no newline');
    assert.throws(() => parsePax(Buffer.from('6 =ab\n')), BAD, 'no key');
    assert.throws(() => parsePax(Buffer.from('000000000011 path=abc\n')), BAD, 'a length of many digits');
  });
});

describe('the PAX values that headers take', () => {
  const records = (key: string, value: string) => new Map([[key, Buffer.from(value)]]);

  it('are names without NUL', () => {
    assert.equal(paxName(records('path', 'a/b'), 'path')?.toString(), 'a/b');
    assert.equal(paxName(records('path', ''), 'path'), undefined);
    assert.throws(() => paxName(records('path', 'a\0b'), 'path'), BAD);
  });

  it('are whole numbers that a double holds', () => {
    assert.equal(paxInteger(records('size', '8589934592'), 'size'), 8_589_934_592);
    for (const bad of ['-1', '1.5', '0x10', '9007199254740993', '1e3', '99999999999999999999']) {
      assert.throws(() => paxInteger(records('size', bad), 'size'), BAD, bad);
    }
  });

  it('are times with up to nine decimals, before 1970 too', () => {
    const time = (value: string) => paxTime(records('mtime', value), 'mtime');
    assert.deepEqual(time('1350244992.023960108'), { s: 1_350_244_992, ns: 23_960_108 });
    assert.deepEqual(time('5'), { s: 5, ns: 0 });
    assert.deepEqual(time('5.'), { s: 5, ns: 0 });
    assert.deepEqual(time('1.1234567899'), { s: 1, ns: 123_456_789 });
    assert.deepEqual(time('-1'), { s: -1, ns: 0 });
    assert.deepEqual(time('-1.25'), { s: -2, ns: 750_000_000 });
    assert.throws(() => time('now'), BAD);
  });
});
