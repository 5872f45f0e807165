/**
 * A compressed log file tells of which file it was made. That stands in an empty gzip member before the first one (RFC 1952:
 * a file is a series of members, with extra fields), which zcat and Docker pass over.
 */
import type { FileHandle } from 'node:fs/promises';

/** Deflate, with extra fields; no time; system unknown; twelve bytes of them: the id "IL", and eight bytes. */
const HEAD = Buffer.from([0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 0xff, 12, 0, 0x49, 0x4c, 8, 0]);
const INODE_BYTES = 8;
const LENGTH_BYTES = 4;
/** An empty block, checksum and length of nothing. */
const TAIL = Buffer.from([3, 0, 0, 0, 0, 0, 0, 0, 0, 0]);

/** What a compressed file begins with. */
export function originMember(inode: bigint): Buffer {
  const bytes = Buffer.alloc(INODE_BYTES);
  bytes.writeBigUInt64BE(inode);
  return Buffer.concat([HEAD, bytes, TAIL]);
}

/** The inode of the file that it was made of; 0 when it does not tell. */
export async function originOf(file: FileHandle): Promise<bigint> {
  const bytes = Buffer.alloc(HEAD.length + INODE_BYTES);
  const { bytesRead } = await file.read(bytes, 0, bytes.length, 0);
  const isOurs = bytesRead === bytes.length && bytes.subarray(0, HEAD.length).equals(HEAD);
  return isOurs ? bytes.readBigUInt64BE(HEAD.length) : 0n;
}

/** How long the last member says that it is unpacked, modulo 2^32; anything, when the file was cut. */
export async function lengthOf(file: FileHandle): Promise<number> {
  const bytes = Buffer.alloc(LENGTH_BYTES);
  await file.read(bytes, 0, LENGTH_BYTES, Math.max(0, (await file.stat()).size - LENGTH_BYTES));
  return bytes.readUInt32LE();
}
