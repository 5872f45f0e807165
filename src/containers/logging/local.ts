/** Docker's format of the driver `local`, as the monitor writes it: see native/src/log_local.c. */
import type { FileHandle } from 'node:fs/promises';
import type { LogFormat } from './format.ts';
import type { LogLine } from './line.ts';

const LENGTH_BYTES = 4;
/** More than the longest entry has. */
const SCAN_BYTES = 1 << 20;
const NEWLINE = Buffer.from('\n');
const WIRE_VARINT = 0;
const WIRE_BYTES = 2;
/** Field number and wire type, as they stand before a field. */
const KEY = { source: 0x0a, time: 0x10, line: 0x1a, metadata: 0x2a } as const;
const KEY_LAST = 0x08;
/** "stdout" and "stderr" differ here. */
const STREAM_AT = 3;
const STDERR_SIGN = 'e'.charCodeAt(0);

export const LOCAL: LogFormat = {
  decoder() {
    let rest: Buffer = Buffer.alloc(0);
    return (chunk) => {
      const data = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      const lines: LogLine[] = [];
      let at = 0;
      for (;;) {
        const length = data.length - at < LENGTH_BYTES ? -1 : data.readUInt32BE(at);
        if (length < 0 || data.length - at < length + 2 * LENGTH_BYTES) break;
        const line = parseEntry(data.subarray(at + LENGTH_BYTES, at + LENGTH_BYTES + length));
        if (line !== null) lines.push(line);
        at += length + 2 * LENGTH_BYTES;
      }
      rest = Buffer.from(data.subarray(at));
      return lines;
    };
  },
  tail: tailOffset,
  async whole(file, sizeBytes) {
    const isWhole = (await tailOffset(file, sizeBytes, 1)) !== null;
    return isWhole ? sizeBytes : await wholeEntries(file, sizeBytes);
  },
};

/** A cursor over a protobuf message. Reading beyond its end gives zeros and nothing. */
class Message {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get ended(): boolean {
    return this.#at >= this.#bytes.length;
  }

  /** Up to 2^53. */
  number(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.#bytes[this.#at++] ?? 0;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  }

  /** In two halves: numbers are much faster than bigints. */
  big(): bigint {
    let [low, high, bits] = [0, 0, 0];
    for (; ; bits += 7) {
      const byte = this.#bytes[this.#at++] ?? 0;
      if (bits < 28) low += (byte & 0x7f) * 2 ** bits;
      else high += (byte & 0x7f) * 2 ** (bits - 28);
      if (byte < 0x80) return (BigInt(high) << 28n) + BigInt(low);
    }
  }

  bytes(): Buffer {
    const length = this.number();
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }
}

function parseEntry(bytes: Buffer): LogLine | null {
  const message = new Message(bytes);
  let line: Buffer | null = null;
  let stream: LogLine['stream'] = 'stdout';
  let time = 0n;
  let goesOn = false;
  while (!message.ended) {
    const key = message.number();
    if (key === KEY.source) stream = message.bytes()[STREAM_AT] === STDERR_SIGN ? 'stderr' : 'stdout';
    else if (key === KEY.time) time = message.big();
    else if (key === KEY.line) line = message.bytes();
    else if (key === KEY.metadata) goesOn = !isLast(new Message(message.bytes()));
    else if ((key & 7) === WIRE_VARINT) message.number();
    else if ((key & 7) === WIRE_BYTES) message.bytes();
    else return null;
  }
  if (line === null) return null;
  // The chunk's memory is used again.
  return { text: goesOn ? Buffer.from(line) : Buffer.concat([line, NEWLINE]), stream, time };
}

function isLast(metadata: Message): boolean {
  // Fields stand in the order of their numbers, and one that is false is left out.
  return metadata.number() === KEY_LAST && metadata.number() === 1;
}

async function wholeEntries(file: FileHandle, sizeBytes: number): Promise<number> {
  const chunk = Buffer.alloc(SCAN_BYTES);
  for (let offset = 0; ; ) {
    const { bytesRead } = await file.read(chunk, 0, Math.min(SCAN_BYTES, sizeBytes - offset), offset);
    let at = 0;
    for (; at + LENGTH_BYTES <= bytesRead; ) {
      const length = chunk.readUInt32BE(at);
      const footer = at + LENGTH_BYTES + length;
      if (footer + LENGTH_BYTES > bytesRead || chunk.readUInt32BE(footer) !== length) break;
      at = footer + LENGTH_BYTES;
    }
    if (at === 0) return offset;
    offset += at;
  }
}

/** By the lengths that stand behind the entries, each compared with the one before it. */
async function tailOffset(file: FileHandle, sizeBytes: number, count: number): ReturnType<LogFormat['tail']> {
  const bytes = Buffer.alloc(LENGTH_BYTES);
  const lengthAt = async (position: number): Promise<number> => {
    const { bytesRead } = await file.read(bytes, 0, LENGTH_BYTES, position);
    return bytesRead === LENGTH_BYTES ? bytes.readUInt32BE(0) : -1;
  };
  let offset = sizeBytes;
  let found = 0;
  for (; found < count && offset > 0; found++) {
    const length = await lengthAt(offset - LENGTH_BYTES);
    const start = offset - length - 2 * LENGTH_BYTES;
    if (start < 0 || (await lengthAt(start)) !== length) return null;
    offset = start;
  }
  return { offset, found };
}
