/** What a container has changed against its image: its writable layer, compared with the layers below. */
import { constants, lstatSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { PACK_FLAGS, type PackedEntry } from '../../archive/pack-frames.ts';
import { compilePackDirectory } from '../../runtime/plan/archive.ts';
import type { Container } from '../container.ts';
import type { ContainersContext } from '../context.ts';
import { specOf } from '../launch-plan.ts';
import { packItems } from './pack.ts';

const ENTRIES_AT_ONCE = 500;
const CHANGE = { modified: 0, added: 1, deleted: 2 } as const;

export interface Change {
  /** absolute */
  path: string;
  kind: (typeof CHANGE)[keyof typeof CHANGE];
}

const isWhiteout = ({ mode, major, minor }: PackedEntry): boolean =>
  (mode & constants.S_IFMT) === constants.S_IFCHR && major === 0 && minor === 0;
const isDirectory = ({ mode }: { mode: number }): boolean => (mode & constants.S_IFMT) === constants.S_IFDIR;

/**
 * What is at a path in the image's layers, the topmost first; null when nothing is, or a whiteout hides it. Their
 * directories are ours alone and never change; a link on the way is not followed.
 */
function below(layers: readonly string[], path: string): { mode: number; uid: number; gid: number } | null {
  for (const layer of layers) {
    const parts = path.split('/').filter(Boolean);
    for (let depth = 1; depth <= parts.length; depth++) {
      const found = lstatSync(join(layer, ...parts.slice(0, depth)), { throwIfNoEntry: false });
      if (found === undefined) break;
      if (found.isCharacterDevice() && found.rdev === 0) return null;
      if (depth === parts.length) return found;
      if (!found.isDirectory()) return null;
    }
  }
  return null;
}

/** Sorted by path. What the engine itself makes for its mounts is no change. */
export async function changesOf(context: ContainersContext, container: Container): Promise<Change[]> {
  const { record } = container;
  const layers = record.diffIds.map((diffId) => context.snapshots.layerDir(diffId)).toReversed();
  const plan = compilePackDirectory(context.snapshots.upperDir(record.id), PACK_FLAGS.withoutData);
  const entries: PackedEntry[] = [];
  for await (const item of packItems(context, plan)) if (item.kind === 'entry') entries.push(item.entry);
  const mounts = new Set((specOf(context, record).mounts ?? []).map(({ destination }) => destination));
  const kept = new Set<string>();
  const changes: Change[] = [];
  // Children first, so that a directory knows whether anything in it counts.
  const paths = entries
    .filter(({ path }) => path.length > 0)
    .map((entry) => ({ entry, path: `/${entry.path.toString('utf8')}` }));
  for (const [index, { entry, path }] of paths.toReversed().entries()) {
    // A container may have changed very much, and others must be served meanwhile.
    if (index % ENTRIES_AT_ONCE === 0) await setImmediate();
    const change = changeOf(entry, below(layers, path));
    if (mounts.has(path) && change.kind === CHANGE.added && !kept.has(path)) continue;
    const counts = !isDirectory(entry) || kept.has(path) || change.own;
    if (!counts || isMountParent(mounts, path, change, kept)) continue;
    changes.push({ path, kind: change.kind });
    // What is above a kept one is kept already: without that a deep tree costs the square of its depth.
    for (let at = path.lastIndexOf('/'); at > 0 && !kept.has(path.slice(0, at)); at = path.lastIndexOf('/', at - 1)) {
      kept.add(path.slice(0, at));
    }
  }
  return changes.toSorted((a, b) => (a.path < b.path ? -1 : 1));
}

function isMountParent(
  mounts: ReadonlySet<string>,
  path: string,
  change: { kind: number },
  kept: ReadonlySet<string>,
): boolean {
  if (change.kind !== CHANGE.added || kept.has(path)) return false;
  return [...mounts].some((mount) => mount.startsWith(`${path}/`));
}

/** `own`: more than that something in it has changed. */
function changeOf(
  entry: PackedEntry,
  before: { mode: number; uid: number; gid: number } | null,
): { kind: Change['kind']; own: boolean } {
  if (isWhiteout(entry)) return { kind: CHANGE.deleted, own: true };
  if (before === null) return { kind: CHANGE.added, own: true };
  const own = !isDirectory(entry) || before.mode !== entry.mode || before.uid !== entry.uid || before.gid !== entry.gid;
  return { kind: CHANGE.modified, own };
}
