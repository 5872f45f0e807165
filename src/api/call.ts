import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Backend } from './backend.ts';
import { type CheckedBody, readJson } from './body.ts';
import { encodeJson } from './json.ts';
import { Query } from './query.ts';
import type { Check } from './schema.ts';

/** What a request asks for, whichever way the answer goes out. */
export interface Target {
  readonly backend: Backend;
  /** The minor number of the API version that the client speaks. */
  readonly apiMinor: number;
  /** The path's `{name}`, decoded; '' in a path without one. */
  readonly name: string;
  readonly query: Query;
}

/** A Target before its query was parsed. */
export interface TargetParts {
  backend: Backend;
  apiMinor: number;
  name: string;
  queryText: string;
}

/** Headers that every answer carries, as a flat list of names and values. */
export type CommonHeaders = readonly string[];

/** One request with a plain HTTP answer. */
export class Call implements Target {
  readonly backend: Backend;
  readonly apiMinor: number;
  readonly name: string;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly #commonHeaders: CommonHeaders;
  readonly #queryText: string;
  #query: Query | undefined;
  #gone: AbortSignal | undefined;

  constructor(
    target: TargetParts,
    exchange: { request: IncomingMessage; response: ServerResponse; commonHeaders: CommonHeaders },
  ) {
    this.backend = target.backend;
    this.apiMinor = target.apiMinor;
    this.name = target.name;
    this.#queryText = target.queryText;
    this.request = exchange.request;
    this.response = exchange.response;
    this.#commonHeaders = exchange.commonHeaders;
  }

  get query(): Query {
    this.#query ??= new Query(this.#queryText);
    return this.#query;
  }

  /** Aborts when the client goes away before its answer is complete. */
  get gone(): AbortSignal {
    if (this.#gone === undefined) {
      const controller = new AbortController();
      const { response } = this;
      const abort = () => {
        if (!response.writableFinished) controller.abort();
      };
      if (response.destroyed) abort();
      else response.once('close', abort);
      this.#gone = controller.signal;
    }
    return this.#gone;
  }

  readJson<T>(check: Check<T>): Promise<CheckedBody<T>> {
    return readJson(this.request, check);
  }

  sendJson(status: number, value: unknown): void {
    const body = `${encodeJson(value)}\n`;
    const length = String(Buffer.byteLength(body));
    this.writeHead(status, ['Content-Type', 'application/json', 'Content-Length', length]);
    this.response.end(body);
  }

  /** An answer without a body. */
  sendEmpty(status: number, headers: readonly string[] = []): void {
    // 204 and 304 must not have a Content-Length; the others need it to keep the connection.
    const length = status === 204 || status === 304 ? [] : ['Content-Length', '0'];
    this.writeHead(status, [...headers, ...length]);
    this.response.end();
  }

  sendText(status: number, text: string, headers: readonly string[] = []): void {
    const length = String(Buffer.byteLength(text));
    this.writeHead(status, [...headers, 'Content-Type', 'text/plain; charset=utf-8', 'Content-Length', length]);
    this.response.end(text);
  }

  /** Sends status and headers at once, before the body's first byte; the body follows chunked. */
  openStream(contentType: string): void {
    this.writeHead(200, ['Content-Type', contentType]);
    this.response.flushHeaders();
  }

  writeHead(status: number, headers: readonly string[]): void {
    this.response.writeHead(status, [...this.#commonHeaders, ...headers]);
  }
}
