/** Container records in SQLite: one row a container, the name unique by constraint. */
import { EngineError } from '../errors.ts';
import { type Database, migrate, readRow } from '../platform/database.ts';
import type { GroupFlush } from '../platform/group-flush.ts';
import { type SpaceReserve, withReserve } from '../platform/reserve.ts';
import type { ContainerRecord } from './record.ts';

const MIGRATIONS = [
  `CREATE TABLE containers (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    record TEXT NOT NULL
  ) STRICT`,
];

/** How long a record may wait in `updateSoon`. */
const SOON_MS = 20;

function parseRecord(id: string, text: string): ContainerRecord {
  const record = JSON.parse(text) as Partial<ContainerRecord> | null;
  if (record?.id !== id || record.state === undefined) throw new Error('it is not the record of this container');
  return record as ContainerRecord;
}

/** Commits outlive the daemon at once, and the machine a little later; `durable` waits for that. */
export class ContainerStore {
  readonly #db: Database;
  readonly #reserve: SpaceReserve;
  readonly #flush: GroupFlush;
  readonly #onError: (record: ContainerRecord, error: unknown) => void;
  readonly #later = new Map<string, ContainerRecord>();
  #timer: NodeJS.Timeout | undefined;
  readonly #insert;
  readonly #update;
  readonly #delete;
  readonly #all;

  /**
   * `reserve`: what happened to a container that is there already is written on a full disk too. `flush`: of the
   * write-ahead log of `db`, which is a NORMAL connection. `onError` is told what `updateSoon` could not write.
   */
  constructor(
    db: Database,
    reserve: SpaceReserve,
    flush: GroupFlush,
    onError: (record: ContainerRecord, error: unknown) => void,
  ) {
    this.#reserve = reserve;
    this.#flush = flush;
    this.#db = db;
    this.#onError = onError;
    migrate(db, 'containers', MIGRATIONS);
    this.#insert = db.prepare('INSERT INTO containers (id, name, record) VALUES (?, ?, ?)');
    this.#update = db.prepare('UPDATE containers SET name = ?, record = ? WHERE id = ?');
    this.#delete = db.prepare('DELETE FROM containers WHERE id = ?');
    this.#all = db.prepare('SELECT id, record FROM containers');
  }

  insert(record: ContainerRecord): void {
    this.#insert.run(record.id, record.name, JSON.stringify(record));
    this.#flush.touch();
    this.#reserve.refill();
  }

  /** Writes the record as it is now. A record that is not there is an error of ours: it was removed under us. */
  update(record: ContainerRecord): void {
    this.#later.delete(record.id);
    const result = withReserve(this.#reserve, () => this.#update.run(record.name, JSON.stringify(record), record.id));
    this.#flush.touch();
    if (Number(result.changes) !== 1) {
      throw new EngineError('System', `container ${record.id} has no record in the database to update`);
    }
  }

  /**
   * Writes the record a moment later, unless it is written or deleted before: for what the next daemon finds out by itself,
   * that a container runs. It is not worth the time of those who wait for its start, and of a short one it is never written.
   */
  updateSoon(record: ContainerRecord): void {
    this.#later.set(record.id, record);
    this.#timer ??= setTimeout(() => this.#catchUp(), SOON_MS).unref();
  }

  delete(id: string): void {
    this.#later.delete(id);
    withReserve(this.#reserve, () => this.#delete.run(id));
    this.#flush.touch();
  }

  /** Resolves when all that was written so far would outlive a loss of power. */
  durable(): Promise<void> {
    this.#catchUp();
    return this.#flush.settled();
  }

  /** The file to be flushed, for a plan that does so itself; what is still to be written is in it. */
  unflushed(): string {
    this.#catchUp();
    return this.#flush.path;
  }

  /** Writes what is still to be written. */
  close(): void {
    this.#catchUp();
  }

  #catchUp(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const record of this.#later.values()) {
      try {
        this.update(record);
      } catch (error) {
        this.#onError(record, error);
      }
    }
  }

  loadAll(): ContainerRecord[] {
    return this.#all.all().map((row) => {
      const id = String(row['id']);
      return readRow(this.#db, 'containers', id, () => parseRecord(id, String(row['record'])));
    });
  }
}
