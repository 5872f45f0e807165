/** PAX extended headers (POSIX.1-2001, "pax Extended Header"). Values stay bytes: `SCHILY.xattr.*` are binary. */
import { badArchive, printable } from './errors.ts';

export type PaxRecords = ReadonlyMap<string, Buffer>;

const SPACE = 0x20;
const NEWLINE = 0x0a;
const EQUALS = 0x3d;

/**
 * Splits "length key=value\n" records. An empty value stays in the map: it cancels what a global header or the ustar
 * field says. Throws EBADARCHIVE for a length that does not fit its record.
 */
export function parsePax(data: Buffer): Map<string, Buffer> {
  const records = new Map<string, Buffer>();
  let at = 0;
  while (at < data.length) {
    let length = 0;
    let i = at;
    for (; i < data.length && data[i] !== SPACE; i++) {
      const digit = (data[i] ?? 0) - 0x30;
      if (digit < 0 || digit > 9 || i - at > 7) throw badArchive('a PAX record does not start with its length');
      length = length * 10 + digit;
    }
    const end = at + length;
    if (i === at || end > data.length || end <= i + 2 || data[end - 1] !== NEWLINE) {
      throw badArchive(`a PAX record at byte ${at} has a length that does not fit`);
    }
    const equals = data.indexOf(EQUALS, i + 1);
    if (equals <= i + 1 || equals >= end) throw badArchive(`a PAX record at byte ${at} has no key`);
    const key = data.toString('utf8', i + 1, equals);
    if (key.includes('\0')) throw badArchive('a PAX key contains a NUL byte');
    records.set(key, data.subarray(equals + 1, end - 1));
    at = end;
  }
  return records;
}

/** A name (path, linkpath): any bytes but NUL. */
export function paxName(records: PaxRecords, key: string): Buffer | undefined {
  const value = records.get(key);
  if (value === undefined || value.length === 0) return undefined;
  if (value.includes(0)) throw badArchive(`PAX ${key} contains a NUL byte: \`${printable(value)}\``);
  return value;
}

/** A non-negative decimal integer that a double holds exactly. */
export function paxInteger(records: PaxRecords, key: string): number | undefined {
  const value = records.get(key);
  if (value === undefined || value.length === 0) return undefined;
  const text = value.toString('latin1');
  const number = /^[0-9]{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(number)) throw badArchive(`PAX ${key} is not a usable number: \`${printable(value)}\``);
  return number;
}

/** A decimal time as seconds and nanoseconds; digits beyond the ninth are dropped. */
export function paxTime(records: PaxRecords, key: string): { s: number; ns: number } | undefined {
  const value = records.get(key);
  if (value === undefined || value.length === 0) return undefined;
  const match = /^(-?)([0-9]{1,15})(?:\.([0-9]*))?$/.exec(value.toString('latin1'));
  if (match === null) throw badArchive(`PAX ${key} is not a time: \`${printable(value)}\``);
  const seconds = Number(match[2]);
  const ns = Number((match[3] ?? '').slice(0, 9).padEnd(9, '0'));
  if (match[1] === '') return { s: seconds, ns };
  return ns === 0 ? { s: -seconds, ns: 0 } : { s: -seconds - 1, ns: 1_000_000_000 - ns };
}
