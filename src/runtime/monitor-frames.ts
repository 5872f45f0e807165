/**
 * The frames of a monitor's socket: u8 type, three zero bytes, u32 length, payload; big-endian, as in Docker's
 * multiplexed streams.
 */

export const MONITOR_FRAME = {
  stdout: 0x01,
  stderr: 0x02,
  subscribe: 0x10,
  stdin: 0x11,
  stdinClose: 0x12,
  resize: 0x13,
  signal: 0x14,
  go: 0x15,
  compressed: 0x16,
  launcher: 0x17,
  exited: 0x20,
  oom: 0x21,
  subscribed: 0x23,
  signalled: 0x24,
  rotated: 0x25,
  renamed: 0x26,
} as const;

/** Bits of SUBSCRIBE. */
export const SUBSCRIBE = { stdout: 1, stderr: 2, events: 4, raw: 8, hold: 16 } as const;

export const HEAD_BYTES = 8;

export function encodeMonitorFrame(type: number, payload: Uint8Array = new Uint8Array(0)): Buffer {
  const frame = Buffer.alloc(HEAD_BYTES + payload.length);
  frame.writeUInt8(type, 0);
  frame.writeUInt32BE(payload.length, 4);
  frame.set(payload, HEAD_BYTES);
  return frame;
}

/** A run of bytes of output frames, heads included (pieces of frames too), or one whole event. */
export type MonitorItem =
  | { readonly kind: 'output'; readonly bytes: Buffer }
  | { readonly kind: 'event'; readonly type: number; readonly payload: Buffer };

const isOutput = (type: number): boolean => type === MONITOR_FRAME.stdout || type === MONITOR_FRAME.stderr;

/**
 * Tells events from output in what a monitor sends. Output is not taken apart: what arrives of it in one chunk leaves
 * as one slice, so that it can be passed on to a Docker client as it is.
 */
export class MonitorDecoder {
  /** Bytes of the current output frame that are still to come. */
  #outputLeft = 0;
  /** The beginning of a frame that is not whole yet. */
  #pending: Buffer = Buffer.alloc(0);

  push(received: Buffer): MonitorItem[] {
    const chunk = this.#pending.length === 0 ? received : Buffer.concat([this.#pending, received]);
    this.#pending = Buffer.alloc(0);
    const items: MonitorItem[] = [];
    let outputFrom = 0;
    let at = 0;
    const endOutput = (to: number): void => {
      if (to > outputFrom) items.push({ kind: 'output', bytes: chunk.subarray(outputFrom, to) });
    };
    while (at < chunk.length) {
      if (this.#outputLeft > 0) {
        const step = Math.min(this.#outputLeft, chunk.length - at);
        this.#outputLeft -= step;
        at += step;
        continue;
      }
      const type = chunk[at] ?? 0;
      const length = chunk.length - at >= HEAD_BYTES ? chunk.readUInt32BE(at + 4) : -1;
      if (length >= 0 && isOutput(type)) {
        this.#outputLeft = length;
        at += HEAD_BYTES;
        continue;
      }
      endOutput(at);
      outputFrom = at;
      if (length < 0 || chunk.length - at < HEAD_BYTES + length) {
        this.#pending = chunk.subarray(at);
        return items;
      }
      const end = at + HEAD_BYTES + length;
      items.push({ kind: 'event', type, payload: chunk.subarray(at + HEAD_BYTES, end) });
      at = end;
      outputFrom = end;
    }
    endOutput(at);
    return items;
  }
}
