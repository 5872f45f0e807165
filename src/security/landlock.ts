/**
 * Landlock as the fence of last resort: a domain around a container, where no other security module confines it.
 * docs/decisions/0010-landlock.md says why it is this much and no more.
 */

/** Scopes came with Linux 6.12; before, a domain could only be made by refusing files, which takes mounting away too. */
export const LANDLOCK_ABI_NEEDED = 6;

/** include/uapi/linux/landlock.h: LANDLOCK_SCOPE_* */
const SCOPE_ABSTRACT_UNIX_SOCKET = 1n << 0n;
const SCOPE_SIGNAL = 1n << 1n;

/** `strict`: abstract unix sockets outside are out of reach too. */
export type LandlockMode = 'default' | 'strict';

/** struct landlock_ruleset_attr: no rights on files, none on ports, the scopes. */
export function landlockRuleset(mode: LandlockMode): Uint8Array {
  const bytes = new Uint8Array(24);
  const scoped = SCOPE_SIGNAL | (mode === 'strict' ? SCOPE_ABSTRACT_UNIX_SOCKET : 0n);
  new DataView(bytes.buffer).setBigUint64(16, scoped, true);
  return bytes;
}

/** Why a container is in no domain. */
export type LandlockAbsence =
  /** it asked for that */
  | 'unconfined'
  /** the kernel has no Landlock, or an older one */
  | 'kernel'
  /** another OCI runtime than isle's own makes the container */
  | 'runtime'
  /** isled --landlock off */
  | 'daemon'
  | 'privileged'
  /** AppArmor or SELinux confines it */
  | 'confined'
  /** it asked AppArmor or SELinux not to confine it, and this takes their place */
  | 'module-off'
  /** it is in another container's PID namespace, whose processes it is there to see */
  | 'joined-pid';

export interface LandlockQuestion {
  /** --security-opt landlock=; '': not asked */
  asked: '' | LandlockMode | 'unconfined';
  /** version of the kernel's interface; 0: none */
  abi: number;
  /** isled --landlock */
  byDefault: boolean;
  /** Does another OCI runtime than isle's own make it? */
  otherRuntime: boolean;
  privileged: boolean;
  /** Does another module confine it? */
  confined: boolean;
  /** Was another module asked not to? */
  moduleOff: boolean;
  joinsPid: boolean;
}

/** Which domain the container is given, or why none. */
export function decideLandlock(question: LandlockQuestion): LandlockMode | { absent: LandlockAbsence } {
  const { asked } = question;
  if (asked === 'unconfined') return { absent: 'unconfined' };
  if (question.otherRuntime) return { absent: 'runtime' };
  if (question.abi < LANDLOCK_ABI_NEEDED) return { absent: 'kernel' };
  if (asked !== '') return asked;
  const reasons: [boolean, LandlockAbsence][] = [
    [question.privileged, 'privileged'],
    [!question.byDefault, 'daemon'],
    [question.confined, 'confined'],
    [question.moduleOff, 'module-off'],
    [question.joinsPid, 'joined-pid'],
  ];
  const found = reasons.find(([applies]) => applies);
  return found === undefined ? 'default' : { absent: found[1] };
}
