/** Room on a file system that images must not take: without it running containers, their logs and the database stand still. */
import { statfs } from 'node:fs/promises';
import { EngineError } from '../errors.ts';

const DEFAULT_SHARE = 0.05;
const DEFAULT_MOST_BYTES = 2 ** 30;
/** Files that can still be made; where a file system does not count them it says 0. */
const KEPT_INODE_SHARE = 0.01;
const MOST_KEPT_INODES = 10_000;
/** Between two looks at the file system, as long as there is plenty of room. */
const MOST_STEP_BYTES = 8 << 20;
/** More than is on its way to the disk at any moment, and is not counted by it. */
const LEAST_STEP_BYTES = 1 << 20;

export class DiskRoom {
  readonly #keepFreeBytes: number | undefined;

  /** `keepFreeBytes`: left free; undefined: a twentieth of the file system, at most 1 GiB. */
  constructor(keepFreeBytes?: number) {
    this.#keepFreeBytes = keepFreeBytes;
  }

  /**
   * Rejects (System, ENOSPC) when `bytes` more in this directory would leave less than is kept free. `what` begins the
   * message: "cannot unpack layer sha256:...". Gives how many bytes would fit.
   */
  async require(directory: string, bytes: number, what: string): Promise<number> {
    const { bavail, blocks, bsize, ffree, files } = await statfs(directory);
    // A file system without a size of its own, such as ramfs, says 0.
    if (blocks === 0) return Number.POSITIVE_INFINITY;
    const free = bavail * bsize;
    const kept = this.#keepFreeBytes ?? Math.min(DEFAULT_MOST_BYTES, Math.floor(blocks * bsize * DEFAULT_SHARE));
    const place = `no space left on device for images: the file system of ${directory} has`;
    if (free - bytes < kept) {
      throw full(`${what}: ${place} ${free} bytes, of which ${kept} are kept free`, kept > 0);
    }
    const keptInodes = Math.min(MOST_KEPT_INODES, Math.floor(files * KEPT_INODE_SHARE));
    if (files > 0 && ffree <= keptInodes) {
      throw full(`${what}: ${place} room for ${ffree} files, of which ${keptInodes} are kept free`, false);
    }
    return free - kept;
  }

  /** For what is written bit by bit: call it with the total so far. `what` is asked for a message only. */
  meter(directory: string, what: (total: number) => string): (total: number) => Promise<void> {
    let next = 0;
    return async (total) => {
      if (total < next) return;
      const room = await this.require(directory, LEAST_STEP_BYTES, what(total));
      // Ever smaller steps, so that the last one does not go beyond the end.
      next = total + Math.min(MOST_STEP_BYTES, room / 2);
    };
  }
}

function full(message: string, hasFlag: boolean): EngineError {
  const flag = hasFlag ? ', or keep less free (isled --keep-free)' : '';
  return new EngineError('System', message, {
    code: 'ENOSPC',
    hint: `remove images or containers, enlarge the file system${flag}`,
  });
}
