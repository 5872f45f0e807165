/**
 * Which isled gives out the ids of a pool. Each knows only the containers in its own data root, so two with one pool would
 * give the ids of a container to another one, which could then read its files and kill its processes. A claim outlives the
 * daemon and the machine's restart, as the containers and their ids do. It stays when its data root is not there, which may be
 * a disk that is not mounted yet: only root knows that the containers are gone, and removes it.
 */
import { mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EngineError } from '../errors.ts';
import { tryFileLock } from '../platform/file-lock.ts';
import { textIfThere } from '../platform/read-file.ts';

/** The same for all daemons of a host, wherever their data roots are. */
const DIRECTORY = '/var/lib/isle-userns-pools';
const LOCK_ATTEMPTS = 500;
const LOCK_WAIT_MS = 10;

/** Notes that the pool `name` is this data root's. Throws Conflict, which names the other, when it is another one's. */
export function claimPool(name: string, dataRoot: string, directory: string = DIRECTORY): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const path = join(directory, `${encodeURIComponent(name)}.owner`);
  const own = realpathSync(dataRoot);
  const unlock = lock(join(directory, 'lock'));
  try {
    const owner = textIfThere(path)?.trim();
    if (owner === own) return;
    if (owner !== undefined) throw conflict(name, owner, path);
    writeFileSync(path, `${own}\n`, { mode: 0o600 });
  } finally {
    unlock();
  }
}

/** Held for a few file operations, by whoever holds it. */
function lock(path: string): () => void {
  for (let attempt = 0; attempt < LOCK_ATTEMPTS; attempt++) {
    const unlock = tryFileLock(path);
    if (unlock !== null) return unlock;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LOCK_WAIT_MS);
  }
  throw new EngineError(
    'Unavailable',
    `another process has kept ${path} locked for ${LOCK_ATTEMPTS * LOCK_WAIT_MS} ms`,
  );
}

function conflict(name: string, owner: string, path: string): EngineError {
  return new EngineError(
    'Conflict',
    `the ids of the pool "${name}" are given out by the isled with --data-root ${owner}`,
    {
      code: 'EIDPOOLOWNED',
      hint: `give this isled a pool of its own: --userns-pool NAME. If that data root is not used any more, remove ${path}`,
    },
  );
}
