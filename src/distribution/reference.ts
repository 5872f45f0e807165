/**
 * Docker's image references: `[domain/]path[:tag][@digest]`, with the short forms that people type. The grammar and the
 * error messages are those of distribution/reference, which dockerd uses.
 */
import { EngineError } from '../errors.ts';
import { isDigest } from '../oci/digest.ts';

export const DEFAULT_DOMAIN = 'docker.io';
const LEGACY_DEFAULT_DOMAIN = 'index.docker.io';
const OFFICIAL_PREFIX = 'library/';
const DEFAULT_TAG = 'latest';
/** characters, of the path without the domain */
const MAX_PATH_LENGTH = 255;
/** Longer input is refused before any pattern sees it: domain, path, tag and digest with room to spare. */
const MAX_REFERENCE_LENGTH = 4096;

const HOST_PART = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])';
const DOMAIN = `(?:${HOST_PART}(?:\\.${HOST_PART})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?`;
const PATH_PART = '[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*';
const PATH = `${PATH_PART}(?:/${PATH_PART})*`;
const TAG = '[\\w][\\w.-]{0,127}';
const DIGEST = '[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}';
const REFERENCE = new RegExp(`^(${DOMAIN})/(${PATH})(?::(${TAG}))?(?:@(${DIGEST}))?$`);
const WHOLE_TAG = new RegExp(`^${TAG}$`);
const IDENTIFIER = /^[a-f0-9]{64}$/;

/** A normalised reference: the domain is always there; tag and digest may both be missing ("name only"). */
export interface Reference {
  /** `docker.io`, `127.0.0.1:5000` ... */
  readonly domain: string;
  /** `library/busybox` */
  readonly path: string;
  readonly tag?: string | undefined;
  readonly digest?: string | undefined;
}

/** Parses what a user typed; rejects with InvalidParameter and dockerd's words. No tag is added: see `withDefaultTag`. */
export function parseReference(text: string): Reference {
  if (text.length > MAX_REFERENCE_LENGTH) throw invalid('invalid reference format');
  if (IDENTIFIER.test(text)) {
    throw invalid(`invalid repository name (${text}), cannot specify 64-byte hexadecimal strings`);
  }
  const { domain, remainder } = splitDomain(text);
  const colon = remainder.indexOf(':');
  const remote = colon < 0 ? remainder : remainder.slice(0, colon);
  if (remote.toLowerCase() !== remote) {
    throw invalid(`invalid reference format: repository name (${remote}) must be lowercase`);
  }
  return parseNormalized(`${domain}/${remainder}`);
}

function parseNormalized(text: string): Reference {
  const [, domain, path, tag, digest] = REFERENCE.exec(text) ?? [];
  if (domain === undefined || path === undefined) {
    const lowered = text.toLowerCase();
    if (lowered !== text && REFERENCE.test(lowered)) throw invalid('repository name must be lowercase');
    throw invalid('invalid reference format');
  }
  if (path.length > MAX_PATH_LENGTH) {
    throw invalid(`repository name must not be more than ${MAX_PATH_LENGTH} characters`);
  }
  if (digest !== undefined && !isDigest(digest)) {
    throw invalid(digest.startsWith('sha256:') ? 'invalid checksum digest length' : 'unsupported digest algorithm');
  }
  return { domain, path, tag, digest };
}

/** A first part with a dot, a colon or a capital, or `localhost`, is a domain; all else lives on Docker Hub. */
function splitDomain(text: string): { domain: string; remainder: string } {
  const slash = text.indexOf('/');
  if (slash < 0) return { domain: DEFAULT_DOMAIN, remainder: OFFICIAL_PREFIX + text };
  const first = text.slice(0, slash);
  const rest = text.slice(slash + 1);
  let domain = DEFAULT_DOMAIN;
  let remainder = text;
  if (first === LEGACY_DEFAULT_DOMAIN) remainder = rest;
  else if (first === 'localhost' || /[.:]/.test(first) || first.toLowerCase() !== first)
    [domain, remainder] = [first, rest];
  if (domain === DEFAULT_DOMAIN && !remainder.includes('/')) remainder = OFFICIAL_PREFIX + remainder;
  return { domain, remainder };
}

/**
 * The reference of `POST /images/create?fromImage=...&tag=...`: `tag` may be a tag or a digest and replaces what
 * `fromImage` has; without either the result is name only, which asks for all tags.
 */
export function parsePullReference(fromImage: string, tag: string): Reference {
  // The CLI's `pull -a` sends the name with a trailing colon.
  const reference = parseReference(fromImage.endsWith(':') ? fromImage.slice(0, -1) : fromImage);
  if (tag === '') return reference;
  if (isDigest(tag)) return { domain: reference.domain, path: reference.path, digest: tag };
  return withTag(reference, tag);
}

export function withTag(reference: Reference, tag: string): Reference {
  if (!WHOLE_TAG.test(tag)) throw invalid('invalid tag format');
  return { ...reference, tag };
}

export function withDigest(reference: Reference, digest: string): Reference {
  return { domain: reference.domain, path: reference.path, digest };
}

export function withDefaultTag(reference: Reference): Reference {
  return isNameOnly(reference) ? { ...reference, tag: DEFAULT_TAG } : reference;
}

export function isNameOnly(reference: Reference): boolean {
  return reference.tag === undefined && reference.digest === undefined;
}

/** `docker.io/library/busybox`: what two references to one repository have in common. */
export function repositoryName(reference: Reference): string {
  return `${reference.domain}/${reference.path}`;
}

/** The canonical text: `docker.io/library/busybox:latest`. */
export function formatReference(reference: Reference): string {
  return repositoryName(reference) + suffix(reference);
}

/** The name as people know it: `busybox`, `team/app`, `127.0.0.1:5000/app`. */
export function familiarName(reference: Reference): string {
  if (reference.domain !== DEFAULT_DOMAIN) return repositoryName(reference);
  const official = reference.path.startsWith(OFFICIAL_PREFIX) ? reference.path.slice(OFFICIAL_PREFIX.length) : '';
  return official !== '' && !official.includes('/') ? official : reference.path;
}

/** The familiar name with tag and digest: `busybox:latest`. */
export function familiarString(reference: Reference): string {
  return familiarName(reference) + suffix(reference);
}

function suffix({ tag, digest }: Reference): string {
  return (tag === undefined ? '' : `:${tag}`) + (digest === undefined ? '' : `@${digest}`);
}

function invalid(message: string): EngineError {
  return new EngineError('InvalidParameter', message, { code: 'EREFERENCE' });
}
