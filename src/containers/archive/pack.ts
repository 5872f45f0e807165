/** A tree of a container as a tar archive, and what is at a path. */
import { constants } from 'node:fs';
import { basename, resolve } from 'node:path/posix';
import { PackDecoder, type PackedEntry, type PackItem } from '../../archive/pack-frames.ts';
import { TAR_END, type TarEntryOut, tarHeader, tarPadding } from '../../archive/tar-writer.ts';
import { EngineError } from '../../errors.ts';
import { PlanProcess } from '../../runtime/plan-process.ts';
import type { Plan } from '../../runtime/plan/table.ts';
import type { ContainersContext } from '../context.ts';
import type { Owner } from '../owners.ts';

const { S_IFMT, S_IFREG, S_IFDIR, S_IFLNK, S_IFCHR, S_IFBLK, S_IFIFO, S_IFSOCK } = constants;
const TYPES: Readonly<Record<number, TarEntryOut['type']>> = {
  [S_IFREG]: 'file',
  [S_IFDIR]: 'directory',
  [S_IFLNK]: 'symlink',
  [S_IFCHR]: 'character',
  [S_IFBLK]: 'block',
  [S_IFIFO]: 'fifo',
};
/** Go's os.FileMode: its own bits for the types. */
const GO_TYPES: Readonly<Record<number, number>> = {
  [S_IFDIR]: 2 ** 31,
  [S_IFLNK]: 2 ** 27,
  [S_IFBLK]: 2 ** 26,
  [S_IFCHR]: 2 ** 26 + 2 ** 21,
  [S_IFIFO]: 2 ** 25,
  [S_IFSOCK]: 2 ** 24,
};

/** Runs a plan that ends with packTree. Rejects with PlanError; ends the process when the consumer stops early. */
export async function* packItems(context: ContainersContext, plan: Plan): AsyncGenerator<PackItem, void> {
  const islet = new PlanProcess(context.islet, plan, context.runDir);
  islet.input.end();
  const decoder = new PackDecoder();
  try {
    for await (const chunk of islet.output as AsyncIterable<Buffer>) yield* decoder.push(chunk);
    await islet.done;
    decoder.end();
  } finally {
    islet.kill();
  }
}

function typeOf({ mode }: PackedEntry): TarEntryOut['type'] {
  const type = TYPES[mode & S_IFMT];
  if (type === undefined) throw new EngineError('System', `a file of the unknown type ${(mode & S_IFMT).toString(8)}`);
  return type;
}

export interface TarOptions {
  /** What the tree's root is called in the archive; '' leaves it out and puts what is in it at the top. */
  rootName: string;
  ownersInside: (owner: Owner) => Owner;
  /** Which attributes go along. */
  keepsXattr(name: string): boolean;
}

function nameOf(entry: PackedEntry, rootName: string, isDirectory: boolean): Buffer {
  const parts = [Buffer.from(rootName), entry.path].filter((part) => part.length > 0);
  const joined = Buffer.concat(parts.flatMap((part, index) => (index === 0 ? [part] : [Buffer.from('/'), part])));
  return isDirectory && joined.at(-1) !== 0x2f ? Buffer.concat([joined, Buffer.from('/')]) : joined;
}

/** The archive in pieces. A file under a second name is a hard link to the first. */
export async function* tarOf(items: AsyncIterable<PackItem>, options: TarOptions): AsyncGenerator<Buffer> {
  const firstNames = new Map<string, Buffer>();
  let padding: Buffer | null = null;
  let left = 0;
  let skipping = false;
  for await (const item of items) {
    if (item.kind === 'data') {
      left -= item.bytes.length;
      if (skipping) continue;
      yield item.bytes;
      if (left === 0 && padding !== null) yield padding;
      continue;
    }
    const { entry } = item;
    // No archive can hold one; it is told of only where the request names it.
    if ((entry.mode & S_IFMT) === S_IFSOCK) continue;
    const type = typeOf(entry);
    skipping = false;
    left = type === 'file' ? entry.size : 0;
    if (options.rootName === '' && entry.path.length === 0) continue;
    const path = nameOf(entry, options.rootName, type === 'directory');
    const first = type === 'file' && entry.links > 1 ? firstNames.get(entry.inode) : undefined;
    if (type === 'file' && entry.links > 1 && first === undefined) firstNames.set(entry.inode, path);
    skipping = first !== undefined;
    padding = tarPadding(entry.size);
    yield headerOf(entry, first === undefined ? type : 'hardlink', { path, linkPath: first ?? entry.target }, options);
  }
  yield TAR_END;
}

function headerOf(
  entry: PackedEntry,
  type: TarEntryOut['type'],
  names: { path: Buffer; linkPath: Buffer },
  options: TarOptions,
): Buffer {
  const { mode, mtimeS, mtimeNs, major, minor } = entry;
  const xattrs = entry.xattrs.filter(([name]) => options.keepsXattr(name));
  const size = type === 'file' ? entry.size : 0;
  return tarHeader({
    type,
    ...names,
    mode: mode & 0o7777,
    ...options.ownersInside(entry),
    size,
    mtimeS,
    mtimeNs,
    major,
    minor,
    xattrs,
  });
}

/** Go's os.FileMode of a st_mode. */
function goMode(mode: number): number {
  const special = (mode & 0o4000 ? 2 ** 23 : 0) + (mode & 0o2000 ? 2 ** 22 : 0) + (mode & 0o1000 ? 2 ** 20 : 0);
  return (mode & 0o777) + special + (GO_TYPES[mode & S_IFMT] ?? 0);
}

export interface PathStat {
  name: string;
  size: number;
  mode: number;
  mtime: string;
  linkTarget: string;
}

/** The last element of a path as Go's filepath.Base has it: "/" for the root, "." for "/x/.". */
function baseName(path: string): string {
  const stripped = path.replace(/\/+$/, '');
  return stripped === '' ? '/' : basename(stripped);
}

/** The years 0 to 9999, all that RFC 3339 can tell; a program can give a file any time. */
const FIRST_SECOND = -62_167_219_200;
const LAST_SECOND = 253_402_300_799;

export function pathStat(entry: PackedEntry, path: string): PathStat {
  const seconds = Math.min(Math.max(entry.mtimeS, FIRST_SECOND), LAST_SECOND);
  const fraction = entry.mtimeNs === 0 ? '' : `.${String(entry.mtimeNs).padStart(9, '0').replace(/0+$/, '')}`;
  const isLink = (entry.mode & S_IFMT) === S_IFLNK;
  return {
    name: baseName(path),
    size: entry.size,
    mode: goMode(entry.mode),
    mtime: `${new Date(seconds * 1000).toISOString().slice(0, 19)}${fraction}Z`,
    linkTarget: isLink ? linkTarget(entry, path) : '',
  };
}

/** Where it leads, also when nothing is there. */
function linkTarget({ target, resolved }: PackedEntry, path: string): string {
  if (resolved.length > 0) return resolved.toString('utf8');
  const directory = path.replace(/\/+[^/]*$/, '');
  return resolve('/', directory, target.toString('utf8'));
}
