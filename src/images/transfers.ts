/** All layer downloads of the engine: a few at a time, and each layer once however many pulls want it. */
import { EngineError } from '../errors.ts';
import { Gate } from './gate.ts';
import { downloadLayer } from './layer-download.ts';
import type { LayerRequest, LayerStores } from './layer-download.ts';
import type { ImageSource } from './ports.ts';
import { Throttle } from './progress.ts';
import type { LayerMessage } from './progress.ts';

/** dockerd's max-concurrent-downloads. Each one also unpacks, so that more only contend for the processors. */
const MAX_CONCURRENT = 3;

type Listener = (message: LayerMessage) => void;

export class LayerTransfers {
  readonly #stores: LayerStores;
  readonly #gate = new Gate(MAX_CONCURRENT);
  /** by diffID: two blobs with the same content must not be unpacked at the same time */
  readonly #running = new Map<string, Transfer>();

  constructor(stores: LayerStores) {
    this.#stores = stores;
  }

  /**
   * Resolves when the layer is in the layer store. Messages go to `listener` ("Already exists" ... "Pull complete").
   * When `signal` fires, this caller is let go with Cancelled; the download itself ends when nobody waits for it any more,
   * and a caller who was the last is let go only then.
   */
  async fetch(request: LayerRequest, source: ImageSource, listener: Listener, signal: AbortSignal): Promise<void> {
    for (
      let running = this.#running.get(request.diffId);
      running !== undefined;
      running = this.#running.get(request.diffId)
    ) {
      if (running.digest !== request.descriptor.digest || running.abandoned) {
        await running.settled;
        continue;
      }
      try {
        return await running.join(listener, signal);
      } catch (thrown) {
        if (signal.aborted) throw thrown;
        // The other pull's source failed, not ours.
        await running.settled;
      }
    }
    const transfer = new Transfer(request.descriptor.digest, (emit, inner) => this.#run(request, source, emit, inner));
    this.#running.set(request.diffId, transfer);
    void transfer.settled.then(() => this.#running.delete(request.diffId));
    return transfer.join(listener, signal);
  }

  async #run(request: LayerRequest, source: ImageSource, emit: Listener, signal: AbortSignal): Promise<void> {
    if (this.#stores.layers.has(request.diffId)) {
      emit({ status: 'Already exists' });
      return;
    }
    source.retain();
    try {
      if (this.#gate.full) emit({ status: 'Waiting' });
      const task = () => downloadLayer(this.#stores, source, request, new Throttle(emit), signal);
      const { published } = await this.#gate.run(task, signal);
      await published;
    } finally {
      await source.release();
    }
  }
}

/** One download and those who wait for it. */
class Transfer {
  readonly digest: string;
  /** Resolves when the download has ended, well or not. */
  readonly settled: Promise<void>;
  readonly #result: Promise<void>;
  readonly #controller = new AbortController();
  readonly #listeners = new Set<Listener>();
  #last: LayerMessage | undefined;

  constructor(digest: string, run: (emit: Listener, signal: AbortSignal) => Promise<void>) {
    this.digest = digest;
    // Deferred by a tick, so that the one who starts it hears its first message.
    this.#result = Promise.resolve().then(() => run((message) => this.#emit(message), this.#controller.signal));
    this.settled = this.#result.then(
      () => undefined,
      () => undefined,
    );
  }

  /** Everybody left: it is about to end. */
  get abandoned(): boolean {
    return this.#controller.signal.aborted;
  }

  async join(listener: Listener, signal: AbortSignal): Promise<void> {
    const own: Listener = (message) => listener(message);
    this.#listeners.add(own);
    if (this.#last !== undefined) own(this.#last);
    const leave = () => {
      this.#listeners.delete(own);
      if (this.#listeners.size === 0) this.#controller.abort();
    };
    if (signal.aborted) leave();
    signal.addEventListener('abort', leave, { once: true });
    try {
      await Promise.race([this.#result, this.#left(signal)]);
    } finally {
      signal.removeEventListener('abort', leave);
      this.#listeners.delete(own);
    }
  }

  /** Rejects once `signal` fired; for the last to leave only after the download has ended. */
  #left(signal: AbortSignal): Promise<never> {
    return new Promise((_, reject) => {
      const leave = async () => {
        if (this.#controller.signal.aborted) await this.settled;
        reject(new EngineError('Cancelled', 'context canceled', { cause: signal.reason }));
      };
      if (signal.aborted) void leave();
      else signal.addEventListener('abort', () => void leave(), { once: true });
    });
  }

  #emit(message: LayerMessage): void {
    this.#last = message;
    for (const listener of this.#listeners) listener(message);
  }
}
