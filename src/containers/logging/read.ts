/** Reads a log over all of its files, and goes on with the current one while it grows and is rotated. */
import { closeAll, FORMATS, isRotated, type LogFiles, OpenLog, openLogs, openNewer } from './files.ts';
import type { LogLine } from './line.ts';

export interface ReadOptions {
  /** number of last lines; undefined: all */
  tail: number | undefined;
  /** Asked at the end of what there is: true, look again; false, done. */
  readonly more: () => Promise<boolean>;
  /** What is lost to this reader: files that came and went again before they could be read, or the end of one that was cut. */
  readonly onLoss: (what: 'files' | 'end') => void;
}

/** The lines, as many at a time as were read at once: one by one they would cost a write to the client each. */
export async function* readLines(files: LogFiles, options: ReadOptions): AsyncGenerator<LogLine[]> {
  let logs = await openLogs(files);
  try {
    let skip = options.tail === undefined ? 0 : await seekTail(files, logs, options.tail);
    for (;;) {
      const current = logs.at(-1);
      for (const log of logs.slice(0, -1)) {
        yield* skipping(
          wholeLines(files, log, () => options.onLoss('end')),
          skip,
        );
        skip = 0;
      }
      // A container that was never started has no log yet.
      if (current === undefined) return;
      const isOver = yield* followOne(files, current, skip, options);
      skip = 0;
      if (isOver) return;
      const { newer, isDropped } = await openNewer(files, current);
      if (isDropped) options.onLoss('files');
      await closeAll(logs);
      logs = newer;
    }
  } finally {
    await closeAll(logs);
  }
}

async function* wholeLines({ format }: LogFiles, log: OpenLog, onCut?: () => void): AsyncGenerator<LogLine[]> {
  const decode = FORMATS[format].decoder();
  for await (const chunk of log.chunks(onCut)) {
    const lines = decode(chunk);
    if (lines.length > 0) yield lines;
  }
}

async function* skipping(source: AsyncGenerator<LogLine[]>, count: number): AsyncGenerator<LogLine[]> {
  let left = count;
  for await (const lines of source) {
    const wanted = left === 0 ? lines : lines.slice(left);
    left = Math.max(0, left - lines.length);
    if (wanted.length > 0) yield wanted;
  }
}

/** The current file, to its end. True: that is the end of all; false: others came after it. */
async function* followOne(
  files: LogFiles,
  log: OpenLog,
  skip: number,
  { more }: ReadOptions,
): AsyncGenerator<LogLine[], boolean> {
  let decode = FORMATS[files.format].decoder();
  let left = skip;
  for (;;) {
    // Asked before the reading: what was written before the rotation is then read.
    const rotated = await isRotated(files, log);
    for await (const chunk of log.chunks()) {
      const lines = decode(chunk);
      const wanted = left === 0 ? lines : lines.slice(left);
      left = Math.max(0, left - lines.length);
      if (wanted.length > 0) yield wanted;
    }
    if (rotated) return false;
    if (await log.wasCut()) decode = FORMATS[files.format].decoder();
    else if (!(await more())) return true;
  }
}

/**
 * Takes away the files before the last `count` lines, and seeks in the first one left. Gives how many lines of that one do
 * not belong to them: where it cannot be sought in, they have to be read.
 */
async function seekTail(files: LogFiles, logs: OpenLog[], count: number): Promise<number> {
  let wanted = count;
  for (let index = logs.length - 1; index >= 0; index--) {
    const log = logs[index];
    if (log === undefined) continue;
    const sought = log.isCompressed
      ? null
      : await FORMATS[files.format].tail(log.handle, (await log.handle.stat()).size, wanted);
    const found = sought?.found ?? (await countLines(files, log));
    log.seek(sought?.offset ?? 0);
    if (found >= wanted) {
      await closeAll(logs.splice(0, index));
      return found - wanted;
    }
    wanted -= found;
  }
  return 0;
}

async function countLines(files: LogFiles, log: OpenLog): Promise<number> {
  let count = 0;
  for await (const lines of wholeLines(files, log)) count += lines.length;
  return count;
}
