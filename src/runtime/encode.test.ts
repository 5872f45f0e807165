import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { encodePlan, fnv1a, TABLE_HASH } from './encode.ts';
import { op } from './plan/op.ts';
import { OPCODES, OPS, type PlanOp } from './plan/table.ts';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const u32 = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return hex(bytes);
};
const opcode = (name: keyof typeof OPS) => u32(OPCODES.get(name) ?? 0).slice(0, 4);

/** One operation's bytes behind the envelope. */
function encoded(operation: PlanOp): string {
  return hex(encodePlan({ ops: [operation] })).slice(32);
}

describe('encodePlan', () => {
  it('begins with magic, format version, table hash and count', () => {
    assert.equal(hex(encodePlan({ ops: [] })), `49534c5001000000${u32(TABLE_HASH)}00000000`);
    assert.equal(hex(encodePlan({ ops: [op('child', 'x', 'pivot', {})] })).slice(24, 32), '01000000');
  });

  it('writes opcode, section and payload length before the fields in table order', () => {
    assert.equal(
      encoded(op('setup', 'cgroups', 'mkdir', { path: '/a', mode: 0o755 })),
      `${opcode('mkdir')}0000${u32(11)}${u32(2)}2f6100${u32(0o755)}`,
    );
    assert.equal(
      encoded(op('cleanup', 'cgroups', 'rmdir', { path: '' })),
      `${opcode('rmdir')}0300${u32(5)}${u32(0)}00`,
    );
    assert.equal(encoded(op('child', 'rootfs', 'pivot', {})), `${opcode('pivot')}0200${u32(0)}`);
  });

  it('writes each field type as the table says', () => {
    assert.equal(
      encoded(op('child', 'x', 'oomScoreAdj', { value: -500 })),
      `${opcode('oomScoreAdj')}0200${u32(4)}0cfeffff`,
    );
    assert.equal(
      encoded(op('child', 'x', 'unshare', { flags: 0x8000_0000_0000_0001n })),
      `${opcode('unshare')}0200${u32(8)}0100000000000080`,
    );
    assert.equal(
      encoded(op('child', 'x', 'setGroups', { groups: [1, 0xffff_ffff] })),
      `${opcode('setGroups')}0200${u32(12)}${u32(2)}01000000ffffffff`,
    );
    assert.equal(
      encoded(op('child', 'x', 'seccomp', { flags: 0n, filter: Uint8Array.of(1, 2, 3) })),
      `${opcode('seccomp')}0200${u32(15)}${'00'.repeat(8)}${u32(3)}010203`,
    );
    assert.equal(
      encoded(op('child', 'x', 'exec', { argv: ['é', ''], env: [], searchPath: [] })),
      `${opcode('exec')}0200${u32(24)}${u32(2)}${u32(2)}c3a900${u32(0)}00${u32(0)}${u32(0)}`,
    );
  });

  it('names the operation and the field of a value that does not fit', () => {
    const refuses = (operation: PlanOp, message: RegExp) =>
      assert.throws(() => encodePlan({ ops: [op('child', 'x', 'pivot', {}), operation] }), {
        kind: 'InvalidParameter',
        message,
      });
    refuses(
      op('setup', 'x', 'mkdir', { path: 'a\0b', mode: 0 }),
      /operation 1 \(mkdir\): path must not contain a NUL byte/,
    );
    refuses(op('setup', 'x', 'mkdir', { path: 'a', mode: -1 }), /mode must be an integer from 0 to 4294967295, is -1/);
    refuses(op('setup', 'x', 'mkdir', { path: 'a', mode: 1.5 }), /mode must be an integer/);
    refuses(op('child', 'x', 'unshare', { flags: 1n << 64n }), /flags must be a bigint of 64 bits/);
    refuses(op('child', 'x', 'exec', { argv: ['a', '\0'], env: [], searchPath: [] }), /argv\[1\] must not contain/);
    refuses({ op: 'nosuch', section: 'child', step: '', args: {} } as unknown as PlanOp, /unknown name nosuch/);
    refuses({ op: 'pivot', section: 'nosuch', step: '', args: {} } as unknown as PlanOp, /unknown section nosuch/);
  });

  it('has an end', () => {
    const big = 'x'.repeat(1 << 20);
    const operation = op('child', 'x', 'exec', {
      argv: Array.from({ length: 65 }, () => big),
      env: [],
      searchPath: [],
    });
    assert.throws(() => encodePlan({ ops: [operation] }), { kind: 'InvalidParameter', message: /67108864 bytes/ });
  });

  it('grows with its plan', () => {
    const ops = Array.from({ length: 2000 }, () => op('child', 'x', 'readonlyPath', { path: '/some/path' }));
    const bytes = encodePlan({ ops });
    assert.equal(bytes.length, 16 + 2000 * (8 + 4 + 10 + 1));
  });
});

describe('the table hash', () => {
  it('is FNV-1a', () => {
    assert.equal(fnv1a(''), 0x811c9dc5);
    assert.equal(fnv1a('foobar'), 0xbf9cf968);
  });
});
