/** A further process in a container that runs, as a plan: joins its cgroups and namespaces, then becomes the program. */
import type { NamespaceType, Process } from '../../oci/runtime-spec.ts';
import { AUDIT_ARCH_X86_64, loadFilter, type SeccompProgram, SYSCALLS } from '../../security/seccomp/index.ts';
import type { CgroupBackend } from '../cgroups/backend.ts';
import { CLONE } from './constants.ts';
import { keyLabelOps, labelOps } from './labels.ts';
import { op } from './op.ts';
import { processOps, rlimitOps } from './process.ts';
import type { Plan, PlanOp } from './table.ts';

/** A process that is there: the pid alone may have been given to another one since. */
export interface JoinedProcess {
  /** as the host numbers it */
  pid: number;
  /** field 22 of its /proc/PID/stat */
  startTicks: bigint;
}

export interface ExecInput {
  joined: JoinedProcess;
  /** Those of the container that are not the host's. */
  namespaces: readonly NamespaceType[];
  id: string;
  process: Process;
  cgroups: CgroupBackend;
  cgroupsPath: string;
  seccomp: SeccompProgram | null;
  /** First of all, in the section setup: the monitor, or where the terminal goes. */
  setup: readonly PlanOp[];
  /** As in StartInput. */
  appArmorFile: string;
  /** In the container's namespaces, still root. */
  joinedOps: readonly PlanOp[];
  /** As the workload's user. */
  beforeExec: readonly PlanOp[];
}

const CLONE_PARENT = 0x8000n | 0x10_0000n | 17n;
const TIOCSCTTY = 0x540en;
/** What `appear` does after the filter is there, by system calls and their arguments. */
const APPEARING: readonly [name: string, ...args: bigint[]][] = [
  ['clone', CLONE_PARENT],
  ['exit_group'],
  ['prctl', 1n, 9n],
  ['recvfrom'],
  ['setsid'],
  ['ioctl', 0n, TIOCSCTTY],
];

/**
 * The process is seen by the container's others only when it has their rights and no more, unless the filter keeps it
 * from appearing so late: then it is hidden only from those without CAP_SYS_PTRACE.
 */
function mayAppearLast(seccomp: SeccompProgram | null): boolean {
  if (seccomp === null) return true;
  const filter = loadFilter(seccomp.filter);
  return APPEARING.every(([name, ...args]) => {
    const nr = SYSCALLS.SCMP_ARCH_X86_64.get(name) ?? -1;
    return filter.run({ nr, arch: AUDIT_ARCH_X86_64, args }).action === 'allow';
  });
}

export function compileExecPlan(input: ExecInput): Plan {
  const { joined, process, id } = input;
  const { cgroupInto, join } = input.cgroups.planContainer(input.cgroupsPath, {});
  const own = new Set(input.namespaces);
  const flags = [...own].reduce((sum, type) => sum | CLONE[type], 0n);
  const { height: rows = 0, width: cols = 0 } = process.consoleSize ?? {};
  // Only the host's root may raise limits; in a user namespace this process is not that any more.
  const limited = own.has('user') && (process.rlimits ?? []).length > 0;
  const appear = [op('child', 'namespaces', 'appear', {})];
  const isLast = mayAppearLast(input.seccomp);
  return {
    ops: [
      ...input.setup,
      op('setup', 'namespaces', 'joinOpen', { ...joined }),
      ...(cgroupInto === undefined ? [] : [cgroupInto]),
      op('setup', 'namespaces', 'clone', { flags: 0n }),
      ...(limited ? rlimitOps(process, 'parent') : []),
      op('child', 'namespaces', 'hideProcess', {}),
      ...join,
      op('child', 'limits', 'oomScoreAdj', { value: process.oomScoreAdj ?? 0 }),
      ...keyLabelOps(process.selinuxLabel),
      op('child', 'process', 'keyring', { name: `_ses.${id}` }),
      ...labelOps(process, input.appArmorFile),
      op('child', 'namespaces', 'join', { flags }),
      ...(limited ? [op('child', 'limits', 'waitParent', {})] : []),
      ...(process.terminal === true ? [op('child', 'terminal', 'execPty', { rows, cols, uid: process.user.uid })] : []),
      ...input.joinedOps,
      ...(isLast ? [] : appear),
      ...processOps(limited ? { ...process, rlimits: [] } : process, input.seccomp, [
        ...(isLast ? appear : []),
        ...input.beforeExec,
      ]),
    ],
  };
}

/** A run plan that reads files in the root of a process that runs: one result for each path, in order. */
export function compileReadInPlan(input: { joined: JoinedProcess; paths: readonly string[]; maxBytes: number }): Plan {
  const { joined, paths, maxBytes } = input;
  return {
    ops: [
      op('setup', 'namespaces', 'joinOpen', { ...joined }),
      op('setup', 'rootfs', 'rootOf', { pid: joined.pid }),
      ...paths.map((path) => op('setup', 'rootfs', 'readFileIn', { path, maxBytes })),
    ],
  };
}
