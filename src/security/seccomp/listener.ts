/** SCMP_ACT_NOTIFY: calls on which a process outside of the container decides, the listener. */
import { EngineError } from '../../errors.ts';
import { RET_USER_NOTIF } from './bpf.ts';
import type { Range } from './decisions.ts';
import type { SeccompProfile, SeccompRule } from './types.ts';

function refuse(problem: string, hint: string): never {
  throw new EngineError('InvalidParameter', `seccomp profile: ${problem}`, { code: 'ESECCOMPPROFILE', hint });
}

/**
 * Where runc would wait for ever: the process that has installed the filter tells by write(2) that there is a listener,
 * and nobody would answer that call. Throws EngineError InvalidParameter, in runc's words.
 */
export function refuseUnanswerable({ defaultAction }: SeccompProfile, rules: readonly SeccompRule[]): void {
  const hint = 'the listener is told of by this call, so it cannot decide on it; give the call another action';
  if (defaultAction === 'SCMP_ACT_NOTIFY') refuse('SCMP_ACT_NOTIFY cannot be used as default action', hint);
  if (rules.some(({ action, names }) => action === 'SCMP_ACT_NOTIFY' && names.includes('write'))) {
    refuse('SCMP_ACT_NOTIFY cannot be used for the write syscall', hint);
  }
}

/** Is there a number of this ABI on which the listener decides? */
export function hasNotified(ranges: readonly Range[]): boolean {
  return ranges.some(
    ({ decision: { cases, otherwise } }) =>
      otherwise === RET_USER_NOTIF || cases.some(({ returns }) => returns === RET_USER_NOTIF),
  );
}

export function requireListener({ listener }: SeccompProfile): NonNullable<SeccompProfile['listener']> {
  return (
    listener ??
    refuse(
      'SCMP_ACT_NOTIFY is used, but seccomp listenerPath is not set',
      'set listenerPath to the unix socket of the process that decides, or give these calls another action',
    )
  );
}

/** config-linux.md: "If the SCMP_ACT_NOTIFY action is not used this value is ignored." */
export function unusedListener({ listener }: SeccompProfile, isUsed: boolean): string[] {
  if (listener === undefined || isUsed) return [];
  return ['seccomp profile: listenerPath has no effect, because no call has the action SCMP_ACT_NOTIFY'];
}
