/** The pull side of the OCI distribution-spec, for one repository. */
import { STATUS_CODES } from 'node:http';
import type { Readable } from 'node:stream';
import { Authorizer } from './auth.ts';
import type { RegistryCredentials } from './auth.ts';
import { ACCEPTED_MANIFESTS, MAX_MANIFEST_BYTES } from './documents.ts';
import { RegistryError } from './errors.ts';
import { DEFAULT_DOMAIN } from './reference.ts';
import { failedAnswer, headerText, isLoopback, readLimited, Transport } from './transport.ts';
import type { HttpAnswer } from './transport.ts';

const HUB_HOST = 'registry-1.docker.io';
const MAX_TAG_PAGES = 100;

export interface RegistryOptions {
  /** as in a reference: `docker.io`, `127.0.0.1:5000` */
  domain: string;
  /** as in a reference: `library/busybox`; '' for a log-in */
  path: string;
  credentials?: RegistryCredentials | undefined;
}

export interface ManifestAnswer {
  bytes: Buffer;
  /** Content-Type without parameters; '' when there was none */
  mediaType: string;
}

/** Connections live until `close`. All methods reject with RegistryError, or Cancelled when the signal fires. */
export class RegistryClient {
  readonly #transport = new Transport();
  readonly #options: RegistryOptions;
  readonly #authorizer: Authorizer;
  #base: Promise<URL> | undefined;

  constructor(options: RegistryOptions) {
    this.#options = options;
    this.#authorizer = new Authorizer(
      this.#transport,
      options.credentials ?? {},
      options.path && `repository:${options.path}:pull`,
    );
  }

  /** A manifest or index by tag or digest; the bytes are not checked against a digest here. */
  async manifest(tagOrDigest: string, signal: AbortSignal): Promise<ManifestAnswer> {
    const answer = await this.#get(`manifests/${tagOrDigest}`, { accept: ACCEPTED_MANIFESTS.join(', ') }, signal);
    if (answer.status !== 200) throw await failedAnswer(answer);
    const mediaType = (headerText(answer.headers['content-type']) ?? '').split(';')[0]?.trim() ?? '';
    return { bytes: await readLimited(answer.body, MAX_MANIFEST_BYTES), mediaType };
  }

  /**
   * The bytes of a blob from `start` on. `start` of the result tells where the registry really began: one that knows no
   * ranges begins at 0. `total` is the blob's size as far as the registry tells it.
   */
  async blob(
    digest: string,
    start: number,
    signal: AbortSignal,
  ): Promise<{ body: Readable; start: number; total: number | undefined }> {
    const range = start > 0 ? `bytes=${start}-` : undefined;
    const answer = await this.#get(`blobs/${digest}`, { range }, signal);
    const length = numberHeader(answer, 'content-length');
    if (answer.status === 200) return { body: answer.body, start: 0, total: length };
    if (answer.status !== 206) throw await failedAnswer(answer);
    const [, from, total] = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(headerText(answer.headers['content-range']) ?? '') ?? [];
    if (from === undefined || Number(from) > start) {
      answer.body.on('error', () => undefined).destroy();
      throw new RegistryError('System', `the registry sent another part of blob ${digest} than was asked for`, {
        retryable: true,
      });
    }
    return {
      body: answer.body,
      start: Number(from),
      total: total === undefined || total === '*' ? undefined : Number(total),
    };
  }

  /** Do the credentials open the registry? Rejects with Unauthorized, in dockerd's words, when they do not. */
  async login(signal: AbortSignal): Promise<void> {
    const base = await this.#pingFirst(signal);
    const answer = await this.#authorized(base, {}, signal);
    answer.body.on('error', () => undefined).destroy();
    if (answer.status === 200) return;
    const status = `${answer.status} ${STATUS_CODES[answer.status] ?? ''}`.trim();
    throw new RegistryError('System', `login attempt to ${base.href} failed with status: ${status}`);
  }

  /** All tags of the repository. */
  async tags(signal: AbortSignal): Promise<string[]> {
    const tags: string[] = [];
    let path: string | undefined = 'tags/list';
    for (let page = 0; path !== undefined && page < MAX_TAG_PAGES; page++) {
      const answer: HttpAnswer = await this.#get(path, {}, signal);
      if (answer.status !== 200) throw await failedAnswer(answer);
      const document: unknown = JSON.parse((await readLimited(answer.body, MAX_MANIFEST_BYTES)).toString('utf8'));
      const listed: unknown = typeof document === 'object' && document !== null ? Reflect.get(document, 'tags') : null;
      if (Array.isArray(listed)) tags.push(...listed.filter((tag): tag is string => typeof tag === 'string'));
      // RFC 8288: the next page, if any; only its query is used, so that it cannot lead elsewhere.
      const query: string | undefined = /<[^>]*(\?[^>]*)>;\s*rel="?next"?/.exec(
        headerText(answer.headers['link']) ?? '',
      )?.[1];
      path = query === undefined ? undefined : `tags/list${query}`;
    }
    return tags;
  }

  async close(): Promise<void> {
    await this.#transport.close();
  }

  async #get(path: string, headers: Record<string, string | undefined>, signal: AbortSignal): Promise<HttpAnswer> {
    const url = new URL(`${this.#options.path}/${path}`, (await this.#pingFirst(signal)).href);
    return this.#authorized(url, headers, signal);
  }

  #pingFirst(signal: AbortSignal): Promise<URL> {
    this.#base ??= this.#ping(signal);
    return this.#base;
  }

  /** Asks; answers one 401; a second 401 is final, so that a registry cannot keep the engine asking. */
  async #authorized(url: URL, headers: Record<string, string | undefined>, signal: AbortSignal): Promise<HttpAnswer> {
    const send = () =>
      this.#transport.send({
        method: 'GET',
        url,
        headers: { ...headers, authorization: this.#authorizer.header },
        signal,
      });
    const first = await send();
    if (first.status !== 401) return first;
    if (!(await this.#answer(first, url, signal))) throw await failedAnswer(first);
    first.body.on('error', () => undefined).destroy();
    const second = await send();
    if (second.status === 401) throw await failedAnswer(second);
    return second;
  }

  async #answer(answer: HttpAnswer, url: URL, signal: AbortSignal): Promise<boolean> {
    try {
      return await this.#authorizer.answer(answer, url, signal);
    } catch (thrown) {
      answer.body.on('error', () => undefined).destroy();
      if (thrown instanceof RegistryError && thrown.message === 'no basic auth credentials') {
        throw new RegistryError('System', `Head ${JSON.stringify(url.href)}: ${thrown.message}`, {
          code: thrown.code,
          cause: thrown,
        });
      }
      throw thrown;
    }
  }

  /**
   * Finds out how the registry is spoken to, by its base address `/v2/`, and takes up its challenge. HTTPS; on loopback
   * any certificate will do, and plain HTTP when the port does not speak TLS, as dockerd does.
   */
  async #ping(signal: AbortSignal): Promise<URL> {
    const host = this.#options.domain === DEFAULT_DOMAIN ? HUB_HOST : this.#options.domain;
    const secure = new URL(`https://${host}/v2/`);
    if (!isLoopback(secure.hostname)) return this.#pingAt(secure, signal);
    try {
      return await this.#pingAt(secure, signal);
    } catch (thrown) {
      if (!(thrown instanceof RegistryError && thrown.retryable)) throw thrown;
      return await this.#pingAt(new URL(`http://${host}/v2/`), signal);
    }
  }

  async #pingAt(base: URL, signal: AbortSignal): Promise<URL> {
    const headers = { authorization: this.#authorizer.header };
    const answer = await this.#transport.send({ method: 'GET', url: base, headers, signal });
    // Whatever /v2/ answers, requests for the repository itself tell more: only its challenge is of use here. A Basic
    // challenge is left to them too, so that the error names what was asked for.
    const bearer = /^\s*bearer\s/i.test(headerText(answer.headers['www-authenticate']) ?? '');
    answer.body.on('error', () => undefined).destroy();
    if (answer.status === 401 && bearer) await this.#authorizer.answer(answer, base, signal);
    return base;
  }
}

function numberHeader(answer: HttpAnswer, name: string): number | undefined {
  const text = headerText(answer.headers[name]);
  return text !== undefined && /^\d{1,16}$/.test(text) ? Number(text) : undefined;
}
