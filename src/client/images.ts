import type { Explanation } from '../api/types/explain.ts';
import type { HistoryItem, ImageDeleteItem, ImageSummary, ProgressMessage } from '../api/types/image.ts';
import { EngineError } from '../errors.ts';
import { encodeFilters, type FilterMap } from './filters.ts';
import { jsonLines } from './json.ts';
import { readBody, type Transport } from './transport.ts';

export interface PullParameters {
  /** Without tag or digest. */
  fromImage: string;
  /** A tag or a digest. */
  tag: string;
  platform?: string | undefined;
  signal?: AbortSignal | undefined;
}

/** The engine's images. Failures are EngineErrors. */
export class ImagesClient {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Progress as it happens. Ends when the image is there; throws what made the pull fail, also in its middle. */
  async *pull(options: PullParameters): AsyncGenerator<ProgressMessage> {
    const { signal, ...query } = options;
    const headers = { 'X-Registry-Auth': 'e30=' };
    const stream = await this.#transport.stream('POST', '/images/create', { query, headers, signal });
    for await (const message of jsonLines<ProgressMessage>(readBody(stream, signal))) {
      const failure = message.errorDetail?.message ?? message.error;
      if (failure !== undefined) throw new EngineError('System', failure);
      yield message;
    }
  }

  list(options: { all?: boolean; digests?: boolean; filters?: FilterMap } = {}): Promise<ImageSummary[]> {
    const { filters, ...query } = options;
    return this.#transport.json('GET', '/images/json', { query: { ...query, filters: encodeFilters(filters) } });
  }

  inspect(name: string): Promise<Record<string, unknown>> {
    return this.#transport.json('GET', `${path(name)}/json`);
  }

  history(name: string): Promise<HistoryItem[]> {
    return this.#transport.json('GET', `${path(name)}/history`);
  }

  async tag(name: string, repo: string, tag: string): Promise<void> {
    await this.#transport.json('POST', `${path(name)}/tag`, { query: { repo, tag } });
  }

  remove(name: string, options: { force?: boolean; noprune?: boolean } = {}): Promise<ImageDeleteItem[]> {
    return this.#transport.json('DELETE', path(name), { query: options });
  }

  explain(name: string): Promise<Explanation> {
    return this.#transport.json('GET', `/isle/v1/explain${path(name)}`);
  }
}

/** Slashes and colons of a reference stay: the engine's router takes `{name:.*}`. */
function path(name: string): string {
  return `/images/${encodeURIComponent(name).replaceAll('%2F', '/').replaceAll('%3A', ':').replaceAll('%40', '@')}`;
}
