import { EngineError } from '../errors.ts';
import { badArchive, printable } from './errors.ts';
import { parsePax } from './pax.ts';
import { checkSegments, parseOldSegments, type Segment, SPARSE_SEGMENTS_MAX, SparseMapReader } from './sparse.ts';
import { type AssembledEntry, assembleEntry, type Preamble, type TarHeader } from './tar-entry.ts';
import { BLOCK_BYTES, fieldBytes, isZeroBlock, parseHeader, parseNumber } from './tar-header.ts';

/** Receives what the parser finds, synchronously. What it throws leaves `write` or `end` unchanged. */
export interface TarSink {
  entry(header: TarHeader): void;
  /** Part of the current entry's content; a view of the chunk that was written. */
  data(chunk: Buffer): void;
  /** Zero bytes of a sparse file. */
  hole(bytes: number): void;
  /** The current entry is complete. */
  done(): void;
}

export interface TarLimits {
  /** Header blocks in all, those of extended headers included. */
  entries: number;
  /** bytes of one PAX or GNU long-name body */
  metaBytes: number;
}

const DEFAULT_LIMITS: TarLimits = { entries: 4_000_000, metaBytes: 1024 * 1024 };

export interface TarParserOptions {
  limits?: Partial<TarLimits> | undefined;
  /**
   * 'required' (default): an archive without its two zero blocks is truncated. 'optional': the end of input between
   * two entries is an end too, for callers that verify a digest (some writers of layers leave the marker out).
   */
  endMarker?: 'required' | 'optional' | undefined;
}

const GLOBAL_RECORDS_MAX = 256;

type State = 'header' | 'lastZero' | 'meta' | 'body' | 'skip' | 'oldSparse' | 'sparseMap' | 'end';

/**
 * A tar parser that takes chunks of any size and calls a sink; nothing in it waits and content is not copied. Reads
 * V7, ustar, GNU (long names, base-256 numbers, sparse) and PAX (local, global, sparse 0.1 and 1.0).
 * Throws EngineError InvalidParameter, code EBADARCHIVE, naming the entry; after that the parser is of no use.
 */
export class TarParser {
  readonly #sink: TarSink;
  readonly #limits: TarLimits;
  readonly #markerRequired: boolean;
  #state: State = 'header';
  /** A header block whose bytes come in several chunks. */
  readonly #block = Buffer.alloc(BLOCK_BYTES);
  #blockFill = 0;
  #blocks = 0;
  #global: Map<string, Buffer> = new Map();
  #local: Map<string, Buffer> | undefined;
  #longPath: Buffer | undefined;
  #longLink: Buffer | undefined;
  #meta: Buffer = Buffer.alloc(0);
  #metaFill = 0;
  #metaType = '';
  #current: AssembledEntry | undefined;
  /** The name of the entry being read, for errors. */
  #name: Buffer | undefined;
  #segments: Segment[] = [];
  /** index of the segment that the next stored byte belongs to */
  #segment = 0;
  #map: SparseMapReader | undefined;
  /** stored bytes of the body still to come; in `skip`, bytes of padding */
  #remaining = 0;
  #padding = 0;
  /** position in the file, holes included */
  #position = 0;

  constructor(sink: TarSink, options: TarParserOptions = {}) {
    this.#sink = sink;
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.#markerRequired = options.endMarker !== 'optional';
  }

  /** Takes the next bytes. The buffer must not be changed afterwards while the sink keeps views of it. */
  write(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      switch (this.#state) {
        case 'end':
          return;
        case 'meta':
          at = this.#takeMeta(chunk, at);
          break;
        case 'body':
          at = this.#takeBody(chunk, at);
          break;
        case 'skip':
          at = this.#takePadding(chunk, at);
          break;
        default:
          at = this.#takeBlock(chunk, at);
      }
    }
  }

  /** The input is over. Throws when the archive is not. */
  end(): void {
    if (this.#state === 'end') return;
    const between = (this.#state === 'header' || this.#state === 'lastZero') && this.#blockFill === 0;
    if (between && !this.#markerRequired && this.#preambleIsEmpty()) return;
    const where = this.#current === undefined ? `after entry ${this.#blocks}` : `in \`${printable(this.#name ?? '')}\``;
    throw badArchive(`the tar archive ends early, ${where}`);
  }

  #preambleIsEmpty(): boolean {
    return this.#local === undefined && this.#longPath === undefined && this.#longLink === undefined;
  }

  #takeBlock(chunk: Buffer, at: number): number {
    if (this.#blockFill === 0 && chunk.length - at >= BLOCK_BYTES) {
      this.#onBlock(chunk, at);
      return at + BLOCK_BYTES;
    }
    const taken = Math.min(BLOCK_BYTES - this.#blockFill, chunk.length - at);
    chunk.copy(this.#block, this.#blockFill, at, at + taken);
    this.#blockFill += taken;
    if (this.#blockFill === BLOCK_BYTES) {
      this.#blockFill = 0;
      this.#onBlock(this.#block, 0);
    }
    return at + taken;
  }

  #onBlock(block: Buffer, at: number): void {
    if (this.#state === 'oldSparse') return this.#named(() => this.#onOldSparse(block, at));
    if (this.#state === 'sparseMap') return this.#named(() => this.#onSparseMap(block, at));
    if (isZeroBlock(block, at)) {
      if (!this.#preambleIsEmpty()) throw badArchive('the tar archive ends after an extended header');
      this.#state = this.#state === 'lastZero' ? 'end' : 'lastZero';
      return;
    }
    if (this.#state === 'lastZero') throw badArchive('the tar archive has a lone zero block between entries');
    this.#blocks++;
    if (this.#blocks > this.#limits.entries) {
      throw badArchive(`the tar archive has more than ${this.#limits.entries} entries`);
    }
    this.#name = undefined;
    this.#named(() => this.#onHeader(block, at));
  }

  /** Adds to an error which entry it is about. */
  #named(step: () => void): void {
    try {
      step();
    } catch (error) {
      if (!(error instanceof EngineError) || error.code !== 'EBADARCHIVE' || error.message.startsWith('tar entry'))
        throw error;
      const name = this.#name === undefined ? '' : ` (\`${printable(this.#name)}\`)`;
      throw badArchive(`tar entry ${this.#blocks}${name}: ${error.message}`, error);
    }
  }

  #onHeader(block: Buffer, at: number): void {
    const raw = parseHeader(block, at);
    if ('xgLK'.includes(raw.typeflag)) return this.#startMeta(raw.typeflag, raw.size);
    this.#name = this.#longPath ?? this.#local?.get('path') ?? raw.path;
    const preamble: Preamble = {
      global: this.#global,
      local: this.#local,
      longPath: this.#longPath,
      longLink: this.#longLink,
    };
    const entry = assembleEntry(raw, preamble);
    this.#local = undefined;
    this.#longPath = undefined;
    this.#longLink = undefined;
    this.#current = entry;
    this.#segments = entry.sparse?.segments ?? [];
    this.#map = undefined;
    if (raw.typeflag === 'S') this.#startOldSparse(block, at, entry);
    else if (entry.sparse !== undefined && entry.sparse.segments === undefined) {
      this.#map = new SparseMapReader();
      this.#state = 'sparseMap';
    } else this.#startBody(entry, entry.storedBytes);
  }

  #startOldSparse(block: Buffer, at: number, entry: AssembledEntry): void {
    this.#segments = parseOldSegments(block, at + 386, 4);
    entry.header.size = parseNumber(block, at + 483, 12, 'real size');
    entry.sparse = { path: undefined, realSize: entry.header.size, segments: this.#segments };
    if (block[at + 482] === 0) this.#startBody(entry, entry.storedBytes);
    else this.#state = 'oldSparse';
  }

  #onOldSparse(block: Buffer, at: number): void {
    this.#segments.push(...parseOldSegments(block, at, 21));
    if (this.#segments.length > SPARSE_SEGMENTS_MAX) throw badArchive('its sparse map is too long');
    if (++this.#blocks > this.#limits.entries) throw badArchive('its sparse map is too long');
    const entry = this.#current;
    if (entry !== undefined && block[at + 504] === 0) this.#startBody(entry, entry.storedBytes);
  }

  #onSparseMap(block: Buffer, at: number): void {
    const entry = this.#current;
    if (entry === undefined || this.#map === undefined) return;
    const segments = this.#map.push(block, at);
    if (this.#map.bytes > entry.storedBytes) throw badArchive('its sparse map is longer than its body');
    if (segments === undefined) return;
    this.#segments = segments;
    this.#startBody(entry, entry.storedBytes - this.#map.bytes);
  }

  #startBody(entry: AssembledEntry, bytes: number): void {
    if (entry.header.size < 0) throw badArchive('its real size is negative');
    if (entry.sparse !== undefined) checkSegments(this.#segments, entry.header.size, bytes);
    this.#remaining = bytes;
    this.#padding = (BLOCK_BYTES - (bytes % BLOCK_BYTES)) % BLOCK_BYTES;
    this.#position = 0;
    this.#segment = 0;
    this.#sink.entry(entry.header);
    this.#state = 'body';
    if (bytes === 0) this.#finishBody();
  }

  #takeBody(chunk: Buffer, at: number): number {
    const taken = Math.min(this.#remaining, chunk.length - at);
    const entry = this.#current;
    if (entry !== undefined && !entry.discard) {
      const view = at === 0 && taken === chunk.length ? chunk : chunk.subarray(at, at + taken);
      if (entry.sparse === undefined) this.#sink.data(view);
      else this.#placeSparse(view);
    }
    this.#remaining -= taken;
    if (this.#remaining === 0) this.#finishBody();
    return at + taken;
  }

  #placeSparse(view: Buffer): void {
    let at = 0;
    while (at < view.length) {
      const segment = this.#segments[this.#segment];
      if (segment === undefined) throw badArchive('its sparse map ends before its data');
      if (this.#position < segment.offset) {
        this.#sink.hole(segment.offset - this.#position);
        this.#position = segment.offset;
      }
      const left = segment.offset + segment.length - this.#position;
      const taken = Math.min(left, view.length - at);
      if (taken > 0) this.#sink.data(view.subarray(at, at + taken));
      this.#position += taken;
      at += taken;
      if (taken === left) this.#segment++;
    }
  }

  #finishBody(): void {
    const entry = this.#current;
    if (entry?.sparse !== undefined && this.#position < entry.header.size)
      this.#sink.hole(entry.header.size - this.#position);
    this.#current = undefined;
    this.#sink.done();
    this.#startPadding();
  }

  #startPadding(): void {
    this.#remaining = this.#padding;
    this.#state = this.#remaining === 0 ? 'header' : 'skip';
  }

  #takePadding(chunk: Buffer, at: number): number {
    const taken = Math.min(this.#remaining, chunk.length - at);
    this.#remaining -= taken;
    if (this.#remaining === 0) this.#state = 'header';
    return at + taken;
  }

  #startMeta(type: string, size: number): void {
    if (size < 0 || size > this.#limits.metaBytes) {
      throw badArchive(`an extended header of ${size} bytes is larger than ${this.#limits.metaBytes}`);
    }
    this.#metaType = type;
    this.#meta = Buffer.allocUnsafe(size);
    this.#metaFill = 0;
    this.#padding = (BLOCK_BYTES - (size % BLOCK_BYTES)) % BLOCK_BYTES;
    this.#state = 'meta';
    if (size === 0) this.#finishMeta();
  }

  #takeMeta(chunk: Buffer, at: number): number {
    const taken = Math.min(this.#meta.length - this.#metaFill, chunk.length - at);
    chunk.copy(this.#meta, this.#metaFill, at, at + taken);
    this.#metaFill += taken;
    if (this.#metaFill === this.#meta.length) this.#named(() => this.#finishMeta());
    return at + taken;
  }

  #finishMeta(): void {
    const body = this.#meta;
    this.#meta = Buffer.alloc(0);
    if (this.#metaType === 'x') this.#local = parsePax(body);
    else if (this.#metaType === 'L') this.#longPath = fieldBytes(body, 0, body.length);
    else if (this.#metaType === 'K') this.#longLink = fieldBytes(body, 0, body.length);
    else this.#mergeGlobal(parsePax(body));
    this.#startPadding();
  }

  /** Few, since they are joined with the records of every entry. */
  #mergeGlobal(records: Map<string, Buffer>): void {
    let bytes = 0;
    for (const [key, value] of records) this.#global.set(key, value);
    for (const [key, value] of this.#global) bytes += key.length + value.length;
    if (this.#global.size > GLOBAL_RECORDS_MAX || bytes > this.#limits.metaBytes) {
      throw badArchive(`there are too many global PAX records: ${this.#global.size}, ${bytes} bytes`);
    }
  }
}
