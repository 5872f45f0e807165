import { constants, type Stats } from 'node:fs';
import { type FileHandle, lstat, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** A tree that is deeper counts only down to here: each level on the way holds a descriptor open. */
const DEEPEST = 128;
const DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
/** Something was removed or replaced between our looking and our opening. */
const CHANGED = new Set(['ENOENT', 'ENOTDIR', 'ELOOP']);

/**
 * Bytes of the regular files below a directory, a file with several names once. What vanishes meanwhile counts nothing.
 * A running container may change the tree under us: every step goes from an open directory and follows no link, so that
 * a directory swapped for a link leads nowhere.
 */
export async function treeSizeBytes(directory: string): Promise<number> {
  const seen = new Set<string>();
  const walk = async (path: string, depth: number): Promise<number> => {
    await using handle = await openDirectory(path);
    if (handle === null) return 0;
    const here = `/proc/self/fd/${handle.fd}`;
    let sum = 0;
    for (const entry of await readdir(here, { withFileTypes: true })) {
      if (entry.isDirectory() && depth < DEEPEST) sum += await walk(join(here, entry.name), depth + 1);
      else if (entry.isFile()) sum += newBytes(await statOf(join(here, entry.name)), seen);
    }
    return sum;
  };
  return walk(directory, 0);
}

/** `seen`: files with several names that were counted. */
function newBytes(stats: Stats | null, seen: Set<string>): number {
  if (stats === null || !stats.isFile()) return 0;
  if (stats.nlink > 1) {
    const key = `${stats.dev}:${stats.ino}`;
    if (seen.has(key)) return 0;
    seen.add(key);
  }
  return stats.size;
}

function openDirectory(path: string): Promise<FileHandle | null> {
  return unlessChanged(open(path, DIRECTORY));
}

function statOf(path: string): Promise<Stats | null> {
  return unlessChanged(lstat(path));
}

async function unlessChanged<T>(pending: Promise<T>): Promise<T | null> {
  try {
    return await pending;
  } catch (thrown) {
    if (CHANGED.has((thrown as NodeJS.ErrnoException).code ?? '')) return null;
    throw thrown;
  }
}
