/**
 * The files of one log: the current one, and those that the monitor has rotated away from it, some of them compressed. They
 * may be rotated and compressed at any moment while they are read.
 */
import { type FileHandle, open, stat } from 'node:fs/promises';
import { pipeline } from 'node:stream';
import { constants, createGunzip } from 'node:zlib';
import type { LogFormat } from './format.ts';
import { unlessMissing } from '../../platform/read-file.ts';
import { lengthOf, originOf } from './gzip-origin.ts';
import { JSON_FILE } from './json-file.ts';
import { LOCAL } from './local.ts';

export interface LogFiles {
  path: string;
  /** with the current one */
  maxFiles: number;
  format: 'json' | 'local';
}

export const FORMATS: Readonly<Record<LogFiles['format'], LogFormat>> = { json: JSON_FILE, local: LOCAL };

const CHUNK_BYTES = 256 * 1024;
/** A log that is rotated faster than it can be opened is read as it was found. */
const MOST_LOOKS = 20;

/** One file, held open: what is read of it does not depend on its name any more. */
export class OpenLog implements AsyncDisposable {
  readonly handle: FileHandle;
  readonly isCompressed: boolean;
  /** The inode; of a compressed one that of the file it was made of. While this is open no other file has it. */
  readonly origin: bigint;
  readonly inode: bigint;
  #offset = 0;

  constructor(handle: FileHandle, inode: bigint, origin: bigint | null) {
    this.handle = handle;
    this.inode = inode;
    this.isCompressed = origin !== null;
    this.origin = origin ?? inode;
  }

  seek(offset: number): void {
    this.#offset = offset;
  }

  /**
   * What it has from here on, up to its end as it is then; a next call goes on there. `onCut`: a compressed one has lost its
   * end, in a power cut for instance.
   */
  async *chunks(onCut: () => void = () => {}): AsyncGenerator<Buffer> {
    if (this.isCompressed) {
      yield* this.#unpacked(onCut);
      return;
    }
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
    for (;;) {
      const { bytesRead } = await this.handle.read(chunk, 0, CHUNK_BYTES, this.#offset);
      if (bytesRead === 0) return;
      this.#offset += bytesRead;
      yield chunk.subarray(0, bytesRead);
    }
  }

  async *#unpacked(onCut: () => void): AsyncGenerator<Buffer> {
    const packed = this.handle.createReadStream({ start: 0, autoClose: false });
    // Of what others have compressed nothing tells whether it is whole, unless zlib does.
    const isOurs = this.origin !== 0n;
    const unpack = createGunzip(isOurs ? { finishFlush: constants.Z_SYNC_FLUSH } : {});
    let length = 0;
    // The reader of the one sees the other's failure.
    for await (const chunk of pipeline(packed, unpack, () => {}) as AsyncIterable<Buffer>) {
      length += chunk.length;
      yield chunk;
    }
    if (isOurs && (length === 0 || length % 2 ** 32 !== (await lengthOf(this.handle)))) onCut();
  }

  /** Somebody has cut it: it begins anew. */
  async wasCut(): Promise<boolean> {
    if ((await this.handle.stat()).size >= this.#offset) return false;
    this.#offset = 0;
    return true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.handle.close();
  }
}

function namesOf({ path, maxFiles }: LogFiles): string[] {
  const old = Array.from({ length: maxFiles - 1 }, (_, index) => `${path}.${maxFiles - 1 - index}`);
  return [...old.flatMap((name) => [`${name}.gz`, name]), path];
}

/** Which file has which name now. */
async function layout(names: readonly string[]): Promise<string> {
  const inodes = names.map(async (name) => (await unlessMissing(stat(name, { bigint: true })))?.ino ?? 0n);
  return (await Promise.all(inodes)).join();
}

async function openOne(name: string): Promise<OpenLog | null> {
  const handle = await unlessMissing(open(name, 'r'));
  if (handle === null) return null;
  try {
    const { ino } = await handle.stat({ bigint: true });
    return new OpenLog(handle, ino, name.endsWith('.gz') ? await originOf(handle) : null);
  } catch (err) {
    await handle.close();
    throw err;
  }
}

/** Those that are there; none stays open when one cannot be opened. */
async function openEach(names: readonly string[]): Promise<OpenLog[]> {
  const results = await Promise.allSettled(names.map(openOne));
  const opened = results.flatMap((result) => (result.status === 'fulfilled' ? (result.value ?? []) : []));
  const failed = results.find((result) => result.status === 'rejected');
  if (failed === undefined) return opened;
  await closeAll(opened);
  throw failed.reason;
}

/** All files, the oldest first: those of one moment, in which nothing was renamed. */
export async function openLogs(files: LogFiles): Promise<OpenLog[]> {
  const names = namesOf(files);
  for (let look = 1; ; look++) {
    const before = await layout(names);
    const opened = await openEach(names);
    try {
      if (look === MOST_LOOKS || before === (await layout(names))) return await withoutTwins(opened);
    } catch (err) {
      await closeAll(opened);
      throw err;
    }
    await closeAll(opened);
  }
}

/**
 * For a moment of a rotation a file has two names, and for one of its compression it is there in both forms, one beside the
 * other. (Elsewhere a compressed file's origin may be a number that another file has got since. One that
 * somebody else has compressed tells of none.)
 */
async function withoutTwins(opened: readonly OpenLog[]): Promise<OpenLog[]> {
  const isTwin = (log: OpenLog, index: number) =>
    opened.findIndex(({ inode }) => inode === log.inode) !== index ||
    (log.origin !== 0n && opened[index - 1]?.origin === log.origin);
  const twins = new Set(opened.filter(isTwin));
  await closeAll([...twins]);
  return opened.filter((log) => !twins.has(log));
}

export async function closeAll(logs: readonly OpenLog[]): Promise<void> {
  await Promise.all(logs.map((log) => log[Symbol.asyncDispose]()));
}

/** Is another one the current file now? */
export async function isRotated({ path }: LogFiles, current: OpenLog): Promise<boolean> {
  const now = await unlessMissing(stat(path, { bigint: true }));
  return now !== null && now.ino !== current.inode;
}

/** The files that came after this one, which was the current one. All there are, if it has been dropped meanwhile. */
export async function openNewer(files: LogFiles, last: OpenLog): Promise<{ newer: OpenLog[]; isDropped: boolean }> {
  const all = await openLogs(files);
  // The last one: an older compressed file may have been made of another that had the same number.
  const at = all.findLastIndex(({ origin }) => origin === last.origin);
  await closeAll(all.slice(0, at + 1));
  return { newer: all.slice(at + 1), isDropped: at < 0 };
}
