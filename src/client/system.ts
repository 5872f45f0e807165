import type { EventResponse, InfoResponse, VersionResponse } from '../api/types/system.ts';
import { encodeFilters, type FilterMap } from './filters.ts';
import { jsonLines } from './json.ts';
import { readBody, type Transport } from './transport.ts';

export class SystemClient {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  async ping(): Promise<void> {
    const response = await this.#transport.stream('GET', '/_ping');
    response.resume();
  }

  version(): Promise<VersionResponse> {
    return this.#transport.json('GET', '/version');
  }

  info(): Promise<InfoResponse> {
    return this.#transport.json('GET', '/info');
  }

  /** Past events from `since` (seconds since the epoch) first, then live ones until `until` or until `signal` aborts. */
  async *events(
    options: {
      since?: string | undefined;
      until?: string | undefined;
      filters?: FilterMap | undefined;
      signal?: AbortSignal | undefined;
    } = {},
  ): AsyncGenerator<EventResponse> {
    const { since, until, filters, signal } = options;
    const query = { since, until, filters: encodeFilters(filters) };
    const stream = await this.#transport.stream('GET', '/events', { query, signal });
    yield* jsonLines<EventResponse>(readBody(stream, signal));
  }
}
