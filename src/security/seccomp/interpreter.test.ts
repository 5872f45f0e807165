import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { encodeInstructions, type Instruction } from './bpf.ts';
import { loadFilter, runFilter } from './interpreter.ts';

const op = (code: number, k = 0, jt = 0, jf = 0): Instruction => ({ code, jt, jf, k });
const program = (...instructions: Instruction[]): Uint8Array => encodeInstructions(instructions);
const RET_K = (k: number) => op(0x06, k);
const RET_A = op(0x16);

describe('the seccomp interpreter', () => {
  const valueOf = (...instructions: Instruction[]): number =>
    runFilter(program(...instructions), {
      nr: 7,
      arch: 0xc000003e,
      ip: 0x1122334455667788n,
      args: [0xaabbccdd00112233n, 2n],
    }).value;

  it('reads struct seccomp_data word by word', () => {
    const words = [7, 0xc000003e, 0x55667788, 0x11223344, 0x00112233, 0xaabbccdd, 2, 0];
    for (const [index, word] of words.entries()) assert.equal(valueOf(op(0x20, index * 4), RET_A), word);
    assert.equal(valueOf(op(0x80), RET_A), 64, 'BPF_LEN is the size of struct seccomp_data');
  });

  it('calculates in 32 bits', () => {
    const calculate = (code: number, a: number, k: number) => valueOf(op(0x00, a), op(code, k), RET_A);
    assert.equal(calculate(0x04, 0xffffffff, 2), 1);
    assert.equal(calculate(0x14, 1, 2), 0xffffffff);
    assert.equal(calculate(0x24, 0x10001, 0x10001), 0x20001);
    assert.equal(calculate(0x34, 0xffffffff, 2), 0x7fffffff);
    assert.equal(calculate(0x44, 0xf0, 0x0f), 0xff);
    assert.equal(calculate(0x54, 0xffffffff, 0x80000000), 0x80000000);
    assert.equal(calculate(0xa4, 0xff, 0x0f), 0xf0);
    assert.equal(calculate(0x64, 3, 31), 0x80000000);
    assert.equal(calculate(0x74, 0x80000000, 31), 1);
    assert.equal(calculate(0x84, 1, 0), 0xffffffff);
  });

  it('moves words through X and memory', () => {
    assert.equal(
      valueOf(op(0x00, 5), op(0x02, 3), op(0x61, 3), op(0x00, 1), op(0x0c), RET_A),
      6,
      'A = 1 + X, X from memory',
    );
    assert.equal(valueOf(op(0x00, 9), op(0x07), op(0x00, 0), op(0x87), RET_A), 9, 'TAX and TXA');
    assert.equal(valueOf(op(0x01, 4), op(0x03, 0), op(0x60, 0), RET_A), 4, 'STX');
  });

  it('jumps by equal, greater, greater or equal and bits', () => {
    const taken = (code: number, a: number, k: number) =>
      valueOf(op(0x00, a), op(code, k, 0, 1), RET_K(1), RET_K(2)) === 1;
    assert.deepEqual([taken(0x15, 5, 5), taken(0x15, 5, 6)], [true, false]);
    assert.deepEqual([taken(0x25, 6, 5), taken(0x25, 5, 5), taken(0x25, 0x80000000, 1)], [true, false, true]);
    assert.deepEqual([taken(0x35, 5, 5), taken(0x35, 4, 5)], [true, false]);
    assert.deepEqual([taken(0x45, 6, 2), taken(0x45, 6, 1)], [true, false]);
    assert.equal(valueOf(op(0x05, 1), RET_K(1), RET_K(2)), 2);
  });

  it('ends with 0 when it divides by X = 0, as the kernel does', () => {
    assert.equal(valueOf(op(0x00, 1), op(0x01, 0), op(0x3c), RET_K(0x7fff0000)), 0);
  });

  it('names the action of a return value', () => {
    const actions = [
      0x7fff0000, 0x7ffc0000, 0x7ff00005, 0x7fc00000, 0x00050026, 0x00030000, 0, 0x80000000, 0x12340000,
    ].map((value) => runFilter(program(RET_K(value)), { nr: 0, arch: 0 }).action);
    const expected = [
      'allow',
      'log',
      'trace',
      'user-notify',
      'errno',
      'trap',
      'kill-thread',
      'kill-process',
      'unknown',
    ];
    assert.deepEqual(actions, expected);
    assert.equal(runFilter(program(RET_K(0x00050026)), { nr: 0, arch: 0 }).data, 38);
  });
});

describe('the checks before a filter is loaded', () => {
  const refused: [string, Uint8Array, RegExp][] = [
    ['an empty filter', program(), /0 instructions/],
    ['one that is too long', program(...Array.from({ length: 4097 }, () => RET_K(0))), /4097 instructions/],
    ['half an instruction', new Uint8Array(12), /instruction 1: is not whole/],
    ['one that does not end with a return', program(op(0x20, 0)), /instruction 0: is the last one/],
    ['a jump past the end', program(op(0x15, 0, 1, 0), RET_K(0)), /instruction 0: jumps past the end/],
    ['a long jump past the end', program(op(0x05, 0xffffffff), RET_K(0)), /jumps past the end/],
    ['an unaligned read', program(op(0x20, 2), RET_K(0)), /offset 2/],
    ['a read past the data', program(op(0x20, 64), RET_K(0)), /offset 64/],
    ['a packet byte read, which socket filters may do', program(op(0x30, 0), RET_K(0)), /code 0x30 is not allowed/],
    ['a modulo, which seccomp does not allow', program(op(0x94, 3), RET_K(0)), /code 0x94 is not allowed/],
    ['a division by zero', program(op(0x34, 0), RET_K(0)), /divides by zero/],
    ['a shift of 32 bits', program(op(0x64, 32), RET_K(0)), /shifts by 32 bits/],
    ['a memory word that does not exist', program(op(0x02, 16), RET_K(0)), /memory word 16/],
    ['a memory word read before it is written', program(op(0x60, 1), RET_A), /reads memory word 1 before/],
    [
      'one written on one path only',
      program(op(0x15, 0, 0, 1), op(0x02, 0), op(0x60, 0), RET_A),
      /reads memory word 0 before/,
    ],
  ];
  for (const [what, filter, message] of refused) {
    it(`refuses ${what}`, () => assert.throws(() => loadFilter(filter), message));
  }

  it('takes a memory word that every path has written', () => {
    const filter = program(op(0x00, 3), op(0x15, 0, 0, 1), op(0x02, 0), op(0x02, 0), op(0x60, 0), RET_A);
    assert.equal(runFilter(filter, { nr: 0, arch: 0 }).value, 3);
  });
});
