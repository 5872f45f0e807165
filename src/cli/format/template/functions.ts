import { stringifyJson } from '../../../client/json.ts';
import { TemplateError } from './lex.ts';

/** Go's idea of a value worth an `if`. */
export function isTruthy(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  if (typeof value === 'object' && value !== null) return Object.keys(value).length > 0;
  return Boolean(value);
}

/** As Go's fmt prints with %v: lists as `[a b]`, maps as `map[k:v]` in key order. */
export function printValue(value: unknown): string {
  if (value === null || value === undefined) return '<no value>';
  if (Array.isArray(value)) return `[${value.map(printInner).join(' ')}]`;
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint') return String(value);
  if (typeof value !== 'object') return '<no value>';
  const entries = Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1));
  return `map[${entries.map(([key, inner]) => `${key}:${printInner(inner)}`).join(' ')}]`;
}

function printInner(value: unknown): string {
  return value === null || value === undefined ? '<nil>' : printValue(value);
}

function index(container: unknown, ...keys: unknown[]): unknown {
  let value = container;
  for (const key of keys) {
    if (Array.isArray(value)) {
      const at = Number(key);
      if (!Number.isInteger(at) || at < 0 || at >= value.length)
        throw new TemplateError(`error calling index: index out of range: ${at}`);
      value = value[at];
    } else if (typeof value === 'object' && value !== null) {
      const name = String(key);
      value = Object.hasOwn(value, name) ? Object.getOwnPropertyDescriptor(value, name)?.value : '';
    } else
      throw new TemplateError(`error calling index: can't index item of type ${value === null ? 'nil' : typeof value}`);
  }
  return value;
}

function length(value: unknown): number {
  if (typeof value === 'string') return Buffer.byteLength(value);
  if (Array.isArray(value)) return value.length;
  if (typeof value === 'object' && value !== null) return Object.keys(value).length;
  throw new TemplateError(`error calling len: len of type ${value === null ? 'nil' : typeof value}`);
}

/** printf with the verbs that formats are written with; widths and precisions of strings and numbers included. */
function printf(format: unknown, ...values: unknown[]): string {
  const rest = [...values];
  return String(format).replace(/%(-?)([0-9]*)([sdvqtxf%])/g, (_match, left: string, width: string, verb: string) => {
    if (verb === '%') return '%';
    if (rest.length === 0) return `%!${verb}(MISSING)`;
    const value = rest.shift();
    const text =
      verb === 'q' ? JSON.stringify(printValue(value)) : verb === 'x' ? Number(value).toString(16) : printValue(value);
    return left === '-' ? text.padEnd(Number(width)) : text.padStart(Number(width));
  });
}

function compare(test: (left: number | string, right: number | string) => boolean) {
  return (left: unknown, right: unknown): boolean =>
    typeof left === 'number' || typeof left === 'bigint'
      ? test(Number(left), Number(right))
      : test(String(left), String(right));
}

const text = (value: unknown): string => (typeof value === 'string' ? value : printValue(value));

type TemplateFunction = (...values: unknown[]) => unknown;

/** Docker's basic functions and the Go built-ins. `and` and `or` evaluate all their arguments. */
export const FUNCTIONS: Readonly<Record<string, TemplateFunction>> = {
  json: (value) => stringifyJson(value ?? null),
  join: (list, separator) => (Array.isArray(list) ? list.map(text).join(text(separator)) : ''),
  split: (value, separator) => text(value).split(text(separator)),
  lower: (value) => text(value).toLowerCase(),
  upper: (value) => text(value).toUpperCase(),
  title: (value) => text(value).replace(/\b[a-z]/g, (letter) => letter.toUpperCase()),
  pad: (value, before, after) => ' '.repeat(Number(before)) + text(value) + ' '.repeat(Number(after)),
  truncate: (value, limit) => text(value).slice(0, Number(limit)),
  print: (...values) => values.map(printValue).join(''),
  println: (...values) => `${values.map(printValue).join(' ')}\n`,
  printf,
  index,
  len: length,
  not: (value) => !isTruthy(value),
  and: (...values) => values.find((value) => !isTruthy(value)) ?? values.at(-1),
  or: (...values) => values.find(isTruthy) ?? values.at(-1),
  eq: (first, ...others) => others.some((other) => text(first) === text(other)),
  ne: (left, right) => text(left) !== text(right),
  lt: compare((left, right) => left < right),
  le: compare((left, right) => left <= right),
  gt: compare((left, right) => left > right),
  ge: compare((left, right) => left >= right),
};

export const FUNCTION_NAMES: ReadonlySet<string> = new Set(Object.keys(FUNCTIONS));
