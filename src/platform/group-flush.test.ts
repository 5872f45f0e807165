import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it, mock } from 'node:test';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { GroupFlush } from './group-flush.ts';

describe('group flush', () => {
  let directory: string;
  let path: string;
  let errors: unknown[];
  let handles: FileHandle;
  /** How often the kernel was asked, which it is really. */
  let syncs: () => number;

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'isle-flush-'));
    path = join(directory, 'file');
    writeFileSync(path, '');
    errors = [];
    await using handle = await open(path, 'r');
    handles = Object.getPrototypeOf(handle) as FileHandle;
    const counted = mock.method(handles, 'sync');
    syncs = () => counted.mock.callCount();
  });
  afterEach(() => {
    mock.restoreAll();
    rmSync(directory, { recursive: true });
  });

  const make = (delayMs: number) => new GroupFlush(path, { delayMs, onError: (error) => void errors.push(error) });

  it('does nothing for those who wrote nothing', async () => {
    const flush = make(1);
    await flush.settled();
    assert.equal(syncs(), 0);
    await flush.close();
  });

  it('serves all that came before it with one flush, and those that came while it ran with one more', async () => {
    const flush = make(10_000);
    const waiting: Promise<void>[] = [];
    for (let writer = 0; writer < 5; writer++) {
      flush.touch();
      waiting.push(flush.settled());
    }
    await waiting[0];
    assert.equal(syncs(), 1);
    await Promise.all(waiting);
    assert.equal(syncs(), 1);

    flush.touch();
    const first = flush.settled();
    while (syncs() < 2) await setImmediate();
    // This one was written after that flush began: it may not have it.
    flush.touch();
    const late = [flush.settled(), flush.settled()];
    await Promise.all([first, ...late]);
    assert.equal(syncs(), 3);
    await flush.close();
  });

  it('comes by itself a little after a write that nobody waits for', async () => {
    const flush = make(1);
    flush.touch();
    while (syncs() === 0) await setTimeout(1);
    await flush.settled();
    assert.equal(syncs(), 1);
    await flush.close();
  });

  it('tells of a failure, and tries again for the next one who asks', async () => {
    const flush = make(1);
    const broken = mock.method(handles, 'sync', () => Promise.reject(new Error('EIO')));
    flush.touch();
    while (errors.length === 0) await setTimeout(1);
    await assert.rejects(flush.settled(), /EIO/);
    broken.mock.restore();
    await flush.settled();
    await flush.close();
    assert.equal(errors.length, 1);
  });
});
