import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { migrate, openDatabase, transaction } from './database.ts';

describe('database', () => {
  it('is readable by its owner alone, with the files that SQLite keeps beside it', () => {
    const directory = mkdtempSync(join(tmpdir(), 'isle-database-'));
    try {
      const db = openDatabase(join(directory, 'isle.db'));
      db.exec('CREATE TABLE t (x TEXT) STRICT');
      const files = readdirSync(directory).sort();
      assert.deepEqual(files, ['isle.db', 'isle.db-shm', 'isle.db-wal']);
      for (const file of files) assert.equal(statSync(join(directory, file)).mode & 0o777, 0o600, file);
      db.close();
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it('runs each migration step once, and refuses the database of a newer isle', () => {
    const db = openDatabase(':memory:');
    const steps = ['CREATE TABLE a (x TEXT) STRICT', "INSERT INTO a VALUES ('once')"];
    migrate(db, 'part', steps.slice(0, 1));
    migrate(db, 'part', steps);
    migrate(db, 'part', steps);
    assert.deepEqual(db.prepare('SELECT count(*) AS n FROM a').get()?.['n'], 1);
    assert.throws(() => migrate(db, 'part', steps.slice(0, 1)), /schema of part is version 2; this isle knows 1/);
  });

  it('takes a transaction back that throws', () => {
    const db = openDatabase(':memory:');
    db.exec('CREATE TABLE a (x TEXT) STRICT');
    const failing = () => {
      transaction(db, () => {
        db.exec("INSERT INTO a VALUES ('half')");
        throw new Error('stop');
      });
    };
    assert.throws(failing, /stop/);
    assert.equal(db.prepare('SELECT count(*) AS n FROM a').get()?.['n'], 0);
  });
});
