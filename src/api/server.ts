/** The Engine API's HTTP server: one function from request to route, no middleware. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { EngineError } from '../errors.ts';
import type { Backend } from './backend.ts';
import { Call, type CommonHeaders, type TargetParts } from './call.ts';
import { pageNotFound, sendError } from './errors.ts';
import { Query } from './query.ts';
import { type HijackRoute, type Match, type PlainRoute, Router } from './router.ts';
import { ROUTES } from './routes/index.ts';
import { HijackedConnection, type HijackSource, takeConnection } from './upgrade.ts';
import { API_MINOR, API_VERSION, negotiateMinor, splitVersion } from './versions.ts';

export interface ApiServerOptions {
  /** isle's own version, for the `Server` header. */
  version: string;
  /** Told of every answer with a status of 500 and more; `request` is method and path. */
  report?: ((error: EngineError, request: string) => void) | undefined;
}

/** As Go's default; large filters and X-Registry-Config need room. */
const MAX_HEADER_BYTES = 1024 * 1024;
const HEADERS_TIMEOUT_MS = 5 * 60 * 1000;

interface Found {
  match: Match | undefined;
  version: string | undefined;
  queryText: string;
}

/**
 * A server that is not listening yet. It sets no limit on how long a request or an idle connection may last: uploads
 * and waits take as long as they take, and pooled clients must not find their connection closed.
 */
export function createApiServer(backend: Backend, options: ApiServerOptions): Server {
  const api = new Api(backend, options);
  const server = createServer(
    {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: 0,
      keepAliveTimeout: 0,
      // Other routes ignore an `Upgrade` header as Go's server does: Java's HttpClient sends one with every request.
      shouldUpgradeCallback: (request) => api.takesOverConnection(request),
    },
    (request, response) => api.onRequest(request, response),
  );
  server.on('upgrade', (request, socket, head) => api.onUpgrade(request, socket, head));
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => api.onClientError(error, socket));
  hijackedSockets.set(server, api.hijacked);
  return server;
}

const hijackedSockets = new WeakMap<Server, ReadonlySet<Duplex>>();

/** Stops listening and cuts every connection, hijacked ones too. Resolves when all are closed. */
export async function closeApiServer(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeAllConnections();
  for (const socket of hijackedSockets.get(server) ?? []) socket.destroy();
  await closed;
}

class Api {
  readonly hijacked = new Set<Duplex>();
  readonly #backend: Backend;
  readonly #report: ApiServerOptions['report'];
  readonly #router = new Router(ROUTES);
  readonly #commonHeaders: CommonHeaders;
  /** For answers that are given before it is known what was asked for. */
  readonly #noTarget: TargetParts;

  constructor(backend: Backend, options: ApiServerOptions) {
    this.#backend = backend;
    this.#report = options.report;
    this.#noTarget = { backend, apiMinor: API_MINOR, name: '', queryText: '' };
    this.#commonHeaders = [
      'Api-Version',
      API_VERSION,
      'Docker-Experimental',
      'false',
      'Ostype',
      'linux',
      'Server',
      `isle/${options.version} (linux)`,
    ];
  }

  takesOverConnection(request: IncomingMessage): boolean {
    const { match } = this.#find(request);
    return match !== undefined && 'hijack' in match.route;
  }

  onRequest(request: IncomingMessage, response: ServerResponse): void {
    // Input of a hijacked connection that came in the packet of its head, and looks like a request.
    if (this.hijacked.has(request.socket)) return;
    const found = this.#find(request);
    const route = found.match?.route;
    if (route !== undefined && 'hijack' in route) {
      const source = takeConnection(request);
      this.hijacked.add(source.socket);
      process.nextTick(() => this.#hijack(route, found, source));
      return;
    }
    // A write after the client has gone: its 'close' was told already.
    response.on('error', () => {});
    const exchange = { request, response, commonHeaders: this.#commonHeaders };
    try {
      if (route === undefined) this.#answerUnknown(new Call(this.#noTarget, exchange));
      else this.#handle(route, new Call(this.#target(found), exchange));
    } catch (thrown) {
      this.#fail(new Call(this.#noTarget, exchange), thrown);
    }
  }

  onUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const found = this.#find(request);
    const route = found.match?.route;
    if (route !== undefined && 'hijack' in route) this.#hijack(route, found, { request, socket, upgraded: true, head });
    else socket.destroy();
  }

  /** The bytes were no HTTP. Node has given the connection up; only the answer is ours. */
  onClientError(error: NodeJS.ErrnoException, socket: Duplex): void {
    if (this.hijacked.has(socket)) return;
    if (!socket.writable || error.code === 'ECONNRESET') {
      socket.destroy();
      return;
    }
    const status = error.code === 'HPE_HEADER_OVERFLOW' ? '431 Request Header Fields Too Large' : '400 Bad Request';
    const body = `${JSON.stringify({ message: `bad HTTP request: ${error.message}` })}\n`;
    const head = `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n`;
    socket.end(`${head}Connection: close\r\n\r\n${body}`, () => socket.destroy());
  }

  #answerUnknown(call: Call): void {
    if (call.request.method !== 'OPTIONS') throw pageNotFound();
    call.sendEmpty(200);
  }

  #handle(route: PlainRoute, call: Call): void {
    const pending = route.handle(call);
    if (pending !== undefined) pending.catch((thrown) => this.#fail(call, thrown));
  }

  #fail(call: Call, thrown: unknown): void {
    const clientGone = call.response.destroyed;
    const error = sendError(call, thrown);
    if (!clientGone) this.#reportSevere(error, call.request);
  }

  #hijack(route: HijackRoute, found: Found, source: HijackSource): void {
    const { socket, request } = source;
    this.hijacked.add(socket);
    socket.once('close', () => this.hijacked.delete(socket));
    const connection = new HijackedConnection(source, this.#commonHeaders, route.refusal === 'json');
    const refuse = (thrown: unknown) => this.#reportSevere(connection.refuse(thrown), request);
    try {
      const { queryText, ...target } = this.#target(found);
      route.hijack({ ...target, query: new Query(queryText), connection }).catch(refuse);
    } catch (thrown) {
      refuse(thrown);
    }
  }

  #reportSevere(error: EngineError, request: IncomingMessage): void {
    if (error.httpStatus >= 500) this.#report?.(error, `${request.method} ${request.url?.split('?', 1)[0]}`);
  }

  #find(request: IncomingMessage): Found {
    const url = originForm(request.url ?? '/');
    const queryStart = url.indexOf('?');
    const { version, path } = splitVersion(queryStart < 0 ? url : url.slice(0, queryStart));
    const queryText = queryStart < 0 ? '' : url.slice(queryStart + 1);
    return { match: this.#router.find(request.method ?? 'GET', path), version, queryText };
  }

  #target(found: Found): TargetParts {
    const apiMinor = negotiateMinor(found.version);
    const name = decodeName(found.match?.rawName ?? '');
    return { backend: this.#backend, apiMinor, name, queryText: found.queryText };
  }
}

/** Some clients send the absolute form (`GET http://docker/info`), which means the same. */
function originForm(url: string): string {
  if (url.startsWith('/')) return url;
  const match = /^https?:\/\/[^/?]*/i.exec(url);
  return match === null ? url : url.slice(match[0].length) || '/';
}

function decodeName(raw: string): string {
  if (!raw.includes('%')) return raw;
  try {
    return decodeURIComponent(raw);
  } catch (cause) {
    throw new EngineError('InvalidParameter', `invalid URL escape in "${raw}"`, { cause });
  }
}
