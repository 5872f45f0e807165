import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rename, rm, stat, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { containerRecord } from '../../../test/fixtures/container-record.ts';
import type { MonitorConnection } from '../../runtime/monitor.ts';
import { Container } from '../container.ts';
import type { ContainersContext } from '../context.ts';
import { compressOldLogs } from './compress.ts';
import { logFilesOf } from './settings.ts';

describe('compressOldLogs', () => {
  it('has one file in work at a time, also for the monitors of two starts', async () => {
    const root = await mkdtemp(join(tmpdir(), 'isle-log-compress-'));
    try {
      const done = Promise.withResolvers<void>();
      const log = { warn: ({ err }: { err: unknown }) => done.reject(err) };
      const context = { dataDir: root, log } as unknown as ContainersContext;
      const container = new Container(containerRecord({ hostConfig: { LogConfig: { Type: 'local', Config: {} } } }));
      const path = logFilesOf(context, container.record)?.path ?? '';
      await mkdir(dirname(path), { recursive: true });
      for (const number of [1, 2, 3]) await writeFile(`${path}.${number}`, `${number}`.repeat(100_000));

      const seen: string[] = [];
      /** As the monitor does it, which takes its time. */
      const logCompressed = async (inode: bigint): Promise<boolean> => {
        const before = await readFile(`${path}.gz-part`);
        await new Promise((resolve) => setTimeout(resolve, 20));
        assert.ok(before.equals(await readFile(`${path}.gz-part`)), 'somebody else writes it');
        seen.push(gunzipSync(before).toString('latin1', 0, 1));
        const number = seen.at(-1);
        assert.equal((await stat(`${path}.${number}`, { bigint: true })).ino, inode);
        await rename(`${path}.gz-part`, `${path}.${number}.gz`);
        await unlink(`${path}.${number}`);
        if (seen.length === 3) done.resolve();
        return true;
      };
      const monitor = { onRotation: () => {}, logCompressed } as unknown as MonitorConnection;
      compressOldLogs(context, container, monitor);
      compressOldLogs(context, container, monitor);
      await done.promise;
      assert.deepEqual(seen, ['3', '2', '1']);
    } finally {
      await rm(root, { recursive: true });
    }
  });
});
