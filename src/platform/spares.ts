/** Directories for containers to come, made while nobody waits for them: new directories and files cost more than one rename. */
import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { randomHex } from './random.ts';

/** As many as clients may ask for in a row with a person between them. */
const KEPT = 4;
/** Quiet time before new ones are made: in a rush they would only take its time. */
const QUIET_MS = 100;

/** They lie in a directory of their own, which whoever opens it empties first. */
export class Spares {
  readonly #root: string;
  readonly #make: (directory: string) => void;
  readonly #ready: string[] = [];
  #timer: NodeJS.Timeout | undefined;

  /** `root` exists, on the file system of what is taken. `make` makes one synchronously; what it throws, `take` throws. */
  constructor(root: string, make: (directory: string) => void) {
    this.#root = root;
    this.#make = make;
  }

  /** Makes `directory`, out of a spare one if there is any. Throws what `make` and rename say. */
  take(directory: string): void {
    const spare = this.#ready.pop();
    if (spare === undefined) this.#make(directory);
    else renameSync(spare, directory);
    this.#timer = this.#timer?.refresh() ?? setTimeout(() => this.#refill(), QUIET_MS).unref();
  }

  /** Those that were ready are gone, or about to be. */
  forget(): void {
    this.#ready.length = 0;
  }

  /** One at a time, so that a request that comes now waits for one at most. */
  #refill(): void {
    if (this.#ready.length >= KEPT) return;
    const path = join(this.#root, randomHex(9));
    try {
      this.#make(path);
    } catch {
      // A full disk: whoever needs the next directory hears of it.
      return;
    }
    this.#ready.push(path);
    setImmediate(() => this.#refill()).unref();
  }
}
