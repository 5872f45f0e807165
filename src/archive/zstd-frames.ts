/**
 * Finds the ends of zstd frames (RFC 8878 section 3.1) without decompressing: Node's decompressor drops what follows a
 * frame within one write (nodejs/node#64741), and images of the kind "zstd:chunked" have one frame a file.
 */
import { badArchive } from './errors.ts';

const FRAME_MAGIC = 0xfd2fb528;
const SKIPPABLE_MAGIC = 0x184d2a50;
const CHECKSUM_BYTES = 4;
/** By the two flag bits of the frame header descriptor. */
const DICTIONARY_ID_BYTES = [0, 1, 2, 4];
const CONTENT_SIZE_BYTES = [0, 2, 4, 8];

type Step = 'magic' | 'skipSize' | 'descriptor' | 'block';

export class ZstdFrames {
  /** What the bytes in #field will be when there are #wanted of them. */
  #step: Step = 'magic';
  #wanted = 4;
  readonly #field = Buffer.alloc(4);
  #filled = 0;
  /** Bytes to pass over before the next field. */
  #pass = 0;
  #hasChecksum = false;
  #skipping = false;
  #atFrameEnd = false;

  /** The frames' bytes in pieces, none of which reaches beyond the end of its frame; skippable frames are left out. */
  split(chunk: Buffer): Buffer[] {
    const pieces: Buffer[] = [];
    let start = 0;
    let at = 0;
    while (at < chunk.length) {
      if (this.#pass > 0) {
        const taken = Math.min(this.#pass, chunk.length - at);
        this.#pass -= taken;
        at += taken;
      } else {
        const taken = Math.min(this.#wanted - this.#filled, chunk.length - at);
        chunk.copy(this.#field, this.#filled, at, at + taken);
        this.#filled += taken;
        at += taken;
        if (this.#filled === this.#wanted) this.#onField();
      }
      if (this.#pass === 0 && this.#atFrameEnd) {
        if (!this.#skipping) pieces.push(chunk.subarray(start, at));
        start = at;
        this.#expect('magic', 4);
        this.#atFrameEnd = false;
        this.#skipping = false;
      }
    }
    if (start < at && !this.#skipping) pieces.push(chunk.subarray(start, at));
    return pieces;
  }

  /** Throws EBADARCHIVE when the input ended inside a frame. */
  end(): void {
    if (this.#step !== 'magic' || this.#filled > 0 || this.#pass > 0) throw badArchive('the zstd data ends early');
  }

  #expect(step: Step, bytes: number): void {
    this.#step = step;
    this.#wanted = bytes;
    this.#filled = 0;
  }

  #onField(): void {
    switch (this.#step) {
      case 'magic':
        return this.#onMagic(this.#field.readUInt32LE(0));
      case 'skipSize':
        this.#pass = this.#field.readUInt32LE(0);
        this.#atFrameEnd = true;
        return;
      case 'descriptor':
        return this.#onDescriptor(this.#field[0] ?? 0);
      case 'block':
        return this.#onBlock(this.#field.readUIntLE(0, 3));
    }
  }

  #onMagic(magic: number): void {
    if (magic === FRAME_MAGIC) return this.#expect('descriptor', 1);
    if (magic >>> 4 !== SKIPPABLE_MAGIC >>> 4) throw badArchive('what follows a zstd frame is not zstd data');
    this.#skipping = true;
    this.#expect('skipSize', 4);
  }

  #onDescriptor(descriptor: number): void {
    const singleSegment = (descriptor & 0x20) !== 0;
    const sizeFlag = descriptor >> 6;
    const sizeBytes = sizeFlag === 0 && singleSegment ? 1 : (CONTENT_SIZE_BYTES[sizeFlag] ?? 0);
    this.#hasChecksum = (descriptor & 0x04) !== 0;
    this.#pass = (singleSegment ? 0 : 1) + (DICTIONARY_ID_BYTES[descriptor & 3] ?? 0) + sizeBytes;
    this.#expect('block', 3);
  }

  #onBlock(header: number): void {
    const type = (header >> 1) & 3;
    if (type === 3) throw badArchive('the zstd data is damaged: it has a block of the reserved type');
    const runLength = type === 1;
    this.#pass = runLength ? 1 : header >> 3;
    if ((header & 1) === 0) return this.#expect('block', 3);
    if (this.#hasChecksum) this.#pass += CHECKSUM_BYTES;
    this.#atFrameEnd = true;
  }
}
