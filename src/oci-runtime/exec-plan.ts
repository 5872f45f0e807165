/** `isle-runtime exec` as a plan: without a monitor, the terminal goes to a console socket. */
import type { Process } from '../oci/runtime-spec.ts';
import { appArmorExecFile } from '../platform/apparmor.ts';
import type { CgroupBackend } from '../runtime/cgroups/index.ts';
import { compileExecPlan } from '../runtime/plan/exec.ts';
import { op } from '../runtime/plan/op.ts';
import type { ListenedState } from '../runtime/plan/seccomp.ts';
import type { Plan } from '../runtime/plan/table.ts';
import type { SeccompProgram } from '../security/seccomp/index.ts';
import { findProgramOp, withoutKeyring } from './plan.ts';
import { OCI_VERSION, type SavedState } from './state.ts';
import { intoSubCgroups } from './sub-cgroups.ts';

export interface ExecPlanInput {
  state: SavedState;
  process: Process;
  cgroups: CgroupBackend;
  seccomp: SeccompProgram | null;
  consoleSocket: string | undefined;
  /** As `exec --cgroup` names them. */
  subCgroups: readonly string[];
}

/** As runc: what the process says, or else what the container's first one has. */
function labelsOf(process: Process, container: Process): Pick<Process, 'apparmorProfile' | 'selinuxLabel'> {
  return {
    apparmorProfile: process.apparmorProfile || container.apparmorProfile || '',
    selinuxLabel: process.selinuxLabel || container.selinuxLabel || '',
  };
}

function listenedState({ id, pid, bundle, annotations }: SavedState): ListenedState {
  return { ociVersion: OCI_VERSION, id, status: 'running', pid, bundle, annotations };
}

export function compileExec({ state, process, cgroups, seccomp, consoleSocket, subCgroups }: ExecPlanInput): Plan {
  const { oomScoreAdj = state.process.oomScoreAdj } = process;
  const plan = compileExecPlan({
    joined: { pid: state.pid, startTicks: BigInt(state.startTicks) },
    namespaces: state.namespaces,
    id: state.id,
    process: {
      ...process,
      ...labelsOf(process, state.process),
      ...(oomScoreAdj === undefined ? {} : { oomScoreAdj }),
    },
    linux: state.linux ?? {},
    cgroups,
    cgroupsPath: state.cgroupsPath,
    seccomp,
    listened: listenedState(state),
    setup: consoleSocket === undefined ? [] : [op('setup', 'terminal', 'consoleSocket', { path: consoleSocket })],
    appArmorFile: appArmorExecFile(),
    joinedOps: [
      ...(process.terminal === true ? [] : [op('child', 'process', 'ownStdio', { uid: process.user.uid })]),
      op('child', 'start', 'outlive', {}),
    ],
    beforeExec: [findProgramOp(process)],
  });
  const led = intoSubCgroups(plan, subCgroups, cgroups.layout);
  return state.noNewKeyring === true ? withoutKeyring(led) : led;
}
