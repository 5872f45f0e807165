/** What registries answer when they refuse, in dockerd's words. */
import { EngineError } from '../errors.ts';
import type { EngineErrorOptions, ErrorKind } from '../errors.ts';
import { parseChallenges } from './challenge.ts';
import { familiarName, familiarString } from './reference.ts';
import type { Reference } from './reference.ts';

export interface RegistryErrorOptions extends EngineErrorOptions {
  /** May the same request succeed a little later? */
  retryable?: boolean | undefined;
  /** The registry's own wish (Retry-After), in ms. */
  retryAfterMs?: number | undefined;
}

/** A failed exchange with a registry. `code` is the registry's own code (`MANIFEST_UNKNOWN`), if it gave one. */
export class RegistryError extends EngineError {
  readonly retryable: boolean;
  readonly retryAfterMs: number | undefined;

  constructor(kind: ErrorKind, message: string, options: RegistryErrorOptions = {}) {
    super(kind, message, options);
    this.retryable = options.retryable ?? false;
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** The parts of an HTTP answer that tell why it failed; `body` is at most some kilobytes. */
export interface FailedAnswer {
  status: number;
  statusText: string;
  headers: Record<string, string | string[] | undefined>;
  body: string;
}

/** distribution-spec's default messages, for answers that carry a code but no message. */
const DEFAULT_MESSAGES: Record<string, string> = {
  UNAUTHORIZED: 'authentication required',
  DENIED: 'requested access to the resource is denied',
  TOOMANYREQUESTS: 'too many requests',
  MANIFEST_UNKNOWN: 'manifest unknown',
  NAME_UNKNOWN: 'repository name not known to registry',
  BLOB_UNKNOWN: 'blob unknown to registry',
};

const LOGIN_HINT = "log in with 'docker login', or check the registry's user name and password";

/** Turns an answer with status 400 or more into an error; follows registry/client's HandleErrorResponse. */
export function answerError(answer: FailedAnswer): RegistryError {
  const retryAfterMs = parseRetryAfter(answer.headers['retry-after']);
  if (answer.status >= 500 || answer.status < 400) {
    const message = `received unexpected HTTP status: ${answer.status} ${answer.statusText}`;
    return new RegistryError('System', message, { retryable: answer.status >= 500, retryAfterMs });
  }
  const { code, message } = challengeError(answer) ?? bodyError(answer);
  if (code === '') return new RegistryError('System', message, { retryable: answer.status === 408, retryAfterMs });
  const text = `${code.toLowerCase().replaceAll('_', ' ')}: ${message}`;
  const retryable = answer.status === 408 || (answer.status === 429 && retryAfterMs !== undefined);
  const hint = answer.status === 401 || answer.status === 403 ? LOGIN_HINT : undefined;
  return new RegistryError('System', text, { code, hint, retryable, retryAfterMs });
}

/** RFC 6750 section 3.1: a bearer challenge may say why the token that was sent does not do. */
function challengeError({ headers }: FailedAnswer): { code: string; message: string } | undefined {
  for (const challenge of parseChallenges(headers['www-authenticate'])) {
    const error = challenge.parameters.get('error');
    const code = error === 'invalid_token' ? 'UNAUTHORIZED' : error === 'insufficient_scope' ? 'DENIED' : undefined;
    if (challenge.scheme !== 'bearer' || code === undefined) continue;
    const described = challenge.parameters.get('error_description') ?? '';
    return { code, message: described === '' ? (DEFAULT_MESSAGES[code] ?? code) : described };
  }
  return undefined;
}

function bodyError({ status, body }: FailedAnswer): { code: string; message: string } {
  let document: unknown = null;
  let reason = 'no error details found in HTTP response body';
  try {
    document = JSON.parse(body);
  } catch (thrown) {
    reason = thrown instanceof Error ? thrown.message : String(thrown);
  }
  const details = field(document, 'details');
  if (typeof details === 'string' && details !== '') {
    return { code: status === 401 ? 'UNAUTHORIZED' : status === 429 ? 'TOOMANYREQUESTS' : 'UNKNOWN', message: details };
  }
  const errors = field(document, 'errors');
  const first: unknown = Array.isArray(errors) ? errors[0] : undefined;
  const code = field(first, 'code');
  if (typeof code === 'string' && code !== '') {
    const message = field(first, 'message');
    return {
      code,
      message: typeof message === 'string' && message !== '' ? message : (DEFAULT_MESSAGES[code] ?? 'unknown error'),
    };
  }
  if (status === 401) return { code: 'UNAUTHORIZED', message: DEFAULT_MESSAGES['UNAUTHORIZED'] ?? '' };
  if (status === 429) return { code: 'TOOMANYREQUESTS', message: DEFAULT_MESSAGES['TOOMANYREQUESTS'] ?? '' };
  const quoted = JSON.stringify(body.slice(0, 1024));
  return { code: '', message: `error parsing HTTP ${status} response body: ${reason}: ${quoted}` };
}

function field(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  return Object.hasOwn(value, name) ? Reflect.get(value, name) : undefined;
}

/** RFC 9110 section 10.2.3: seconds, or a date. */
function parseRetryAfter(header: string | string[] | undefined): number | undefined {
  const text = Array.isArray(header) ? header[0] : header;
  if (text === undefined) return undefined;
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000;
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : Math.max(0, at - Date.now());
}

/** How dockerd words the failure of a whole pull; errors that are not about the reference stay as they are. */
export function pullError(thrown: unknown, reference: Reference): unknown {
  if (!(thrown instanceof RegistryError)) return thrown;
  const message = notFoundMessage(thrown, reference);
  if (message === undefined) return thrown;
  return new EngineError('NotFound', `${message}: ${thrown.message}`, {
    code: thrown.code,
    hint: thrown.hint,
    cause: thrown,
  });
}

function notFoundMessage({ code }: RegistryError, reference: Reference): string | undefined {
  const name = familiarName(reference);
  if (code === 'DENIED')
    return `pull access denied for ${name}, repository does not exist or may require 'docker login'`;
  if (code === 'MANIFEST_UNKNOWN') return `manifest for ${familiarString(reference)} not found`;
  if (code === 'NAME_UNKNOWN') return `repository ${name} not found`;
  return undefined;
}
