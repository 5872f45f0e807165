/**
 * `--userns-remap`: which ids of the host stand for a container's, from /etc/subuid and /etc/subgid (subuid(5)). Pure:
 * the files' texts come in. Errors name the file and the line.
 */
import { EngineError } from '../errors.ts';
import type { IdMapping } from './runtime-spec.ts';
import type { IdMap } from './spec/namespaces.ts';

/** Docker's name for the user of `default`. */
export const DEFAULT_REMAP_USER = 'dockremap';
const DEFAULT_RANGE_SIZE = 65_536;
const LOWEST_FREE = 100_000;
/** 2^32 - 1 is the kernel's "no id". */
const ID_END = 2 ** 32 - 1;
/** What the kernel takes in one map (Linux 4.15). */
const MAX_RANGES = 340;

export interface SubIdFile {
  path: string;
  text: string;
}

export interface AccountTexts {
  subuid: SubIdFile;
  subgid: SubIdFile;
  passwd: string;
  group: string;
}

interface SubIdRange {
  name: string;
  first: number;
  count: number;
}

/** Throws InvalidParameter for a line that is no range. */
export function parseSubIds({ path, text }: SubIdFile): SubIdRange[] {
  return text.split('\n').flatMap((line, index) => {
    if (line.trim() === '' || line.startsWith('#')) return [];
    const [, name, first, count] = /^([^:]+):(\d{1,10}):(\d{1,10})$/.exec(line.trim()) ?? [];
    const range = { name: name ?? '', first: Number(first), count: Number(count) };
    if (name !== undefined && range.count > 0 && range.first + range.count <= ID_END) return [range];
    throw new EngineError(
      'InvalidParameter',
      `${path}, line ${index + 1}: ${JSON.stringify(line)} is no range of ids`,
      {
        hint: 'a line is NAME:FIRST:COUNT, such as dockremap:100000:65536',
      },
    );
  });
}

/** /proc/PID/uid_map (user_namespaces(7)). The host's own map, of all ids, gives none. */
export function parseIdMap(text: string): IdMapping[] {
  return text.split('\n').flatMap((line) => {
    const [containerID, hostID, size] = line.trim().split(/\s+/).map(Number);
    if (containerID === undefined || hostID === undefined || size === undefined || size >= ID_END) return [];
    return [{ containerID, hostID, size }];
  });
}

/** The name and the number of an account, whichever of the two was given. */
function namesOf(given: string, accounts: string): string[] {
  const line = accounts
    .split('\n')
    .map((entry) => entry.split(':'))
    .find(([name, , id]) => name === given || id === given);
  return line === undefined ? [given] : [line[0] ?? given, line[2] ?? given];
}

function mappings(file: SubIdFile, names: readonly string[], what: string): IdMapping[] {
  const own = parseSubIds(file).filter(({ name }) => names.includes(name));
  if (own.length === 0) {
    throw new EngineError('InvalidParameter', `--userns-remap: ${file.path} has no range for the ${what} ${names[0]}`, {
      hint: `add a line such as ${names[0]}:100000:65536 to ${file.path}`,
    });
  }
  if (own.length > MAX_RANGES) {
    throw new EngineError(
      'InvalidParameter',
      `--userns-remap: ${file.path} has ${own.length} ranges for ${names[0]}, the kernel takes ${MAX_RANGES}`,
    );
  }
  let containerID = 0;
  return own.map(({ first, count }) => {
    const mapping = { containerID, hostID: first, size: count };
    containerID += count;
    return mapping;
  });
}

/** `user` or `user:group`, by name or number. */
export function remapIds(value: string, texts: AccountTexts): IdMap {
  const [user = '', group = user, ...rest] = value.split(':');
  if (user === '' || group === '' || rest.length > 0) {
    throw new EngineError(
      'InvalidParameter',
      `invalid value "${value}" for --userns-remap: give default, auto, USER or USER:GROUP`,
    );
  }
  const users = namesOf(user, texts.passwd);
  if (users.includes('root')) {
    throw new EngineError('InvalidParameter', 'invalid value for --userns-remap: root cannot be remapped to itself', {
      hint: 'leave the flag out, or name another user',
    });
  }
  const groups = group === user ? [...namesOf(user, texts.group), ...users] : namesOf(group, texts.group);
  return { uid: mappings(texts.subuid, users, 'user'), gid: mappings(texts.subgid, groups, 'group') };
}

/** The line that `default` adds to a file without one: a range behind all that are given away. */
export function freeRangeLine(file: SubIdFile): string {
  const ends = parseSubIds(file).map(({ first, count }) => first + count);
  const first = Math.max(LOWEST_FREE, ...ends);
  if (first + DEFAULT_RANGE_SIZE > ID_END) {
    throw new EngineError(
      'Unavailable',
      `${file.path}: no range of ${DEFAULT_RANGE_SIZE} ids is free behind the others`,
    );
  }
  return `${DEFAULT_REMAP_USER}:${first}:${DEFAULT_RANGE_SIZE}\n`;
}
