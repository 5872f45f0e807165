import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** Bytes of the regular files below a directory; links are not followed. What vanishes meanwhile counts nothing. */
export async function treeSizeBytes(directory: string): Promise<number> {
  let sum = 0;
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    try {
      sum += (await lstat(join(entry.parentPath, entry.name))).size;
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code !== 'ENOENT') throw thrown;
    }
  }
  return sum;
}
