/** Brings what was written to a file onto the disk, behind the writers' backs: one flush serves all that wrote before it. */
import { open, type FileHandle } from 'node:fs/promises';

export interface GroupFlushOptions {
  /** How long written bytes may wait for company. */
  delayMs: number;
  /** Told when a flush fails that nobody waits for. */
  onError(error: unknown): void;
}

/**
 * The file is opened at the first flush, so it may be made after this; it must not be replaced by another one afterwards.
 * Written bytes outlive the process in any case (they are the kernel's); a flush makes them outlive the machine.
 */
export class GroupFlush {
  readonly path: string;
  readonly #options: GroupFlushOptions;
  #file: FileHandle | null = null;
  #dirty = false;
  #timer: NodeJS.Timeout | undefined;
  /** The flush under way, and the one that begins when that has ended. */
  #running: Promise<void> | null = null;
  #next: Promise<void> | null = null;

  constructor(path: string, options: GroupFlushOptions) {
    this.path = path;
    this.#options = options;
  }

  /** Something was written: it will be on disk soon. */
  touch(): void {
    this.#dirty = true;
    this.#timer ??= setTimeout(() => {
      this.settled().catch((error: unknown) => this.#options.onError(error));
    }, this.#options.delayMs).unref();
  }

  /** Resolves when all that was written before this call is on disk; at once when it is already. Rejects with what the disk says. */
  settled(): Promise<void> {
    if (!this.#dirty) return this.#running ?? Promise.resolve();
    const before = this.#running?.catch(() => undefined) ?? Promise.resolve();
    this.#next ??= before.then(() => this.#begin());
    return this.#next;
  }

  /** Waits for what is under way. What was not flushed is left to the kernel. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    await Promise.allSettled([this.#next, this.#running]);
    await this.#file?.close();
  }

  #begin(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#next = null;
    this.#dirty = false;
    const flush = this.#flush().finally(() => {
      if (this.#running === flush) this.#running = null;
    });
    this.#running = flush;
    return flush;
  }

  async #flush(): Promise<void> {
    try {
      this.#file ??= await open(this.path, 'r');
      await this.#file.sync();
    } catch (thrown) {
      // Whoever asks next tries again.
      this.#dirty = true;
      throw thrown;
    }
  }
}
