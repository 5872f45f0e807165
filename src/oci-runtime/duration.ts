/** Durations as Go writes them, which runc's flags take: `5s`, `500ms`, `1m30s`. */
import { DURATION_UNIT_MS } from '../cli/format/units.ts';
import { EngineError } from '../errors.ts';

const PART = /(\d{1,12}(?:\.\d{1,9})?)(ns|us|µs|ms|s|m|h)/gy;

/** Milliseconds, above 0; a number without a unit is seconds. Throws InvalidParameter. */
export function parseDuration(given: string, name: string): number {
  const bare = /^\d{1,12}(\.\d{1,9})?$/.test(given);
  const parts = [...(bare ? `${given}s` : given).matchAll(PART)];
  const length = parts.reduce((sum, [part]) => sum + part.length, 0);
  const ms = parts.reduce((sum, [, number, unit = '']) => sum + Number(number) * (DURATION_UNIT_MS[unit] ?? 0), 0);
  if (length === given.length + (bare ? 1 : 0) && ms > 0) return ms;
  throw new EngineError('InvalidParameter', `--${name}: "${given}" is no duration above 0`, {
    hint: 'such as 5s, 500ms or 1m30s',
  });
}
