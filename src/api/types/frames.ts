/**
 * Docker's framing of several streams on one connection (Engine API, ContainerAttach, "stream format"):
 * a header `[stream, 0, 0, 0, length as big-endian u32]` before each payload. Used by the daemon and by clients.
 */
export const RAW_STREAM = 'application/vnd.docker.raw-stream';
export const MULTIPLEXED_STREAM = 'application/vnd.docker.multiplexed-stream';

export const FRAME_STREAM = { stdin: 0, stdout: 1, stderr: 2, systemError: 3 } as const;

export type FrameStream = (typeof FRAME_STREAM)[keyof typeof FRAME_STREAM];

const FRAME_HEADER_BYTES = 8;

/** A piece of a frame's payload. A long payload, or one cut by the transport, comes in several pieces. */
export interface FramePart {
  stream: FrameStream;
  /** A view into the bytes that were pushed: copy it to keep it. */
  payload: Uint8Array;
}

/** The header alone, for a payload of `length` bytes (at most 2^32 - 1) that follows by itself. */
export function frameHeader(stream: FrameStream, length: number): Uint8Array {
  const header = new Uint8Array(FRAME_HEADER_BYTES);
  header[0] = stream;
  new DataView(header.buffer).setUint32(4, length);
  return header;
}

/** One whole frame. */
export function encodeFrame(stream: FrameStream, payload: Uint8Array): Uint8Array {
  const frame = new Uint8Array(FRAME_HEADER_BYTES + payload.length);
  frame.set(frameHeader(stream, payload.length));
  frame.set(payload, FRAME_HEADER_BYTES);
  return frame;
}

/** Takes a framed byte stream in pieces cut anywhere and gives the payloads back, without holding any of them. */
export class FrameDecoder {
  readonly #header = new Uint8Array(FRAME_HEADER_BYTES);
  #headerBytes = 0;
  #stream: FrameStream = FRAME_STREAM.stdin;
  #remaining = 0;

  /** True between frames: a connection that ends while this is false was cut. */
  get atBoundary(): boolean {
    return this.#headerBytes === 0 && this.#remaining === 0;
  }

  /** Payload pieces in order; empty frames give none. Throws RangeError when a header names no stream. */
  *push(chunk: Uint8Array): Generator<FramePart> {
    let offset = 0;
    while (offset < chunk.length) {
      if (this.#remaining === 0) {
        offset = this.#readHeader(chunk, offset);
        continue;
      }
      const end = Math.min(chunk.length, offset + this.#remaining);
      this.#remaining -= end - offset;
      const payload = chunk.subarray(offset, end);
      offset = end;
      yield { stream: this.#stream, payload };
    }
  }

  #readHeader(chunk: Uint8Array, start: number): number {
    const end = Math.min(chunk.length, start + FRAME_HEADER_BYTES - this.#headerBytes);
    this.#header.set(chunk.subarray(start, end), this.#headerBytes);
    this.#headerBytes += end - start;
    if (this.#headerBytes === FRAME_HEADER_BYTES) {
      const stream = this.#header[0];
      if (stream !== 0 && stream !== 1 && stream !== 2 && stream !== 3) {
        throw new RangeError(`frame header names stream ${stream}; known are 0 to 3`);
      }
      this.#stream = stream;
      this.#remaining = new DataView(this.#header.buffer).getUint32(4);
      this.#headerBytes = 0;
    }
    return end;
  }
}
