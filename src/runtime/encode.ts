import { EngineError } from '../errors.ts';
import { type FieldType, MONITOR_FLAGS, OPCODES, OPS, type Plan, type PlanOp, SECTIONS } from './plan/table.ts';

/** Version of the envelope around the operations; the table itself is covered by TABLE_HASH. */
export const PLAN_FORMAT_VERSION = 1;

/** First bytes of every encoded plan. */
const PLAN_MAGIC = 'ISLP';

/** FNV-1a, 32 bits, of the UTF-8 bytes of `text`. */
export function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) {
    hash = Math.imul(hash ^ byte, 0x01000193);
  }
  return hash >>> 0;
}

/**
 * Identifies the instruction set: islet refuses a plan whose hash is not the one it was compiled with. Order matters,
 * because opcodes and payload layouts follow the table's order.
 */
export const TABLE_HASH: number = fnv1a(JSON.stringify({ ops: OPS, sections: SECTIONS, monitorFlags: MONITOR_FLAGS }));

const U32_MAX = 0xffff_ffff;
const U64_MAX = 0xffff_ffff_ffff_ffffn;

/** A growing little-endian byte string. */
class ByteWriter {
  #bytes: Buffer = Buffer.allocUnsafe(8192);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  #reserve(count: number): number {
    const at = this.#length;
    if (at + count > this.#bytes.length) {
      const grown = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, at + count));
      this.#bytes.copy(grown, 0, 0, at);
      this.#bytes = grown;
    }
    this.#length = at + count;
    return at;
  }

  u8(value: number): void {
    const at = this.#reserve(1);
    this.#bytes.writeUInt8(value, at);
  }

  u16(value: number): void {
    const at = this.#reserve(2);
    this.#bytes.writeUInt16LE(value, at);
  }

  u32(value: number): void {
    const at = this.#reserve(4);
    this.#bytes.writeUInt32LE(value, at);
  }

  i32(value: number): void {
    const at = this.#reserve(4);
    this.#bytes.writeInt32LE(value, at);
  }

  u64(value: bigint): void {
    const at = this.#reserve(8);
    this.#bytes.writeBigUInt64LE(value, at);
  }

  raw(bytes: Uint8Array): void {
    const at = this.#reserve(bytes.length);
    this.#bytes.set(bytes, at);
  }

  str(text: string): void {
    const bytes = Buffer.from(text, 'utf8');
    this.u32(bytes.length);
    this.raw(bytes);
    this.u8(0);
  }

  patchU32(at: number, value: number): void {
    this.#bytes.writeUInt32LE(value, at);
  }

  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }
}

function invalid(where: string, problem: string): EngineError {
  return new EngineError('InvalidParameter', `isolation plan: ${where} ${problem}`, { code: 'EPLAN' });
}

function checkInteger(where: string, value: unknown, low: number, high: number): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < low || value > high) {
    throw invalid(where, `must be an integer from ${low} to ${high}, is ${String(value)}`);
  }
  return value;
}

function checkString(where: string, value: unknown): string {
  if (typeof value !== 'string') throw invalid(where, 'must be a string');
  if (value.includes('\0')) throw invalid(where, `must not contain a NUL byte: ${JSON.stringify(value)}`);
  return value;
}

function checkArray(where: string, value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw invalid(where, 'must be an array');
  return value;
}

function writeField(out: ByteWriter, where: string, type: FieldType, value: unknown): void {
  switch (type) {
    case 'u32':
      out.u32(checkInteger(where, value, 0, U32_MAX));
      return;
    case 'i32':
      out.i32(checkInteger(where, value, -0x8000_0000, 0x7fff_ffff));
      return;
    case 'u64':
      if (typeof value !== 'bigint' || value < 0n || value > U64_MAX)
        throw invalid(where, 'must be a bigint of 64 bits');
      out.u64(value);
      return;
    case 'str':
      out.str(checkString(where, value));
      return;
    case 'bytes':
      if (!(value instanceof Uint8Array)) throw invalid(where, 'must be bytes');
      out.u32(value.length);
      out.raw(value);
      return;
    case 'strs': {
      const items = checkArray(where, value);
      out.u32(items.length);
      items.forEach((item, index) => out.str(checkString(`${where}[${index}]`, item)));
      return;
    }
    case 'u32s': {
      const items = checkArray(where, value);
      out.u32(items.length);
      items.forEach((item, index) => out.u32(checkInteger(`${where}[${index}]`, item, 0, U32_MAX)));
      return;
    }
  }
}

function writeOp(out: ByteWriter, op: PlanOp, index: number): void {
  const opcode = OPCODES.get(op.op);
  if (opcode === undefined) throw invalid(`operation ${index}`, `has the unknown name ${op.op}`);
  const section = SECTIONS[op.section];
  if (section === undefined) throw invalid(`operation ${index} (${op.op})`, `has the unknown section ${op.section}`);
  out.u16(opcode);
  out.u8(section);
  out.u8(0);
  const lengthAt = out.length;
  out.u32(0);
  const fields: Readonly<Record<string, FieldType>> = OPS[op.op];
  const values: Readonly<Record<string, unknown>> = op.args;
  for (const [name, type] of Object.entries(fields)) {
    writeField(out, `operation ${index} (${op.op}): ${name}`, type, values[name]);
  }
  out.patchU32(lengthAt, out.length - lengthAt - 4);
}

/**
 * The binary form that islet reads: "ISLP", u32 format version, u32 TABLE_HASH, u32 count, then per operation u16
 * opcode, u8 section, u8 0, u32 payload length, payload (fields in table order, little-endian). Throws
 * EngineError(InvalidParameter) that names the operation and the field when a value does not fit its type.
 */
export function encodePlan(plan: Plan): Uint8Array {
  const out = new ByteWriter();
  out.raw(Buffer.from(PLAN_MAGIC, 'latin1'));
  out.u32(PLAN_FORMAT_VERSION);
  out.u32(TABLE_HASH);
  out.u32(plan.ops.length);
  plan.ops.forEach((op, index) => writeOp(out, op, index));
  return out.finish();
}
