import { EngineError } from '../errors.ts';
import { badArchive, printable } from './errors.ts';
import type { TarEntryType, TarHeader } from './tar-entry.ts';
import type { TarSink } from './tar-parser.ts';
import type { UnpackEncoder, UnpackEntry } from './unpack-ops.ts';

/** Names as in the OCI image-spec, "Whiteouts"; `.wh..wh.` names are AUFS bookkeeping in layers of old tools. */
const WHITEOUT_PREFIX = '.wh.';
const AUFS_PREFIX = '.wh..wh.';
const OPAQUE_NAME = '.wh..wh..opq';
const XATTR_PREFIX = 'SCHILY.xattr.';
const SELINUX_LABEL = 'security.selinux';
/** PATH_MAX without the NUL. */
const PATH_MAX_BYTES = 4095;

const OPS: Record<TarEntryType, UnpackEntry['op']> = {
  file: 'file',
  hardlink: 'hardlink',
  symlink: 'symlink',
  character: 'node',
  block: 'node',
  fifo: 'node',
  directory: 'dir',
};
const NODE_FORMAT: Partial<Record<TarEntryType, number>> = { character: 0o020000, block: 0o060000, fifo: 0o010000 };

/**
 * A name of the archive as a path below the layer's root: no leading slash, no `.`, no empty component, `..` taken
 * out by name as Docker does; '' is the root itself. A byte string. Throws when it leaves the root or is too long.
 */
export function cleanPath(name: Buffer, what = 'name'): string {
  const text = name.toString('latin1');
  const parts: string[] = [];
  for (const part of text.split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') parts.push(part);
    else if (parts.pop() === undefined) throw unsafe(`its ${what} \`${printable(name)}\` leads out of the layer`);
  }
  const path = parts.join('/');
  if (path.length > PATH_MAX_BYTES)
    throw badArchive(`its ${what} has ${path.length} bytes, more than ${PATH_MAX_BYTES}`);
  if (path.includes('\0')) throw badArchive(`its ${what} contains a NUL byte`);
  return path;
}

function unsafe(message: string): EngineError {
  return new EngineError('InvalidParameter', message, {
    code: 'EUNSAFEARCHIVE',
    hint: 'No honest tool makes such an archive: do not use this image.',
  });
}

export interface LayerSinkOptions {
  /** false: names such as `.wh.x` are names like others. */
  whiteouts?: boolean;
  /** A clean path below the root that all entries, and the targets of hard links, are put under. */
  prefix?: string;
  owner?: (owner: { uid: number; gid: number }) => { uid: number; gid: number };
}

/** Turns a layer's tar entries into ops for `islet unpack`, whiteouts into those of overlayfs. */
export class LayerSink implements TarSink {
  readonly #encoder: UnpackEncoder;
  readonly #options: LayerSinkOptions;
  #index = 0;
  /** The entry is left out, with its content. */
  #skipping = false;
  #xattrs: [string, Buffer][] = [];
  /** The layer hides everything below it. overlayfs ignores the mark on a root, so the mount must leave the rest out. */
  rootOpaque = false;
  /** Sum of the sizes of regular files, as Docker counts a layer. */
  fileBytes = 0;

  constructor(encoder: UnpackEncoder, options: LayerSinkOptions = {}) {
    this.#encoder = encoder;
    this.#options = options;
  }

  entry(header: TarHeader): void {
    this.#index++;
    this.#xattrs = [];
    try {
      this.#skipping = !this.#start(header);
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      const message = `layer entry ${this.#index} (\`${printable(header.path)}\`): ${error.message}`;
      throw new EngineError(error.kind, message, { code: error.code, hint: error.hint, cause: error });
    }
  }

  data(chunk: Buffer): void {
    if (!this.#skipping) this.#encoder.data(chunk);
  }

  hole(bytes: number): void {
    if (!this.#skipping) this.#encoder.hole(bytes);
  }

  /** After the content: writing to a file clears its security.capability. */
  done(): void {
    if (!this.#skipping) for (const [name, value] of this.#xattrs) this.#encoder.xattr(name, value);
  }

  /** False when the entry makes nothing that content could go into. */
  #start(header: TarHeader): boolean {
    const path = cleanPath(header.path);
    const slash = path.lastIndexOf('/');
    const base = path.slice(slash + 1);
    if (this.#options.whiteouts !== false && path.includes(WHITEOUT_PREFIX)) {
      if (base === OPAQUE_NAME) {
        this.#opaque(header, slash === -1 ? '' : path.slice(0, slash));
        return false;
      }
      if (path.split('/').some((part) => part.startsWith(AUFS_PREFIX))) return false;
      if (base.startsWith(WHITEOUT_PREFIX)) {
        this.#whiteout(header, path.slice(0, slash + 1), base.slice(WHITEOUT_PREFIX.length));
        return false;
      }
    }
    if (path === '' && header.type !== 'directory') throw unsafe('it would replace the root of the layer');
    this.#make(header, this.#placed(path));
    return true;
  }

  #placed(path: string): string {
    return [this.#options.prefix ?? '', path].filter(Boolean).join('/');
  }

  #make(header: TarHeader, path: string): void {
    let target = '';
    if (header.type === 'hardlink') target = this.#placed(cleanPath(header.linkPath, 'link target'));
    if (header.type === 'symlink') {
      target = header.linkPath.toString('latin1');
      if (target === '' || target.length > PATH_MAX_BYTES || target.includes('\0'))
        throw badArchive('its link target is not a path');
    }
    const isNode = header.type === 'character' || header.type === 'block';
    const arg = isNode ? (BigInt(header.devMajor) << 32n) | BigInt(header.devMinor) : BigInt(header.size);
    const mode = header.mode | (NODE_FORMAT[header.type] ?? 0);
    this.#emit(OPS[header.type], header, { path, target, arg, mode });
    this.fileBytes += header.size;
    if (header.pax.size > 0) this.#collectXattrs(header);
  }

  #emit(
    op: UnpackEntry['op'],
    header: TarHeader,
    values: { path: string; target?: string; arg?: bigint; mode?: number },
  ): void {
    const { mtimeS, mtimeNs } = header;
    const { uid, gid } = this.#options.owner?.(header) ?? header;
    this.#encoder.entry({ op, index: this.#index, mode: 0, uid, gid, mtimeS, mtimeNs, arg: 0n, target: '', ...values });
  }

  #opaque(header: TarHeader, directory: string): void {
    if (directory === '') this.rootOpaque = true;
    else this.#emit('opaque', header, { path: directory });
  }

  #whiteout(header: TarHeader, parent: string, name: string): void {
    // `.wh...` would hide `..`: a whiteout of the parent directory.
    if (name === '' || name === '.' || name === '..') throw unsafe('it is a whiteout of no file');
    this.#emit('whiteout', header, { path: parent + name });
  }

  /**
   * `trusted.` attributes steer overlayfs itself (redirects, opaque marks), and a label of SELinux is the host's to give:
   * by one of its choice an image would have the policy start its program in another domain.
   */
  #collectXattrs(header: TarHeader): void {
    for (const [key, value] of header.pax) {
      if (!key.startsWith(XATTR_PREFIX)) continue;
      const name = Buffer.from(key.slice(XATTR_PREFIX.length)).toString('latin1');
      if (!name.startsWith('trusted.') && name !== SELINUX_LABEL && name !== '') this.#xattrs.push([name, value]);
    }
  }
}
