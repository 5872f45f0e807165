/** A tar entry as its consumers see it: header block, PAX records and GNU long names put together. */
import { badArchive, printable } from './errors.ts';
import { type PaxRecords, paxInteger, paxName, paxTime } from './pax.ts';
import { type PaxSparse, parsePaxSparse } from './sparse.ts';
import type { RawHeader } from './tar-header.ts';

export type TarEntryType = 'file' | 'hardlink' | 'symlink' | 'character' | 'block' | 'directory' | 'fifo';

export interface TarHeader {
  type: TarEntryType;
  /** As the archive has it: not cleaned, maybe with `..` or a leading slash; never with a NUL byte. */
  path: Buffer;
  /** The target of a hard link or symlink, else empty. */
  linkPath: Buffer;
  /** permission bits with setuid, setgid and sticky (07777) */
  mode: number;
  uid: number;
  gid: number;
  /** bytes of the content, holes included; 0 for everything but files */
  size: number;
  mtimeS: number;
  /** 0 to 999999999, added to mtimeS */
  mtimeNs: number;
  devMajor: number;
  devMinor: number;
  /** The PAX records in force, global ones included. Values are bytes. */
  pax: PaxRecords;
}

/** What came before the header block: local and global PAX records, GNU long names. */
export interface Preamble {
  global: PaxRecords;
  local: PaxRecords | undefined;
  longPath: Buffer | undefined;
  longLink: Buffer | undefined;
}

export interface AssembledEntry {
  header: TarHeader;
  /** bytes that the body takes in the archive */
  storedBytes: number;
  /** The body is skipped: the type has no content. */
  discard: boolean;
  sparse: PaxSparse | undefined;
}

const TYPES: Record<string, TarEntryType> = {
  '\0': 'file',
  '0': 'file',
  '7': 'file',
  S: 'file',
  '1': 'hardlink',
  '2': 'symlink',
  '3': 'character',
  '4': 'block',
  '5': 'directory',
  '6': 'fifo',
};

/** chown(2) takes this user id for "leave it". */
const ID_MAX = 0xffff_fffe;
const NO_RECORDS: PaxRecords = new Map();
const PATH_MAX_BYTES = 4096;

function effectiveRecords(preamble: Preamble): PaxRecords {
  if (preamble.global.size === 0) return preamble.local ?? NO_RECORDS;
  return preamble.local === undefined ? preamble.global : new Map([...preamble.global, ...preamble.local]);
}

function checkName(name: Buffer, what: string): Buffer {
  if (name.length > PATH_MAX_BYTES) {
    throw badArchive(
      `its ${what} has ${name.length} bytes, more than ${PATH_MAX_BYTES}: \`${printable(name.subarray(0, 64))}...\``,
    );
  }
  return name;
}

function checkId(id: number, what: string): number {
  if (id < 0 || id > ID_MAX) throw badArchive(`its ${what} ${id} is outside 0 to ${ID_MAX}`);
  return id;
}

/** Throws EBADARCHIVE when a value is out of bounds or the type is unknown; the message starts with "its" or "it". */
export function assembleEntry(raw: RawHeader, preamble: Preamble): AssembledEntry {
  const pax = effectiveRecords(preamble);
  const sparse = pax.size === 0 ? undefined : parsePaxSparse(pax);
  const time = paxTime(pax, 'mtime');
  const path = checkName(preamble.longPath ?? sparse?.path ?? paxName(pax, 'path') ?? raw.path, 'name');
  const known = TYPES[raw.typeflag];
  if (known === undefined) throw badArchive(`it has the unsupported type \`${printable(raw.typeflag)}\``);
  // V7 archives have no type for directories, only the slash.
  const slash = raw.typeflag === '\0' && path[path.length - 1] === 0x2f;
  const type = slash ? 'directory' : known;
  const isLink = type === 'hardlink' || type === 'symlink';
  const linkPath = isLink ? (preamble.longLink ?? paxName(pax, 'linkpath') ?? raw.linkPath) : Buffer.alloc(0);
  const stored = paxInteger(pax, 'size') ?? raw.size;
  if (stored < 0) throw badArchive('its size is negative');
  const header: TarHeader = {
    type,
    path,
    linkPath: checkName(linkPath, 'link target'),
    mode: raw.mode & 0o7777,
    uid: checkId(paxInteger(pax, 'uid') ?? raw.uid, 'user id'),
    gid: checkId(paxInteger(pax, 'gid') ?? raw.gid, 'group id'),
    size: type === 'file' ? (sparse?.realSize ?? stored) : 0,
    mtimeS: time?.s ?? raw.mtimeS,
    mtimeNs: time?.ns ?? 0,
    devMajor: raw.devMajor,
    devMinor: raw.devMinor,
    pax,
  };
  checkDevice(header);
  // As archive/tar and GNU tar: the size of what has no content says nothing about the archive's next bytes.
  const storedBytes = type === 'file' || slash ? stored : 0;
  return { header, storedBytes, discard: type !== 'file', sparse: type === 'file' ? sparse : undefined };
}

/** Linux device numbers: 12 bits of major, 20 of minor. */
function checkDevice(header: TarHeader): void {
  if (header.type !== 'character' && header.type !== 'block') return;
  const { devMajor: major, devMinor: minor } = header;
  if (major < 0 || major > 0xfff || minor < 0 || minor > 0xf_ffff) {
    throw badArchive(`its device number ${major}:${minor} is out of range`);
  }
}
