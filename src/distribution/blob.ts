/** A blob as one stream of bytes, however often the connection breaks. */
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { EngineError, toEngineError } from '../errors.ts';
import type { Descriptor } from '../oci/image-spec.ts';
import { connectionReason } from './connection-reason.ts';
import { RegistryError } from './errors.ts';

/** dockerd's number of tries for one blob. */
const MAX_TRIES = 5;
/** Longer wishes of a registry (Retry-After) are not granted: the pull fails and says why. */
const MAX_RETRY_AFTER_MS = 60_000;

/** Where blobs come from; RegistryClient is one. */
export interface BlobSource {
  blob(
    digest: string,
    start: number,
    signal: AbortSignal,
  ): Promise<{ body: Readable; start: number; total: number | undefined }>;
}

export interface BlobOptions {
  signal: AbortSignal;
  /** The first pause; each further one is twice as long. 1000 when not given. */
  retryDelayMs?: number | undefined;
  /** Called once a second while a pause lasts, with the seconds left. */
  onRetry?: ((secondsLeft: number) => void) | undefined;
}

/**
 * Yields the bytes of a blob in order, each once, `descriptor.size` of them. A broken connection is taken up again with a
 * Range request after a pause, five tries in all; a blob whose length is not that of its descriptor is an error at once.
 * The digest is the caller's to check.
 */
export async function* readBlob(
  source: BlobSource,
  descriptor: Descriptor,
  options: BlobOptions,
): AsyncGenerator<Buffer> {
  let offset = 0;
  for (let attempt = 1; ; attempt++) {
    try {
      for await (const chunk of readFrom(source, descriptor, offset, options.signal)) {
        offset += chunk.length;
        yield chunk;
      }
      return;
    } catch (thrown) {
      if (options.signal.aborted) throw cancelled(thrown);
      const error = asRegistryError(thrown, descriptor);
      if (!error.retryable || attempt >= MAX_TRIES) throw error;
      const backOffMs = (options.retryDelayMs ?? 1000) * 2 ** (attempt - 1);
      if ((error.retryAfterMs ?? 0) > MAX_RETRY_AFTER_MS) throw error;
      await pause(Math.max(backOffMs, error.retryAfterMs ?? 0), options);
    }
  }
}

async function* readFrom(
  source: BlobSource,
  descriptor: Descriptor,
  offset: number,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  const { digest, size } = descriptor;
  if (offset === size && size > 0) return;
  const answer = await source.blob(digest, offset, signal);
  try {
    if (answer.total !== undefined && answer.total !== size) throw wrongSize(descriptor, `${answer.total}`);
    let skip = offset - answer.start;
    let position = offset;
    for await (const chunk of answer.body as AsyncIterable<Buffer>) {
      const fresh = skip >= chunk.length ? chunk.subarray(chunk.length) : chunk.subarray(skip);
      skip -= chunk.length - fresh.length;
      position += fresh.length;
      if (position > size) throw wrongSize(descriptor, `more than ${size}`);
      if (fresh.length > 0) yield fresh;
    }
    if (position < size) {
      throw new RegistryError(
        'System',
        `the connection ended after ${position} of the ${size} bytes of blob ${digest}: unexpected EOF`,
        {
          retryable: true,
        },
      );
    }
  } finally {
    answer.body.on('error', () => undefined).destroy();
  }
}

function wrongSize({ digest, size }: Descriptor, actual: string): RegistryError {
  return new RegistryError('System', `blob ${digest} has ${actual} bytes; its descriptor states ${size}`, {
    code: 'EBLOBSIZE',
  });
}

/** Errors of the body stream come from the connection: worth another try. */
function asRegistryError(thrown: unknown, descriptor: Descriptor): RegistryError {
  if (thrown instanceof RegistryError) return thrown;
  if (thrown instanceof EngineError)
    return new RegistryError(thrown.kind, thrown.message, { cause: thrown, code: thrown.code });
  const reason = connectionReason(thrown, new URL('http://registry'));
  return new RegistryError('System', `blob ${descriptor.digest}: ${reason}`, { cause: thrown, retryable: true });
}

function cancelled(thrown: unknown): EngineError {
  const error = toEngineError(thrown);
  return error.kind === 'Cancelled' ? error : new EngineError('Cancelled', 'context canceled', { cause: thrown });
}

async function pause(milliseconds: number, { signal, onRetry }: BlobOptions): Promise<void> {
  try {
    for (let left = milliseconds; left > 0; left -= 1000) {
      onRetry?.(Math.ceil(left / 1000));
      await sleep(Math.min(left, 1000), undefined, { signal });
    }
  } catch (thrown) {
    throw cancelled(thrown);
  }
}
