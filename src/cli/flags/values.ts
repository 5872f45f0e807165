import { DURATION_UNIT_MS } from '../format/units.ts';
import { messages } from '../format/messages.ts';
import { FlagValueError } from './flag.ts';

const TRUE_WORDS = ['1', 't', 'T', 'TRUE', 'true', 'True'];
const FALSE_WORDS = ['0', 'f', 'F', 'FALSE', 'false', 'False'];

/** Go's strconv.ParseBool. */
export function parseBool(text: string): boolean {
  if (TRUE_WORDS.includes(text)) return true;
  if (FALSE_WORDS.includes(text)) return false;
  throw new FlagValueError(messages.notABool(text));
}

const INTEGER = /^[+-]?(?:0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|[1-9][0-9]*|0)$/;

/** Go's strconv.ParseInt with base 0: decimal, 0x, 0b and 0o or a leading 0. Beyond 2^53 is out of range here. */
export function parseInteger(text: string): number {
  const plain = text.replace(/(?<=[0-9a-fA-FxXbBoO])_(?=[0-9a-fA-F])/g, '');
  if (!INTEGER.test(plain)) throw new FlagValueError(messages.notAnInteger(text));
  const [, sign, digits = ''] = /^([+-]?)(.*)$/.exec(plain) ?? [];
  const magnitude = Number(digits.replace(/^0(?=[0-7]+$)/, '0o'));
  if (!Number.isSafeInteger(magnitude)) throw new FlagValueError(messages.outOfRange(text));
  return sign === '-' ? -magnitude : magnitude;
}

const SIZE = /^([0-9]+(?:\.[0-9]*)?|\.[0-9]+) ?([a-zA-Z]*)$/;
const SIZE_UNITS = 'kmgtp';

/** Docker's RAMInBytes: "512m", "1.5g", "64KiB", "1024"; units are powers of 1024. */
export function parseBytes(text: string): number {
  const [, number, suffix = ''] = SIZE.exec(text) ?? [];
  if (number === undefined) throw new FlagValueError(messages.notASize(text));
  const unit = suffix.toLowerCase();
  const power = unit === '' || unit === 'b' ? 0 : SIZE_UNITS.indexOf(unit.charAt(0)) + 1;
  const known = unit === '' || unit === 'b' || (power > 0 && /^.(b|ib)?$/.test(unit));
  if (!known) throw new FlagValueError(messages.badSizeSuffix(suffix));
  return Math.trunc(Number(number) * 1024 ** power);
}

/** `--memory-swap`: a size, or -1 for no limit. */
export function parseSwapBytes(text: string): number {
  return text === '-1' ? -1 : parseBytes(text);
}

/** `--cpus`: a decimal or a fraction ("1.5", "3/2"), in billionths of a processor. */
export function parseNanoCpus(text: string): number {
  const [, numerator, denominator = '1'] = /^([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+))(?:\/([0-9]+))?$/.exec(text) ?? [];
  if (numerator === undefined || Number(denominator) === 0) throw new FlagValueError(messages.notARational(text));
  // Exact arithmetic: 0.1 * 1e9 is not an integer as a double, but it is one CPU tenth.
  const [whole = '', fraction = ''] = numerator.split('.');
  const scale = 10n ** BigInt(fraction.length) * BigInt(denominator);
  const scaled = BigInt(`${whole.replace(/^\+/, '')}${fraction}` || '0') * 1_000_000_000n;
  if (scaled % scale !== 0n) throw new FlagValueError(messages.tooPrecise);
  return Number(scaled / scale);
}

/** Go's time.ParseDuration: "1h30m", "1.5s", "-2m", "0"; in milliseconds. undefined when it is not a duration. */
export function parseDurationMs(text: string): number | undefined {
  const [, sign, body = ''] = /^([+-]?)(.+)$/.exec(text) ?? [];
  if (body === '0') return 0;
  if (!/^(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:ns|us|µs|ms|s|m|h))+$/.test(body)) return undefined;
  let total = 0;
  for (const [, number, unit = ''] of body.matchAll(/([0-9.]+)(ns|us|µs|ms|s|m|h)/g)) {
    total += Number(number) * (DURATION_UNIT_MS[unit] ?? 0);
  }
  return sign === '-' ? -total : total;
}

export interface UlimitValue {
  Name: string;
  Soft: number;
  Hard: number;
}

const ULIMITS = new Set(
  'as core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack'.split(' '),
);

/** `name=soft[:hard]`, -1 is unlimited. */
export function parseUlimit(text: string): UlimitValue {
  const [, name, soft, hard = soft] = /^([^=]+)=(-?[0-9]+)(?::(-?[0-9]+))?$/.exec(text) ?? [];
  if (name === undefined) throw new FlagValueError(messages.badUlimit(text));
  if (!ULIMITS.has(name)) throw new FlagValueError(messages.unknownUlimit(name));
  const limit = { Name: name, Soft: Number(soft), Hard: Number(hard) };
  if (limit.Hard !== -1 && (limit.Soft === -1 || limit.Soft > limit.Hard)) {
    throw new FlagValueError(messages.ulimitSoftAboveHard(limit.Soft, limit.Hard));
  }
  return limit;
}

const NANOSECONDS: Readonly<Record<string, number>> = { ns: 1, us: 1e3, µs: 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3600e9 };

/** Go's durations, such as 1m30s or 1.5h; in nanoseconds. */
export function parseDuration(text: string): number {
  const parts = /^[+-]?(?:0|(?:\d+(?:\.\d*)?(?:ns|us|µs|ms|s|m|h))+)$/.test(text)
    ? [...text.matchAll(/(\d+(?:\.\d*)?)(ns|us|µs|ms|s|m|h)/g)]
    : null;
  if (parts === null) throw new FlagValueError(messages.badDuration(text));
  const total = parts.reduce(
    (sum, [, number = '0', unit = 'ns']) => sum + Number(number) * (NANOSECONDS[unit] ?? 0),
    0,
  );
  return Math.round(text.startsWith('-') ? -total : total);
}
