import { type TarHeader } from './tar-entry.ts';
import { TarParser, type TarParserOptions, type TarSink } from './tar-parser.ts';

export type { TarEntryType, TarHeader } from './tar-entry.ts';

export interface TarEntry {
  header: TarHeader;
  /** The content, holes as zeros; at most once. What is not read when the next entry is asked for is skipped. */
  body: AsyncIterable<Buffer>;
}

type Item =
  | { kind: 'entry'; header: TarHeader }
  | { kind: 'data'; chunk: Buffer }
  | { kind: 'hole'; bytes: number }
  | { kind: 'done' };

const ZEROS = Buffer.alloc(64 * 1024);

/**
 * The entries of a plain (decompressed) tar stream, in order. Holds at most one source chunk. Rejects with EngineError
 * EBADARCHIVE for a bad or truncated archive. For whole layers `TarParser` with a sink is several times faster.
 */
export async function* readTar(
  source: AsyncIterable<Uint8Array>,
  options: TarParserOptions = {},
): AsyncGenerator<TarEntry, void, undefined> {
  const items = new ItemReader(source, options);
  try {
    for (let item = await items.next(); item !== undefined; item = await items.next()) {
      if (item.kind === 'entry') yield { header: item.header, body: bodyOf(items, items.serial) };
    }
  } finally {
    await items.close();
  }
}

async function* bodyOf(items: ItemReader, serial: number): AsyncGenerator<Buffer> {
  while (items.serial === serial) {
    const item = await items.next();
    if (item?.kind === 'data') yield item.chunk;
    else if (item?.kind === 'hole') yield* zeros(item.bytes);
    else return;
  }
}

function* zeros(bytes: number): Generator<Buffer> {
  for (let left = bytes; left > 0; left -= ZEROS.length) yield left >= ZEROS.length ? ZEROS : ZEROS.subarray(0, left);
}

class ItemReader implements TarSink {
  readonly #iterator: AsyncIterator<Uint8Array>;
  readonly #parser: TarParser;
  #items: Item[] = [];
  #at = 0;
  #ended = false;
  /** Counts the entries handed out: a body of an earlier one has ended. */
  serial = 0;

  constructor(source: AsyncIterable<Uint8Array>, options: TarParserOptions) {
    this.#iterator = source[Symbol.asyncIterator]();
    this.#parser = new TarParser(this, options);
  }

  entry(header: TarHeader): void {
    this.#items.push({ kind: 'entry', header });
  }
  data(chunk: Buffer): void {
    this.#items.push({ kind: 'data', chunk });
  }
  hole(bytes: number): void {
    this.#items.push({ kind: 'hole', bytes });
  }
  done(): void {
    this.#items.push({ kind: 'done' });
  }

  async next(): Promise<Item | undefined> {
    for (;;) {
      const item = this.#items[this.#at++];
      if (item !== undefined) {
        if (item.kind === 'entry') this.serial++;
        return item;
      }
      if (this.#ended) return undefined;
      this.#items = [];
      this.#at = 0;
      const next = await this.#iterator.next();
      if (next.done === true) {
        this.#ended = true;
        this.#parser.end();
      } else this.#parser.write(Buffer.from(next.value.buffer, next.value.byteOffset, next.value.byteLength));
    }
  }

  async close(): Promise<void> {
    await this.#iterator.return?.();
  }
}
