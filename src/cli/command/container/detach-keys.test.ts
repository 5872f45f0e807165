import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DEFAULT_DETACH_KEYS, DetachScanner, parseDetachKeys } from './detach-keys.ts';

describe('detach keys', () => {
  it('are letters, DEL and control keys', () => {
    assert.deepEqual([...parseDetachKeys('ctrl-p,ctrl-q')], [...DEFAULT_DETACH_KEYS]);
    assert.deepEqual(
      [...parseDetachKeys('ctrl-A,a,DEL,ctrl-@,ctrl-[,ctrl-\\,ctrl-],ctrl-^,ctrl-_')],
      [1, 97, 127, 0, 27, 28, 29, 30, 31],
    );
  });

  it('are refused when no key is meant', () => {
    for (const text of ['foo', 'ctrl-', 'ctrl-1', 'ctrl-aa', '', 'a,', 'é€']) {
      assert.throws(() => parseDetachKeys(text), /invalid detach keys/, text);
    }
  });
});

describe('finding them in what is typed', () => {
  const type = (scanner: DetachScanner, ...chunks: string[]): { passed: string; detached: boolean } => {
    let passed = '';
    for (const chunk of chunks) {
      const { pass, detached } = scanner.push(Buffer.from(chunk));
      passed += Buffer.from(pass).toString();
      if (detached) return { passed, detached };
    }
    return { passed, detached: false };
  };

  it('works in one chunk and key by key, and passes on what came before', () => {
    assert.deepEqual(type(new DetachScanner(DEFAULT_DETACH_KEYS), 'ls\x10\x11rest'), { passed: 'ls', detached: true });
    assert.deepEqual(type(new DetachScanner(DEFAULT_DETACH_KEYS), 'l', '\x10', '\x11'), {
      passed: 'l',
      detached: true,
    });
  });

  it('holds a possible beginning back until it is none', () => {
    const scanner = new DetachScanner(DEFAULT_DETACH_KEYS);
    assert.deepEqual(type(scanner, '\x10'), { passed: '', detached: false });
    assert.deepEqual(type(scanner, 'x'), { passed: '\x10x', detached: false });
    assert.deepEqual(type(scanner, '\x10\x10\x11'), { passed: '\x10', detached: true });
  });

  it('works with a single key', () => {
    assert.deepEqual(type(new DetachScanner(parseDetachKeys('ctrl-]')), 'a\x1db'), { passed: 'a', detached: true });
  });
});
