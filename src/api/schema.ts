/**
 * Checks of JSON from outside. The rules are those of Go's decoder, which clients were written against: names match in
 * any case, null means "not given", integers have a range. A fault is InvalidParameter and names the field.
 * Hand-made because zod has neither of the first two rules.
 */
import { EngineError } from '../errors.ts';

export interface Notes {
  readonly unknownFields: string[];
}

/** Returns the value in its checked shape. `path` is the field's name from the top, for errors. */
export type Check<T> = (value: unknown, path: string, notes: Notes) => T;

/** The check of each field of T, all of them: a field added to T without a check does not compile. */
export type Fields<T> = { [K in keyof T]-?: Check<Exclude<T[K], null | undefined>> };

export function checkValue<T>(value: unknown, check: Check<T>): { value: T; unknownFields: string[] } {
  const notes: Notes = { unknownFields: [] };
  return { value: check(value, '', notes), unknownFields: notes.unknownFields };
}

export const string: Check<string> = (value, path) => {
  if (typeof value !== 'string') throw fault(path, 'a string', value);
  return value;
};

export const boolean: Check<boolean> = (value, path) => {
  if (typeof value !== 'boolean') throw fault(path, 'a boolean', value);
  return value;
};

function integer(min: number, max: number): Check<number> {
  return (value, path) => {
    if (typeof value !== 'number' || !Number.isInteger(value)) throw fault(path, 'an integer', value);
    if (value < min || value > max) throw fault(path, `between ${min} and ${max}`, value);
    return value;
  };
}

export const int64 = integer(-(2 ** 63), 2 ** 63);
export const uint64 = integer(0, 2 ** 64);
export const uint32 = integer(0, 2 ** 32 - 1);
export const uint16 = integer(0, 2 ** 16 - 1);

export function oneOf<T extends string>(...words: T[]): Check<T> {
  return (value, path) => {
    const word = words.find((candidate) => candidate === value);
    if (word === undefined)
      throw fault(path, `one of ${words.map((known) => JSON.stringify(known)).join(', ')}`, value);
    return word;
  };
}

export function list<T>(item: Check<T>): Check<T[]> {
  return (value, path, notes) => {
    if (!Array.isArray(value)) throw fault(path, 'a list', value);
    return value.map((element, index) => item(element, `${path}[${index}]`, notes));
  };
}

/** A list of strings, or one string that stands for a list of one (Go's strslice). */
export const stringOrStrings: Check<string[]> = (value, path, notes) =>
  typeof value === 'string' ? [value] : list(string)(value, path, notes);

/** An object with free keys. */
export function map<T>(item: Check<T>): Check<Record<string, T>> {
  return (value, path, notes) => {
    const entries = Object.entries(anyObject(value, path, notes));
    // fromEntries defines `__proto__` as a plain key, where an assignment would set the prototype.
    return Object.fromEntries(entries.map(([key, inner]) => [key, item(inner, `${path}["${key}"]`, notes)]));
  };
}

/** Go's `map[string]struct{}`: a set written as an object; null stands for an element too. */
export const setOfKeys: Check<Record<string, object>> = map((value, path, notes) =>
  value === null ? {} : anyObject(value, path, notes),
);

/** Go's decoder leaves zero values where a field was not sent: for the fields that T has always. */
export function zeroed<T extends object>(zeros: Partial<T>, check: Check<T>): Check<T> {
  return (value, path, notes) => ({ ...zeros, ...check(value, path, notes) });
}

export function nullable<T>(check: Check<T>): Check<T | null> {
  return (value, path, notes) => (value === null ? null : check(value, path, notes));
}

export const anyObject: Check<Record<string, unknown>> = (value, path) => {
  if (!isObject(value)) throw fault(path, 'an object', value);
  return value;
};

/**
 * An object with these fields. Those named in `stateFields` are left out without a note: clients that send back what
 * an inspect answered include them. Other unknown fields are noted.
 */
export function object<T extends object>(fields: Fields<T>, stateFields: readonly string[] = []): Check<T> {
  const byLowerName = new Map<string, [string, Check<unknown>]>();
  for (const [name, check] of Object.entries<Check<unknown>>(fields))
    byLowerName.set(name.toLowerCase(), [name, check]);
  const dropped = new Set(stateFields.map((name) => name.toLowerCase()));
  return (value, path, notes) => {
    const checked: Record<string, unknown> = {};
    for (const [key, inner] of Object.entries(anyObject(value, path, notes))) {
      const fieldPath = path === '' ? key : `${path}.${key}`;
      const field = byLowerName.get(key.toLowerCase());
      if (field === undefined) {
        if (!dropped.has(key.toLowerCase())) notes.unknownFields.push(fieldPath);
      } else if (inner !== null) {
        checked[field[0]] = field[1](inner, fieldPath, notes);
      }
    }
    // Every key was put there by the check of T's field of that name.
    return checked as T;
  };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function fault(path: string, wanted: string, value: unknown): EngineError {
  const where = path === '' ? 'the request body' : path;
  return new EngineError('InvalidParameter', `invalid JSON: ${where} must be ${wanted}, not ${describe(value)}`);
}

const LONGEST_QUOTE = 64;

function describe(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'an object';
  const text = JSON.stringify(value) ?? 'nothing';
  const shown = text.length > LONGEST_QUOTE ? `${text.slice(0, LONGEST_QUOTE)}...` : text;
  return typeof value === 'string' ? `the string ${shown}` : shown;
}
