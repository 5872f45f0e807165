import type { Transform } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { EngineError } from '../errors.ts';
import { badArchive } from './errors.ts';
import { ZstdFrames } from './zstd-frames.ts';

export type Compression = 'gzip' | 'zstd' | 'none';

/** Bytes per output chunk: large, because every chunk costs a trip through the thread pool. */
const CHUNK_BYTES = 256 * 1024;
/** Small network chunks are joined up to this size before they are handed to the decompressor. */
const JOIN_BYTES = 64 * 1024;
const MAGIC_BYTES = 4;

/** Tells the compression from the first bytes (RFC 1952 section 2.3.1, RFC 8878 sections 3.1.1 and 3.1.2). */
export function detectCompression(head: Uint8Array): Compression {
  if (head.length >= 3 && head[0] === 0x1f && head[1] === 0x8b && head[2] === 0x08) return 'gzip';
  if (head.length < 4) return 'none';
  if (head[0] === 0x28 && head[1] === 0xb5 && head[2] === 0x2f && head[3] === 0xfd) return 'zstd';
  // A skippable frame may come first.
  const skippable = (head[0] ?? 0) >= 0x50 && (head[0] ?? 0) <= 0x5f;
  return skippable && head[1] === 0x2a && head[2] === 0x4d && head[3] === 0x18 ? 'zstd' : 'none';
}

/**
 * Lets go of a source that will not be read on. A stream is destroyed, since `return` would wait for a read under way;
 * a generator runs its `finally`. Does not wait; what a source still throws when nobody reads it is of no use.
 */
export function closeSource(source: AsyncIterable<Uint8Array>, iterator = source[Symbol.asyncIterator]()): void {
  if ('destroy' in source && typeof source.destroy === 'function') source.destroy();
  iterator.return?.().catch(() => {});
}

/**
 * The plain bytes of a gzip, zstd or uncompressed source, told apart by their first bytes; concatenated gzip members
 * and zstd frames are one stream. Chunks are fresh buffers that the consumer may keep. The source is closed when the
 * consumer stops early. Rejects with EngineError InvalidParameter, code EBADARCHIVE, for damaged or truncated
 * compression; with the source's own error if the source fails; with `signal.reason` when aborted.
 */
export async function* decompress(
  source: AsyncIterable<Uint8Array>,
  options: { signal?: AbortSignal | undefined } = {},
): AsyncGenerator<Buffer, void, undefined> {
  const input = new JoinedInput(source, options.signal);
  try {
    const head = await input.read(MAGIC_BYTES);
    const format = head === null ? 'none' : detectCompression(head);
    if (format === 'none') {
      for (let chunk = head; chunk !== null; chunk = await input.read(1)) yield chunk;
      return;
    }
    yield* inflate(format, head, input);
  } finally {
    input.close();
  }
}

async function* inflate(format: 'gzip' | 'zstd', head: Buffer | null, input: JoinedInput): AsyncGenerator<Buffer> {
  const options = { chunkSize: CHUNK_BYTES };
  const stream = format === 'gzip' ? createGunzip(options) : createZstdDecompress(options);
  let feedError: Error | undefined;
  const feeding = feed(stream, format, head, input).catch((error: unknown) => {
    feedError = error instanceof Error ? error : new Error(String(error));
    stream.destroy(feedError);
  });
  try {
    for await (const chunk of stream) yield chunk;
  } catch (error) {
    if (feedError !== undefined) throw feedError;
    throw explainDamage(format, error);
  } finally {
    stream.destroy();
    input.close();
    await feeding;
  }
}

/** Ends early, without an error, when the stream is destroyed. */
async function feed(
  stream: Transform,
  format: 'gzip' | 'zstd',
  head: Buffer | null,
  input: JoinedInput,
): Promise<void> {
  const frames = format === 'zstd' ? new ZstdFrames() : undefined;
  for (let chunk = head; chunk !== null; chunk = await input.read(JOIN_BYTES)) {
    for (const piece of frames === undefined ? [chunk] : frames.split(chunk)) {
      if (stream.destroyed) return;
      if (!stream.write(piece)) await drained(stream);
    }
    if (stream.destroyed) return;
  }
  frames?.end();
  stream.end();
}

/** Resolves when the stream takes more or is gone. */
function drained(stream: Transform): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      stream.off('drain', done);
      stream.off('close', done);
      resolve();
    };
    stream.on('drain', done);
    stream.on('close', done);
  });
}

function explainDamage(format: string, error: unknown): unknown {
  if (error instanceof EngineError || !(error instanceof Error)) return error;
  const code = 'code' in error ? String(error.code) : '';
  if (code === 'Z_BUF_ERROR') return badArchive(`the ${format} data ends early`, error);
  if (code.startsWith('Z_') || code.startsWith('ZSTD_'))
    return badArchive(`the ${format} data is damaged: ${error.message}`, error);
  return error;
}

/** Reads a source in pieces of at least a given size, and can be left at any moment. */
class JoinedInput {
  readonly #source: AsyncIterable<Uint8Array>;
  readonly #iterator: AsyncIterator<Uint8Array>;
  readonly #signal: AbortSignal | undefined;
  #reject: ((reason: unknown) => void) | undefined;
  #closed = false;

  constructor(source: AsyncIterable<Uint8Array>, signal: AbortSignal | undefined) {
    this.#source = source;
    this.#iterator = source[Symbol.asyncIterator]();
    this.#signal = signal;
    signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  readonly #onAbort = (): void => {
    this.#reject?.(this.#signal?.reason);
  };

  /** At least `atLeast` bytes unless the source ends before; null at the end. */
  async read(atLeast: number): Promise<Buffer | null> {
    const pieces: Buffer[] = [];
    let length = 0;
    while (length < atLeast) {
      const next = await this.#next();
      if (next.done === true) break;
      if (next.value.length === 0) continue;
      pieces.push(Buffer.from(next.value.buffer, next.value.byteOffset, next.value.byteLength));
      length += next.value.length;
    }
    if (pieces.length === 0) return null;
    return pieces.length === 1 ? (pieces[0] ?? null) : Buffer.concat(pieces, length);
  }

  /** Not Promise.race with one long-lived promise: that would keep every chunk's reaction until the end. */
  #next(): Promise<IteratorResult<Uint8Array>> {
    this.#signal?.throwIfAborted();
    if (this.#closed) throw left();
    return new Promise((resolve, reject) => {
      this.#reject = reject;
      this.#iterator.next().then(resolve, reject);
    });
  }

  /** Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#signal?.removeEventListener('abort', this.#onAbort);
    this.#reject?.(left());
    closeSource(this.#source, this.#iterator);
  }
}

function left(): EngineError {
  return new EngineError('Cancelled', 'the archive is no longer read', { code: 'EABORTED' });
}
