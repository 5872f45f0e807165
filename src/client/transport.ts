import {
  Agent,
  type ClientRequest,
  type IncomingMessage,
  type RequestOptions as HttpRequestOptions,
  request as httpRequest,
  STATUS_CODES,
} from 'node:http';
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import type { ErrorResponse } from '../api/types/system.ts';
import { EngineError, type ErrorKind } from '../errors.ts';
import type { EngineAddress } from './host.ts';
import { parseJson } from './json.ts';

export type Query = Record<string, string | number | boolean | undefined>;

export interface RequestOptions {
  query?: Query | undefined;
  /** Sent as JSON. */
  body?: unknown;
  headers?: Record<string, string> | undefined;
  signal?: AbortSignal | undefined;
}

export interface Hijacked {
  /** Bytes after the 101, both ways; `socket.end()` is the half-close. */
  socket: Socket;
  /** undefined when the engine did not say (API before 1.42). */
  contentType: string | undefined;
}

const KIND_BY_STATUS: Record<number, ErrorKind> = {
  304: 'NotModified',
  400: 'InvalidParameter',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  409: 'Conflict',
  499: 'Cancelled',
  501: 'NotImplemented',
  503: 'Unavailable',
};

/** `?a=1&b=true` or ''; undefined and false values are left out, as Docker's own client does. */
function encodeQuery(query: Query | undefined): string {
  const parameters = new URLSearchParams();
  for (const [key, value] of Object.entries(query ?? {})) {
    if (value !== undefined && value !== false) parameters.append(key, value === true ? '1' : String(value));
  }
  const text = parameters.toString();
  return text === '' ? '' : `?${text}`;
}

/** Makes the EngineError that an answer with an error status stands for. Plain-text bodies are taken as the message. */
function errorFromResponse(status: number, body: string): EngineError {
  const kind = KIND_BY_STATUS[status] ?? (status < 500 && status >= 400 ? 'InvalidParameter' : 'System');
  let answer: Partial<ErrorResponse> = {};
  try {
    const parsed: unknown = JSON.parse(body);
    if (typeof parsed === 'object' && parsed !== null) answer = parsed;
  } catch {
    // Not JSON: attach and old engines answer in plain text, which is the message itself.
    answer = { message: body.trim() };
  }
  const message = answer.message || `the engine answered ${status} ${STATUS_CODES[status] ?? ''}`.trim();
  return new EngineError(kind, message, { hint: answer.hint, code: answer.code });
}

/** One engine's HTTP: JSON requests, streams and hijacked connections over kept-alive sockets. */
export class Transport {
  readonly address: EngineAddress;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #onUnreachable: (() => Promise<void>) | undefined;

  /** `onUnreachable` is called when nothing listens at the address; when it resolves, the request is sent once more. */
  constructor(address: EngineAddress, onUnreachable?: () => Promise<void>) {
    this.address = address;
    this.#onUnreachable = onUnreachable;
  }

  close(): void {
    this.#agent.destroy();
  }

  /** The parsed body; undefined for an empty one. Statuses from 300 on reject, 304 among them (kind NotModified). */
  async json<T>(method: string, path: string, options: RequestOptions = {}): Promise<T> {
    const text = await readText(await this.stream(method, path, options));
    return (text === '' ? undefined : parseJson(text)) as T;
  }

  /** Resolves when the headers of a good answer are here; the body is the caller's to read or destroy. */
  async stream(method: string, path: string, options: RequestOptions = {}): Promise<IncomingMessage> {
    const response = await this.#retrying(() => this.#open(method, path, options));
    const status = response.statusCode ?? 0;
    if (status >= 200 && status < 300) return response;
    throw errorFromResponse(status, await readText(response));
  }

  /** Upgrades the connection to a raw byte stream (attach). */
  async hijack(path: string, options: RequestOptions = {}): Promise<Hijacked> {
    const headers = { Connection: 'Upgrade', Upgrade: 'tcp', ...options.headers };
    return this.#retrying(() => this.#upgrade(path, { ...options, headers }));
  }

  async #retrying<T>(attempt: () => Promise<T>): Promise<T> {
    try {
      return await attempt();
    } catch (error) {
      if (this.#onUnreachable === undefined || !isUnreachable(error)) throw describeFailure(error, this.address);
    }
    await this.#onUnreachable();
    return attempt().catch((error: unknown) => {
      throw describeFailure(error, this.address);
    });
  }

  #request(method: string, path: string, options: RequestOptions): ClientRequest {
    const body = options.body === undefined ? undefined : JSON.stringify(options.body);
    const headers: Record<string, string | number> = { Host: 'isle', 'User-Agent': 'isle', ...options.headers };
    if (body !== undefined) headers['Content-Type'] = 'application/json';
    if (method !== 'GET' && method !== 'HEAD') headers['Content-Length'] = Buffer.byteLength(body ?? '');
    const target: HttpRequestOptions & { servername: string } = {
      ...this.address,
      method,
      path: path + encodeQuery(options.query),
      headers,
      agent: this.#agent,
      // Nothing here is TLS; left undefined, the agent works one out by regular expressions that cost 3 ms to compile.
      servername: '',
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    };
    const request = httpRequest(target);
    request.end(body);
    return request;
  }

  #open(method: string, path: string, options: RequestOptions): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const request = this.#request(method, path, options);
      request.once('response', resolve);
      request.once('error', (error) => {
        // The engine closed an idle connection in the moment we reused it: nothing was processed, a fresh one will do.
        if (request.reusedSocket && errnoOf(error) === 'ECONNRESET')
          this.#open(method, path, options).then(resolve, reject);
        else reject(error);
      });
    });
  }

  #upgrade(path: string, options: RequestOptions): Promise<Hijacked> {
    return new Promise((resolve, reject) => {
      const request = this.#request('POST', path, options);
      request.once('error', reject);
      request.once('upgrade', (response, socket: Socket, head: Buffer) => {
        if (head.byteLength > 0) socket.unshift(head);
        resolve({ socket, contentType: response.headers['content-type'] });
      });
      request.once('response', (response) => {
        readText(response).then((text) => reject(errorFromResponse(response.statusCode ?? 0, text)), reject);
      });
    });
  }
}

async function readText(response: IncomingMessage): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of readBody(response)) text += decoder.decode(chunk, { stream: true });
  return text + decoder.decode();
}

/**
 * The bytes of an answer or of a hijacked connection. Where the engine goes away in the middle that is said in words;
 * an abort by `signal` throws the signal's reason. Leaving the loop early ends the connection.
 */
export async function* readBody(source: Readable, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of source) yield chunk as Uint8Array;
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    if (errnoOf(error) !== 'ECONNRESET') throw error;
    throw new EngineError('Unavailable', 'the engine went away in the middle of its answer', { cause: error });
  }
}

function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** Nothing listens there: the socket file is missing, or nobody accepts behind it. */
function isUnreachable(error: unknown): boolean {
  return !(error instanceof EngineError) && ['ENOENT', 'ECONNREFUSED'].includes(errnoOf(error) ?? '');
}

function addressText(address: EngineAddress): string {
  return 'socketPath' in address ? `unix://${address.socketPath}` : `tcp://${address.host}:${address.port}`;
}

function describeFailure(error: unknown, address: EngineAddress): unknown {
  const code = errnoOf(error);
  if (error instanceof EngineError || code === undefined || code === 'ABORT_ERR') return error;
  const where = addressText(address);
  if (isUnreachable(error)) {
    return new EngineError('Unavailable', `cannot connect to the engine at ${where}: nothing listens there`, {
      code,
      hint: 'Is isled running there? Without -H and DOCKER_HOST isle starts it itself.',
      cause: error,
    });
  }
  if (code === 'EACCES' || code === 'EPERM') {
    return new EngineError('Forbidden', `cannot connect to the engine at ${where}: permission denied`, {
      code,
      hint: 'The engine needs root: run the same command with sudo.',
      cause: error,
    });
  }
  return new EngineError('Unavailable', `the connection to the engine at ${where} broke: ${code}`, {
    code,
    cause: error,
  });
}
