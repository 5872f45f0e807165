/**
 * The op stream that `islet unpack DIR` reads on its standard input; native/src/unpack.c describes the same bytes.
 * Names are given as latin1 "byte strings" (one character per byte): file names need not be UTF-8.
 */
const UNPACK_VERSION = 1;

export const UNPACK_OP = {
  dir: 1,
  file: 2,
  symlink: 3,
  hardlink: 4,
  node: 5,
  whiteout: 6,
  opaque: 7,
  data: 8,
  hole: 9,
  xattr: 10,
  finish: 11,
} as const;

export interface UnpackEntry {
  op: 'dir' | 'file' | 'symlink' | 'hardlink' | 'node' | 'whiteout' | 'opaque';
  /** The tar entry's number, for error reports. */
  index: number;
  /** permission bits; for a node with its S_IFMT bits */
  mode: number;
  uid: number;
  gid: number;
  mtimeS: number;
  mtimeNs: number;
  /** file: size in bytes; node: major and minor */
  arg: bigint;
  path: string;
  target: string;
}

const HEADER_BYTES = 5;
const ENTRY_FIXED_BYTES = 40;
const PAGE_BYTES = 128 * 1024;
/** Content from this size on is passed by reference, smaller is copied: fewer, larger writes. */
const REFERENCE_BYTES = 16 * 1024;

/** Collects frames; `take` hands out what has come together. */
export class UnpackEncoder {
  #page: Buffer = Buffer.allocUnsafe(PAGE_BYTES);
  #start = 0;
  #used = 0;
  #pending: Buffer[] = [];
  /** bytes collected and not yet taken */
  bytes = 0;

  constructor() {
    const at = this.#reserve(8);
    this.#page.write('ISLU', at, 'latin1');
    this.#page.writeUInt32LE(UNPACK_VERSION, at + 4);
  }

  entry(entry: UnpackEntry): void {
    const length = ENTRY_FIXED_BYTES + 10 + entry.path.length + entry.target.length;
    let at = this.#frame(UNPACK_OP[entry.op], length, length);
    const page = this.#page;
    page.writeUInt32LE(entry.index, at);
    page.writeUInt32LE(0, at + 4);
    page.writeUInt32LE(entry.mode, at + 8);
    page.writeUInt32LE(entry.uid, at + 12);
    page.writeUInt32LE(entry.gid, at + 16);
    page.writeUInt32LE(entry.mtimeNs, at + 20);
    page.writeBigInt64LE(BigInt(entry.mtimeS), at + 24);
    page.writeBigUInt64LE(entry.arg, at + 32);
    at = this.#string(at + ENTRY_FIXED_BYTES, entry.path);
    this.#string(at, entry.target);
  }

  data(chunk: Buffer): void {
    if (chunk.length < REFERENCE_BYTES) {
      const at = this.#frame(UNPACK_OP.data, chunk.length, chunk.length);
      chunk.copy(this.#page, at);
      return;
    }
    this.#frame(UNPACK_OP.data, chunk.length, 0);
    this.#cut();
    this.#pending.push(chunk);
    this.bytes += chunk.length;
  }

  hole(bytes: number): void {
    const at = this.#frame(UNPACK_OP.hole, 8, 8);
    this.#page.writeBigUInt64LE(BigInt(bytes), at);
  }

  /** `name` is a byte string without NUL. */
  xattr(name: string, value: Buffer): void {
    const length = 5 + name.length + value.length;
    const at = this.#string(this.#frame(UNPACK_OP.xattr, length, length), name);
    value.copy(this.#page, at);
  }

  finish(): void {
    this.#frame(UNPACK_OP.finish, 0, 0);
  }

  /** The frames since the last call, as buffers to be written in this order. */
  take(): Buffer[] {
    this.#cut();
    const pending = this.#pending;
    this.#pending = [];
    this.bytes = 0;
    return pending;
  }

  /** Writes a frame header and makes room for `room` bytes after it; returns where they go. */
  #frame(op: number, length: number, room: number): number {
    const at = this.#reserve(HEADER_BYTES + room);
    this.#page.writeUInt32LE(length, at);
    this.#page[at + 4] = op;
    return at + HEADER_BYTES;
  }

  #string(at: number, text: string): number {
    this.#page.writeUInt32LE(text.length, at);
    this.#page.write(text, at + 4, 'latin1');
    this.#page[at + 4 + text.length] = 0;
    return at + 5 + text.length;
  }

  #reserve(bytes: number): number {
    if (this.#page.length - this.#used < bytes) {
      this.#cut();
      this.#page = Buffer.allocUnsafe(Math.max(PAGE_BYTES, bytes));
      this.#start = 0;
      this.#used = 0;
    }
    const at = this.#used;
    this.#used += bytes;
    this.bytes += bytes;
    return at;
  }

  #cut(): void {
    if (this.#used > this.#start) this.#pending.push(this.#page.subarray(this.#start, this.#used));
    this.#start = this.#used;
  }
}

export interface UnpackSummary {
  entries: number;
  bytes: number;
  /** Extended attributes that the file system does not take. */
  xattrsSkipped: number;
}

export interface UnpackFailure {
  index: number;
  errno: number;
  operation: string;
  /** relative to the layer's root, a byte string */
  path: string;
}

/** Reads the report of `islet unpack`; undefined when the bytes are not a whole report. */
export function decodeReport(bytes: Buffer): { ok: UnpackSummary } | { failure: UnpackFailure } | undefined {
  if (bytes.length < 5 || bytes.length < 4 + bytes.readUInt32LE(0)) return undefined;
  const number = (at: number): number => Number(bytes.readBigUInt64LE(at));
  if (bytes[4] === 0) {
    return bytes.length < 29 ? undefined : { ok: { entries: number(5), bytes: number(13), xattrsSkipped: number(21) } };
  }
  if (bytes.length < 21) return undefined;
  const operationEnd = 21 + bytes.readUInt32LE(17);
  if (bytes.length < operationEnd + 5) return undefined;
  const pathAt = operationEnd + 5;
  return {
    failure: {
      index: number(5),
      errno: bytes.readUInt32LE(13),
      operation: bytes.toString('latin1', 21, operationEnd),
      path: bytes.toString('latin1', pathAt, pathAt + bytes.readUInt32LE(operationEnd + 1)),
    },
  };
}
