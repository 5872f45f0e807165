/**
 * Proof of identity for a registry: Basic, and the token protocol of Docker's distribution ("Docker Registry v2
 * authentication"; OAuth2 refresh tokens for identity tokens). Without credentials an anonymous token is asked for.
 */
import { EngineError } from '../errors.ts';
import { parseChallenges } from './challenge.ts';
import type { Challenge } from './challenge.ts';
import { RegistryError } from './errors.ts';
import { failedAnswer, isLoopback, readLimited } from './transport.ts';
import type { HttpAnswer, Transport } from './transport.ts';

/** The fields of an X-Registry-Auth header that matter to a registry; all may be empty. */
export interface RegistryCredentials {
  username?: string;
  password?: string;
  /** A refresh token, as `docker login` keeps it. */
  identitytoken?: string;
  /** A bearer token, used as it is. */
  registrytoken?: string;
}

const CLIENT_ID = 'docker';
const MAX_TOKEN_BYTES = 1 << 20;

export class Authorizer {
  readonly #transport: Transport;
  readonly #credentials: RegistryCredentials;
  readonly #scope: string;
  #header: string | undefined;

  /** `scope` such as `repository:library/busybox:pull`, used when a challenge names none; '' for a log-in. */
  constructor(transport: Transport, credentials: RegistryCredentials, scope: string) {
    this.#transport = transport;
    this.#credentials = credentials;
    this.#scope = scope;
    if (filled(credentials.registrytoken)) this.#header = `Bearer ${credentials.registrytoken}`;
  }

  /** The Authorization header to send, if any yet. */
  get header(): string | undefined {
    return this.#header;
  }

  /**
   * Takes up the challenges of a 401. True when the request is worth another try; false when nothing in them can be
   * answered. Rejects when the token server refuses, or when Basic is asked for and there are no credentials.
   */
  async answer(answer: HttpAnswer, registry: URL, signal: AbortSignal): Promise<boolean> {
    if (filled(this.#credentials.registrytoken)) return false;
    const challenges = parseChallenges(answer.headers['www-authenticate']);
    const bearer = challenges.find(({ scheme }) => scheme === 'bearer');
    if (bearer !== undefined) {
      this.#header = `Bearer ${await this.#fetchToken(bearer, registry, signal)}`;
      return true;
    }
    if (!challenges.some(({ scheme }) => scheme === 'basic')) return false;
    const basic = this.#basic();
    if (basic === undefined) throw new RegistryError('System', 'no basic auth credentials', { code: 'UNAUTHORIZED' });
    this.#header = basic;
    return true;
  }

  #basic(): string | undefined {
    const { username, password } = this.#credentials;
    if (!filled(username)) return undefined;
    return `Basic ${Buffer.from(`${username}:${password ?? ''}`).toString('base64')}`;
  }

  async #fetchToken(challenge: Challenge, registry: URL, signal: AbortSignal): Promise<string> {
    const realm = challenge.parameters.get('realm') ?? '';
    if (!URL.canParse(realm)) {
      throw new RegistryError(
        'System',
        `the registry ${registry.host} names no valid token server: realm ${JSON.stringify(realm)}`,
      );
    }
    const url = new URL(realm);
    this.#refuseLeak(url, registry);
    const service = challenge.parameters.get('service') ?? '';
    const scope = challenge.parameters.get('scope') ?? this.#scope;
    const answer = filled(this.#credentials.identitytoken)
      ? await this.#postRefreshToken(url, service, scope, signal)
      : await this.#getToken(url, service, scope, signal);
    if (answer.status >= 300) throw await failedAnswer(answer);
    return tokenIn(await readLimited(answer.body, MAX_TOKEN_BYTES), url);
  }

  /** A registry spoken to over HTTPS must not lead the credentials onto an open line. */
  #refuseLeak(realm: URL, registry: URL): void {
    const safe =
      realm.protocol === 'https:' ||
      (realm.protocol === 'http:' && (registry.protocol === 'http:' || isLoopback(realm.hostname)));
    if (safe) return;
    throw new EngineError('System', `the registry ${registry.host} names a token server without TLS: ${realm.href}`, {
      hint: 'credentials are only sent to a token server with TLS; ask the owner of the registry to correct its realm',
    });
  }

  #getToken(realm: URL, service: string, scope: string, signal: AbortSignal): Promise<HttpAnswer> {
    const url = new URL(realm);
    if (service !== '') url.searchParams.set('service', service);
    if (scope !== '') url.searchParams.append('scope', scope);
    const basic = this.#basic();
    if (basic !== undefined) url.searchParams.set('account', this.#credentials.username ?? '');
    return this.#transport.send({ method: 'GET', url, headers: { authorization: basic }, signal });
  }

  #postRefreshToken(url: URL, service: string, scope: string, signal: AbortSignal): Promise<HttpAnswer> {
    const form = new URLSearchParams({
      grant_type: 'refresh_token',
      refresh_token: this.#credentials.identitytoken ?? '',
      client_id: CLIENT_ID,
      service,
      scope,
    });
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    return this.#transport.send({ method: 'POST', url, headers, body: form.toString(), signal });
  }
}

function filled(text: string | undefined): text is string {
  return text !== undefined && text !== '';
}

function tokenIn(body: Buffer, url: URL): string {
  let document: unknown;
  try {
    document = JSON.parse(body.toString('utf8'));
  } catch (cause) {
    throw new RegistryError('System', `unable to decode token response of ${url.host}`, { cause });
  }
  for (const name of ['token', 'access_token']) {
    const token: unknown = typeof document === 'object' && document !== null ? Reflect.get(document, name) : undefined;
    // Printable ASCII only: the token becomes a header.
    if (typeof token === 'string' && /^[\x21-\x7e]+$/.test(token)) return token;
  }
  throw new RegistryError('System', 'authorization server did not include a token in the response', {
    code: 'UNAUTHORIZED',
  });
}
