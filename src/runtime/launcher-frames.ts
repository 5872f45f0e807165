/**
 * The frames between isled and `islet launcher`: u32 length of the rest, u32 request id, u8 type, payload; little-
 * endian.
 */
import { EngineError } from '../errors.ts';

export const REQUEST = { start: 1, run: 2 } as const;
/** `listening` comes before `started` or `failed`, and tells that the container's monitor can be connected to. */
export const ANSWER = { started: 1, failed: 2, result: 3, listening: 4 } as const;

const HEAD_BYTES = 9;

export interface Frame {
  readonly id: number;
  readonly type: number;
  readonly payload: Buffer;
}

export function encodeFrame(id: number, type: number, payload: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(HEAD_BYTES + payload.length);
  frame.writeUInt32LE(HEAD_BYTES - 4 + payload.length, 0);
  frame.writeUInt32LE(id, 4);
  frame.writeUInt8(type, 8);
  frame.set(payload, HEAD_BYTES);
  return frame;
}

/** Cuts a byte stream into frames. */
export class FrameDecoder {
  #pending: Buffer = Buffer.alloc(0);

  push(chunk: Buffer): Frame[] {
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    const frames: Frame[] = [];
    while (this.#pending.length >= HEAD_BYTES) {
      const end = 4 + this.#pending.readUInt32LE(0);
      if (this.#pending.length < end) break;
      frames.push({
        id: this.#pending.readUInt32LE(4),
        type: this.#pending.readUInt8(8),
        payload: this.#pending.subarray(HEAD_BYTES, end),
      });
      this.#pending = this.#pending.subarray(end);
    }
    return frames;
  }
}

/** STARTED */
export interface Started {
  /** Host pid of the container's monitor. */
  readonly monitorPid: number;
  /** Host pid of the container's first process. */
  readonly pid: number;
  /** CLOCK_REALTIME, nanoseconds. */
  readonly startedAtNs: bigint;
}

function truncated(what: string): EngineError {
  return new EngineError('System', `islet sent a truncated ${what} answer`);
}

export function decodeStarted(payload: Buffer): Started {
  if (payload.length < 16) throw truncated('STARTED');
  return { monitorPid: payload.readInt32LE(0), pid: payload.readInt32LE(4), startedAtNs: payload.readBigUInt64LE(8) };
}

export function decodeFailed(payload: Buffer): { opIndex: number; errno: number; detail: string } {
  if (payload.length < 13) throw truncated('FAILED');
  const length = payload.readUInt32LE(8);
  if (payload.length < 12 + length) throw truncated('FAILED');
  return {
    opIndex: payload.readInt32LE(0),
    errno: payload.readInt32LE(4),
    detail: payload.toString('utf8', 12, 12 + length),
  };
}

/** u32 count, then per readFileIn u8 present and, when 1, u32 length and the bytes. */
export function decodeResult(payload: Buffer): (Uint8Array | null)[] {
  let at = 0;
  const take = (bytes: number): number => {
    const from = at;
    at += bytes;
    if (at > payload.length) throw truncated('RESULT');
    return from;
  };
  const count = payload.readUInt32LE(take(4));
  const results: (Uint8Array | null)[] = [];
  for (let index = 0; index < count; index++) {
    if (payload.readUInt8(take(1)) === 0) {
      results.push(null);
      continue;
    }
    const length = payload.readUInt32LE(take(4));
    const from = take(length);
    results.push(new Uint8Array(payload.subarray(from, from + length)));
  }
  return results;
}
