/** Reading Docker's json-file log: one JSON object a line, as the monitor writes it. */
import { type FileHandle, open } from 'node:fs/promises';
import { encodeFrame } from '../../api/types/frames.ts';
import { parseTimeNs } from '../record.ts';

export interface LogLine {
  log: string;
  stream: 'stdout' | 'stderr';
  time: string;
}

const CHUNK_BYTES = 64 * 1024;
const NEWLINE = 0x0a;

/** Where the last `count` lines begin, in bytes from the start; 0 when there are fewer. */
async function tailOffset(file: FileHandle, sizeBytes: number, count: number): Promise<number> {
  if (count <= 0) return sizeBytes;
  const chunk = Buffer.alloc(CHUNK_BYTES);
  let seen = 0;
  for (let end = sizeBytes; end > 0; ) {
    const start = Math.max(0, end - CHUNK_BYTES);
    const { bytesRead } = await file.read(chunk, 0, end - start, start);
    for (let at = bytesRead - 1; at >= 0; at--) {
      if (chunk[at] !== NEWLINE || start + at === sizeBytes - 1) continue;
      if (++seen === count) return start + at + 1;
    }
    end = start;
  }
  return 0;
}

/**
 * The complete lines from the last `tail` on, as many at a time as were read at once: one by one they would cost a
 * write to the client each. At the end of the file `more()` decides: true, look again; false, done.
 * A last line without a newline is one that the monitor is still writing: it is read when it is whole.
 */
export async function* readLines(
  path: string,
  tail: number | undefined,
  more: () => Promise<boolean>,
): AsyncGenerator<LogLine[]> {
  await using file = await open(path, 'r');
  const { size } = await file.stat();
  let offset = tail === undefined ? 0 : await tailOffset(file, size, tail);
  let rest: Buffer = Buffer.alloc(0);
  const chunk = Buffer.alloc(CHUNK_BYTES);
  for (;;) {
    const { bytesRead } = await file.read(chunk, 0, CHUNK_BYTES, offset);
    if (bytesRead === 0) {
      if (!(await more())) return;
      continue;
    }
    offset += bytesRead;
    const data = Buffer.concat([rest, chunk.subarray(0, bytesRead)]);
    const lines: LogLine[] = [];
    let from = 0;
    for (let newline = data.indexOf(NEWLINE); newline >= 0; newline = data.indexOf(NEWLINE, from)) {
      lines.push(JSON.parse(data.toString('utf8', from, newline)) as LogLine);
      from = newline + 1;
    }
    rest = data.subarray(from);
    if (lines.length > 0) yield lines;
  }
}

export interface LineFormat {
  stdout: boolean;
  stderr: boolean;
  since: bigint;
  until: bigint;
  timestamps: boolean;
  /**
   * Put a blank before the text. In front of it would stand the labels and variables that `--log-opt labels=` and
   * `env=` name; isle refuses those options, so there are never any.
   */
  details: boolean;
  /** no frames: the output of a terminal */
  raw: boolean;
}

/** The bytes of some lines for the client, and whether all that was asked for has come. */
export function formatLines(lines: readonly LogLine[], format: LineFormat): { bytes: Uint8Array; ended: boolean } {
  const parts: Uint8Array[] = [];
  for (const line of lines) {
    const part = formatLine(line, format);
    if (part === 'end') return { bytes: Buffer.concat(parts), ended: true };
    if (part !== null) parts.push(part);
  }
  return { bytes: Buffer.concat(parts), ended: false };
}

/** The bytes of one line for the client; null when it was not asked for; 'end' when it is later than all asked for. */
export function formatLine(line: LogLine, format: LineFormat): Uint8Array | null | 'end' {
  if (format.since > 0n || format.until > 0n) {
    const timeNs = parseTimeNs(line.time);
    if (timeNs < format.since) return null;
    if (format.until > 0n && timeNs > format.until) return 'end';
  }
  if (!format[line.stream]) return null;
  const prefix = format.timestamps ? `${padTime(line.time)} ` : '';
  const bytes = Buffer.from(`${prefix}${format.details ? ' ' : ''}${line.log}`);
  return format.raw ? bytes : encodeFrame(line.stream === 'stdout' ? 1 : 2, bytes);
}

/** Docker prints log times with all nine digits, so that columns line up. */
function padTime(time: string): string {
  const match = /^(.{19})(?:\.(\d+))?Z$/.exec(time);
  return match === null ? time : `${match[1]}.${(match[2] ?? '').padEnd(9, '0')}Z`;
}
