/**
 * The ids of the host from which containers get ranges of their own: what /etc/subuid and /etc/subgid give to one name
 * (subuid(5)), less what they give to others. Pure: texts and taken ranges come in.
 */
import { parseSubIds, type SubIdFile } from './subids.ts';

export interface IdRange {
  first: number;
  count: number;
}

/** 4096 ranges of the default size. */
const POOL_SIZE = 2 ** 28;
/** From here on nobody hands ids out of himself: useradd stays below 600100000, systemd and SSSD below 2^31. */
const POOL_FIRST = 2 ** 31;
/** Where useradd begins to give ranges away. */
const LOWEST_FREE = 100_000;
/** 2^32 - 1 is the kernel's "no id". */
const ID_END = 2 ** 32 - 1;

const endOf = ({ first, count }: IdRange): number => first + count;

/** What is left of `ranges`, in order. */
function without(ranges: readonly IdRange[], taken: readonly IdRange[]): IdRange[] {
  const ordered = taken.toSorted((a, b) => a.first - b.first);
  return ranges
    .toSorted((a, b) => a.first - b.first)
    .flatMap((range) => {
      const left: IdRange[] = [];
      let from = range.first;
      for (const hole of ordered) {
        if (endOf(hole) <= from) continue;
        if (hole.first >= endOf(range)) break;
        if (hole.first > from) left.push({ first: from, count: hole.first - from });
        from = endOf(hole);
      }
      if (from < endOf(range)) left.push({ first: from, count: endOf(range) - from });
      return left;
    });
}

/** The pool of `name`. Empty: the file has none for it. Throws InvalidParameter for a line that is no range. */
export function poolRanges(file: SubIdFile, name: string): IdRange[] {
  const ranges = parseSubIds(file);
  const own = ranges.filter((range) => range.name === name);
  return without(
    own,
    ranges.filter((range) => range.name !== name),
  );
}

/** The line that makes a pool in a file without one, where nobody has ids; undefined when there is no room. */
export function poolLine(file: SubIdFile, name: string): string | undefined {
  const given = parseSubIds(file);
  const spaces = [
    { first: POOL_FIRST, count: ID_END - POOL_FIRST },
    { first: LOWEST_FREE, count: POOL_FIRST - LOWEST_FREE },
  ];
  for (const space of spaces) {
    const room = without([space], given).find(({ count }) => count >= POOL_SIZE);
    if (room !== undefined) return `${name}:${room.first}:${POOL_SIZE}\n`;
  }
  return undefined;
}

/**
 * Where `size` ids are free: the first place from `from` on, else the first of all. undefined: nowhere. A caller that
 * goes on behind what it gave last gives ids of a removed container, whose files may be left, again as late as possible.
 */
export function freeRange(
  pool: readonly IdRange[],
  taken: readonly IdRange[],
  size: number,
  from: number,
): number | undefined {
  const left = without(pool, taken);
  const behind = left
    .map((range) => ({ first: Math.max(range.first, from), end: endOf(range) }))
    .find(({ first, end }) => end - first >= size);
  return behind?.first ?? left.find(({ count }) => count >= size)?.first;
}

/** How many ids of a pool are free. */
export function freeCount(pool: readonly IdRange[], taken: readonly IdRange[]): number {
  return without(pool, taken).reduce((sum, { count }) => sum + count, 0);
}
