import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { containerRecord } from '../../../test/fixtures/container-record.ts';
import { openFilesIn } from '../../../test/fixtures/open-files.ts';
import { Container } from '../container.ts';
import type { ContainersContext } from '../context.ts';
import { logFilesOf } from './settings.ts';
import { logStream } from './stream.ts';

const FOLLOW = {
  stdout: true,
  stderr: true,
  follow: true,
  timestamps: false,
  details: false,
  since: 0n,
  until: 0n,
  tail: undefined,
};

describe('logStream', () => {
  it('ends when the client of a silent container leaves', async () => {
    const root = await mkdtemp(join(tmpdir(), 'isle-log-stream-'));
    try {
      const context = { dataDir: root } as unknown as ContainersContext;
      const container = new Container(containerRecord({}));
      container.record.state.status = 'running';
      const path = logFilesOf(context, container.record)?.path ?? '';
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, '{"log":"only\\n","stream":"stdout","time":"2026-01-01T00:00:00Z"}\n');

      const stream = logStream(context, container, FOLLOW);
      const [chunk] = await once(stream, 'data');
      assert.match(String(chunk), /only/);
      while (container.exitListeners.size === 0) await sleep(5);
      assert.deepEqual(await openFilesIn(root), [path]);

      // It tells of its end when its source has ended, whose files are closed then.
      await once(stream.destroy(), 'close');
      assert.deepEqual(await openFilesIn(root), []);
      assert.equal(container.exitListeners.size, 0);
    } finally {
      await rm(root, { recursive: true });
    }
  });
});
