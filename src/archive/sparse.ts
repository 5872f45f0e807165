/** Sparse files: GNU tar's old format (typeflag S) and its PAX formats 0.1 and 1.0. The map says where data lies. */
import { badArchive } from './errors.ts';
import { type PaxRecords, paxInteger, paxName } from './pax.ts';
import { BLOCK_BYTES, parseNumber } from './tar-header.ts';

export interface Segment {
  offset: number;
  length: number;
}

export const SPARSE_SEGMENTS_MAX = 65_536;
const MAP_TEXT_MAX_BYTES = 1024 * 1024;

/** `count` (offset, size) pairs of 12-byte numbers; a pair whose size field starts with NUL ends the list. */
export function parseOldSegments(block: Buffer, at: number, count: number): Segment[] {
  const segments: Segment[] = [];
  for (let i = 0; i < count; i++) {
    const field = at + i * 24;
    if (block[field + 12] === 0) break;
    segments.push({
      offset: parseNumber(block, field, 12, 'sparse map'),
      length: parseNumber(block, field + 12, 12, 'sparse map'),
    });
  }
  return segments;
}

export interface PaxSparse {
  path: Buffer | undefined;
  /** bytes of the file with its holes */
  realSize: number;
  /** format 0.1; undefined in 1.0, where the map comes before the data */
  segments: Segment[] | undefined;
}

/** undefined when the records describe no sparse file. Throws for formats that are not read. */
export function parsePaxSparse(records: PaxRecords): PaxSparse | undefined {
  const major = paxInteger(records, 'GNU.sparse.major');
  const minor = paxInteger(records, 'GNU.sparse.minor');
  const map = records.get('GNU.sparse.map');
  const realSize = paxInteger(records, 'GNU.sparse.realsize') ?? paxInteger(records, 'GNU.sparse.size');
  const path = paxName(records, 'GNU.sparse.name');
  if (major === undefined && minor === undefined && map === undefined) {
    const old = records.has('GNU.sparse.numblocks') || records.has('GNU.sparse.offset');
    if (old) throw badArchive('it is a sparse file in the PAX format 0.0, which is not supported');
    return undefined;
  }
  if (realSize === undefined) throw badArchive('it is a sparse file without its real size');
  if (major === 1 && minor === 0) return { path, realSize, segments: undefined };
  if ((major ?? 0) !== 0 || map === undefined || map.length === 0) {
    throw badArchive(`it is a sparse file in the PAX format ${major ?? 0}.${minor ?? 0}, which is not supported`);
  }
  const numbers = parseDecimals(map.toString('latin1').split(','));
  if (numbers.length % 2 !== 0) throw badArchive('its sparse map has an odd number of fields');
  return { path, realSize, segments: pairs(numbers) };
}

function parseDecimals(texts: string[]): number[] {
  return texts.map((text) => {
    const number = /^[0-9]{1,16}$/.test(text) ? Number(text) : Number.NaN;
    if (!Number.isSafeInteger(number)) throw badArchive('its sparse map holds what is not a number');
    return number;
  });
}

function pairs(numbers: number[]): Segment[] {
  const segments: Segment[] = [];
  for (let i = 0; i + 1 < numbers.length; i += 2) {
    segments.push({ offset: numbers[i] ?? 0, length: numbers[i + 1] ?? 0 });
  }
  return segments;
}

/** Collects the map of PAX format 1.0: decimal lines, the count first, padded to a block. */
export class SparseMapReader {
  #text = '';
  #lines = 0;
  #count: number | undefined;
  /** bytes of the archive that the map has taken so far */
  bytes = 0;

  /** Takes one block; the segments once the map is complete. */
  push(block: Buffer, at: number): Segment[] | undefined {
    this.bytes += BLOCK_BYTES;
    if (this.bytes > MAP_TEXT_MAX_BYTES) throw badArchive('its sparse map is too long');
    const text = block.toString('latin1', at, at + BLOCK_BYTES);
    for (let i = text.indexOf('\n'); i !== -1; i = text.indexOf('\n', i + 1)) this.#lines++;
    this.#text += text;
    if (this.#lines === 0) throw badArchive('its sparse map does not start with a count');
    this.#count ??= parseDecimals([this.#text.slice(0, this.#text.indexOf('\n'))])[0] ?? 0;
    if (this.#count > SPARSE_SEGMENTS_MAX) throw badArchive(`its sparse map has ${this.#count} segments`);
    if (this.#lines < 1 + 2 * this.#count) return undefined;
    return pairs(parseDecimals(this.#text.split('\n').slice(1, 1 + 2 * this.#count)));
  }
}

/** Throws unless the segments lie in order inside the file and together hold exactly the stored bytes. */
export function checkSegments(segments: Segment[], realSize: number, storedBytes: number): void {
  if (segments.length > SPARSE_SEGMENTS_MAX) throw badArchive(`its sparse map has ${segments.length} segments`);
  let end = 0;
  let stored = 0;
  for (const segment of segments) {
    if (segment.offset < end || segment.offset + segment.length > realSize) {
      throw badArchive('its sparse map overlaps or leaves the file');
    }
    end = segment.offset + segment.length;
    stored += segment.length;
  }
  if (stored !== storedBytes) throw badArchive(`its sparse map holds ${stored} bytes, the archive ${storedBytes}`);
}
