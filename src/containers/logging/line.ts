/** One line of a log, whatever file it came from, and how a client gets it. */
import type { LogsOptions } from '../../api/backend.ts';
import { encodeFrame, FRAME_STREAM } from '../../api/types/frames.ts';
import { formatTimeNs, parseTimeNs } from '../record.ts';

export interface LogLine {
  /** With the newline, unless it had none or is a piece of a longer line. */
  text: string | Uint8Array;
  stream: 'stdout' | 'stderr';
  /** RFC 3339, or nanoseconds since the epoch: as the file has it. */
  time: string | bigint;
  /** What `--log-opt labels=`, `env=` and `tag=` add. */
  attrs?: Readonly<Record<string, string>> | undefined;
}

export interface LineFormat
  extends Pick<LogsOptions, 'stdout' | 'stderr' | 'since' | 'until' | 'timestamps' | 'details'> {
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
    const timeNs = typeof line.time === 'bigint' ? line.time : parseTimeNs(line.time);
    if (timeNs < format.since) return null;
    if (format.until > 0n && timeNs > format.until) return 'end';
  }
  if (!format[line.stream]) return null;
  const text = typeof line.text === 'string' ? Buffer.from(line.text) : line.text;
  const before = `${format.timestamps ? `${fixedTime(line.time)} ` : ''}${format.details ? `${details(line.attrs)} ` : ''}`;
  const bytes = before === '' ? text : Buffer.concat([Buffer.from(before), text]);
  return format.raw ? bytes : encodeFrame(FRAME_STREAM[line.stream], bytes);
}

/** Docker prints log times with all nine digits, so that columns line up. */
function fixedTime(time: string | bigint): string {
  const text = typeof time === 'bigint' ? formatTimeNs(time) : time;
  const match = /^(.{19})(?:\.(\d+))?Z$/.exec(text);
  return match === null ? text : `${match[1]}.${(match[2] ?? '').padEnd(9, '0')}Z`;
}

function details(attrs: LogLine['attrs']): string {
  const pairs = Object.entries(attrs ?? {}).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return pairs.map(([key, value]) => `${queryEscape(key)}=${queryEscape(value)}`).join(',');
}

/** As Go's url.QueryEscape. */
function queryEscape(text: string): string {
  return encodeURIComponent(text)
    .replaceAll('%20', '+')
    .replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}
