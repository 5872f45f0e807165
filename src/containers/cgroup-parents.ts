/** Cgroups above containers that were asked for by `--cgroup-parent`: made with the first container, removed with the last. */
import { readFileSync } from 'node:fs';
import { expandCgroupParent } from '../oci/cgroup-parent.ts';
import { type Database, migrate } from '../platform/database.ts';
import type { ContainersContext } from './context.ts';
import type { ContainerRecord } from './record.ts';

const MIGRATIONS = ['CREATE TABLE cgroup_parents (directory TEXT PRIMARY KEY, level TEXT NOT NULL) STRICT'];

export function readFileOrNull(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch (thrown) {
    // ENODEV: the cgroup was removed while its file was open.
    if (['ENOENT', 'ENODEV', 'EOPNOTSUPP'].includes((thrown as NodeJS.ErrnoException).code ?? '')) return null;
    throw thrown;
  }
}

const parentOf = ({ hostConfig }: ContainerRecord): string | null =>
  hostConfig.CgroupParent ? expandCgroupParent(hostConfig.CgroupParent) : null;

/**
 * Only what isle itself has made is removed again, so that is written down before it is made. One thing at a time: a
 * parent must not be removed between its making and the container's start.
 */
export class CgroupParents {
  readonly #users = new Map<string, string>();
  readonly #insert;
  readonly #delete;
  readonly #all;
  #tail: Promise<unknown> = Promise.resolve();

  constructor(database: Database) {
    migrate(database, 'cgroup-parents', MIGRATIONS);
    this.#insert = database.prepare('INSERT OR IGNORE INTO cgroup_parents (directory, level) VALUES (?, ?)');
    this.#delete = database.prepare('DELETE FROM cgroup_parents WHERE directory = ?');
    this.#all = database.prepare('SELECT directory, level FROM cgroup_parents');
  }

  /** Makes the container's parent ready before its start. Nothing to do for the daemon's own. */
  async prepare(context: ContainersContext, record: ContainerRecord): Promise<void> {
    const parent = parentOf(record);
    if (parent === null) return;
    await this.#inTurn(async () => {
      this.#users.set(record.id, parent);
      const { ops, made } = context.cgroups.planParent(parent, readFileOrNull);
      for (const { directory, level } of made) this.#insert.run(directory, level);
      if (ops.length > 0) await context.launcher.run({ ops });
    });
  }

  /** After the container's end; removes what nobody uses any more. */
  async release(context: ContainersContext, record: ContainerRecord): Promise<void> {
    if (!this.#users.delete(record.id)) return;
    await this.#inTurn(() => this.#sweep(context));
  }

  /** At the daemon's start: these run. */
  async restore(context: ContainersContext, running: readonly ContainerRecord[]): Promise<void> {
    for (const record of running) {
      const parent = parentOf(record);
      if (parent !== null) this.#users.set(record.id, parent);
    }
    await this.#inTurn(() => this.#sweep(context));
  }

  async #sweep(context: ContainersContext): Promise<void> {
    const inUse = new Set(this.#users.values());
    const isUsed = (level: string) => [...inUse].some((parent) => `${parent}/`.startsWith(`${level}/`));
    const unused = this.#all
      .all()
      .map((row) => ({ directory: String(row['directory']), level: String(row['level']) }))
      .filter(({ level }) => !isUsed(level))
      // From the bottom: a level goes after those in it.
      .toSorted((a, b) => b.directory.length - a.directory.length);
    for (const { directory } of unused) {
      try {
        await context.launcher.run({ ops: context.cgroups.planRemove(directory) });
      } catch (err) {
        context.log.warn({ directory, err }, 'a cgroup that isle made is used by others now; it is left to them');
      }
      this.#delete.run(directory);
    }
  }

  #inTurn(body: () => Promise<void>): Promise<void> {
    const result = this.#tail.then(body, body);
    this.#tail = result.catch(() => undefined);
    return result;
  }
}
