/** A further process in a container that runs, as a plan: joins its cgroups and namespaces, then becomes the program. */
import type { NamespaceType, Process } from '../../oci/runtime-spec.ts';
import type { SeccompProgram } from '../../security/seccomp/index.ts';
import type { CgroupBackend } from '../cgroups/backend.ts';
import { appearOp, mayAppearLast, withAppear } from './appear.ts';
import { CLONE } from './constants.ts';
import { keyLabelOps, labelOps } from './labels.ts';
import { op } from './op.ts';
import { hostRightsOps, oomScoreOps, processOps, withoutHostRights } from './process.ts';
import { affinityOps, type MemoryAndPersonality } from './scheduling.ts';
import { filterOps, type ListenedState } from './seccomp.ts';
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
  /** What of it the container's own process has. */
  linux?: MemoryAndPersonality;
  cgroups: CgroupBackend;
  cgroupsPath: string;
  seccomp: SeccompProgram | null;
  /** What the filter's listener, if it has one, is told of the container. */
  listened: ListenedState;
  /** First of all, in the section setup: the monitor, or where the terminal goes. */
  setup: readonly PlanOp[];
  /** As in StartInput. */
  appArmorFile: string;
  /** In the container's namespaces, still root. */
  joinedOps: readonly PlanOp[];
  /** As the workload's user. */
  beforeExec: readonly PlanOp[];
}

export function compileExecPlan(input: ExecInput): Plan {
  const { joined, process, id } = input;
  const { cgroupInto, join } = input.cgroups.planContainer(input.cgroupsPath, {});
  const own = new Set(input.namespaces);
  const flags = [...own].reduce((sum, type) => sum | CLONE[type], 0n);
  const { height: rows = 0, width: cols = 0 } = process.consoleSize ?? {};
  // Only the host's root may do this; in a user namespace this process is not that any more.
  const outside = own.has('user') ? hostRightsOps(process) : [];
  const isLast = mayAppearLast(input.seccomp, process);
  const [early, late] = withAppear(filterOps(input.seccomp, input.listened), isLast);
  return {
    ops: [
      ...input.setup,
      ...affinityOps('setup', process.execCPUAffinity?.initial),
      op('setup', 'namespaces', 'joinOpen', { ...joined }),
      ...(cgroupInto === undefined ? [] : [cgroupInto]),
      op('setup', 'namespaces', 'clone', { flags: 0n }),
      ...outside,
      op('child', 'namespaces', 'hideProcess', {}),
      ...join,
      ...affinityOps('child', process.execCPUAffinity?.final),
      ...oomScoreOps(process.oomScoreAdj),
      ...keyLabelOps(process.selinuxLabel),
      op('child', 'process', 'keyring', { name: `_ses.${id}` }),
      ...labelOps(process, input.appArmorFile),
      op('child', 'namespaces', 'join', { flags }),
      ...(outside.length > 0 ? [op('child', 'limits', 'waitParent', {})] : []),
      ...(process.terminal === true ? [op('child', 'terminal', 'execPty', { rows, cols, uid: process.user.uid })] : []),
      ...input.joinedOps,
      ...(isLast ? [] : [appearOp()]),
      ...processOps(own.has('user') ? withoutHostRights(process) : process, input.linux ?? {}, early, [
        ...late,
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
