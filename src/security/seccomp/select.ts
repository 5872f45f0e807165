/** Which rules of a profile hold for one container, and what their actions are in the kernel's terms. */
import {
  RET_ALLOW,
  RET_ERRNO,
  RET_KILL_PROCESS,
  RET_KILL_THREAD,
  RET_LOG,
  RET_TRACE,
  RET_TRAP,
  RET_USER_NOTIF,
} from './bpf.ts';
import { SYSCALLS, type KnownArch } from './syscalls.ts';
import {
  ARCH_NAMES,
  type SeccompAction,
  type SeccompArch,
  type SeccompCondition,
  type SeccompProfile,
  type SeccompRule,
} from './types.ts';

export interface SeccompContext {
  /** names of the container's bounding set, "CAP_..." */
  readonly caps: readonly string[];
  readonly arch: 'x86_64';
  /** [major, minor] of the running kernel */
  readonly kernel: readonly [number, number];
}

const NATIVE: Readonly<Record<SeccompContext['arch'], SeccompArch>> = { x86_64: 'SCMP_ARCH_X86_64' };

const EPERM = 1;

/** Return values without their data. */
const RETURNS: Readonly<Record<SeccompAction, number>> = {
  SCMP_ACT_KILL: RET_KILL_THREAD,
  SCMP_ACT_KILL_THREAD: RET_KILL_THREAD,
  SCMP_ACT_KILL_PROCESS: RET_KILL_PROCESS,
  SCMP_ACT_TRAP: RET_TRAP,
  SCMP_ACT_ERRNO: RET_ERRNO,
  SCMP_ACT_TRACE: RET_TRACE,
  SCMP_ACT_LOG: RET_LOG,
  SCMP_ACT_NOTIFY: RET_USER_NOTIF,
  SCMP_ACT_ALLOW: RET_ALLOW,
};

/** The filter's return value for an action; ERRNO and TRACE carry `errnoRet`, EPERM if it is not given (as in runc). */
export function returnValue(action: SeccompAction, errnoRet: number | undefined): number {
  const carriesData = action === 'SCMP_ACT_ERRNO' || action === 'SCMP_ACT_TRACE';
  return (RETURNS[action] | (carriesData ? (errnoRet ?? EPERM) : 0)) >>> 0;
}

export function kernelAtLeast(kernel: readonly [number, number], minimum: readonly [number, number]): boolean {
  return kernel[0] > minimum[0] || (kernel[0] === minimum[0] && kernel[1] >= minimum[1]);
}

/** Docker's rule: all named capabilities are needed for an inclusion, any one of them is enough for an exclusion. */
function included(condition: SeccompCondition | undefined, context: SeccompContext): boolean {
  if (condition === undefined) return true;
  const arch = ARCH_NAMES[NATIVE[context.arch]];
  if (condition.arches?.length && !condition.arches.includes(arch)) return false;
  if (condition.caps?.some((cap) => !context.caps.includes(cap))) return false;
  return condition.minKernel === undefined || kernelAtLeast(context.kernel, condition.minKernel);
}

function excluded(condition: SeccompCondition | undefined, context: SeccompContext): boolean {
  if (condition === undefined) return false;
  if (condition.arches?.includes(ARCH_NAMES[NATIVE[context.arch]])) return true;
  if (condition.caps?.some((cap) => context.caps.includes(cap))) return true;
  return condition.minKernel !== undefined && kernelAtLeast(context.kernel, condition.minKernel);
}

/** The rules of `profile` that hold for this container, in the profile's order. */
export function selectRules(profile: SeccompProfile, context: SeccompContext): SeccompRule[] {
  return profile.syscalls.filter((rule) => included(rule.includes, context) && !excluded(rule.excludes, context));
}

/**
 * The ABIs from which calls are judged by the rules; calls from any other one kill the process.
 * Architectures of other machines cannot occur on this one and are left out.
 */
export function selectArches(profile: SeccompProfile, context: SeccompContext): KnownArch[] {
  const native = NATIVE[context.arch];
  const mapped = profile.archMap?.find((entry) => entry.architecture === native);
  const wanted = new Set<SeccompArch>([native, ...(mapped?.subArchitectures ?? []), ...(profile.architectures ?? [])]);
  return (Object.keys(SYSCALLS) as KnownArch[]).filter((arch) => wanted.has(arch));
}
