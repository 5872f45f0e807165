/**
 * `--log-opt compress`: old log files are compressed here, since islet knows no compression. The monitor, which names the
 * files, puts the result in its place. Without a daemon old files stay as they are until there is one.
 */
import { createWriteStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { unlessMissing } from '../../platform/read-file.ts';
import type { MonitorConnection } from '../../runtime/monitor.ts';
import type { Container } from '../container.ts';
import type { ContainersContext } from '../context.ts';
import type { LogFiles } from './files.ts';
import { originMember } from './gzip-origin.ts';
import { compressesLogs, logFilesOf } from './settings.ts';

const FILE_MODE = 0o640;

/** Over a restart of a container there are two monitors for a moment, and one `.gz-part`. */
const queues = new WeakMap<Container, Promise<void>>();

/** As long as this monitor lives: at once, and after each rotation. One file at a time. */
export function compressOldLogs(context: ContainersContext, container: Container, monitor: MonitorConnection): void {
  const { record } = container;
  const files = compressesLogs(record) ? logFilesOf(context, record) : null;
  if (files === null) return;
  let isQueued = false;
  let last = 0n;
  const work = async (): Promise<void> => {
    isQueued = false;
    try {
      let before: bigint;
      do {
        before = last;
        last = (await compressOldest(files, monitor)) ?? 0n;
        // One that is still there could not be put in its place: the next rotation is the next try.
      } while (last !== 0n && last !== before);
    } catch (err) {
      // A container that is being removed takes its log along.
      if (!container.removing) context.log.warn({ container: record.id, err }, 'cannot compress an old log file');
    }
  };
  const queue = (): void => {
    if (isQueued) return;
    isQueued = true;
    queues.set(container, (queues.get(container) ?? Promise.resolve()).then(work));
  };
  monitor.onRotation(queue);
  queue();
}

/** The inode of the one that was compressed; null when there was none. */
async function compressOldest({ path, maxFiles }: LogFiles, monitor: MonitorConnection): Promise<bigint | null> {
  for (let number = maxFiles - 1; number > 0; number--) {
    await using old = await unlessMissing(open(`${path}.${number}`, 'r'));
    if (old === null) continue;
    const { ino } = await old.stat({ bigint: true });
    await writeCompressed(old, `${path}.gz-part`, ino);
    return (await monitor.logCompressed(ino)) ? ino : null;
  }
  return null;
}

async function writeCompressed(from: FileHandle, path: string, inode: bigint): Promise<void> {
  // The monitor drops the old file then: this one has to outlive a power cut.
  const target = createWriteStream(path, { mode: FILE_MODE, flush: true });
  target.write(originMember(inode));
  await pipeline(from.createReadStream({ autoClose: false }), createGzip(), target);
}
