/** Small checks that know the place of what they check: `config.json: process.args: must be a list`. */
import { EngineError } from '../../errors.ts';

/** Throws EngineError(InvalidParameter) that names the JSON path. */
export type Check = (value: unknown, path: string) => void;

type Json = Record<string, unknown>;

const MAX_ITEMS = 100_000;

export function refuse(path: string, problem: string, hint?: string): never {
  throw new EngineError('InvalidParameter', `${path}: ${problem}`, { hint });
}

/** Bounded, however long or deep the value is. */
export function shown(value: unknown): string {
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object' && value !== null) return 'an object';
  return typeof value === 'string' ? JSON.stringify(clipped(value)) : String(value);
}

export function clipped(text: string): string {
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

/** Names the place of an error that a part below found, which knows the value but not where it came from. */
export function locate<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (thrown) {
    if (!(thrown instanceof EngineError)) throw thrown;
    const { kind, message, code, hint } = thrown;
    throw new EngineError(kind, `${path}: ${message}`, { code, hint, cause: thrown });
  }
}

export const text: Check = (value, path) => {
  if (typeof value !== 'string') refuse(path, `must be a string, is ${shown(value)}`);
  if (value.includes('\0')) refuse(path, 'must not contain a NUL byte');
};

export const flag: Check = (value, path) => {
  if (typeof value !== 'boolean') refuse(path, `must be true or false, is ${shown(value)}`);
};

/** A whole number from `low` to `high`. */
export function integer(low: number, high: number): Check {
  return (value, path) => {
    if (typeof value !== 'number' || !Number.isInteger(value))
      refuse(path, `must be a whole number, is ${shown(value)}`);
    if (value < low || value > high) refuse(path, `must be from ${low} to ${high}, is ${value}`);
  };
}

export function oneOf(words: readonly string[]): Check {
  return (value, path) => {
    if (typeof value !== 'string' || !words.includes(value)) {
      refuse(path, `must be one of ${words.join(', ')}, is ${shown(value)}`);
    }
  };
}

export function matching(pattern: RegExp, words: string): Check {
  return (value, path) => {
    text(value, path);
    if (!pattern.test(value as string)) refuse(path, `must be ${words}, is ${shown(value)}`);
  };
}

/** PATH_MAX with its NUL, NAME_MAX. */
export const MAX_PATH_BYTES = 4095;
export const MAX_NAME_BYTES = 255;

/** What no path can be resolved with, said before something has been made. */
export function checkPathLength(path: string, at: string): void {
  if (Buffer.byteLength(path) > MAX_PATH_BYTES) refuse(at, `is longer than ${MAX_PATH_BYTES} bytes`);
  const long =
    path.length > MAX_NAME_BYTES / 4 && path.split('/').find((name) => Buffer.byteLength(name) > MAX_NAME_BYTES);
  if (long) refuse(at, `the name ${shown(long)} is longer than ${MAX_NAME_BYTES} bytes`);
}

/** An absolute path without `..`: such a path could mean another file than it seems to. */
export const absolutePath: Check = (value, path) => {
  text(value, path);
  const given = value as string;
  if (!given.startsWith('/')) refuse(path, `must be an absolute path, is ${shown(given)}`);
  checkPathLength(given, path);
  if (given.split('/').includes('..')) refuse(path, `must not contain "..", is ${shown(given)}`);
};

export function list(item: Check, most: number = MAX_ITEMS): Check {
  return (value, path) => {
    if (!Array.isArray(value)) refuse(path, `must be a list, is ${shown(value)}`);
    if (value.length > most) refuse(path, `has ${value.length} entries; ${most} is the limit`);
    value.forEach((entry, index) => item(entry, `${path}[${index}]`));
  };
}

/** `annotations["a.b"]` */
export function keyPath(path: string, key: string): string {
  return `${path}[${JSON.stringify(clipped(key))}]`;
}

export function map(item: Check): Check {
  return (value, path) => {
    for (const [key, entry] of Object.entries(objectOf(value, path))) {
      if (key === '') refuse(path, 'has an empty key');
      if (key.includes('\0')) refuse(keyPath(path, key), 'must not contain a NUL byte');
      item(entry, keyPath(path, key));
    }
  };
}

function objectOf(value: unknown, path: string): Json {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    refuse(path.replace(/: $/, ''), `must be an object, is ${shown(value)}`);
  return value as Json;
}

/** Fields that are not listed are left alone, as the spec demands; null is as good as missing, as for Go's decoder. */
export function object(fields: Readonly<Record<string, Check>>, required: readonly string[] = []): Check {
  const entries = Object.entries(fields);
  return (value, path) => {
    const given = objectOf(value, path);
    const at = (name: string) => (path.endsWith(': ') ? `${path}${name}` : `${path}.${name}`);
    for (const name of required) {
      if (given[name] === undefined || given[name] === null) refuse(at(name), 'is missing');
    }
    for (const [name, check] of entries) {
      const field = given[name];
      if (field === null) delete given[name];
      else if (field !== undefined) check(field, at(name));
    }
  };
}
