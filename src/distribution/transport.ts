/** HTTP to registries: connections, redirects, and connection failures in dockerd's words. */
import { createSecureContext, getCACertificates } from 'node:tls';
import type { SecureContext } from 'node:tls';
import type { Readable } from 'node:stream';
import { Agent, EnvHttpProxyAgent, request } from 'undici';
import type { Dispatcher } from 'undici';
import { EngineError } from '../errors.ts';
import { answerError, RegistryError } from './errors.ts';
import { connectionReason } from './connection-reason.ts';

const CONNECT_TIMEOUT_MS = 30_000;
const HEADERS_TIMEOUT_MS = 60_000;
/** The longest silence within a body; time during which nobody reads does not count. */
const BODY_TIMEOUT_MS = 60_000;
const MAX_REDIRECTS = 10;
/** An error document is read up to here. */
const MAX_ERROR_BYTES = 64 * 1024;
const USER_AGENT = 'isle (docker compatible)';

export interface HttpRequest {
  method: 'GET' | 'HEAD' | 'POST';
  url: URL;
  headers?: Record<string, string | undefined> | undefined;
  body?: string | undefined;
  signal: AbortSignal;
}

export interface HttpAnswer {
  status: number;
  statusText: string;
  headers: Record<string, string | string[] | undefined>;
  /** Must be read to its end, or destroyed. */
  body: Readable;
}

/** 127.0.0.0/8, ::1 and localhost: spoken to over plain HTTP or with any certificate, and never through a proxy. */
export function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(hostname);
}

export class Transport {
  #direct: Agent | undefined;
  #outside: EnvHttpProxyAgent | undefined;

  /**
   * One exchange; redirects are followed. Authorization goes to the first origin only. Rejects with RegistryError
   * (retryable) when no answer came, with Cancelled when `signal` fired.
   */
  async send({ method, url, headers = {}, body, signal }: HttpRequest): Promise<HttpAnswer> {
    let target = url;
    let current = headers;
    for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
      const answer = await this.#exchange({ method, url: target, headers: current, body, signal });
      const location = headerText(answer.headers['location']);
      if (![301, 302, 303, 307, 308].includes(answer.status) || location === undefined || method === 'POST')
        return answer;
      answer.body.on('error', () => undefined).destroy();
      const next = redirectTarget(location, target);
      if (next.origin !== target.origin) current = { ...current, authorization: undefined };
      target = next;
    }
    throw new RegistryError('System', `${title(method)} ${quoted(url)}: stopped after ${MAX_REDIRECTS} redirects`);
  }

  async #exchange({ method, url, headers = {}, body, signal }: HttpRequest): Promise<HttpAnswer> {
    try {
      const answer = await request(url, {
        method,
        headers: { 'user-agent': USER_AGENT, 'accept-encoding': 'identity', ...present(headers) },
        body: body ?? null,
        signal,
        dispatcher: this.#dispatcher(url),
        headersTimeout: HEADERS_TIMEOUT_MS,
        bodyTimeout: BODY_TIMEOUT_MS,
      });
      return { status: answer.statusCode, statusText: answer.statusText, headers: answer.headers, body: answer.body };
    } catch (cause) {
      if (signal.aborted) throw new EngineError('Cancelled', 'context canceled', { cause });
      const message = `${title(method)} ${quoted(url)}: ${connectionReason(cause, url)}`;
      throw new RegistryError('System', message, { cause, retryable: true });
    }
  }

  #dispatcher(url: URL): Dispatcher {
    const options = { connectTimeout: CONNECT_TIMEOUT_MS, allowH2: false };
    if (isLoopback(url.hostname)) {
      this.#direct ??= new Agent({ ...options, connect: { rejectUnauthorized: false } });
      return this.#direct;
    }
    if (this.#outside === undefined) {
      const trusted = { secureContext: trustedRoots() };
      this.#outside = new EnvHttpProxyAgent({ ...options, connect: trusted, requestTls: trusted, proxyTls: trusted });
    }
    return this.#outside;
  }

  /** Ends all connections, also those in use. */
  async close(): Promise<void> {
    await Promise.all([this.#direct?.destroy(), this.#outside?.destroy()]);
  }
}

let roots: SecureContext | undefined;

/** Node's own root certificates and, as dockerd has them, the machine's. */
function trustedRoots(): SecureContext {
  roots ??= createSecureContext({ ca: [...getCACertificates('default'), ...getCACertificates('system')] });
  return roots;
}

/** Reads a failed answer's document and turns it into an error. */
export async function failedAnswer(answer: HttpAnswer): Promise<RegistryError> {
  const body = await readLimited(answer.body, MAX_ERROR_BYTES).catch(() => Buffer.alloc(0));
  const { status, statusText, headers } = answer;
  return answerError({ status, statusText, headers, body: body.toString('utf8') });
}

/** A whole small body; a longer one is refused. */
export async function readLimited(body: Readable, limitBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > limitBytes) {
      throw new RegistryError(
        'System',
        `the registry's answer is longer than the ${limitBytes} bytes allowed for its kind`,
      );
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function redirectTarget(location: string, from: URL): URL {
  const next = URL.canParse(location, from.href) ? new URL(location, from.href) : null;
  if (next === null || (next.protocol !== 'https:' && next.protocol !== 'http:')) {
    throw new RegistryError(
      'System',
      `the registry ${from.host} redirects to ${JSON.stringify(location)}, which is no HTTP address`,
    );
  }
  return next;
}

function present(headers: Record<string, string | undefined>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

export function headerText(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}

function title(method: string): string {
  return method.charAt(0) + method.slice(1).toLowerCase();
}

function quoted(url: URL): string {
  return JSON.stringify(url.href);
}
