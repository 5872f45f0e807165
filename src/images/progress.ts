/** Docker's progress messages. The CLI draws its bars from `status`, `id` and `progressDetail`; the words matter. */
import type { Progress } from './ports.ts';

/** dockerd sends a layer's byte counts at most ten times a second. */
const INTERVAL_MS = 100;

export interface LayerMessage {
  status: string;
  /** bytes; both missing for a status without a bar */
  detail?: { current: number; total: number } | undefined;
}

/** One layer's line: its short digest, a status, and a bar where there is one. */
export function layerMessage(id: string, { status, detail }: LayerMessage): Record<string, unknown> {
  return { status, progressDetail: detail ?? {}, id };
}

/** A line without a bar; `id` is the tag or digest in the first line of a pull. */
export function statusMessage(status: string, id?: string): Record<string, unknown> {
  return id === undefined ? { status } : { status, id };
}

export function pulledMessage(name: string, newer: boolean): Record<string, unknown> {
  return statusMessage(
    newer ? `Status: Downloaded newer image for ${name}` : `Status: Image is up to date for ${name}`,
  );
}

/** Keeps byte counts to a tenth of a second; the last one of each status always passes, and every other message too. */
export class Throttle {
  readonly #emit: (message: LayerMessage) => void;
  #lastAtMs = 0;

  constructor(emit: (message: LayerMessage) => void) {
    this.#emit = emit;
  }

  bytes(status: string, current: number, total: number): void {
    const nowMs = performance.now();
    if (current < total && nowMs - this.#lastAtMs < INTERVAL_MS) return;
    this.#lastAtMs = nowMs;
    this.#emit({ status, detail: { current, total } });
  }

  status(status: string): void {
    this.#emit({ status });
  }
}

/** Sends the messages of one layer to a pull's client. */
export function layerProgress(progress: Progress, id: string): (message: LayerMessage) => void {
  return (message) => progress(layerMessage(id, message));
}
