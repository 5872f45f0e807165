/**
 * Device rules as a BPF program (BPF_PROG_TYPE_CGROUP_DEVICE): the kernel runs it at each open and mknod of a device
 * node, with what is asked for, and lets it happen when the program returns 1. Later rules win, bit by bit of the access.
 */
import type { DeviceRule } from '../../oci/runtime-spec.ts';
import { type PlainRule, plainRules } from './device-rules.ts';

/** struct bpf_insn: u8 code, u8 source << 4 | destination, s16 offset, s32 immediate */
export const BPF_INSTRUCTION_BYTES = 8;

/** linux/bpf.h: BPF_DEVCG_ACC_*, BPF_DEVCG_DEV_* */
export const DEVICE_ACCESS: Readonly<Record<string, number>> = { m: 1, r: 2, w: 4 };
export const DEVICE_TYPE = { b: 1, c: 2 } as const;
const ALL_ACCESS = 7;

/** The opcodes in use: eBPF classes LDX, ALU64, JMP (Documentation/bpf/standardization/instruction-set.rst). */
export const BPF = {
  loadWord: 0x61,
  moveImmediate: 0xb7,
  moveRegister: 0xbf,
  andImmediate: 0x57,
  andRegister: 0x5f,
  orImmediate: 0x47,
  shiftRightImmediate: 0x77,
  jumpIfEqualRegister: 0x1d,
  jumpUnlessEqualImmediate: 0x55,
  exit: 0x95,
} as const;

export interface BpfInstruction {
  code: number;
  destination: number;
  source: number;
  offset: number;
  immediate: number;
}

const RESULT = 0;
const CONTEXT = 1;
const TYPE = 2;
const ACCESS = 3;
const MAJOR = 4;
const MINOR = 5;

function instruction(code: number, destination: number, more: Partial<BpfInstruction> = {}): BpfInstruction {
  return { code, destination, source: 0, offset: 0, immediate: 0, ...more };
}

function accessBits(access: string): number {
  return Array.from(access).reduce((bits, letter) => bits | (DEVICE_ACCESS[letter] ?? 0), 0);
}

/** Tests that jump behind the rule, then the rule: its access bits are set or cleared in the result. */
function ruleProgram({ allow, type, major, minor, access }: PlainRule): BpfInstruction[] {
  const bits = accessBits(access);
  const tests: [register: number, value: number][] = [[TYPE, DEVICE_TYPE[type]]];
  if (major !== null) tests.push([MAJOR, major]);
  if (minor !== null) tests.push([MINOR, minor]);
  return [
    ...tests.map(([register, immediate], index) =>
      instruction(BPF.jumpUnlessEqualImmediate, register, { offset: tests.length - index, immediate }),
    ),
    allow
      ? instruction(BPF.orImmediate, RESULT, { immediate: bits })
      : instruction(BPF.andImmediate, RESULT, { immediate: ALL_ACCESS & ~bits }),
  ];
}

/** The program for these rules; null where they allow everything and no program is needed. */
export function deviceProgram(rules: readonly DeviceRule[]): BpfInstruction[] | null {
  const set = plainRules(rules);
  if (set.allowAll && set.rules.every(({ allow }) => allow)) return null;
  return [
    // struct bpf_cgroup_dev_ctx: u32 access << 16 | type, u32 major, u32 minor
    instruction(BPF.loadWord, TYPE, { source: CONTEXT }),
    instruction(BPF.moveRegister, ACCESS, { source: TYPE }),
    instruction(BPF.andImmediate, TYPE, { immediate: 0xffff }),
    instruction(BPF.shiftRightImmediate, ACCESS, { immediate: 16 }),
    instruction(BPF.loadWord, MAJOR, { source: CONTEXT, offset: 4 }),
    instruction(BPF.loadWord, MINOR, { source: CONTEXT, offset: 8 }),
    instruction(BPF.moveImmediate, RESULT, { immediate: set.allowAll ? ALL_ACCESS : 0 }),
    ...set.rules.flatMap(ruleProgram),
    // Everything that is asked for must be in the result. The verifier wants 0 or 1 returned, nothing else.
    instruction(BPF.andRegister, RESULT, { source: ACCESS }),
    instruction(BPF.jumpIfEqualRegister, RESULT, { source: ACCESS, offset: 2 }),
    instruction(BPF.moveImmediate, RESULT, { immediate: 0 }),
    instruction(BPF.exit, 0),
    instruction(BPF.moveImmediate, RESULT, { immediate: 1 }),
    instruction(BPF.exit, 0),
  ];
}

export function encodeBpf(program: readonly BpfInstruction[]): Uint8Array {
  const bytes = new Uint8Array(program.length * BPF_INSTRUCTION_BYTES);
  const view = new DataView(bytes.buffer);
  for (const [index, { code, destination, source, offset, immediate }] of program.entries()) {
    const at = index * BPF_INSTRUCTION_BYTES;
    view.setUint8(at, code);
    view.setUint8(at + 1, (source << 4) | destination);
    view.setInt16(at + 2, offset, true);
    // Device numbers are 32 bits without a sign; the kernel extends the sign, and no number in use has bit 31.
    view.setInt32(at + 4, immediate | 0, true);
  }
  return bytes;
}
