import { createHash } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { EngineError } from '../errors.ts';

/** Bytes gathered before they go to the disk: one system call for many network reads. */
const WRITE_BATCH_BYTES = 1 << 20;

interface IngestTarget {
  digest: string;
  size: number | undefined;
  /** Rejects when the disk has no room for what comes behind so many bytes. */
  fits: (total: number) => Promise<void>;
  file: FileHandle;
  partialPath: string;
  finalPath: string;
}

/**
 * One blob on its way in. `offset` bytes have been accepted: after a broken connection the download goes on from there
 * into the same ingest. Nothing is visible in the store before `publish` has resolved; after `abort` nothing is left.
 */
export class Ingest {
  readonly #target: IngestTarget;
  readonly #hash = createHash('sha256');
  #batch: Uint8Array[] = [];
  #batchBytes = 0;
  #offset = 0;
  #closed = false;
  #verified = false;

  constructor(target: IngestTarget) {
    this.#target = target;
  }

  get offset(): number {
    return this.#offset;
  }

  /** The chunk belongs to the ingest afterwards: the caller must not change its bytes. */
  async write(chunk: Uint8Array): Promise<void> {
    const { digest, size } = this.#target;
    this.#offset += chunk.length;
    if (size !== undefined && this.#offset > size) {
      throw new EngineError(
        'System',
        `the blob ${digest} is longer than the ${size} bytes that its descriptor states`,
        {
          code: 'EBLOBSIZE',
        },
      );
    }
    this.#hash.update(chunk);
    this.#batch.push(chunk);
    this.#batchBytes += chunk.length;
    if (this.#batchBytes >= WRITE_BATCH_BYTES) await this.#flush();
  }

  async #flush(): Promise<void> {
    const batch = this.#batch;
    const expected = this.#batchBytes;
    this.#batch = [];
    this.#batchBytes = 0;
    await this.#target.fits(this.#offset);
    try {
      const { bytesWritten } = await this.#target.file.writev(batch);
      if (bytesWritten === expected) return;
      // A short write means a full disk or a quota; the rest, written again, then fails with the kernel's own reason.
      await this.#target.file.writeFile(Buffer.concat(batch).subarray(bytesWritten));
    } catch (cause) {
      throw writeError(this.#target.digest, cause);
    }
  }

  /** Checks size and digest of what was written. A failed check aborts the ingest. */
  async verify(): Promise<void> {
    const { digest, size } = this.#target;
    try {
      if (size !== undefined && this.#offset !== size) {
        throw new EngineError('System', `the blob ${digest} has ${this.#offset} bytes; its descriptor states ${size}`, {
          code: 'EBLOBSIZE',
        });
      }
      const actual = `sha256:${this.#hash.digest('hex')}`;
      if (actual !== digest) {
        const verdict = `filesystem layer verification failed for digest ${digest}: the bytes have ${actual}`;
        throw new EngineError('System', verdict, { code: 'EBLOBDIGEST' });
      }
      if (this.#batch.length > 0) await this.#flush();
      this.#verified = true;
    } catch (thrown) {
      await this.abort();
      throw thrown;
    }
  }

  /**
   * Flushes a verified blob to the disk and makes it visible. Apart from `verify`, because a flush may take long: it
   * waits for whatever else the file system has to write.
   */
  async publish(): Promise<void> {
    const { digest, file, partialPath, finalPath } = this.#target;
    try {
      if (!this.#verified) throw new EngineError('System', `blob ${digest} was to be published without a check`);
      await file.datasync();
      await this.#close();
      await rename(partialPath, finalPath);
      await syncDirectory(dirname(finalPath));
    } catch (thrown) {
      await this.abort();
      throw thrown;
    }
  }

  /** Verifies and publishes. */
  async commit(): Promise<void> {
    await this.verify();
    await this.publish();
  }

  /** Forgets the blob and removes what was written. May be called at any time, also after a failed commit. */
  async abort(): Promise<void> {
    await this.#close();
    await rm(this.#target.partialPath, { force: true });
  }

  async #close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#target.file.close();
  }
}

function writeError(digest: string, cause: unknown): EngineError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  const code = cause instanceof Error && 'code' in cause && typeof cause.code === 'string' ? cause.code : undefined;
  const hint =
    code === 'ENOSPC' || code === 'EDQUOT'
      ? 'free space on the file system of the data root, then pull again'
      : undefined;
  return new EngineError('System', `cannot write blob ${digest}: ${reason}`, { code, hint, cause });
}

/** A rename is on the disk only when its directory is. */
async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
