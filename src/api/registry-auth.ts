/** `X-Registry-Auth`: base64 (URL-safe by the book, plain by habit) of a JSON object with a registry's credentials. */
import { EngineError } from '../errors.ts';
import type { RegistryAuth } from './backend.ts';
import type { Call } from './call.ts';

const FIELDS = ['username', 'password', 'identitytoken', 'registrytoken', 'serveraddress'] as const;

/** The credentials that a request brings along. */
export function requestAuth({ request }: Call): RegistryAuth | undefined {
  const value = request.headers['x-registry-auth'];
  return parseRegistryAuth(Array.isArray(value) ? value[0] : value);
}

/** undefined when the header is absent or holds no credentials (`e30=` is `{}`). Throws InvalidParameter; the header's text is never repeated. */
function parseRegistryAuth(header: string | undefined): RegistryAuth | undefined {
  if (header === undefined || header === '') return undefined;
  const parsed = decode(header);
  if (parsed === null) return undefined;
  if (typeof parsed !== 'object' || Array.isArray(parsed)) throw invalid('it must hold a JSON object');
  const auth: RegistryAuth = {};
  const given = new Map(Object.entries(parsed).map(([key, value]) => [key.toLowerCase(), value]));
  for (const field of FIELDS) {
    const value: unknown = given.get(field);
    if (value === undefined || value === null || value === '') continue;
    if (typeof value !== 'string') throw invalid(`\`${field}\` must be a string`);
    auth[field] = value;
  }
  return Object.keys(auth).length === 0 ? undefined : auth;
}

function decode(header: string): unknown {
  if (!/^[A-Za-z0-9+/_-]*={0,2}$/.test(header)) throw invalid('it is not base64');
  try {
    return JSON.parse(Buffer.from(header, 'base64url').toString('utf8'));
  } catch {
    // The cause would quote the credentials.
    throw invalid('it does not hold JSON');
  }
}

function invalid(why: string): EngineError {
  return new EngineError('InvalidParameter', `invalid X-Registry-Auth header: ${why}`);
}
