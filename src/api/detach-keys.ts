/** The key sequence by which a user leaves an attached terminal while the container runs on (default ctrl-p,ctrl-q). */
import { EngineError } from '../errors.ts';

export const DEFAULT_DETACH_KEYS: Uint8Array = Uint8Array.of(0x10, 0x11);

const CTRL_SYMBOLS = '[\\]^_';
const FIRST_CTRL_SYMBOL = 0x1b;

/** `ctrl-a,b,DEL` to bytes; undefined or '' is the default. Throws InvalidParameter, worded as dockerd does. */
export function parseDetachKeys(text: string | undefined): Uint8Array {
  if (text === undefined || text === '') return DEFAULT_DETACH_KEYS;
  const codes = text.split(',').map(keyCode);
  if (codes.includes(undefined)) {
    throw new EngineError('InvalidParameter', `Invalid detach keys (${text}) provided`, {
      hint: 'give single characters, ctrl-a to ctrl-z, ctrl-@, ctrl-[, ctrl-\\, ctrl-], ctrl-^, ctrl-_ or DEL, with commas between',
    });
  }
  return Uint8Array.from(codes.map(Number));
}

function keyCode(key: string): number | undefined {
  const bytes = Buffer.from(key);
  if (bytes.length === 1) return bytes[0];
  if (key === 'DEL') return 0x7f;
  if (key.length !== 6 || !key.startsWith('ctrl-')) return undefined;
  const last = key.charCodeAt(5);
  if (key[5] === '@') return 0;
  if (last >= 0x61 && last <= 0x7a) return last - 0x60;
  const symbol = CTRL_SYMBOLS.indexOf(key[5] ?? '');
  return symbol < 0 ? undefined : FIRST_CTRL_SYMBOL + symbol;
}

export interface ScannedInput {
  /** What goes on to the container now. */
  bytes: Uint8Array;
  detached: boolean;
}

/**
 * Looks for the key sequence in input that is cut anywhere. A beginning of the sequence is held back until the next
 * bytes tell what it was; unlike dockerd, one that turns out wrong is searched again, so that ctrl-p ctrl-p ctrl-q
 * sends one ctrl-p and detaches (Knuth, Morris and Pratt's automaton).
 */
export class DetachScanner {
  readonly #keys: Uint8Array;
  readonly #fallback: number[];
  #matched = 0;

  constructor(keys: Uint8Array) {
    this.#keys = keys;
    this.#fallback = borders(keys);
  }

  push(chunk: Uint8Array): ScannedInput {
    const held = this.#matched;
    for (let index = 0; index < chunk.length; index++) {
      this.#advance(chunk[index] ?? 0);
      if (this.#matched === this.#keys.length) {
        this.#matched = 0;
        return { bytes: this.#released(held, chunk, index + 1 - this.#keys.length), detached: true };
      }
    }
    return { bytes: this.#released(held, chunk, chunk.length - this.#matched), detached: false };
  }

  /** The input has ended: what was held back was no detach sequence. */
  flush(): Uint8Array {
    const rest = this.#keys.subarray(0, this.#matched);
    this.#matched = 0;
    return rest;
  }

  #advance(byte: number): void {
    while (this.#matched > 0 && this.#keys[this.#matched] !== byte) {
      this.#matched = this.#fallback[this.#matched - 1] ?? 0;
    }
    if (this.#keys[this.#matched] === byte) this.#matched++;
  }

  /** The first `held + end` bytes of what was held back followed by the chunk; `end` is negative inside the held part. */
  #released(held: number, chunk: Uint8Array, end: number): Uint8Array {
    if (held === 0) return chunk.subarray(0, end);
    if (end <= 0) return this.#keys.slice(0, held + end);
    return Buffer.concat([this.#keys.subarray(0, held), chunk.subarray(0, end)]);
  }
}

/** For each prefix: the length of its longest proper prefix that is also its suffix. */
function borders(keys: Uint8Array): number[] {
  const lengths = [0];
  for (let index = 1, length = 0; index < keys.length; index++) {
    while (length > 0 && keys[index] !== keys[length]) length = lengths[length - 1] ?? 0;
    if (keys[index] === keys[length]) length++;
    lengths.push(length);
  }
  return lengths;
}
