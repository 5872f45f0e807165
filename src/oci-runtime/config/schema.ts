/** Small checks that know the place of what they check: `config.json: process.args: must be a list`. */
import { EngineError } from '../../errors.ts';

/** Throws EngineError(InvalidParameter) that names the JSON path. */
export type Check = (value: unknown, path: string) => void;

type Json = Record<string, unknown>;

const MAX_ITEMS = 100_000;

export function refuse(path: string, problem: string, hint?: string): never {
  throw new EngineError('InvalidParameter', `${path}: ${problem}`, { hint });
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
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

/** An absolute path without `..`: such a path could mean another file than it seems to. */
export const absolutePath: Check = (value, path) => {
  text(value, path);
  const given = value as string;
  if (!given.startsWith('/')) refuse(path, `must be an absolute path, is ${shown(given)}`);
  if (given.split('/').includes('..')) refuse(path, `must not contain "..", is ${shown(given)}`);
};

export function list(item: Check): Check {
  return (value, path) => {
    if (!Array.isArray(value)) refuse(path, `must be a list, is ${shown(value)}`);
    if (value.length > MAX_ITEMS) refuse(path, `has ${value.length} entries; ${MAX_ITEMS} is the limit`);
    value.forEach((entry, index) => item(entry, `${path}[${index}]`));
  };
}

export function map(item: Check): Check {
  return (value, path) => {
    for (const [key, entry] of Object.entries(objectOf(value, path))) {
      if (key === '') refuse(path, 'has an empty key');
      item(entry, `${path}["${key}"]`);
    }
  };
}

function objectOf(value: unknown, path: string): Json {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    refuse(path, `must be an object, is ${shown(value)}`);
  return value as Json;
}

/** Fields that are not listed are left alone, as the spec demands; null is as good as missing, as for Go's decoder. */
export function object(fields: Readonly<Record<string, Check>>, required: readonly string[] = []): Check {
  return (value, path) => {
    const given = objectOf(value, path);
    const at = (name: string) => (path.endsWith(': ') ? `${path}${name}` : `${path}.${name}`);
    for (const name of required) {
      if (given[name] === undefined || given[name] === null) refuse(at(name), 'is missing');
    }
    for (const [name, check] of Object.entries(fields)) {
      const field = given[name];
      if (field === null) delete given[name];
      else if (field !== undefined) check(field, at(name));
    }
  };
}
