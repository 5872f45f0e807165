/** API versions: `1.<minor>`. Everything below speaks of the minor number alone. */
import { EngineError } from '../errors.ts';

export const API_MINOR = 55;
const MIN_API_MINOR = 24;
export const API_VERSION = `1.${API_MINOR}`;
export const MIN_API_VERSION = `1.${MIN_API_MINOR}`;

export interface VersionedPath {
  /** The text after `/v`; undefined when the path has no version. */
  version: string | undefined;
  /** The path without its version, starting with a slash. */
  path: string;
}

const VERSION_PREFIX = /^\/v([0-9.]+)(?=\/)/;

/** Splits `/v1.44/info`. A path such as `/version` or `/v1.44` alone has no version. */
export function splitVersion(path: string): VersionedPath {
  const match = path.charCodeAt(1) === 0x76 ? VERSION_PREFIX.exec(path) : null;
  return match === null ? { version: undefined, path } : { version: match[1] ?? '', path: path.slice(match[0].length) };
}

/** The minor number of the version that a client asked for (none asked: the newest). Throws InvalidParameter, worded as dockerd does. */
export function negotiateMinor(version: string | undefined): number {
  if (version === undefined) return API_MINOR;
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major < 1 || (major === 1 && minor < MIN_API_MINOR)) {
    throw new EngineError(
      'InvalidParameter',
      `client version ${version} is too old. Minimum supported API version is ${MIN_API_VERSION}, please upgrade your client to a newer version`,
    );
  }
  if (major > 1 || minor > API_MINOR) {
    throw new EngineError(
      'InvalidParameter',
      `client version ${version} is too new. Maximum supported API version is ${API_VERSION}`,
    );
  }
  return minor;
}
