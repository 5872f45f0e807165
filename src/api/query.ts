/** The query part of a request, read as dockerd reads it. */
import { EngineError } from '../errors.ts';
import type { Filters } from './backend.ts';

const UINT32_MAX = 0xffff_ffff;
const NANOS_DIGITS = 9;

export class Query {
  readonly #params: URLSearchParams;

  constructor(text: string) {
    this.#params = new URLSearchParams(text);
  }

  /** '' when absent. */
  text(key: string): string {
    return this.#params.get(key) ?? '';
  }

  /** All values of a parameter that may be given more than once. */
  texts(key: string): string[] {
    return this.#params.getAll(key);
  }

  /** undefined when absent or empty. */
  optionalText(key: string): string | undefined {
    return this.#params.get(key) || undefined;
  }

  /** undefined only when absent. */
  givenText(key: string): string | undefined {
    return this.#params.get(key) ?? undefined;
  }

  /** Docker's rule: empty, 0, no, false and none (in any case) are false, everything else is true. */
  flag(key: string, absent = false): boolean {
    const value = this.#params.get(key);
    if (value === null) return absent;
    const word = value.trim().toLowerCase();
    return word !== '' && word !== '0' && word !== 'no' && word !== 'false' && word !== 'none';
  }

  /** A decimal integer; undefined when absent or empty. */
  integer(key: string): number | undefined {
    const value = this.text(key);
    if (value === '') return undefined;
    const number = Number(value);
    if (!/^[+-]?[0-9]+$/.test(value) || !Number.isSafeInteger(number)) {
      throw new EngineError('InvalidParameter', `invalid value "${value}" for \`${key}\`: must be an integer`);
    }
    return number;
  }

  /** A terminal's height or width. `what` names it in the error. */
  uint32(key: string, what: string): number {
    const value = this.text(key);
    const number = Number(value);
    if (!/^[0-9]+$/.test(value) || number > UINT32_MAX) {
      throw new EngineError('InvalidParameter', `invalid ${what} "${value}": must be an unsigned 32-bit integer`);
    }
    return number;
  }

  /** `seconds[.fraction]` since the epoch, in nanoseconds; 0n when absent, empty or 0. */
  nanoseconds(key: string): bigint {
    const value = this.text(key);
    if (value === '') return 0n;
    const match = /^(-?[0-9]{1,19})(?:\.([0-9]{1,9}))?$/.exec(value);
    if (match === null) {
      throw new EngineError(
        'InvalidParameter',
        `invalid value "${value}" for \`${key}\`: must be seconds since the epoch, such as 1700000000 or 1700000000.123456789`,
      );
    }
    const fraction = BigInt((match[2] ?? '').padEnd(NANOS_DIGITS, '0'));
    return BigInt(match[1] ?? '0') * 1_000_000_000n + fraction;
  }

  /** `filters`; a name that is not in `accepted` is refused (no list: every name goes through). */
  filters(accepted?: readonly string[]): Filters {
    const filters = parseFilters(this.text('filters'));
    for (const name of filters.keys()) {
      if (accepted !== undefined && !accepted.includes(name)) {
        throw new EngineError('InvalidParameter', `invalid filter '${name}'`, {
          hint: `known here: ${accepted.join(', ')}`,
        });
      }
    }
    return filters;
  }
}

/** Both forms that clients send: `{"label":{"a=b":true}}` and, before API 1.22, `{"label":["a=b"]}`. */
export function parseFilters(text: string): Filters {
  const filters = new Map<string, readonly string[]>();
  if (text === '') return filters;
  for (const [name, values] of Object.entries(parseObject(text))) {
    filters.set(name, filterValues(name, values));
  }
  return filters;
}

function parseObject(text: string): object {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw new EngineError('InvalidParameter', 'invalid filter: `filters` is not JSON', { cause });
  }
  if (parsed === null) return {};
  if (typeof parsed !== 'object' || Array.isArray(parsed)) {
    throw new EngineError('InvalidParameter', 'invalid filter: `filters` must be a JSON object');
  }
  return parsed;
}

function filterValues(name: string, values: unknown): string[] {
  if (values === null) return [];
  if (Array.isArray(values) && values.every((value) => typeof value === 'string')) return values;
  if (typeof values === 'object' && !Array.isArray(values)) {
    if (Object.values(values).every((value) => typeof value === 'boolean' || value === null))
      return Object.keys(values);
  }
  throw new EngineError(
    'InvalidParameter',
    `invalid filter '${name}': must be a list of strings or an object of booleans`,
  );
}
