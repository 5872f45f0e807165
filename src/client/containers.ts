import type { Readable } from 'node:stream';
import type {
  ContainerInspect,
  ContainerSummary,
  CreateRequest,
  CreateResponse,
  HostConfig,
  StatsResponse,
  TopResponse,
  WaitResponse,
} from '../api/types/container.ts';
import type { AuditReport } from '../api/types/audit.ts';
import type { Explanation } from '../api/types/explain.ts';
import { MULTIPLEXED_STREAM } from '../api/types/frames.ts';
import { EngineError } from '../errors.ts';
import { encodeFilters, type FilterMap } from './filters.ts';
import { jsonLines } from './json.ts';
import { type Hijacked, readBody, type Transport } from './transport.ts';

export interface AttachParameters {
  stdin: boolean;
  stdout: boolean;
  stderr: boolean;
  logs?: boolean;
  detachKeys?: string | undefined;
}

export interface LogsParameters {
  follow?: boolean;
  timestamps?: boolean;
  details?: boolean;
  /** seconds since the epoch, with an optional fraction of nine digits */
  since?: string | undefined;
  until?: string | undefined;
  /** a number of lines, or `all` */
  tail?: string | undefined;
}

export interface OutputStream {
  stream: AsyncIterable<Uint8Array>;
  /** Framed with 8-byte headers, or the raw bytes of a terminal. */
  framed: boolean;
}

/** The engine's containers. Names are full ids, exact names or unique id prefixes; failures are EngineErrors. */
export class ContainersClient {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  create(
    request: CreateRequest,
    options: { name?: string | undefined; platform?: string | undefined } = {},
  ): Promise<CreateResponse> {
    return this.#transport.json('POST', '/containers/create', { query: options, body: request });
  }

  list(
    options: { all?: boolean; limit?: number | undefined; size?: boolean; filters?: FilterMap } = {},
  ): Promise<ContainerSummary[]> {
    const { filters, ...query } = options;
    return this.#transport.json('GET', '/containers/json', { query: { ...query, filters: encodeFilters(filters) } });
  }

  inspect(name: string, options: { size?: boolean } = {}): Promise<ContainerInspect> {
    return this.#transport.json('GET', `${path(name)}/json`, { query: options });
  }

  /** A container that already runs is fine (304). */
  async start(name: string, options: { detachKeys?: string | undefined } = {}): Promise<void> {
    await this.#post(name, 'start', options);
  }

  /** A container that does not run is fine (304). */
  async stop(name: string, options: { signal?: string | undefined; t?: number | undefined } = {}): Promise<void> {
    await this.#post(name, 'stop', options);
  }

  async restart(name: string, options: { signal?: string | undefined; t?: number | undefined } = {}): Promise<void> {
    await this.#post(name, 'restart', options);
  }

  async kill(name: string, signal?: string): Promise<void> {
    await this.#post(name, 'kill', { signal });
  }

  async rename(name: string, newName: string): Promise<void> {
    await this.#post(name, 'rename', { name: newName });
  }

  async resize(name: string, size: { rows: number; columns: number }): Promise<void> {
    await this.#post(name, 'resize', { h: size.rows, w: size.columns });
  }

  async remove(name: string, options: { force?: boolean; v?: boolean; link?: boolean } = {}): Promise<void> {
    await this.#transport.json('DELETE', path(name), { query: options });
  }

  /** Resolves when the engine has registered the wait; `done` resolves when the condition holds. */
  async wait(
    name: string,
    condition: 'not-running' | 'next-exit' | 'removed' = 'not-running',
  ): Promise<{ done: Promise<WaitResponse>; cancel: () => void }> {
    const response = await this.#transport.stream('POST', `${path(name)}/wait`, { query: { condition } });
    const done = readWait(response);
    // A cancelled wait rejects; whoever still awaits `done` sees that, and nobody else has to.
    done.catch(() => undefined);
    return { done, cancel: () => response.destroy() };
  }

  /** `socket` is the caller's: end it to close the container's stdin, destroy it to leave. */
  attach(name: string, options: AttachParameters): Promise<Hijacked> {
    return this.#transport.hijack(`${path(name)}/attach`, { query: { ...options, stream: true } });
  }

  async logs(name: string, options: LogsParameters = {}): Promise<OutputStream> {
    const query = { ...options, stdout: true, stderr: true };
    const stream = await this.#transport.stream('GET', `${path(name)}/logs`, { query });
    return { stream: readBody(stream), framed: stream.headers['content-type'] === MULTIPLEXED_STREAM };
  }

  /** null: nothing has changed. Kind: 0 changed, 1 added, 2 deleted. */
  changes(name: string): Promise<{ Path: string; Kind: number }[] | null> {
    return this.#transport.json('GET', `${path(name)}/changes`);
  }

  /** The root as a tar archive. */
  async export(name: string): Promise<AsyncIterable<Uint8Array>> {
    return readBody(await this.#transport.stream('GET', `${path(name)}/export`));
  }

  async pause(name: string): Promise<void> {
    await this.#post(name, 'pause', {});
  }

  async unpause(name: string): Promise<void> {
    await this.#post(name, 'unpause', {});
  }

  /** Fields that are left out stay as they are. */
  update(name: string, request: HostConfig): Promise<{ Warnings: string[] | null }> {
    return this.#transport.json('POST', `${path(name)}/update`, { body: request });
  }

  top(name: string, psArgs: string): Promise<TopResponse> {
    return this.#transport.json('GET', `${path(name)}/top`, { query: { ps_args: psArgs === '' ? undefined : psArgs } });
  }

  /** One sample, with that of a second before in it. */
  stats(name: string): Promise<StatsResponse> {
    return this.#transport.json('GET', `${path(name)}/stats`, { query: { stream: 'false' } });
  }

  /** A sample a second, until the container is removed. */
  async *statsStream(name: string): AsyncGenerator<StatsResponse> {
    const stream = await this.#transport.stream('GET', `${path(name)}/stats`);
    yield* jsonLines<StatsResponse>(readBody(stream));
  }

  explain(name: string): Promise<Explanation> {
    return this.#transport.json('GET', `/isle/v1/explain${path(name)}`);
  }

  audit(name: string): Promise<AuditReport> {
    return this.#transport.json('GET', `/isle/v1/audit${path(name)}`);
  }

  /** What an audit would find of a container that was created with this body. */
  auditRequest(request: CreateRequest): Promise<AuditReport> {
    return this.#transport.json('POST', '/isle/v1/audit', { body: request });
  }

  async #post(name: string, action: string, query: Record<string, string | number | undefined>): Promise<void> {
    try {
      await this.#transport.json('POST', `${path(name)}/${action}`, { query });
    } catch (error) {
      if (!(error instanceof EngineError && error.kind === 'NotModified')) throw error;
    }
  }
}

async function readWait(response: Readable): Promise<WaitResponse> {
  try {
    const text = Buffer.concat(await response.toArray()).toString('utf8');
    return JSON.parse(text) as WaitResponse;
  } catch (error) {
    // No body, or half of one: the engine went away under the wait.
    throw new EngineError('Unavailable', 'the engine went away before the container ended', {
      hint: 'The container goes on without the engine; `isle wait` tells its exit code when the engine is back.',
      cause: error,
    });
  }
}

function path(name: string): string {
  return `/containers/${encodeURIComponent(name)}`;
}
