import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { parseExitRecord, readExitRecord } from './exit-record.ts';

const TEXT = 'exitCode=137\nsignal=9\noomKilled=1\noomKills=2\nfinishedAtNs=1795528698510458455\n';

describe('the exit record', () => {
  it('is read from its lines', () => {
    assert.deepEqual(parseExitRecord(TEXT), {
      exitCode: 137,
      signal: 9,
      oomKilled: true,
      oomKills: 2,
      finishedAtNs: 1_795_528_698_510_458_455n,
      cleanupErrors: [],
      logError: '',
      logLost: 0,
    });
  });

  it('names the errors of the cleanup and of the log', () => {
    const record = parseExitRecord(`${TEXT}logError=28\ncleanupErrors=12:16,13:2\n`);
    assert.deepEqual(record.cleanupErrors, ['12:EBUSY', '13:ENOENT']);
    assert.equal(record.logError, 'ENOSPC');
  });

  it('leaves keys alone that it does not know', () => {
    assert.equal(parseExitRecord(`${TEXT}future=1\n\nnonsense`).exitCode, 137);
  });

  it('is refused without an exit code or a time', () => {
    assert.throws(() => parseExitRecord('signal=9\nfinishedAtNs=1\n'), /malformed exit record/);
    assert.throws(() => parseExitRecord('exitCode=1\nfinishedAtNs=soon\n'), /malformed exit record/);
  });

  it('is null while there is none, and an error when it cannot be read', () => {
    const directory = mkdtempSync(join(tmpdir(), 'isle-exit-'));
    try {
      assert.equal(readExitRecord(directory), null);
      writeFileSync(join(directory, 'exit'), TEXT);
      assert.equal(readExitRecord(directory)?.signal, 9);
      for (const lost of ['', '\0\0\0']) {
        writeFileSync(join(directory, 'exit'), lost);
        assert.equal(readExitRecord(directory), null);
      }
      rmSync(join(directory, 'exit'));
      mkdirSync(join(directory, 'exit'));
      assert.throws(() => readExitRecord(directory), /cannot read the exit record: EISDIR/);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});
