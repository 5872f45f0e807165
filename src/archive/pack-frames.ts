/** What `packTree` writes: native/src/pack.h describes the bytes. Names are bytes: they need not be UTF-8. */
import { EngineError } from '../errors.ts';

export const PACK_FLAGS = { statOnly: 1, oneFileSystem: 2, withoutData: 4 } as const;

const KIND = { entry: 1, data: 2 } as const;
const HEAD_BYTES = 5;
const FIXED_BYTES = 60;

export interface PackedEntry {
  /** st_mode, with the type */
  mode: number;
  uid: number;
  gid: number;
  major: number;
  minor: number;
  links: number;
  mtimeS: number;
  mtimeNs: number;
  size: number;
  /** Files with the same are one. */
  inode: string;
  /** Relative to the tree's root, which has ''. */
  path: Buffer;
  /** Of a symlink. */
  target: Buffer;
  /** Where a symlink at the tree's root leads; '' when it leads nowhere. */
  resolved: Buffer;
  xattrs: [name: string, value: Buffer][];
}

export type PackItem = { kind: 'entry'; entry: PackedEntry } | { kind: 'data'; bytes: Buffer };

function malformed(): EngineError {
  return new EngineError('System', 'islet sent a malformed archive frame');
}

function decodeEntry(bytes: Buffer): PackedEntry {
  const [mode, uid, gid, major, minor, links, mtimeNs] = [0, 4, 8, 12, 16, 20, 24].map((at) => bytes.readUInt32LE(at));
  let at = FIXED_BYTES;
  const text = (): Buffer => {
    const length = bytes.readUInt32LE(at);
    const end = at + 4 + length;
    if (end > bytes.length) throw malformed();
    const found = Buffer.from(bytes.subarray(at + 4, end));
    at = end;
    return found;
  };
  const [path, target, resolved] = [text(), text(), text()] as const;
  const count = bytes.readUInt32LE(at);
  at += 4;
  const xattrs = Array.from({ length: count }, (): [string, Buffer] => [text().toString('latin1'), text()]);
  return {
    mode: mode ?? 0,
    uid: uid ?? 0,
    gid: gid ?? 0,
    major: major ?? 0,
    minor: minor ?? 0,
    links: links ?? 0,
    mtimeNs: mtimeNs ?? 0,
    mtimeS: Number(bytes.readBigInt64LE(28)),
    size: Number(bytes.readBigUInt64LE(36)),
    inode: `${bytes.readBigUInt64LE(44)}:${bytes.readBigUInt64LE(52)}`,
    path,
    target,
    resolved,
    xattrs,
  };
}

/** Cuts the stream into entries and pieces of content. Throws System for what islet does not write. */
export class PackDecoder {
  #pending: Buffer = Buffer.alloc(0);

  push(received: Buffer): PackItem[] {
    let chunk = this.#pending.length === 0 ? received : Buffer.concat([this.#pending, received]);
    const items: PackItem[] = [];
    while (chunk.length >= HEAD_BYTES) {
      const end = 4 + chunk.readUInt32LE(0);
      if (chunk.length < end) break;
      const body = chunk.subarray(HEAD_BYTES, end);
      if (chunk[4] === KIND.entry) items.push({ kind: 'entry', entry: decodeEntry(body) });
      else if (chunk[4] === KIND.data) items.push({ kind: 'data', bytes: body });
      else throw malformed();
      chunk = chunk.subarray(end);
    }
    this.#pending = chunk;
    return items;
  }

  /** Throws when the stream was cut inside a frame. */
  end(): void {
    if (this.#pending.length > 0) throw malformed();
  }
}
