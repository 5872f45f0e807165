/** Answers that go on: bytes of a container, and JSON objects one a line. */
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { toEngineError } from '../errors.ts';
import type { JsonObject } from './backend.ts';
import type { Call } from './call.ts';
import { errorText } from './errors.ts';
import { encodeJson } from './json.ts';
import { encodeFrame, FRAME_STREAM, MULTIPLEXED_STREAM, RAW_STREAM } from './types/frames.ts';

/** The first API version that tells a framed stream from a raw one by its content type. */
const MULTIPLEXED_SINCE_MINOR = 42;

export function streamContentType(tty: boolean, apiMinor: number): string {
  return tty || apiMinor < MULTIPLEXED_SINCE_MINOR ? RAW_STREAM : MULTIPLEXED_STREAM;
}

/**
 * Sends 200 at once and then the source until it ends, at the client's pace. A failure of the source is told in the
 * stream (as a system-error frame unless `tty`), since the status is gone. The client's leaving destroys the source.
 */
export async function sendStream(call: Call, tty: boolean, source: Readable): Promise<void> {
  const { response } = call;
  response.once('close', () => source.destroy());
  call.openStream(streamContentType(tty, call.apiMinor));
  try {
    for await (const chunk of source) {
      if (response.destroyed) return;
      if (!response.write(chunk)) await drained(call);
    }
  } catch (thrown) {
    if (response.destroyed) return;
    const words = Buffer.from(`Error grabbing logs: ${toEngineError(thrown).message}\n`);
    response.write(tty ? words : encodeFrame(FRAME_STREAM.systemError, words));
  }
  response.end();
}

/**
 * Sends 200 at once, then one JSON object a line, each behind `prefix`. Resolves when the source ends or the client has
 * gone.
 */
export async function sendJsonLines(
  call: Call,
  source: AsyncIterable<unknown>,
  { type, prefix } = { type: 'application/json', prefix: '' },
): Promise<void> {
  const { response } = call;
  const iterator = source[Symbol.asyncIterator]();
  // Asked for before the headers go out: whatever happens after the client saw them is seen.
  let next = iterator.next();
  next.catch(() => {});
  call.openStream(type);
  try {
    for (let item = await next; item.done !== true; item = await next) {
      if (response.destroyed) return;
      if (!response.write(`${prefix}${encodeJson(item.value)}\n`)) await drained(call);
      next = iterator.next();
    }
    response.end();
  } finally {
    await iterator.return?.();
  }
}

/** Resolves when the client has taken what was written, or has gone. */
async function drained(call: Call): Promise<void> {
  if (call.response.destroyed) return;
  try {
    await once(call.response, 'drain', { signal: call.gone });
  } catch (thrown) {
    if (!call.gone.aborted) throw thrown;
  }
}

/**
 * Progress of a long operation as Docker's JSON messages. The 200 goes out with the first message: until then a failure
 * still has an HTTP status, from then on it is a line of its own. A client that reads too slowly gets, of each layer's
 * progress, only the latest: memory stays bounded by the number of layers.
 */
export class ProgressStream {
  readonly #call: Call;
  readonly #waiting = new Map<unknown, JsonObject>();

  constructor(call: Call) {
    this.#call = call;
    call.response.on('drain', () => this.#flush());
  }

  send(message: JsonObject): void {
    if (!this.#call.response.headersSent) this.#call.openStream('application/json');
    const key = message['id'] ?? Symbol('message without id');
    // Taken out first, so that the order stays that of the latest messages.
    this.#waiting.delete(key);
    this.#waiting.set(key, message);
    this.#flush();
  }

  /** Ends the answer well. */
  end(): void {
    if (!this.#call.response.headersSent) this.#call.openStream('application/json');
    this.#writeAll();
    this.#call.response.end();
  }

  /** Ends the answer with a failure. Throws it when nothing was sent yet: then it becomes the HTTP status. */
  fail(thrown: unknown): void {
    if (!this.#call.response.headersSent) throw thrown;
    const message = errorText(toEngineError(thrown));
    this.#waiting.set(Symbol('failure'), { errorDetail: { message }, error: message });
    this.end();
  }

  #flush(): void {
    for (const [key, message] of this.#waiting) {
      if (this.#call.response.writableNeedDrain) return;
      this.#waiting.delete(key);
      this.#write(message);
    }
  }

  #writeAll(): void {
    for (const message of this.#waiting.values()) this.#write(message);
    this.#waiting.clear();
  }

  #write(message: JsonObject): void {
    if (!this.#call.response.destroyed) this.#call.response.write(`${encodeJson(message)}\r\n`);
  }
}
