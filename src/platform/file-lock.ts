/** A lock that the kernel holds for a process and frees with it, however that dies. */
import { closeSync, openSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';

/** SQLITE_BUSY, and SQLITE_LOCKED beside it. */
const TAKEN = new Set([5, 6]);

/**
 * Takes the lock on this file, which is made when it is missing, and gives back how to release it; null when another
 * process has it. SQLite is the one way to a POSIX file lock that Node has: a pid file alone cannot be taken over from a
 * dead process without a race.
 */
export function tryFileLock(path: string): (() => void) | null {
  // Whoever may read the file can lock it.
  closeSync(openSync(path, 'a', 0o600));
  const file = new DatabaseSync(path);
  try {
    file.exec('PRAGMA busy_timeout=0; PRAGMA journal_mode=MEMORY; BEGIN EXCLUSIVE');
  } catch (thrown) {
    file.close();
    if (TAKEN.has((thrown as { errcode?: number }).errcode ?? 0)) return null;
    throw thrown;
  }
  return () => file.close();
}
