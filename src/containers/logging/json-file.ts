/** Docker's json-file: one JSON object a line, as the monitor writes it. */
import type { FileHandle } from 'node:fs/promises';
import type { LogFormat } from './format.ts';
import type { LogLine } from './line.ts';

interface JsonLine {
  log?: string;
  stream?: string;
  time?: string;
  attrs?: Record<string, string>;
}

const CHUNK_BYTES = 64 * 1024;
const NEWLINE = 0x0a;

export const JSON_FILE: LogFormat = {
  decoder() {
    let rest: Buffer = Buffer.alloc(0);
    return (chunk) => {
      const data = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      const lines: LogLine[] = [];
      let from = 0;
      for (let newline = data.indexOf(NEWLINE); newline >= 0; newline = data.indexOf(NEWLINE, from)) {
        const line = parseLine(data.toString('utf8', from, newline));
        if (line !== null) lines.push(line);
        from = newline + 1;
      }
      // Copied: the caller reads the next chunk into the same memory.
      rest = Buffer.from(data.subarray(from));
      return lines;
    };
  },
  tail: tailOffset,
  whole: async (file, sizeBytes) => (await tailOffset(file, sizeBytes, 0)).offset,
};

/** null for what is no line of a log: a part of one, before which a monitor was killed. */
function parseLine(text: string): LogLine | null {
  let line: JsonLine;
  try {
    line = JSON.parse(text) as JsonLine;
  } catch {
    return null;
  }
  if (typeof line !== 'object' || line === null) return null;
  const stream = line.stream === 'stderr' ? 'stderr' : 'stdout';
  return { text: line.log ?? '', stream, time: line.time ?? '', attrs: line.attrs };
}

async function tailOffset(
  file: FileHandle,
  sizeBytes: number,
  count: number,
): Promise<{ offset: number; found: number }> {
  const chunk = Buffer.alloc(CHUNK_BYTES);
  let newlines = 0;
  for (let end = sizeBytes; end > 0; ) {
    const start = Math.max(0, end - CHUNK_BYTES);
    const { bytesRead } = await file.read(chunk, 0, end - start, start);
    for (let at = bytesRead - 1; at >= 0; at--) {
      // What follows the last newline is a line that is being written.
      if (chunk[at] === NEWLINE && newlines++ === count) return { offset: start + at + 1, found: count };
    }
    end = start;
  }
  return { offset: 0, found: newlines };
}
