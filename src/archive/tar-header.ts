/**
 * One 512-byte tar header block: POSIX.1-2001 ustar ("ustar Interchange Format"), GNU tar's variant and the older V7
 * form. Names are bytes, so they stay Buffers: a file name need not be UTF-8.
 */
import { badArchive } from './errors.ts';

export const BLOCK_BYTES = 512;

/** The fields of a header block as they stand there. Numbers are safe integers. */
export interface RawHeader {
  /** The typeflag as a character; '\0' in V7 archives. */
  typeflag: string;
  /** With the ustar prefix joined. */
  path: Buffer;
  linkPath: Buffer;
  mode: number;
  uid: number;
  gid: number;
  /** bytes of the body as stored in the archive */
  size: number;
  /** seconds since the epoch */
  mtimeS: number;
  devMajor: number;
  devMinor: number;
  format: 'v7' | 'ustar' | 'gnu';
}

const SPACE = 0x20;
const CHECKSUM_AT = 148;

/** True for an all-zero block: half of the end-of-archive marker. */
export function isZeroBlock(block: Buffer, at: number): boolean {
  for (let i = at; i < at + BLOCK_BYTES; i++) if (block[i] !== 0) return false;
  return true;
}

/** Throws when the checksum does not match; both the POSIX unsigned and the historic signed sum are accepted. */
export function verifyChecksum(block: Buffer, at: number): void {
  const expected = parseNumber(block, at + CHECKSUM_AT, 8, 'checksum');
  let unsigned = 8 * SPACE;
  let negative = 0;
  for (let i = 0; i < BLOCK_BYTES; i++) {
    if (i >= CHECKSUM_AT && i < CHECKSUM_AT + 8) continue;
    const byte = block[at + i] ?? 0;
    unsigned += byte;
    negative += byte & 0x80;
  }
  if (expected !== unsigned && expected !== unsigned - 2 * negative) {
    throw badArchive(`the header's checksum is ${expected} but its bytes sum to ${unsigned}`);
  }
}

/** A NUL-terminated field that may also fill its width. Copied: the block is reused. */
export function fieldBytes(block: Buffer, at: number, width: number): Buffer {
  const end = block.indexOf(0, at);
  return Buffer.from(block.subarray(at, end === -1 || end > at + width ? at + width : end));
}

/**
 * An octal field padded with spaces or NULs, or GNU's base-256 form (first bit set, two's complement). An empty field
 * is 0. Throws for other characters and for what a double cannot hold exactly.
 */
export function parseNumber(block: Buffer, at: number, width: number, field: string): number {
  const first = block[at] ?? 0;
  if ((first & 0x80) !== 0) return parseBase256(block, at, width, field);
  let i = at;
  const end = at + width;
  while (i < end && (block[i] === SPACE || block[i] === 0)) i++;
  let value = 0;
  for (; i < end; i++) {
    const digit = (block[i] ?? 0) - 0x30;
    if (digit < 0 || digit > 7) break;
    value = value * 8 + digit;
  }
  for (; i < end; i++) {
    if (block[i] !== SPACE && block[i] !== 0) throw badArchive(`the header's ${field} is not an octal number`);
  }
  if (!Number.isSafeInteger(value)) throw badArchive(`the header's ${field} is too large`);
  return value;
}

function parseBase256(block: Buffer, at: number, width: number, field: string): number {
  const negative = ((block[at] ?? 0) & 0x40) !== 0;
  let value = BigInt((block[at] ?? 0) & 0x7f);
  for (let i = at + 1; i < at + width; i++) value = value * 256n + BigInt(block[i] ?? 0);
  if (negative) value -= 1n << BigInt(8 * width - 1);
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw badArchive(`the header's ${field} is too large`);
  return number;
}

/** Reads the block at `at`, which must be whole. Throws EngineError EBADARCHIVE; the message names no entry. */
export function parseHeader(block: Buffer, at: number): RawHeader {
  verifyChecksum(block, at);
  const magic = block.toString('latin1', at + 257, at + 265);
  const format = magic === 'ustar  \0' ? 'gnu' : magic.startsWith('ustar\0') ? 'ustar' : 'v7';
  let path = fieldBytes(block, at, 100);
  if (format === 'ustar' && block[at + 345] !== 0) {
    path = Buffer.concat([fieldBytes(block, at + 345, 155), Buffer.from('/'), path]);
  }
  const devices = format !== 'v7';
  return {
    typeflag: String.fromCharCode(block[at + 156] ?? 0),
    path,
    linkPath: fieldBytes(block, at + 157, 100),
    mode: parseNumber(block, at + 100, 8, 'mode'),
    uid: parseNumber(block, at + 108, 8, 'user id'),
    gid: parseNumber(block, at + 116, 8, 'group id'),
    size: parseNumber(block, at + 124, 12, 'size'),
    mtimeS: parseNumber(block, at + 136, 12, 'time'),
    devMajor: devices ? parseNumber(block, at + 329, 8, 'device number') : 0,
    devMinor: devices ? parseNumber(block, at + 337, 8, 'device number') : 0,
    format,
  };
}
