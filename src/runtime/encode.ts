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

/** What the launcher takes as one frame (FRAME_MAX in launcher.c), and far above what a container needs. */
const MAX_PLAN_BYTES = 64 << 20;

const U32_MAX = 0xffff_ffff;
const U64_MAX = 0xffff_ffff_ffff_ffffn;

const NUL = 0;
const LAST_ASCII = 0x7f;
/** Above this length a native call costs less than a loop. */
const LOOP_MAX = 512;

/** A growing little-endian byte string. Most of a plan are short ASCII strings, so these are written without a native call. */
class ByteWriter {
  #bytes: Buffer = Buffer.allocUnsafe(16_384);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  #reserve(count: number): number {
    const at = this.#length;
    if (at + count > MAX_PLAN_BYTES) throw invalid('it', `would have more than ${MAX_PLAN_BYTES} bytes`);
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
    this.#bytes[at] = value;
  }

  u16(value: number): void {
    const at = this.#reserve(2);
    this.#bytes[at] = value;
    this.#bytes[at + 1] = value >>> 8;
  }

  /** Also a negative one, in two's complement. */
  u32(value: number): void {
    this.patchU32(this.#reserve(4), value);
  }

  u64(value: bigint): void {
    const at = this.#reserve(8);
    this.#bytes.writeBigUInt64LE(value, at);
  }

  raw(bytes: Uint8Array): void {
    const at = this.#reserve(bytes.length);
    this.#bytes.set(bytes, at);
  }

  /** Length, bytes, NUL. False when the text has a NUL itself. */
  str(text: string): boolean {
    if (text.length > LOOP_MAX || !this.#ascii(text)) {
      if (text.includes('\0')) return false;
      const bytes = Buffer.from(text, 'utf8');
      this.u32(bytes.length);
      this.raw(bytes);
      this.u8(NUL);
    }
    return true;
  }

  #ascii(text: string): boolean {
    const { length } = text;
    const before = this.#length;
    const at = this.#reserve(4 + length + 1);
    const bytes = this.#bytes;
    for (let index = 0; index < length; index++) {
      const code = text.charCodeAt(index);
      if (code > LAST_ASCII || code === NUL) {
        this.#length = before;
        return false;
      }
      bytes[at + 4 + index] = code;
    }
    this.patchU32(at, length);
    bytes[at + 4 + length] = NUL;
    return true;
  }

  patchU32(at: number, value: number): void {
    const bytes = this.#bytes;
    bytes[at] = value;
    bytes[at + 1] = value >>> 8;
    bytes[at + 2] = value >>> 16;
    bytes[at + 3] = value >>> 24;
  }

  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }
}

function invalid(where: string, problem: string): EngineError {
  return new EngineError('InvalidParameter', `isolation plan: ${where} ${problem}`, { code: 'EPLAN' });
}

/** What is wrong with a value, or null. Told and not thrown: the field's name is put together only when it is needed. */
type Problem = string | null;

const inRange = (value: unknown, low: number, high: number): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= low && value <= high;

function writeInteger(out: ByteWriter, value: unknown, low: number, high: number): Problem {
  if (!inRange(value, low, high)) return ` must be an integer from ${low} to ${high}, is ${String(value)}`;
  out.u32(value);
  return null;
}

function writeString(out: ByteWriter, value: unknown): Problem {
  if (typeof value !== 'string') return ' must be a string';
  return out.str(value) ? null : ` must not contain a NUL byte: ${JSON.stringify(value)}`;
}

function writeList(out: ByteWriter, value: unknown, writeItem: (out: ByteWriter, item: unknown) => Problem): Problem {
  if (!Array.isArray(value)) return ' must be an array';
  out.u32(value.length);
  for (const [index, item] of value.entries()) {
    const problem = writeItem(out, item);
    if (problem !== null) return `[${index}]${problem}`;
  }
  return null;
}

function writeU64(out: ByteWriter, value: unknown): Problem {
  if (typeof value !== 'bigint' || value < 0n || value > U64_MAX) return ' must be a bigint of 64 bits';
  out.u64(value);
  return null;
}

function writeBytes(out: ByteWriter, value: unknown): Problem {
  if (!(value instanceof Uint8Array)) return ' must be bytes';
  out.u32(value.length);
  out.raw(value);
  return null;
}

const writeU32 = (out: ByteWriter, value: unknown) => writeInteger(out, value, 0, U32_MAX);

const WRITERS: Record<FieldType, (out: ByteWriter, value: unknown) => Problem> = {
  u32: writeU32,
  i32: (out, value) => writeInteger(out, value, -0x8000_0000, 0x7fff_ffff),
  u64: writeU64,
  str: writeString,
  bytes: writeBytes,
  strs: (out, value) => writeList(out, value, writeString),
  u32s: (out, value) => writeList(out, value, writeU32),
};

interface Layout {
  opcode: number;
  fields: { name: string; write: (out: ByteWriter, value: unknown) => Problem }[];
}

const LAYOUTS: ReadonlyMap<string, Layout> = new Map(
  [...OPCODES].map(([name, opcode]) => {
    const fields = Object.entries<FieldType>(OPS[name]).map(([field, type]) => ({ name: field, write: WRITERS[type] }));
    return [name, { opcode, fields }];
  }),
);

function writeOp(out: ByteWriter, op: PlanOp, index: number): void {
  const layout = LAYOUTS.get(op.op);
  if (layout === undefined) throw invalid(`operation ${index}`, `has the unknown name ${op.op}`);
  const section = SECTIONS[op.section];
  if (section === undefined) throw invalid(`operation ${index} (${op.op})`, `has the unknown section ${op.section}`);
  out.u16(layout.opcode);
  out.u8(section);
  out.u8(0);
  const lengthAt = out.length;
  out.u32(0);
  const values: Readonly<Record<string, unknown>> = op.args;
  for (const { name, write } of layout.fields) {
    const problem = write(out, values[name]);
    if (problem !== null) throw invalid(`operation ${index} (${op.op}):`, `${name}${problem}`);
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
