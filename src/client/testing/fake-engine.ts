/** An engine that says what a test tells it to, on a unix socket of its own. For unit tests only. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface SeenRequest {
  method: string;
  path: string;
  query: Record<string, string>;
  body: string;
  headers: IncomingMessage['headers'];
}

export type Answer = (request: SeenRequest, response: ServerResponse) => void;
export type Attach = (socket: Socket, request: SeenRequest) => void;

/** Answers with JSON. */
export function json(response: ServerResponse, status: number, body?: unknown): void {
  response.writeHead(status, { 'Content-Type': 'application/json' });
  response.end(body === undefined ? '' : JSON.stringify(body));
}

export class FakeEngine implements AsyncDisposable {
  readonly host: string;
  readonly seen: SeenRequest[] = [];
  readonly #server: Server;
  readonly #directory: string;
  readonly #sockets = new Set<Socket>();

  constructor(directory: string, answer: Answer, attach: Attach | undefined) {
    this.#directory = directory;
    this.host = `unix://${join(directory, 's.sock')}`;
    this.#server = createServer((request, response) => {
      request
        .setEncoding('utf8')
        .toArray()
        .then(
          (chunks: string[]) => answer(this.#note(request, chunks.join('')), response),
          () => undefined,
        );
    });
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    if (attach !== undefined) {
      this.#server.on('upgrade', (request: IncomingMessage, socket: Socket) => attach(socket, this.#note(request, '')));
    }
  }

  static async start(answer: Answer, attach?: Attach): Promise<FakeEngine> {
    const engine = new FakeEngine(mkdtempSync(join(tmpdir(), 'isle-fake-')), answer, attach);
    await new Promise<void>((resolve) => engine.#server.listen(engine.host.slice('unix://'.length), resolve));
    return engine;
  }

  /** "POST /containers/create" of each request so far. */
  get calls(): string[] {
    return this.seen.map(({ method, path }) => `${method} ${path}`);
  }

  get connectionCount(): number {
    return this.#sockets.size;
  }

  #note(request: IncomingMessage, body: string): SeenRequest {
    const url = new URL(request.url ?? '', 'http://engine');
    const seen = {
      method: request.method ?? '',
      path: url.pathname,
      query: Object.fromEntries(url.searchParams),
      body,
      headers: request.headers,
    };
    this.seen.push(seen);
    return seen;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

/** What a daemon answers to an attach, before the first byte of output. */
export function switchProtocols(socket: Socket, contentType: string): void {
  socket.write(`HTTP/1.1 101 UPGRADED\r\nContent-Type: ${contentType}\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n`);
}
