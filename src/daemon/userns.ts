/** `--userns-remap`, and the pool of `--userns auto`, against this host's files. */
import { appendFileSync } from 'node:fs';
import type { IdPool } from '../containers/ports.ts';
import { EngineError } from '../errors.ts';
import { freeCount, freeRange, type IdRange, poolLine, poolRanges } from '../oci/id-pool.ts';
import type { IdMapping } from '../oci/runtime-spec.ts';
import type { IdMap } from '../oci/spec/namespaces.ts';
import { DEFAULT_REMAP_USER, freeRangeLine, parseSubIds, remapIds, type SubIdFile } from '../oci/subids.ts';
import { parseUsernsMode, type UsernsMode } from '../oci/userns-mode.ts';
import { textIfThere } from '../platform/read-file.ts';
import { claimPool } from './pool-claim.ts';

const SUBUID = '/etc/subuid';
const SUBGID = '/etc/subgid';

function readSubIds(path: string): SubIdFile {
  return { path, text: textIfThere(path) ?? '' };
}

/** Gives back what the file then holds. */
function append({ path, text }: SubIdFile, line: string): SubIdFile {
  const gap = text === '' || text.endsWith('\n') ? '' : '\n';
  appendFileSync(path, gap + line, { mode: 0o644 });
  return { path, text: text + gap + line };
}

/** As dockerd: `default` reserves a range, once, under a name of its own. */
function reserve(path: string): SubIdFile {
  const file = readSubIds(path);
  if (parseSubIds(file).some(({ name }) => name === DEFAULT_REMAP_USER)) return file;
  return append(file, freeRangeLine(file));
}

/** `auto`, with or without a size; null for anything else. */
export function readAutoIds(value: string | undefined): UsernsMode | null {
  const mode = parseUsernsMode(value ?? '');
  return mode?.kind === 'auto' ? mode : null;
}

/** undefined: the flag was not given. Throws InvalidParameter that names file and line. */
export function readIdMap(value: string | undefined): IdMap | null {
  if (value === undefined || value === '' || readAutoIds(value) !== null) return null;
  const open = value === 'default' ? reserve : readSubIds;
  return remapIds(value === 'default' ? DEFAULT_REMAP_USER : value, {
    subuid: open(SUBUID),
    subgid: open(SUBGID),
    passwd: textIfThere('/etc/passwd') ?? '',
    group: textIfThere('/etc/group') ?? '',
  });
}

/** The files are read anew each time: root may give the pool more while containers run. */
export class HostIdPool implements IdPool {
  readonly #name: string;
  readonly #dataRoot: string;
  #isClaimed = false;
  /** Behind the ranges that were given last. */
  #next = { uid: 0, gid: 0 };

  /** `name`: whose ranges in /etc/subuid and /etc/subgid the pool is. `dataRoot`: of the daemon that gives them out. */
  constructor(name: string, dataRoot: string) {
    this.#name = name;
    this.#dataRoot = dataRoot;
  }

  /** Throws Conflict when another isled of this host gives out the ids of the pool. */
  claim(): void {
    if (!this.#isClaimed) claimPool(this.#name, this.#dataRoot);
    this.#isClaimed = true;
  }

  allocate(size: number, taken: readonly IdMap[], options: { reserve: boolean }): IdMap {
    if (options.reserve) this.claim();
    const uid = this.#find('uid', size, taken, options);
    const gid = this.#find('gid', size, taken, options);
    if (options.reserve) this.#next = { uid: uid + size, gid: gid + size };
    const mapping = (hostID: number): IdMapping[] => [{ containerID: 0, hostID, size }];
    return { uid: mapping(uid), gid: mapping(gid) };
  }

  #find(kind: 'uid' | 'gid', size: number, maps: readonly IdMap[], options: { reserve: boolean }): number {
    const path = kind === 'uid' ? SUBUID : SUBGID;
    const taken = maps.flatMap((map) => map[kind].map(({ hostID, size: count }) => ({ first: hostID, count })));
    const pool = this.#pool(readSubIds(path), options);
    // After a restart: behind the containers that there are.
    const from = this.#next[kind] || Math.max(0, ...taken.map(({ first, count }) => first + count));
    const first = freeRange(pool, taken, size, from);
    if (first === undefined) throw this.#exhausted(path, pool, taken, size);
    return first;
  }

  #pool(file: SubIdFile, options: { reserve: boolean }): IdRange[] {
    if (parseSubIds(file).some(({ name }) => name === this.#name)) return poolRanges(file, this.#name);
    const line = poolLine(file, this.#name);
    if (line === undefined) return [];
    const { path, text } = file;
    return poolRanges(options.reserve ? append(file, line) : { path, text: `${text}\n${line}` }, this.#name);
  }

  #exhausted(path: string, pool: readonly IdRange[], taken: readonly IdRange[], size: number): EngineError {
    const all = pool.reduce((sum, { count }) => sum + count, 0);
    const free = freeCount(pool, taken);
    return new EngineError(
      'Unavailable',
      `no ${size} ids in a row are free in the pool of "${this.#name}" in ${path}: it has ${all}, of which ${free} are free`,
      {
        code: 'EIDPOOL',
        hint: `remove containers that have ids of their own, ask for fewer (auto:size=N), or give the pool more: a line ${this.#name}:FIRST:COUNT in ${SUBUID} and ${SUBGID}`,
      },
    );
  }
}
