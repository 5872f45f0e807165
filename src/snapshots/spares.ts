/** Directories for containers to come, made while nobody waits for them: four new directories cost more than one rename. */
import { mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { randomHex } from '../platform/random.ts';

/** As many as clients may ask for in a row with a person between them. */
const KEPT = 4;
/** Quiet time before new ones are made: in a rush they would only take its time. */
const QUIET_MS = 100;

/** What overlayfs needs beside the layers, in one directory of mode 0700. Throws what mkdir says. */
function makeWritable(directory: string): void {
  mkdirSync(directory, { mode: 0o700 });
  for (const name of ['upper', 'work', 'merged']) mkdirSync(join(directory, name), { mode: 0o755 });
}

/** They lie in a directory of their own, which whoever opens the store empties. */
export class Spares {
  readonly #root: string;
  readonly #ready: string[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(root: string) {
    this.#root = root;
  }

  /** Makes `directory`, out of a spare one if there is any. Throws what mkdir and rename say. */
  take(directory: string): void {
    const spare = this.#ready.pop();
    if (spare === undefined) makeWritable(directory);
    else renameSync(spare, directory);
    this.#timer = this.#timer?.refresh() ?? setTimeout(() => this.#make(), QUIET_MS).unref();
  }

  /** Those that were ready are gone, or about to be. */
  forget(): void {
    this.#ready.length = 0;
  }

  /** One at a time, so that a request that comes now waits for one at most. */
  #make(): void {
    if (this.#ready.length >= KEPT) return;
    const path = join(this.#root, randomHex(9));
    try {
      makeWritable(path);
    } catch {
      // A full disk: whoever needs the next directory hears of it.
      return;
    }
    this.#ready.push(path);
    setImmediate(() => this.#make()).unref();
  }
}
