/** Who lives in a PID namespace that a bundle joins by its path, and has a procfs of it. */
import { readdirSync, statSync } from 'node:fs';
import type { Namespace } from '../oci/runtime-spec.ts';

/** What a namespace file stands for; null where nothing has this path (any more), or nobody may see it. */
function identity(path: string): string | null {
  try {
    const { dev, ino } = statSync(path);
    return `${dev}:${ino}`;
  } catch {
    return null;
  }
}

/** The process that the path names first, then all others of the host: the path may be that of a pinned namespace. */
function* candidates(path: string): Iterable<string> {
  const named = /^\/proc\/(\d+)\/ns\/pid$/.exec(path)?.[1];
  if (named !== undefined) yield named;
  yield* readdirSync('/proc').filter((name) => /^\d+$/.test(name) && name !== named);
}

/**
 * The path of a mount namespace whose /proc shows the PID namespace that the container joins, or null for none: its
 * members may have the procfs of the host, or none. With a user namespace, of a process in the same one.
 */
export function procfsOfShared(namespaces: readonly Namespace[]): string | null {
  const path = namespaces.find(({ type }) => type === 'pid')?.path;
  const wanted = path === undefined ? null : identity(path);
  if (path === undefined || wanted === null) return null;
  const user = namespaces.find(({ type }) => type === 'user');
  const owner = user === undefined ? undefined : identity(user.path ?? '');
  for (const pid of candidates(path)) {
    const isMember = identity(`/proc/${pid}/ns/pid`) === wanted;
    const isNeighbour = isMember && (owner === undefined || identity(`/proc/${pid}/ns/user`) === owner);
    if (isNeighbour && identity(`/proc/${pid}/root/proc/1/ns/pid`) === wanted) return `/proc/${pid}/ns/mnt`;
  }
  return null;
}
