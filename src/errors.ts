/**
 * The one error class of isle. `kind` decides the HTTP status (see `httpStatus`), `message` is what the user reads:
 * what was tried, on which object, why it failed. `hint` is the way out and is appended by whoever prints it.
 */
export type ErrorKind =
  | 'InvalidParameter'
  | 'Unauthorized'
  | 'Forbidden'
  | 'NotFound'
  | 'Conflict'
  | 'NotModified'
  | 'NotImplemented'
  | 'Unavailable'
  | 'Cancelled'
  | 'System';

const HTTP_STATUS: Record<ErrorKind, number> = {
  InvalidParameter: 400,
  Unauthorized: 401,
  Forbidden: 403,
  NotFound: 404,
  Conflict: 409,
  NotModified: 304,
  NotImplemented: 501,
  Unavailable: 503,
  Cancelled: 499,
  System: 500,
};

export interface EngineErrorOptions {
  /** A stable, machine-readable word for this failure, such as `ENAMEINUSE` or an errno name. */
  code?: string | undefined;
  /** What the user can do about it, as a sentence. */
  hint?: string | undefined;
  cause?: unknown;
}

export class EngineError extends Error {
  readonly kind: ErrorKind;
  readonly code: string | undefined;
  readonly hint: string | undefined;

  constructor(kind: ErrorKind, message: string, options: EngineErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'EngineError';
    this.kind = kind;
    this.code = options.code;
    this.hint = options.hint;
  }

  get httpStatus(): number {
    return HTTP_STATUS[this.kind];
  }
}

/** Wraps anything thrown into an EngineError; an EngineError is returned as it is. */
export function toEngineError(thrown: unknown, kind: ErrorKind = 'System'): EngineError {
  if (thrown instanceof EngineError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new EngineError(kind, message, { cause: thrown });
}

/** The same error behind the words of what failed by it: `what: message`. */
export function failureOf(what: string, thrown: unknown): EngineError {
  const { kind, message, code, hint } = toEngineError(thrown);
  return new EngineError(kind, `${what}: ${message}`, { code, hint, cause: thrown });
}
