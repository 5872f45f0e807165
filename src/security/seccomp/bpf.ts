/** Classic BPF as seccomp sees it: opcodes (linux/bpf_common.h), return values and data layout (linux/seccomp.h). */

export const LD_W_ABS = 0x20;
export const JMP_JA = 0x05;
export const JMP_JEQ_K = 0x15;
export const JMP_JGT_K = 0x25;
export const JMP_JGE_K = 0x35;
export const JMP_JSET_K = 0x45;
export const ALU_AND_K = 0x54;
export const RET_K = 0x06;

/** struct sock_filter: u16 code, u8 jt, u8 jf, u32 k */
export const INSTRUCTION_BYTES = 8;
/** BPF_MAXINSNS */
export const MAX_INSTRUCTIONS = 4096;
/** BPF_MEMWORDS */
export const MEMORY_WORDS = 16;

/** sizeof(struct seccomp_data): int nr; u32 arch; u64 instruction_pointer; u64 args[6] */
export const DATA_BYTES = 64;
export const DATA_NR = 0;
export const DATA_ARCH = 4;
export const DATA_ARGS = 16;

export const RET_KILL_PROCESS = 0x80000000;
export const RET_KILL_THREAD = 0x00000000;
export const RET_TRAP = 0x00030000;
export const RET_ERRNO = 0x00050000;
export const RET_USER_NOTIF = 0x7fc00000;
export const RET_TRACE = 0x7ff00000;
export const RET_LOG = 0x7ffc0000;
export const RET_ALLOW = 0x7fff0000;
export const RET_ACTION_MASK = 0xffff0000;
export const RET_DATA_MASK = 0x0000ffff;

export interface Instruction {
  readonly code: number;
  readonly jt: number;
  readonly jf: number;
  /** unsigned 32 bits */
  readonly k: number;
}

export function encodeInstructions(instructions: readonly Instruction[]): Uint8Array {
  const bytes = new Uint8Array(instructions.length * INSTRUCTION_BYTES);
  const view = new DataView(bytes.buffer);
  for (const [index, { code, jt, jf, k }] of instructions.entries()) {
    const offset = index * INSTRUCTION_BYTES;
    view.setUint16(offset, code, true);
    view.setUint8(offset + 2, jt);
    view.setUint8(offset + 3, jf);
    view.setUint32(offset + 4, k, true);
  }
  return bytes;
}

export function decodeInstructions(bytes: Uint8Array): Instruction[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const instructions: Instruction[] = [];
  for (let offset = 0; offset + INSTRUCTION_BYTES <= bytes.byteLength; offset += INSTRUCTION_BYTES) {
    instructions.push({
      code: view.getUint16(offset, true),
      jt: view.getUint8(offset + 2),
      jf: view.getUint8(offset + 3),
      k: view.getUint32(offset + 4, true),
    });
  }
  return instructions;
}
