/**
 * Hijacking: an HTTP request whose connection becomes a raw byte stream in both directions. A client asks for it with
 * `Upgrade` (answer 101) or, in the old way, without (answer 200). Either way the connection is handed over with every
 * byte that followed the request's head still unread in it:
 *  - with `Upgrade`, Node gives those bytes to the 'upgrade' event as `head`. A request body is in them on Node 24;
 *    Node 26 takes it out and delivers it on the request.
 *  - without, they are in the parser's current packet, and the parser would go on to read them as a next request.
 */
import { type IncomingMessage, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { EngineError, toEngineError } from '../errors.ts';
import { JSON_BODY_LIMIT_BYTES, parseJson } from './body.ts';
import type { CommonHeaders, Target } from './call.ts';
import { errorBody, errorText } from './errors.ts';
import { encodeJson } from './json.ts';
import { RAW_STREAM } from './types/frames.ts';
import { webSocketAccept, WebSocketStream } from './websocket.ts';

/** What Node keeps on a server's socket: `getCurrentBuffer` is the packet being parsed, during a parser's callback. */
interface ParsedSocket {
  parser?: { getCurrentBuffer?(): Buffer | undefined } | null;
}

export interface HijackSource {
  request: IncomingMessage;
  socket: Duplex;
  /** Was it asked for with `Upgrade`? */
  upgraded: boolean;
  /** What Node read behind the request's head. */
  head: Buffer;
}

/**
 * Takes the connection of a request that came without `Upgrade`. Must be called within the 'request' event; the
 * connection may be used from the next tick on, since the parser, once it has ended the message, still resumes it.
 */
export function takeConnection(request: IncomingMessage): HijackSource {
  const socket = request.socket;
  const packet = (socket as ParsedSocket).parser?.getCurrentBuffer?.();
  const head = packet === undefined ? Buffer.alloc(0) : packet.subarray(endOfHead(packet, request));
  // Node's listeners would feed the parser and end our side when the client half-closes.
  socket.removeAllListeners('data');
  socket.removeAllListeners('end');
  // A first 'data' listener makes Node take the socket back from its native parser.
  const ignore = () => {};
  socket.on('data', ignore);
  socket.removeListener('data', ignore);
  return { request, socket, upgraded: false, head };
}

/** Where in `packet` the request's head ends. The packet may start anywhere in the head, but holds its last byte. */
function endOfHead(packet: Buffer, request: IncomingMessage): number {
  const start = packet.indexOf(`${request.method} ${request.url} HTTP/`, 0, 'latin1');
  const tail = Buffer.from(`${request.rawHeaders.at(-1) ?? ''}\r\n\r\n`, 'latin1');
  const found = packet.indexOf(tail, Math.max(start, 0));
  if (start >= 0 && found >= 0) return found + tail.length;
  for (let length = tail.length - 1; length > 0; length--) {
    if (packet.subarray(0, length).equals(tail.subarray(tail.length - length))) return length;
  }
  if (found >= 0) return found + tail.length;
  const blank = packet.indexOf('\r\n\r\n', Math.max(start, 0));
  return blank < 0 ? packet.length : blank + 4;
}

/** A request on a route that takes over the connection. */
export interface HijackCall extends Target {
  readonly connection: HijackedConnection;
}

/** The connection that a request takes over. Exactly one of `accept`, `acceptWebSocket`, `answerEmpty` and `refuse` is called. */
export class HijackedConnection {
  readonly #source: HijackSource;
  readonly #commonHeaders: CommonHeaders;
  readonly #jsonErrors: boolean;

  constructor(source: HijackSource, commonHeaders: CommonHeaders, jsonErrors = false) {
    this.#source = source;
    this.#jsonErrors = jsonErrors;
    this.#commonHeaders = commonHeaders;
    source.socket.pause();
    if (source.head.length > 0) source.socket.unshift(source.head);
    // The 'close' that follows is what everyone listens to.
    source.socket.on('error', () => {});
  }

  /** The client has closed its connection, or it broke. */
  get gone(): boolean {
    return this.#source.socket.destroyed;
  }

  /** The request's body, which must have a Content-Length, as bytes; empty without one. Call it before `accept`. */
  async readBody(): Promise<Buffer> {
    const { request, socket, upgraded } = this.#source;
    if (request.headers['transfer-encoding'] !== undefined) {
      throw new EngineError(
        'InvalidParameter',
        'the body of a request that takes over its connection needs a Content-Length',
      );
    }
    const length = Number(request.headers['content-length'] ?? 0);
    if (length === 0) return Buffer.alloc(0);
    if (length > JSON_BODY_LIMIT_BYTES) {
      throw new EngineError(
        'InvalidParameter',
        `request body is too large: the limit is ${JSON_BODY_LIMIT_BYTES} bytes`,
      );
    }
    const parsed = upgraded ? Buffer.concat(await request.toArray()) : Buffer.alloc(0);
    return parsed.length > 0 ? parsed : readExactly(socket, length);
  }

  /** The request's body as JSON; null without one. Throws InvalidParameter. */
  async readJson(): Promise<unknown> {
    const bytes = await this.readBody();
    return bytes.length === 0 ? null : parseJson(bytes.toString('utf8'));
  }

  /** Answers 200 without a body, and ends the connection: nothing is taken over. */
  answerEmpty(): void {
    this.#writeHead('200 OK', ['Content-Length', '0', 'Connection', 'close']);
    this.#source.socket.end();
    this.#source.socket.resume();
  }

  /**
   * Answers 101 with this content type, or 200 (always called a raw stream), and gives the stream: its end is the
   * client's half-close, ending it is ours.
   */
  accept(contentType: string): Duplex {
    const { socket, upgraded } = this.#source;
    if (upgraded) {
      this.#writeHead('101 UPGRADED', ['Content-Type', contentType, 'Connection', 'Upgrade', 'Upgrade', 'tcp']);
    } else {
      this.#writeHead('200 OK', ['Content-Type', RAW_STREAM]);
    }
    return socket;
  }

  /** What `acceptWebSocket` needs. Throws InvalidParameter for a request that asks for no WebSocket. */
  webSocketAccept(): string {
    return webSocketAccept(this.#source.request);
  }

  /** Answers the handshake of a WebSocket. */
  acceptWebSocket(accept: string, kind: 'binary' | 'text'): Duplex {
    const headers = ['Upgrade', 'websocket', 'Connection', 'Upgrade', 'Sec-WebSocket-Accept', accept];
    this.#writeHead('101 Switching Protocols', headers);
    return new WebSocketStream(this.#source.socket, kind);
  }

  /** Answers with the error, as dockerd does on this route, and ends the connection. */
  refuse(thrown: unknown): EngineError {
    const error = toEngineError(thrown);
    const { socket, request } = this.#source;
    const json = this.#jsonErrors;
    const text = Buffer.from(json ? `${encodeJson(errorBody(error, request))}\n` : `${errorText(error)}\r\n`);
    const type = json ? 'application/json' : 'text/plain; charset=utf-8';
    const headers = ['Content-Type', type, 'Content-Length', String(text.length)];
    this.#writeHead(`${error.httpStatus} ${STATUS_CODES[error.httpStatus] ?? ''}`, [...headers, 'Connection', 'close']);
    socket.end(text);
    // What the client sends on is of no use; reading it lets its close be seen.
    socket.resume();
    return error;
  }

  #writeHead(status: string, headers: readonly string[]): void {
    let head = `HTTP/1.1 ${status}\r\n`;
    const all = [...this.#commonHeaders, ...headers];
    for (let index = 0; index < all.length; index += 2) head += `${all[index]}: ${all[index + 1]}\r\n`;
    this.#source.socket.write(`${head}\r\n`, 'latin1');
  }
}

async function readExactly(socket: Duplex, length: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let missing = length;
  while (missing > 0) {
    const piece: Buffer | null = socket.read();
    if (piece !== null) {
      pieces.push(piece.subarray(0, missing));
      if (piece.length > missing) socket.unshift(piece.subarray(missing));
      missing -= Math.min(piece.length, missing);
    } else if (socket.readableEnded || socket.destroyed) {
      throw new EngineError('InvalidParameter', `request body was cut: ${length} bytes were announced`);
    } else {
      await readable(socket);
    }
  }
  return Buffer.concat(pieces);
}

/** Resolves when there is something to read, or nothing will come any more. */
function readable(socket: Duplex): Promise<void> {
  const events = ['readable', 'end', 'close'];
  return new Promise((resolve) => {
    const settle = () => {
      for (const event of events) socket.removeListener(event, settle);
      resolve();
    };
    for (const event of events) socket.on(event, settle);
  });
}
