/** The filters of `GET /images/json`. */
import { familiarName, familiarString } from '../distribution/reference.ts';
import type { Reference } from '../distribution/reference.ts';
import { EngineError } from '../errors.ts';
import type { ImageRecord } from './record.ts';

export type Filters = ReadonlyMap<string, readonly string[]>;

const KNOWN = new Set(['dangling', 'label', 'before', 'since', 'reference', 'until']);

export interface ImageFilter {
  accepts(image: ImageRecord): boolean;
  /** The names of an accepted image that are shown. */
  names(image: ImageRecord): readonly Reference[];
}

/** `find` resolves the images that `before` and `since` name. Rejects unknown filters with InvalidParameter. */
export function imageFilter(filters: Filters, find: (name: string) => ImageRecord): ImageFilter {
  for (const name of filters.keys()) {
    if (!KNOWN.has(name)) throw new EngineError('InvalidParameter', `invalid filter '${name}'`);
  }
  const values = (name: string) => filters.get(name) ?? [];
  const patterns = values('reference').map(globPattern);
  const matches = (reference: Reference) =>
    patterns.some((pattern) => pattern.test(familiarString(reference)) || pattern.test(familiarName(reference)));
  const names = (image: ImageRecord) => (patterns.length === 0 ? image.references : image.references.filter(matches));
  const dangling = danglingValue(values('dangling'));
  const before = values('before').map((name) => createdMs(find(name)));
  const since = values('since').map((name) => createdMs(find(name)));
  const until = values('until').map(untilMs);
  return {
    names,
    accepts: (image) =>
      (patterns.length === 0 || names(image).length > 0) &&
      (dangling === undefined || dangling === (image.repoTags.length === 0)) &&
      [...before, ...until].every((limit) => createdMs(image) < limit) &&
      since.every((limit) => createdMs(image) > limit) &&
      values('label').every((label) => hasLabel(image, label)),
  };
}

/** ms since the epoch; the year 1 for an image that does not say, as Go's zero time */
export function createdMs(image: ImageRecord): number {
  const parsed = Date.parse(image.createdAt ?? '');
  return Number.isNaN(parsed) ? -62_135_596_800_000 : parsed;
}

function danglingValue(values: readonly string[]): boolean | undefined {
  if (values.length === 0) return undefined;
  const texts = new Set(values.map((value) => value.toLowerCase()));
  if (['1', 'true'].some((text) => texts.has(text))) return true;
  if (['0', 'false'].some((text) => texts.has(text))) return false;
  throw new EngineError('InvalidParameter', `invalid filter 'dangling=[${values.join(' ')}]'`);
}

function hasLabel(image: ImageRecord, wanted: string): boolean {
  const labels = image.config.config?.Labels ?? {};
  const equals = wanted.indexOf('=');
  if (equals < 0) return Object.hasOwn(labels, wanted);
  const name = wanted.slice(0, equals);
  return Object.hasOwn(labels, name) && labels[name] === wanted.slice(equals + 1);
}

/** A time: seconds since the epoch, RFC 3339, or how long ago (Go's duration: 10m, 1h30m). */
function untilMs(text: string): number {
  if (/^\d+(?:\.\d+)?$/.test(text)) return Number(text) * 1000;
  const duration = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|h|m|s)/g)];
  if (duration.length > 0 && duration.map(([whole]) => whole).join('') === text) {
    const unitMs: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
    return Date.now() - duration.reduce((sum, [, amount, unit]) => sum + Number(amount) * (unitMs[unit ?? ''] ?? 0), 0);
  }
  const parsed = Date.parse(text);
  if (!Number.isNaN(parsed)) return parsed;
  throw new EngineError(
    'InvalidParameter',
    `invalid value ${JSON.stringify(text)} for filter 'until': no time and no duration`,
  );
}

/** Go's path.Match: `*` and `?` stop at a slash, `[a-z]` and `[^a-z]` are classes, a backslash takes the next literally. */
function globPattern(glob: string): RegExp {
  const bad = () => new EngineError('InvalidParameter', `invalid filter 'reference=${glob}': syntax error in pattern`);
  let source = '';
  for (let at = 0; at < glob.length; at++) {
    const char = glob.charAt(at);
    if (char === '*') source += '[^/]*';
    else if (char === '?') source += '[^/]';
    else if (char === '[') {
      const close = glob.indexOf(']', at + 2);
      if (close < 0) throw bad();
      const negated = glob.charAt(at + 1) === '^';
      const members = glob.slice(at + (negated ? 2 : 1), close).replace(/[\\\]^[]/g, '\\$&');
      source += `[${negated ? '^/' : ''}${members}]`;
      at = close;
    } else if (char === '\\' && at + 1 === glob.length) throw bad();
    else source += RegExp.escape(char === '\\' ? glob.charAt(++at) : char);
  }
  try {
    // Many stars in a row mean one; written once, they cannot make the match explode.
    return new RegExp(`^${source.replace(/(?:\[\^\/\]\*)+/g, '[^/]*')}$`);
  } catch {
    throw bad();
  }
}
