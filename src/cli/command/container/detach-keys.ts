import { CommandError } from '../../errors.ts';
import { messages } from '../../format/messages.ts';

/** ctrl-p ctrl-q */
export const DEFAULT_DETACH_KEYS = Uint8Array.of(16, 17);

const CONTROL_SYMBOLS = '@[\\]^_';
const CONTROL_SYMBOL_CODES = [0, 27, 28, 29, 30, 31];

/** `ctrl-p,ctrl-q`, `ctrl-a,a`, `DEL` as the bytes that a terminal sends for them. @throws CommandError, exit code 125 */
export function parseDetachKeys(text: string): Uint8Array {
  const codes = text.split(',').map((key) => {
    if (key === 'DEL') return 127;
    if (key.length === 1) return key.charCodeAt(0);
    const [, letter = ''] = /^ctrl-(.)$/i.exec(key) ?? [];
    if (/^[a-z]$/i.test(letter)) return letter.toLowerCase().charCodeAt(0) - 96;
    return CONTROL_SYMBOL_CODES[letter === '' ? -1 : CONTROL_SYMBOLS.indexOf(letter)] ?? -1;
  });
  if (codes.some((code) => code < 0 || code > 127))
    throw new CommandError(messages.badDetachKeys(text), { exitCode: 125 });
  return Uint8Array.from(codes);
}

/** Finds the detach keys in what the user types, also when they arrive one by one. */
export class DetachScanner {
  readonly #keys: Uint8Array;
  #matched = 0;

  constructor(keys: Uint8Array) {
    this.#keys = keys;
  }

  /**
   * What to send on. Bytes that may begin the sequence are held back until it is sure that they do not;
   * `detached` is true when the sequence is complete, and what follows it is dropped.
   */
  push(chunk: Uint8Array): { pass: Uint8Array; detached: boolean } {
    const pass: number[] = [];
    for (const byte of chunk) {
      if (byte !== this.#keys[this.#matched]) {
        pass.push(...this.#keys.subarray(0, this.#matched));
        this.#matched = 0;
      }
      if (byte === this.#keys[this.#matched]) this.#matched += 1;
      else pass.push(byte);
      if (this.#matched === this.#keys.length) return { pass: Uint8Array.from(pass), detached: true };
    }
    return { pass: Uint8Array.from(pass), detached: false };
  }
}
