import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { masqueradeBatch, removeTableBatch } from './masquerade.ts';

/** [type, flags, family] of each message, after checking that their lengths cover the batch exactly. */
function messages(batch: Uint8Array): [number, number, number][] {
  const view = Buffer.from(batch);
  const found: [number, number, number][] = [];
  let at = 0;
  while (at < view.length) {
    const length = view.readUInt32LE(at);
    found.push([view.readUInt16LE(at + 4), view.readUInt16LE(at + 6), view.readUInt8(at + 16)]);
    at += length;
  }
  assert.equal(at, view.length);
  return found;
}

const options = { table: 'isle-t', bridge: 'isle1', network: Buffer.from([10, 9, 8, 0]), prefixLength: 24 };

describe('masqueradeBatch', () => {
  it('is one transaction that makes the table anew: new, delete, new, chain, rule', () => {
    const types = messages(masqueradeBatch(options)).map(([type]) => type);
    assert.deepEqual(types, [0x10, 0xa00, 0xa02, 0xa00, 0xa03, 0xa06, 0x11]);
  });

  it('asks for an acknowledgement of every change, and of nothing else', () => {
    const acks = messages(masqueradeBatch(options)).map(([, flags]) => (flags & 4) !== 0);
    assert.deepEqual(acks, [false, true, true, true, true, true, false]);
  });

  it('compares the whole bridge name with its NULs, so that isle1 is not isle10', () => {
    const text = Buffer.from(masqueradeBatch(options)).toString('latin1');
    assert.ok(text.includes(`isle1${'\0'.repeat(11)}`));
  });

  it('masks the source address with the prefix', () => {
    const bytes = Buffer.from(masqueradeBatch({ ...options, prefixLength: 20 }));
    assert.ok(bytes.includes(Buffer.from([255, 255, 240, 0])));
  });
});

describe('removeTableBatch', () => {
  it('deletes one table by name', () => {
    assert.deepEqual(
      messages(removeTableBatch('isle-t')).map(([type]) => type),
      [0x10, 0xa02, 0x11],
    );
  });
});
