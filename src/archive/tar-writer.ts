/** Tar headers as Docker's own tools write them: ustar, with PAX records for what does not fit (POSIX.1-2001, "pax"). */
import { BLOCK_BYTES } from './tar-header.ts';

export interface TarEntryOut {
  type: 'file' | 'hardlink' | 'symlink' | 'character' | 'block' | 'directory' | 'fifo';
  path: Buffer;
  linkPath?: Buffer;
  /** permission bits with setuid, setgid and sticky */
  mode: number;
  uid: number;
  gid: number;
  size?: number;
  mtimeS: number;
  mtimeNs?: number;
  major?: number;
  minor?: number;
  xattrs?: readonly [name: string, value: Buffer][];
}

const TYPEFLAGS = { file: '0', hardlink: '1', symlink: '2', character: '3', block: '4', directory: '5', fifo: '6' };
const NAME_BYTES = 100;
/** 8^7 - 1 and 8^11 - 1: what the octal fields hold. */
const ID_MAX = 0o7777777;
const SIZE_MAX = 0o77777777777;

/** The two empty blocks at an archive's end. */
export const TAR_END = Buffer.alloc(2 * BLOCK_BYTES);

/** The zeros that follow this many bytes of content. */
export function tarPadding(size: number): Buffer {
  return Buffer.alloc((BLOCK_BYTES - (size % BLOCK_BYTES)) % BLOCK_BYTES);
}

function octal(block: Buffer, value: number, at: number, width: number): void {
  block.write(
    `${Math.trunc(value)
      .toString(8)
      .padStart(width - 1, '0')}\0`,
    at,
    'latin1',
  );
}

function paxRecord(key: string, value: Buffer): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), value, Buffer.from('\n')]);
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

const isAscii = (bytes: Buffer): boolean => bytes.every((byte) => byte < 0x80);
const fits = (name: Buffer): boolean => name.length <= NAME_BYTES && isAscii(name);

function paxRecords(entry: TarEntryOut): Buffer {
  const { path, linkPath = Buffer.alloc(0), uid, gid, size = 0, mtimeS, mtimeNs = 0, xattrs = [] } = entry;
  const records: Buffer[] = [];
  const add = (key: string, value: string | Buffer) => records.push(paxRecord(key, Buffer.from(value)));
  if (!fits(path)) add('path', path);
  if (!fits(linkPath)) add('linkpath', linkPath);
  if (uid > ID_MAX) add('uid', String(uid));
  if (gid > ID_MAX) add('gid', String(gid));
  if (size > SIZE_MAX) add('size', String(size));
  if (mtimeNs !== 0 || mtimeS < 0 || mtimeS > SIZE_MAX) add('mtime', decimalTime(mtimeS, mtimeNs));
  for (const [name, value] of xattrs) add(`SCHILY.xattr.${Buffer.from(name, 'latin1').toString('utf8')}`, value);
  return Buffer.concat(records);
}

/** Seconds and nanoseconds after them as one decimal number, also before the epoch. */
function decimalTime(seconds: number, nanoseconds: number): string {
  const total = BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds);
  const absolute = total < 0n ? -total : total;
  const fraction = (absolute % 1_000_000_000n).toString().padStart(9, '0').replace(/0+$/, '');
  return `${total < 0n ? '-' : ''}${absolute / 1_000_000_000n}${fraction === '' ? '' : `.${fraction}`}`;
}

function block(typeflag: string, entry: TarEntryOut): Buffer {
  const { path, linkPath = Buffer.alloc(0), mode, uid, gid, size = 0, mtimeS, major = 0, minor = 0 } = entry;
  const header = Buffer.alloc(BLOCK_BYTES);
  path.copy(header, 0, 0, NAME_BYTES);
  octal(header, mode & 0o7777, 100, 8);
  octal(header, uid > ID_MAX ? 0 : uid, 108, 8);
  octal(header, gid > ID_MAX ? 0 : gid, 116, 8);
  octal(header, size > SIZE_MAX ? 0 : size, 124, 12);
  octal(header, mtimeS < 0 || mtimeS > SIZE_MAX ? 0 : mtimeS, 136, 12);
  header.write(typeflag, 156, 'latin1');
  linkPath.copy(header, 157, 0, NAME_BYTES);
  header.write('ustar\x0000', 257, 'latin1');
  octal(header, major, 329, 8);
  octal(header, minor, 337, 8);
  header.fill(0x20, 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return header;
}

/** All that stands before an entry's content. */
export function tarHeader(entry: TarEntryOut): Buffer {
  const header = block(TYPEFLAGS[entry.type], entry);
  const records = paxRecords(entry);
  if (records.length === 0) return header;
  const pax = { type: 'file', path: Buffer.from('PaxHeaders.0/pax'), mode: 0o644, uid: 0, gid: 0, mtimeS: 0 } as const;
  return Buffer.concat([block('x', { ...pax, size: records.length }), records, tarPadding(records.length), header]);
}
