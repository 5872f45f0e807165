/** One layer from a registry into both stores at once: the blob to the disk, its files into a snapshot. */
import type { ContentStore } from '../content/store.ts';
import type { Ingest } from '../content/ingest.ts';
import { readBlob } from '../distribution/blob.ts';
import type { BlobSource } from '../distribution/blob.ts';
import { EngineError, toEngineError } from '../errors.ts';
import type { Descriptor } from '../oci/image-spec.ts';
import type { LayerStore } from './ports.ts';
import type { Throttle } from './progress.ts';

export interface LayerRequest {
  descriptor: Descriptor;
  diffId: string;
}

export interface LayerStores {
  content: ContentStore;
  layers: LayerStore;
  retryDelayMs?: number | undefined;
}

/**
 * Downloads and unpacks a layer. Resolves when its files are there, with a promise for its blob: that is checked, but its
 * way to the disk may still take a while, during which the next layer can be worked on. On failure neither store has it. A download that had been taken up again and then turns
 * out to be damaged is tried once more from the start: the two halves may have come from different places. So is a layer
 * whose blob was here already: the disk may have damaged it.
 */
export async function downloadLayer(
  { content, layers, retryDelayMs }: LayerStores,
  source: BlobSource,
  request: LayerRequest,
  throttle: Throttle,
  signal: AbortSignal,
): Promise<{ published: Promise<void> }> {
  for (let last = false; ; last = true) {
    const stream = new LayerStream({ content, source, request, throttle, signal, retryDelayMs });
    try {
      await stream.unpackInto(layers);
      throttle.status('Pull complete');
      return { published: stream.published };
    } catch (thrown) {
      if (last || signal.aborted || !isDamage(thrown) || !(stream.resumed || stream.fromStore)) throw thrown;
      if (stream.fromStore) await content.remove(request.descriptor.digest);
    }
  }
}

/** Errors that bytes can cause; a full disk or a dead registry is no reason to start over. */
function isDamage(thrown: unknown): boolean {
  return thrown instanceof EngineError && (thrown.kind === 'InvalidParameter' || thrown.code === 'EBLOBDIGEST');
}

interface StreamOptions {
  content: ContentStore;
  source: BlobSource;
  request: LayerRequest;
  throttle: Throttle;
  signal: AbortSignal;
  retryDelayMs: number | undefined;
}

class LayerStream {
  resumed = false;
  fromStore = false;
  published: Promise<void> = Promise.resolve();
  readonly #options: StreamOptions;
  #failure: EngineError | undefined;
  #finished = false;

  constructor(options: StreamOptions) {
    this.#options = options;
  }

  async unpackInto(layers: LayerStore): Promise<void> {
    const { request, signal } = this.#options;
    const bytes = this.#bytes();
    // The unpacker may stop before the last byte (a broken archive, bytes behind the archive's end). The rest is read
    // all the same: only the digest of the whole blob tells whether the registry or the image is at fault.
    const borrowed: AsyncIterable<Uint8Array> = { [Symbol.asyncIterator]: () => ({ next: () => bytes.next() }) };
    try {
      await layers.unpack({ diffId: request.diffId, source: borrowed, signal });
    } catch (thrown) {
      await this.#settle(bytes, isDamage(thrown));
      // Published or not, the blob of a layer that failed is garbage; but it has to be at rest to be collected.
      await this.published.catch(() => undefined);
      throw this.#failure ?? unpackError(thrown);
    }
    await this.#settle(bytes, true);
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Ends the download: by reading it to its end, or by dropping it. Its own failure is kept in `#failure`. */
  async #settle(bytes: AsyncGenerator<Uint8Array>, toTheEnd: boolean): Promise<void> {
    if (!toTheEnd || this.#options.signal.aborted) {
      await bytes.return(undefined);
      return;
    }
    while (!this.#finished && this.#failure === undefined) {
      // The failure itself is in #failure: `next` rejects with the same error.
      const { done } = await bytes.next().catch(() => ({ done: true }));
      if (done === true) return;
    }
  }

  async *#bytes(): AsyncGenerator<Uint8Array> {
    const { content, request } = this.#options;
    const { digest, size } = request.descriptor;
    try {
      if (content.has(digest)) yield* this.#stored();
      else yield* this.#downloaded(await content.openIngest(digest, size));
      this.#finished = true;
    } catch (thrown) {
      this.#failure = toEngineError(thrown);
      throw thrown;
    }
  }

  /** The blob is here already, under another image: only its files are missing. */
  async *#stored(): AsyncGenerator<Uint8Array> {
    const { content, request, throttle } = this.#options;
    const { digest, size } = request.descriptor;
    this.fromStore = true;
    throttle.status('Download complete');
    let read = 0;
    for await (const chunk of (await content.read(digest)) as AsyncIterable<Buffer>) {
      read += chunk.length;
      throttle.bytes('Extracting', read, size);
      yield chunk;
    }
  }

  async *#downloaded(ingest: Ingest): AsyncGenerator<Uint8Array> {
    const { source, request, throttle, signal, retryDelayMs } = this.#options;
    const { size } = request.descriptor;
    const onRetry = (seconds: number) => {
      this.resumed = true;
      throttle.status(`Retrying in ${seconds} second${seconds === 1 ? '' : 's'}`);
    };
    let handedOver = false;
    try {
      for await (const chunk of readBlob(source, request.descriptor, { signal, retryDelayMs, onRetry })) {
        const written = ingest.write(chunk);
        // Awaited below, after the unpacker had its turn with the chunk; until then a failure is not unhandled.
        written.catch(() => undefined);
        throttle.bytes('Downloading', ingest.offset, size);
        yield chunk;
        await written;
      }
      throttle.status('Verifying Checksum');
      await ingest.verify();
      this.published = ingest.publish();
      this.published.catch(() => undefined); // awaited by whoever gets it
      handedOver = true;
      throttle.status('Download complete');
      throttle.bytes('Extracting', size, size);
    } finally {
      if (!handedOver) await ingest.abort();
    }
  }
}

/** dockerd's words for a layer that cannot be unpacked. */
function unpackError(thrown: unknown): EngineError {
  const error = toEngineError(thrown);
  if (error.kind === 'Cancelled') return error;
  return new EngineError(error.kind, `failed to register layer: ${error.message}`, {
    code: error.code,
    hint: error.hint,
    cause: error,
  });
}
