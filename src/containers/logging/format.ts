/** What reading a log needs to know of its format. */
import type { FileHandle } from 'node:fs/promises';
import type { LogLine } from './line.ts';

export interface LogFormat {
  /**
   * Takes a file in pieces cut anywhere, whose memory may be used again afterwards; gives the whole lines. What is no line
   * is passed over.
   */
  decoder(): (chunk: Buffer) => LogLine[];
  /**
   * Where the last `count` lines begin in the first `sizeBytes` of a file; `found` is less than `count` when it has no more.
   * null: that cannot be told from the end, because it lies inside a line.
   */
  tail(file: FileHandle, sizeBytes: number, count: number): Promise<{ offset: number; found: number } | null>;
  /** How many of the first `sizeBytes` are whole lines, up to the first that is not. */
  whole(file: FileHandle, sizeBytes: number): Promise<number>;
}
