/** Questions about a container that several rules ask. */
import { DEFAULT_APPARMOR_PROFILE } from '../apparmor/profile.ts';
import type { AuditInput } from './types.ts';

/** Is root in the container another user on the host? */
export function hasUserNamespace({ spec }: AuditInput): boolean {
  return spec.linux?.namespaces?.some(({ type }) => type === 'user') === true;
}

export function isPrivileged({ hostConfig }: AuditInput): boolean {
  return hostConfig.Privileged === true;
}

/** The user as asked for: what `User` says, before a passwd file has been read. */
export function userOf({ config, spec }: AuditInput): { name: string; isRoot: boolean } {
  const name = (config.User ?? '').split(':', 1)[0] ?? '';
  if (name !== '') return { name, isRoot: name === 'root' || /^0+$/.test(name) };
  return { name, isRoot: (spec.process?.user.uid ?? 0) === 0 };
}

/** Can a process inside come to hold it: root has it at once, others through a set-uid program. */
export function canHold(input: AuditInput, capability: string): boolean {
  const { process } = input.spec;
  if (process?.capabilities?.bounding?.includes(capability) !== true) return false;
  return userOf(input).isRoot || process.noNewPrivileges !== true;
}

/** Does AppArmor keep it from signalling and looking into processes outside? A user's profile may not. */
export function hasDefaultProfile({ spec }: AuditInput): boolean {
  return spec.process?.apparmorProfile === DEFAULT_APPARMOR_PROFILE;
}

/** Does that, or Landlock, which leaves its own monitor within reach of CAP_SYS_PTRACE? */
export function isKeptFromProcesses(input: AuditInput): boolean {
  return typeof input.landlock === 'string' || hasDefaultProfile(input);
}

/** [major, minor, patch] of `uname -r`; null if it does not begin with a version. */
export function kernelVersion(release: string): [number, number, number] | null {
  const [, major, minor, patch] = /^(\d+)\.(\d+)(?:\.(\d+))?/.exec(release) ?? [];
  return major === undefined ? null : [Number(major), Number(minor), Number(patch ?? 0)];
}
