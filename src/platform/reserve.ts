/** Disk space kept aside: on a full file system what frees space, such as a removal, has to be written down first. */
import { closeSync, openSync, rmSync, statSync, writeSync } from 'node:fs';

const CHUNK_BYTES = 64 * 1024;

export interface SpaceReserve {
  /** Gives the space back to the file system; false when there is none kept. */
  spend(): boolean;
  /** Keeps the space aside again, or as much of it as there is now. Costs nothing while it is kept. */
  refill(): void;
}

/** `bytes` in a file of that path; nothing is kept before the first `refill`. */
export class DiskReserve implements SpaceReserve {
  readonly #path: string;
  readonly #bytes: number;
  #isWhole = false;

  constructor(path: string, bytes: number) {
    this.#path = path;
    this.#bytes = bytes;
  }

  spend(): boolean {
    const kept = statSync(this.#path, { throwIfNoEntry: false })?.size ?? 0;
    rmSync(this.#path, { force: true });
    this.#isWhole = false;
    return kept > 0;
  }

  refill(): void {
    if (this.#isWhole) return;
    try {
      this.#fill();
      this.#isWhole = true;
    } catch (thrown) {
      if (!['ENOSPC', 'EDQUOT'].includes((thrown as NodeJS.ErrnoException).code ?? '')) throw thrown;
    }
  }

  #fill(): void {
    const file = openSync(this.#path, 'a', 0o600);
    try {
      // Written, not made by ftruncate: a hole keeps no space.
      const chunk = Buffer.alloc(CHUNK_BYTES);
      let left = this.#bytes - statSync(this.#path).size;
      while (left > 0) left -= writeSync(file, chunk, 0, Math.min(left, CHUNK_BYTES));
    } finally {
      closeSync(file);
    }
  }
}

/** SQLITE_FULL, and SQLITE_IOERR_SHMSIZE, which it is when the file beside the write-ahead log cannot be made. */
const FULL_CODES = new Set([13, 4874]);

export function isDatabaseFull(thrown: unknown): boolean {
  return FULL_CODES.has((thrown as { errcode?: number } | null)?.errcode ?? 0);
}

/** Runs `body`; when the database has no room for it, once more with what the reserve kept. */
export function withReserve<T>(reserve: SpaceReserve, body: () => T): T {
  let result: T;
  try {
    result = body();
  } catch (thrown) {
    if (!isDatabaseFull(thrown) || !reserve.spend()) throw thrown;
    return body();
  }
  reserve.refill();
  return result;
}
