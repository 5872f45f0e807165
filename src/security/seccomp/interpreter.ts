/** Runs a seccomp filter as the kernel would, to prove what it decides. */
import {
  ALU_AND_K,
  DATA_ARCH,
  DATA_ARGS,
  DATA_BYTES,
  DATA_NR,
  type Instruction,
  JMP_JA,
  JMP_JEQ_K,
  JMP_JGE_K,
  JMP_JGT_K,
  JMP_JSET_K,
  LD_W_ABS,
  MEMORY_WORDS,
  RET_ACTION_MASK,
  RET_ALLOW,
  RET_DATA_MASK,
  RET_ERRNO,
  RET_K,
  RET_KILL_PROCESS,
  RET_KILL_THREAD,
  RET_LOG,
  RET_TRACE,
  RET_TRAP,
  RET_USER_NOTIF,
} from './bpf.ts';
import { validateFilter } from './validate.ts';

/** struct seccomp_data; missing arguments are 0. */
export interface SeccompData {
  readonly nr: number;
  readonly arch: number;
  readonly ip?: bigint | undefined;
  readonly args?: readonly bigint[] | undefined;
}

export type VerdictAction =
  | 'kill-process'
  | 'kill-thread'
  | 'trap'
  | 'errno'
  | 'user-notify'
  | 'trace'
  | 'log'
  | 'allow'
  | 'unknown';

export interface Verdict {
  /** the filter's return value */
  readonly value: number;
  readonly action: VerdictAction;
  /** errno, for example */
  readonly data: number;
  /** instructions executed */
  readonly steps: number;
  /** Allowed by number and architecture alone: the kernel remembers that from the load on and does not run the filter (Linux 5.11). */
  readonly unfiltered: boolean;
}

const ACTIONS: ReadonlyMap<number, VerdictAction> = new Map([
  [RET_KILL_PROCESS, 'kill-process'],
  [RET_KILL_THREAD, 'kill-thread'],
  [RET_TRAP, 'trap'],
  [RET_ERRNO, 'errno'],
  [RET_USER_NOTIF, 'user-notify'],
  [RET_TRACE, 'trace'],
  [RET_LOG, 'log'],
  [RET_ALLOW, 'allow'],
]);

function encodeData(data: SeccompData): DataView {
  const view = new DataView(new ArrayBuffer(DATA_BYTES));
  view.setUint32(DATA_NR, data.nr >>> 0, true);
  view.setUint32(DATA_ARCH, data.arch >>> 0, true);
  view.setBigUint64(8, data.ip ?? 0n, true);
  for (let index = 0; index < 6; index++) view.setBigUint64(DATA_ARGS + index * 8, data.args?.[index] ?? 0n, true);
  return view;
}

/** A BPF_ALU operation (bits 4 to 7 of the code) on 32 bits; null when the program ends with 0: a division by X = 0. */
function alu(operation: number, a: number, operand: number): number | null {
  switch (operation) {
    case 0x00:
      return (a + operand) >>> 0;
    case 0x10:
      return (a - operand) >>> 0;
    case 0x20:
      return Math.imul(a, operand) >>> 0;
    case 0x30:
      return operand === 0 ? null : Math.floor(a / operand);
    case 0x40:
      return (a | operand) >>> 0;
    case 0x50:
      return (a & operand) >>> 0;
    case 0x60:
      return (a << (operand & 31)) >>> 0;
    case 0x70:
      return a >>> (operand & 31);
    case 0x80:
      return -a >>> 0;
    default:
      return (a ^ operand) >>> 0;
  }
}

function holds(operation: number, a: number, operand: number): boolean {
  switch (operation) {
    case 0x10:
      return a === operand;
    case 0x20:
      return a > operand;
    case 0x30:
      return a >= operand;
    default:
      return (a & operand) !== 0;
  }
}

class Machine {
  readonly #data: DataView;
  readonly #memory = new Array<number>(MEMORY_WORDS).fill(0);
  #a = 0;
  #x = 0;
  pc = 0;

  constructor(data: DataView) {
    this.#data = data;
  }

  #loaded(mode: number, k: number): number {
    if (mode === 0x20) return this.#data.getUint32(k, true);
    if (mode === 0x60) return this.#memory[k] ?? 0;
    return mode === 0x80 ? DATA_BYTES : k;
  }

  /** Executes one instruction of a valid filter; the return value if it ends the program. */
  step({ code, jt, jf, k }: Instruction): number | null {
    this.pc += 1;
    const mode = code & 0xe0;
    const operation = code & 0xf0;
    const operand = (code & 0x08) === 0 ? k : this.#x;
    switch (code & 0x07) {
      case 0x00:
        this.#a = this.#loaded(mode, k);
        return null;
      case 0x01:
        this.#x = this.#loaded(mode, k);
        return null;
      case 0x02:
        this.#memory[k] = this.#a;
        return null;
      case 0x03:
        this.#memory[k] = this.#x;
        return null;
      case 0x04: {
        const result = alu(operation, this.#a, operand);
        this.#a = result ?? 0;
        return result === null ? 0 : null;
      }
      case 0x05:
        this.pc += operation === 0 ? k : holds(operation, this.#a, operand) ? jt : jf;
        return null;
      case 0x06:
        return (code & 0x18) === 0x10 ? this.#a : k;
      default:
        if (code === 0x07) this.#x = this.#a;
        else this.#a = this.#x;
        return null;
    }
  }
}

/** What seccomp_is_const_allow (kernel/seccomp.c) can follow; anything else makes the kernel run the filter each time. */
const REMEMBERED: ReadonlySet<number> = new Set([
  RET_K,
  JMP_JA,
  JMP_JEQ_K,
  JMP_JGT_K,
  JMP_JGE_K,
  JMP_JSET_K,
  ALU_AND_K,
]);

function isRemembered({ code, k }: Instruction): boolean {
  return REMEMBERED.has(code) || (code === LD_W_ABS && (k === DATA_NR || k === DATA_ARCH));
}

/** A filter that was checked once and can be asked many times. */
export interface LoadedFilter {
  readonly instructions: readonly Instruction[];
  run(data: SeccompData): Verdict;
}

/** Throws EngineError InvalidParameter if the kernel would refuse the filter. */
export function loadFilter(filter: Uint8Array): LoadedFilter {
  const instructions = validateFilter(filter);
  return {
    instructions,
    run(data) {
      const machine = new Machine(encodeData(data));
      let value: number | null = null;
      let steps = 0;
      let unfiltered = true;
      while (value === null) {
        const instruction = instructions[machine.pc];
        // a valid filter only jumps forward, inside itself, and ends with a return
        if (instruction === undefined) throw new RangeError('the seccomp filter ran past its end');
        value = machine.step(instruction);
        steps += 1;
        unfiltered &&= isRemembered(instruction);
      }
      const action = ACTIONS.get((value & RET_ACTION_MASK) >>> 0) ?? 'unknown';
      return { value, action, data: value & RET_DATA_MASK, steps, unfiltered: unfiltered && value === RET_ALLOW };
    },
  };
}

/** Checks and runs `filter` on one system call. */
export function runFilter(filter: Uint8Array, data: SeccompData): Verdict {
  return loadFilter(filter).run(data);
}
