/** The engine's one SQLite file. Each component owns its tables and brings them up to date by `migrate`. */
import { closeSync, openSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { EngineError } from '../errors.ts';

export type Database = DatabaseSync;

/**
 * FULL: a commit is on disk before it is acknowledged. NORMAL: it is the kernel's by then, so that it outlives this process
 * whatever ends it, but a loss of power only after the next flush of the write-ahead log (of this connection's user, of a
 * FULL one, or of a checkpoint). What a loss of power leaves is consistent in either case.
 */
export type Synchronous = 'FULL' | 'NORMAL';

/** The file that a flush of NORMAL commits is about. SQLite keeps it, and this one file, while the database is open. */
export function writeAheadLog(path: string): string {
  return `${path}-wal`;
}

/**
 * Opens (or makes) the database, in WAL mode. `:memory:` for unit tests.
 * Only its owner may read it: it holds the containers' environments, and with them secrets.
 */
export function openDatabase(path: string, synchronous: Synchronous = 'FULL'): Database {
  // SQLite would make it 0644. Its -wal and -shm files take this mode over.
  if (path !== ':memory:') closeSync(openSync(path, 'a', 0o600));
  const db = new DatabaseSync(path);
  try {
    db.exec(`PRAGMA journal_mode=WAL; PRAGMA synchronous=${synchronous};`);
    db.exec('PRAGMA foreign_keys=ON; PRAGMA busy_timeout=5000;');
    db.exec('CREATE TABLE IF NOT EXISTS schema_versions (component TEXT PRIMARY KEY, version INTEGER NOT NULL) STRICT');
    return db;
  } catch (thrown) {
    db.close();
    throw thrown;
  }
}

/**
 * Runs the steps that this database has not seen, in order, each in one transaction with its version number.
 * A database of a newer isle is refused, so that nothing it holds is misread.
 */
export function migrate(db: Database, component: string, steps: readonly string[]): void {
  const row = db.prepare('SELECT version FROM schema_versions WHERE component = ?').get(component);
  const current = Number(row?.['version'] ?? 0);
  if (current > steps.length) {
    throw new EngineError(
      'System',
      `the database's schema of ${component} is version ${current}; this isle knows ${steps.length}`,
      {
        hint: 'start the isle version that wrote it, or a newer one',
      },
    );
  }
  for (let version = current; version < steps.length; version++) {
    transaction(db, () => {
      db.exec(steps[version] ?? '');
      db.prepare(
        'INSERT INTO schema_versions VALUES (?, ?) ON CONFLICT (component) DO UPDATE SET version = excluded.version',
      ).run(component, version + 1);
    });
  }
}

/** Reads one row; what that throws is told with the row's place, which a parser does not know, and the way out. */
export function readRow<T>(db: Database, table: string, id: string, read: () => T): T {
  try {
    return read();
  } catch (thrown) {
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    const path = db.location() ?? ':memory:';
    throw new EngineError('System', `the row ${id} of the table ${table} in ${path} cannot be read: ${reason}`, {
      hint: `put a good copy of the database back, or remove the row (sqlite3 ${path} "DELETE FROM ${table} WHERE id = '${id}'"): isle then starts without it`,
      cause: thrown,
    });
  }
}

/** Runs `body` in one transaction: all of it is on disk afterwards, or, if it throws, nothing. */
export function transaction<T>(db: Database, body: () => T): T {
  db.exec('BEGIN IMMEDIATE');
  try {
    const result = body();
    db.exec('COMMIT');
    return result;
  } catch (thrown) {
    // A full disk may have rolled it back already.
    if (db.isTransaction) db.exec('ROLLBACK');
    throw thrown;
  }
}
