/** Mappings of user and group ids: what the kernel would refuse with a bare EINVAL is said with its place. */
import type { IdMapping } from '../../oci/runtime-spec.ts';
import { refuse } from './schema.ts';

/** UID_GID_MAP_MAX_EXTENTS of the kernel, since Linux 4.15. */
const MAX_RANGES = 340;
/** (uid_t) -1 is no id. */
const LAST_ID = 2 ** 32 - 2;

type Side = 'containerID' | 'hostID';

const range = (first: number, { size }: IdMapping) => `${first} to ${first + size - 1}`;

/** Sorted, neighbours tell: a list of n ranges is not compared n times n. */
function checkOverlap(mappings: readonly IdMapping[], side: Side, at: string): void {
  const sorted = mappings
    .map((mapping, index) => ({ mapping, index }))
    .sort((a, b) => a.mapping[side] - b.mapping[side]);
  sorted.forEach(({ mapping, index }, place) => {
    const before = sorted[place - 1];
    if (before === undefined || before.mapping[side] + before.mapping.size <= mapping[side]) return;
    const [first, second] = [before, { mapping, index }].sort((a, b) => a.index - b.index);
    refuse(
      `${at}[${second?.index}].${side}`,
      `${range(second?.mapping[side] ?? 0, second?.mapping ?? mapping)} overlaps ${at.split('.').at(-1)}[${first?.index}], which has ${range(first?.mapping[side] ?? 0, first?.mapping ?? mapping)}`,
      'give every id once',
    );
  });
}

export function checkMappings(mappings: readonly IdMapping[], at: string): void {
  if (mappings.length > MAX_RANGES) {
    refuse(at, `has ${mappings.length} entries; the kernel takes ${MAX_RANGES}`, 'join neighbouring ranges into one');
  }
  mappings.forEach((mapping, index) => {
    if (mapping.size === 0) refuse(`${at}[${index}].size`, 'must not be 0');
    for (const side of ['containerID', 'hostID'] as const) {
      if (mapping[side] + mapping.size - 1 > LAST_ID) {
        refuse(
          `${at}[${index}]`,
          `${side} and size lead to ${mapping[side] + mapping.size - 1}; the last id is ${LAST_ID}`,
        );
      }
    }
  });
  checkOverlap(mappings, 'containerID', at);
  checkOverlap(mappings, 'hostID', at);
}

/** `what` has this id inside; refused when it lies in a hole of the map. */
export function checkMapped(mappings: readonly IdMapping[], id: number, at: string): void {
  if (mappings.some(({ containerID, size }) => id >= containerID && id < containerID + size)) return;
  const known = mappings.slice(0, 5).map((mapping) => range(mapping.containerID, mapping));
  refuse(
    at,
    `${id} is not mapped in the container's user namespace`,
    `mapped are ${known.join(', ')}${mappings.length > known.length ? ' and more' : ''}`,
  );
}
