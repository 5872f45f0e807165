/** The checks that the kernel makes before it takes a seccomp filter; a filter that passes here is loaded. */
import { EngineError } from '../../errors.ts';
import {
  DATA_BYTES,
  decodeInstructions,
  type Instruction,
  INSTRUCTION_BYTES,
  MAX_INSTRUCTIONS,
  MEMORY_WORDS,
} from './bpf.ts';

/** Instruction classes and modes (linux/bpf_common.h). */
const LD_IMM = 0x00;
const LDX_IMM = 0x01;
const LD_MEM = 0x60;
const LDX_MEM = 0x61;
const LD_W_ABS = 0x20;
const LD_W_LEN = 0x80;
const LDX_W_LEN = 0x81;
const ST = 0x02;
const STX = 0x03;
const JA = 0x05;
const RET_K = 0x06;
const RET_A = 0x16;
const ALU_DIV_K = 0x34;
const ALU_LSH_K = 0x64;
const ALU_RSH_K = 0x74;

/** JEQ, JGT, JGE, JSET with K and with X. */
const CONDITIONAL_JUMPS: ReadonlySet<number> = new Set([0x15, 0x1d, 0x25, 0x2d, 0x35, 0x3d, 0x45, 0x4d]);

/** ADD SUB MUL DIV OR AND XOR with K and X, LSH and RSH likewise, NEG; no MOD. */
const CALCULATIONS = [
  0x04, 0x0c, 0x14, 0x1c, 0x24, 0x2c, 0x34, 0x3c, 0x44, 0x4c, 0x54, 0x5c, 0xa4, 0xac, 0x64, 0x6c, 0x74, 0x7c, 0x84,
];
const TAX = 0x07;
const TXA = 0x87;

/** What seccomp_check_filter (kernel/seccomp.c) allows without a condition of its own. */
const PLAIN: ReadonlySet<number> = new Set(
  CALCULATIONS.concat([TAX, TXA, RET_K, RET_A, LD_IMM, LDX_IMM, LD_W_LEN, LDX_W_LEN]),
);

function refuse(index: number, problem: string): never {
  throw new EngineError('InvalidParameter', `seccomp filter: instruction ${index}: ${problem}`, { code: 'EINVAL' });
}

function checkJump({ code, jt, jf, k }: Instruction, index: number, length: number): void {
  const furthest = code === JA ? k : Math.max(jt, jf);
  if (index + 1 + furthest >= length) refuse(index, 'jumps past the end');
}

function checkInstruction(instruction: Instruction, index: number, length: number): void {
  const { code, k } = instruction;
  if (code === JA || CONDITIONAL_JUMPS.has(code)) return checkJump(instruction, index, length);
  switch (code) {
    case LD_W_ABS:
      if (k >= DATA_BYTES || k % 4 !== 0)
        refuse(index, `reads at offset ${k}, which is no word of struct seccomp_data`);
      return;
    case LD_MEM:
    case LDX_MEM:
    case ST:
    case STX:
      if (k >= MEMORY_WORDS) refuse(index, `uses memory word ${k} of ${MEMORY_WORDS}`);
      return;
    case ALU_DIV_K:
      if (k === 0) refuse(index, 'divides by zero');
      return;
    case ALU_LSH_K:
    case ALU_RSH_K:
      if (k >= 32) refuse(index, `shifts by ${k} bits`);
      return;
    default:
      if (!PLAIN.has(code)) refuse(index, `code 0x${code.toString(16)} is not allowed in a seccomp filter`);
  }
}

/** check_load_and_stores (net/core/filter.c): no memory word is read before every path to it has written it. */
function checkMemory(instructions: readonly Instruction[]): void {
  const written = new Array<number>(instructions.length).fill(0xffff);
  let valid = 0;
  for (const [index, { code, jt, jf, k }] of instructions.entries()) {
    valid &= written[index] ?? 0xffff;
    const mergeInto = (target: number): void => {
      written[target] = (written[target] ?? 0xffff) & valid;
    };
    if (code === ST || code === STX) valid |= 1 << k;
    else if (code === LD_MEM || code === LDX_MEM) {
      if ((valid & (1 << k)) === 0) refuse(index, `reads memory word ${k} before it is written`);
    } else if (code === JA) {
      mergeInto(index + 1 + k);
      valid = 0xffff;
    } else if (CONDITIONAL_JUMPS.has(code)) {
      mergeInto(index + 1 + jt);
      mergeInto(index + 1 + jf);
      valid = 0xffff;
    }
  }
}

/**
 * Throws EngineError InvalidParameter if the kernel would refuse `filter` with EINVAL: bpf_check_classic (net/core/filter.c)
 * followed by seccomp_check_filter (kernel/seccomp.c). Returns the decoded instructions.
 */
export function validateFilter(filter: Uint8Array): Instruction[] {
  const instructions = decodeInstructions(filter);
  if (filter.byteLength % INSTRUCTION_BYTES !== 0) refuse(instructions.length, 'is not whole');
  if (instructions.length === 0 || instructions.length > MAX_INSTRUCTIONS) {
    throw new EngineError(
      'InvalidParameter',
      `seccomp filter: ${instructions.length} instructions; 1 to ${MAX_INSTRUCTIONS} are allowed`,
      {
        code: 'EINVAL',
      },
    );
  }
  for (const [index, instruction] of instructions.entries()) checkInstruction(instruction, index, instructions.length);
  const last = instructions.at(-1)?.code;
  if (last !== RET_K && last !== RET_A) refuse(instructions.length - 1, 'is the last one and does not return');
  checkMemory(instructions);
  return instructions;
}
