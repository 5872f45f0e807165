/**
 * Whose ids a container has: `HostConfig.UsernsMode`, or `--security-opt userns=MODE`, since the docker command line lets
 * no value but `host` through its own flag. The syntax of `auto` is podman's.
 */
import { EngineError } from '../errors.ts';
import type { HostConfig } from './container-config.ts';
import { parseSecurityOpt } from './security-opt.ts';

/** What a range holds unless told: the ids that images use, `nobody` (65534) among them. */
const DEFAULT_SIZE = 65_536;
/** 2^32 - 1 is the kernel's "no id". */
const MAX_SIZE = 2 ** 32 - 1;

export type UsernsMode =
  | { kind: 'engine' }
  | { kind: 'host' }
  /** A range of its own of so many ids. */
  | { kind: 'auto'; size: number; isDefaultSize: boolean };

/** undefined: no such mode. */
export function parseUsernsMode(text: string): UsernsMode | undefined {
  if (text === '') return { kind: 'engine' };
  if (text === 'host') return { kind: 'host' };
  const [, digits] = /^auto(?::size=([0-9]{1,10}))?$/.exec(text) ?? [null, null];
  if (digits === null) return undefined;
  const size = digits === undefined ? DEFAULT_SIZE : Number(digits);
  return size < 1 || size > MAX_SIZE ? undefined : { kind: 'auto', size, isDefaultSize: digits === undefined };
}

/** The mode as text, whichever way it was asked for. Throws InvalidParameter where the two ways contradict each other. */
export function askedUserns({ UsernsMode = '', SecurityOpt }: HostConfig): string {
  const { userns } = parseSecurityOpt(SecurityOpt ?? []);
  if (userns === '' || UsernsMode === '' || userns === UsernsMode) return UsernsMode || userns;
  throw new EngineError(
    'InvalidParameter',
    `conflicting options: UsernsMode "${UsernsMode}" and the security option userns=${userns}`,
  );
}
