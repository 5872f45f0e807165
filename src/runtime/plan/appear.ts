/**
 * When a process becomes visible in a PID namespace that others live in. While it is prepared it has the rights of the host,
 * and those of the others who have CAP_SYS_PTRACE may trace it then (CVE-2016-9962).
 */
import type { Process, Spec } from '../../oci/runtime-spec.ts';
import { AUDIT_ARCH_X86_64, loadFilter, type SeccompProgram, SYSCALLS } from '../../security/seccomp/index.ts';
import { parseMountOptions } from './mount-options.ts';
import { namespaceOf } from './namespaces.ts';
import { op } from './op.ts';
import type { PlanOp } from './table.ts';

type Scheduled = Pick<Process, 'scheduler'>;

const CLONE_PARENT = 0x8000n | 0x10_0000n | 17n;
const TIOCSCTTY = 0x540en;
const PR_CAP_AMBIENT = 47n;
/** What `appear` does after the filter is there, by system calls and their arguments. */
const APPEARING: readonly [name: string, ...args: bigint[]][] = [
  ['clone', CLONE_PARENT],
  ['exit_group'],
  ['prctl', 1n, 9n],
  ['recvfrom'],
  ['setsid'],
  ['ioctl', 0n, TIOCSCTTY],
];

/** What else happens between the filter and the listener's being told of it, if that is done behind `appear`. */
const UNTOLD: typeof APPEARING = [['setresuid'], ['capset'], ['prctl', PR_CAP_AMBIENT]];

/** `appear` is a fork, and some ways to be scheduled do not survive one. */
function mayForkLate({ scheduler }: Scheduled): boolean {
  return scheduler?.policy !== 'SCHED_DEADLINE' && scheduler?.flags?.includes('SCHED_FLAG_RESET_ON_FORK') !== true;
}

/**
 * The process is seen by the container's others only when it has their rights and no more, unless its filter or its
 * scheduling keeps it from appearing so late: then it is hidden only from those without CAP_SYS_PTRACE.
 */
export function mayAppearLast(seccomp: SeccompProgram | null, process: Scheduled): boolean {
  if (!mayForkLate(process)) return false;
  if (seccomp === null) return true;
  const answer = appearsLast.get(seccomp) ?? letsAppearLast(seccomp);
  appearsLast.set(seccomp, answer);
  return answer;
}

/** Of each program once: interpreting it costs more than all else of an exec's plan, and containers share programs. */
const appearsLast = new WeakMap<SeccompProgram, boolean>();

function letsAppearLast(seccomp: SeccompProgram): boolean {
  const filter = loadFilter(seccomp.filter);
  // A call that waits for the listener before it is told of the process would wait for ever.
  const calls = seccomp.listener === null ? APPEARING : [...APPEARING, ...UNTOLD];
  return calls.every(([name, ...args]) => {
    const nr = SYSCALLS.SCMP_ARCH_X86_64.get(name) ?? -1;
    return filter.run({ nr, arch: AUDIT_ARCH_X86_64, args }).action === 'allow';
  });
}

/** Stands where the process has nothing left but the rights of the container, if it may stand so late. */
export function appearOp(): PlanOp {
  return op('child', 'namespaces', 'appear', {});
}

/** The filter's operations, and what comes behind the identity's: a listener is told of the process that runs the program. */
export function withAppear(filter: readonly PlanOp[], isLast: boolean): [filter: readonly PlanOp[], late: PlanOp[]] {
  return isLast ? [filter.slice(0, 1), [appearOp(), ...filter.slice(1)]] : [filter, []];
}

/** The PID namespace that a container enters last, and a mount namespace whose /proc shows it. */
export interface LateEntry {
  path: string;
  procFrom: string;
}

/**
 * A container in the PID namespace of others appears there last too. It then cannot mount a procfs of that namespace
 * itself: it shows theirs, out of the mount namespace `procFrom`; left out, it is the one beside the PID namespace's path.
 * null: the process is born there, and hidden.
 */
export function lateEntry(spec: Spec, seccomp: SeccompProgram | null, procFrom?: string | null): LateEntry | null {
  const path = namespaceOf(spec, 'pid')?.path ?? '';
  const from = procFrom === undefined ? mountNamespaceBeside(path) : procFrom;
  const user = namespaceOf(spec, 'user');
  // From a new user namespace no other one's PID namespace can be entered; and what a procfs hides is the same for all who see it.
  const isOwn = user !== undefined && user.path === undefined;
  const asks = spec.mounts?.some(
    ({ type, options }) => type === 'proc' && parseMountOptions(options ?? []).fs.length > 0,
  );
  const mayBe = path !== '' && !isOwn && asks !== true && mayAppearLast(seccomp, spec.process ?? {});
  return mayBe && from !== null ? { path, procFrom: from } : null;
}

function mountNamespaceBeside(pidPath: string): string | null {
  const match = /^(\/proc\/\d+\/ns\/)pid$/.exec(pidPath);
  return match === null ? null : `${match[1]}mnt`;
}
