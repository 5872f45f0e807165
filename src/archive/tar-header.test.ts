import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { headerBlock, seal, tarNumber } from '../../test/fixtures/tar-bytes.ts';
import { isZeroBlock, parseHeader, parseNumber, verifyChecksum } from './tar-header.ts';

const BAD = { code: 'EBADARCHIVE' };

describe('parseNumber', () => {
  const parse = (bytes: Buffer) => parseNumber(bytes, 0, bytes.length, 'size');

  it('reads octal with leading spaces, trailing NULs or spaces, or neither', () => {
    for (const text of ['0000644\0', '    644 ', '644\0\0\0\0\0', '00000644', '  644   ']) {
      assert.equal(parse(Buffer.from(text, 'latin1')), 0o644, JSON.stringify(text));
    }
  });

  it('reads an empty field as 0', () => {
    assert.equal(parse(Buffer.alloc(8)), 0);
    assert.equal(parse(Buffer.from('        ')), 0);
  });

  it('reads base-256, positive and negative, and back', () => {
    for (const value of [0, 1, 8 ** 11, 2 ** 40 + 5, Number.MAX_SAFE_INTEGER, -1, -5, -(2 ** 40)]) {
      const field = value < 8 ** 11 && value >= 0 ? tarNumber(BigInt(value) + 0n, 12) : tarNumber(value, 12);
      assert.equal(parse(field), value);
    }
  });

  it('refuses letters, digits 8 and 9, an inner gap, and what a double cannot hold', () => {
    for (const bytes of [
      Buffer.from('00000x44'),
      Buffer.from('00000899'),
      Buffer.from('64 4    '),
      Buffer.from('-0000644'),
      tarNumber(2n ** 60n, 12),
      tarNumber(-(2n ** 60n), 12),
    ]) {
      assert.throws(() => parse(bytes), BAD);
    }
  });
});

describe('parseHeader', () => {
  it('joins the prefix of a ustar header, but not in the GNU format, where other fields lie there', () => {
    const block = headerBlock({ path: 'name' });
    block.write('some/prefix', 345);
    assert.equal(parseHeader(seal(block), 0).path.toString(), 'some/prefix/name');
    const gnu = headerBlock({ path: 'name', format: 'gnu' });
    gnu.write('07346545000', 345);
    assert.equal(parseHeader(seal(gnu), 0).path.toString(), 'name');
  });

  it('reads a name that fills its field', () => {
    assert.equal(parseHeader(headerBlock({ path: 'n'.repeat(100) }), 0).path.length, 100);
  });

  it('accepts the unsigned and the signed checksum and no other', () => {
    const block = headerBlock({ path: 'größe' });
    verifyChecksum(block, 0);
    const highBytes = block.filter((byte) => byte >= 0x80).length;
    const unsigned = parseNumber(block, 148, 8, 'checksum');
    block.write(`${(unsigned - 256 * highBytes).toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
    verifyChecksum(block, 0);
    block.write(`${(unsigned + 1).toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
    assert.throws(() => verifyChecksum(block, 0), BAD);
  });

  it('knows a zero block', () => {
    assert.ok(isZeroBlock(Buffer.alloc(512), 0));
    const block = Buffer.alloc(600);
    block[511] = 1;
    assert.ok(!isZeroBlock(block, 0));
    assert.ok(!isZeroBlock(block, 80));
  });
});
