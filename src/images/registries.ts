/** What registries are asked without an image being pulled: `POST /auth` and `GET /distribution/{name}/json`. */
import type { RegistriesBackend } from '../api/backend.ts';
import type { RegistryCredentials } from '../distribution/auth.ts';
import { MAX_CONFIG_BYTES, parseConfig, parseManifest } from '../distribution/documents.ts';
import { pullError, RegistryError } from '../distribution/errors.ts';
import {
  DEFAULT_DOMAIN,
  isNameOnly,
  parseReference,
  type Reference,
  withDefaultTag,
} from '../distribution/reference.ts';
import { RegistryClient } from '../distribution/registry.ts';
import { readLimited } from '../distribution/transport.ts';
import { EngineError } from '../errors.ts';
import { sha256Digest } from '../oci/digest.ts';
import type { Platform } from '../oci/image-spec.ts';

type JsonObject = Record<string, unknown>;

/** Names that Docker Hub has had for the log-in. */
const HUB_ADDRESSES = new Set(['', 'docker.io', 'index.docker.io', 'registry-1.docker.io']);
const HOST = /^(?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?|\[[0-9a-fA-F:]+\])(?::\d{1,5})?$/;

/** `https://index.docker.io/v1/`, `registry.example:5000` and the like, as a reference has it. */
function domainOf(address: string): string {
  const host = address.replace(/^https?:\/\//, '').replace(/\/.*$/s, '');
  if (HUB_ADDRESSES.has(host)) return DEFAULT_DOMAIN;
  if (HOST.test(host)) return host;
  throw new EngineError('InvalidParameter', `invalid registry address: ${JSON.stringify(address)}`, {
    hint: 'give a host name, with a port if need be, such as registry.example:5000',
  });
}

export class Registries implements RegistriesBackend {
  async login(auth: RegistryCredentials & { serveraddress?: string }, signal: AbortSignal) {
    const domain = domainOf(auth.serveraddress ?? '');
    await using client = disposable(new RegistryClient({ domain, path: '', credentials: auth }));
    try {
      await client.login(signal);
    } catch (thrown) {
      if (!(thrown instanceof EngineError)) throw thrown;
      const [kind, hint] = isUnauthorized(thrown)
        ? (['Unauthorized', 'check the user name and the password'] as const)
        : ([thrown.kind, thrown.hint] as const);
      throw new EngineError(kind, `login to ${domain} failed: ${thrown.message}`, {
        hint,
        code: thrown.code,
        cause: thrown,
      });
    }
    return { Status: 'Login Succeeded', IdentityToken: '' };
  }

  async inspect(name: string, credentials: RegistryCredentials | undefined, signal: AbortSignal): Promise<JsonObject> {
    const parsed = parseReference(name);
    const reference = isNameOnly(parsed) ? withDefaultTag(parsed) : parsed;
    const { domain, path } = reference;
    await using client = disposable(new RegistryClient({ domain, path, credentials }));
    try {
      return await inspectIn(client, reference, signal);
    } catch (thrown) {
      throw refusal(pullError(thrown, reference));
    }
  }
}

function disposable(client: RegistryClient): RegistryClient & AsyncDisposable {
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.close() });
}

/** 401 for what a log-in would mend. */
function refusal(thrown: unknown): unknown {
  if (!(thrown instanceof EngineError) || !isUnauthorized(thrown)) return thrown;
  const { message, code, hint } = thrown;
  return new EngineError('Unauthorized', message, { code, hint, cause: thrown });
}

function isUnauthorized(error: EngineError): boolean {
  if (error.code === 'UNAUTHORIZED' || error.code === 'DENIED') return true;
  return error instanceof RegistryError && /failed with status: 40[13]\b/.test(error.message);
}

async function inspectIn(client: RegistryClient, { tag, digest }: Reference, signal: AbortSignal): Promise<JsonObject> {
  const { bytes, mediaType } = await client.manifest(digest ?? tag ?? '', signal);
  const found = sha256Digest(bytes);
  if (digest !== undefined && digest !== found) {
    throw new EngineError('System', `manifest verification failed for digest ${digest}: the bytes have ${found}`);
  }
  const parsed = parseManifest(bytes, mediaType);
  const platforms =
    parsed.kind === 'index'
      ? parsed.index.manifests.flatMap(({ platform }) => platform ?? [])
      : [await platformOf(client, parsed.manifest.config.digest, signal)];
  const Descriptor = { mediaType, digest: found, size: bytes.length };
  return { Descriptor, Platforms: platforms };
}

async function platformOf(client: RegistryClient, digest: string, signal: AbortSignal): Promise<Platform> {
  const { body } = await client.blob(digest, 0, signal);
  const bytes = await readLimited(body, MAX_CONFIG_BYTES);
  if (sha256Digest(bytes) !== digest) {
    throw new EngineError('System', `the registry gave other bytes than those of ${digest}`, { code: 'EBLOBDIGEST' });
  }
  const { os, architecture, variant } = parseConfig(bytes);
  return { os, architecture, ...(variant === undefined ? {} : { variant }) };
}
