import { UsageError } from '../errors.ts';
import { parseDurationMs } from '../flags/values.ts';
import { messages } from './messages.ts';

const pad = (value: number, width = 2): string => String(value).padStart(width, '0');

/** "+0200", from the local time zone at that moment. */
function offset(date: Date, colon: string): string {
  const minutes = -date.getTimezoneOffset();
  const sign = minutes < 0 ? '-' : '+';
  return `${sign}${pad(Math.trunc(Math.abs(minutes) / 60))}${colon}${pad(Math.abs(minutes) % 60)}`;
}

function localParts(date: Date): { day: string; time: string } {
  return {
    day: `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`,
    time: `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`,
  };
}

/** As Go prints a local time: "2025-01-02 15:04:05 +0100 CET"; the zone's name is its offset where it is not UTC. */
export function goTime(epochSeconds: number): string {
  const date = new Date(epochSeconds * 1000);
  const { day, time } = localParts(date);
  const zone = offset(date, '');
  return `${day} ${time} ${zone} ${zone === '+0000' ? 'UTC' : zone}`;
}

/** RFC 3339 with nanoseconds in local time: "2025-01-02T15:04:05.000000001+01:00". */
export function rfc3339Nano(nanoseconds: bigint): string {
  const date = new Date(Number(nanoseconds / 1_000_000n));
  const { day, time } = localParts(date);
  const zone = date.getTimezoneOffset() === 0 ? 'Z' : offset(date, ':');
  return `${day}T${time}.${String(nanoseconds % 1_000_000_000n).padStart(9, '0')}${zone}`;
}

/** "2025-01-02T15:04:05+01:00" */
export function rfc3339(epochSeconds: number): string {
  return rfc3339Nano(BigInt(Math.trunc(epochSeconds)) * 1_000_000_000n).replace(/\.[0-9]{9}/, '');
}

/**
 * `--since` and `--until` as the API takes them: seconds since the epoch with an optional nine-digit fraction.
 * Accepts a duration back from now ("42m"), seconds since 1970, and RFC 3339 times, whole or cut short ("2013-01-02").
 * @throws UsageError when the text is none of these.
 */
export function parseMoment(text: string, nowMs: number): string {
  if (/^[0-9]+(\.[0-9]{1,9})?$/.test(text)) return text;
  const duration = parseDurationMs(text);
  if (duration !== undefined) return seconds(nowMs - duration);
  const match =
    /^([0-9]{4}-[0-9]{2}-[0-9]{2})(?:T([0-9]{2}(?::[0-9]{2}(?::[0-9]{2})?)?)(\.[0-9]{1,9})?)?(Z|[+-][0-9]{2}:[0-9]{2})?$/.exec(
      text,
    );
  if (match !== null) {
    const [, day, time = '00:00:00', fraction = '', zone = ''] = match;
    const full = time.length === 2 ? `${time}:00:00` : time.length === 5 ? `${time}:00` : time;
    const ms = Date.parse(`${day}T${full}${zone}`);
    if (!Number.isNaN(ms)) return `${Math.trunc(ms / 1000)}${fraction === '' ? '' : fraction.padEnd(10, '0')}`;
  }
  throw new UsageError(messages.badTime(text), 1);
}

function seconds(ms: number): string {
  return `${Math.trunc(ms / 1000)}.${pad(Math.trunc(((ms % 1000) + 1000) % 1000), 3)}000000`;
}
