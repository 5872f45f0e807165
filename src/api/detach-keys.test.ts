import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EngineError } from '../errors.ts';
import { DEFAULT_DETACH_KEYS, DetachScanner, parseDetachKeys } from './detach-keys.ts';

const P = '\x10';
const Q = '\x11';

/** Feeds the pieces; what went through, and `|` where it detached or `.` where the input ended. */
function scan(pieces: string[], keys: Uint8Array = DEFAULT_DETACH_KEYS): string {
  const scanner = new DetachScanner(keys);
  let through = '';
  for (const piece of pieces) {
    const { bytes, detached } = scanner.push(Buffer.from(piece, 'latin1'));
    through += Buffer.from(bytes).toString('latin1');
    if (detached) return `${through}|`;
  }
  return `${through}${Buffer.from(scanner.flush()).toString('latin1')}.`;
}

describe('parseDetachKeys', () => {
  it('reads characters, control keys and DEL', () => {
    assert.deepEqual([...parseDetachKeys('ctrl-a,b,DEL,ctrl-@,ctrl-z')], [1, 0x62, 127, 0, 26]);
    assert.deepEqual([...parseDetachKeys('ctrl-[,ctrl-\\,ctrl-],ctrl-^,ctrl-_')], [27, 28, 29, 30, 31]);
  });

  it('takes ctrl-p,ctrl-q when nothing is asked for', () => {
    assert.deepEqual([...parseDetachKeys(undefined)], [16, 17]);
    assert.deepEqual([...parseDetachKeys('')], [16, 17]);
  });

  it('refuses what is no key, naming it', () => {
    for (const text of ['ctrl-ä', 'ctrl-1', 'shift-a', 'ab', 'a,,b', 'é', 'ctrl-aa']) {
      assert.throws(
        () => parseDetachKeys(text),
        (error) => error instanceof EngineError && error.kind === 'InvalidParameter' && error.message.includes(text),
      );
    }
  });
});

describe('DetachScanner', () => {
  it('lets ordinary input through unchanged', () => {
    assert.equal(scan(['ls -l\r', 'exit\r']), 'ls -l\rexit\r.');
  });

  it('detaches at the sequence, in one piece or two, and drops what follows', () => {
    assert.equal(scan([`ab${P}${Q}cd`]), 'ab|');
    assert.equal(scan([`ab${P}`, `${Q}cd`]), 'ab|');
    assert.equal(scan(['a', P, Q]), 'a|');
  });

  it('holds a beginning back only until the next byte tells', () => {
    assert.equal(scan([P, 'x']), `${P}x.`);
    assert.equal(scan([`a${P}`]), `a${P}.`);
    assert.equal(scan([P, `${Q.charCodeAt(0)}`]), `${P}17.`);
  });

  it('finds the sequence behind a repeated first key', () => {
    assert.equal(scan([`${P}${P}${Q}`]), `${P}|`);
    assert.equal(scan([P, P, Q]), `${P}|`);
    assert.equal(scan(['a', 'a', 'b', 'a', 'a', 'a', 'b'], parseDetachKeys('a,a,a,b')), 'aab|');
  });

  it('works with a sequence of one key', () => {
    assert.equal(scan(['abxcd'], parseDetachKeys('x')), 'ab|');
  });

  it('agrees with a plain search, however the input is cut', () => {
    const keys = parseDetachKeys('a,b,a,a');
    for (let number = 0; number < 4096; number++) {
      const text = number.toString(2).padStart(12, '0').replaceAll('0', 'a').replaceAll('1', 'b');
      const at = text.indexOf('abaa');
      const expected = at < 0 ? `${text}.` : `${text.slice(0, at)}|`;
      const cut = number % 12;
      assert.equal(scan([text.slice(0, cut), text.slice(cut, cut + 3), text.slice(cut + 3)], keys), expected);
    }
  });
});
