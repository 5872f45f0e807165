import type { FilterMap } from '../../client/filters.ts';
import { flag } from '../flags/define.ts';
import { FlagValueError, type Flag } from '../flags/flag.ts';
import { messages } from '../format/messages.ts';

/** `-f`, `--filter`; which names an object knows is the engine's to say. */
export const filterFlag: Flag<string[]> = flag.list({
  short: 'f',
  valueName: 'filter',
  usage: 'Filter output based on conditions provided',
  check: (text) => {
    if (!/^[^=]+=/.test(text)) throw new FlagValueError(messages.badFilter);
    return text;
  },
});

export function toFilterMap(filters: readonly string[]): FilterMap {
  const map: Record<string, string[]> = {};
  for (const filter of filters) {
    const equals = filter.indexOf('=');
    const values = (map[filter.slice(0, equals).trim().toLowerCase()] ??= []);
    values.push(filter.slice(equals + 1).trim());
  }
  return map;
}
