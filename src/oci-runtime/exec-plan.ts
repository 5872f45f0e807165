/** A further process in a container that runs, as a plan: joins its cgroups and namespaces, then becomes the program. */
import type { NamespaceType } from '../oci/runtime-spec.ts';
import type { CgroupBackend } from '../runtime/cgroups/index.ts';
import { CLONE } from '../runtime/plan/constants.ts';
import { op } from '../runtime/plan/op.ts';
import { processOps } from '../runtime/plan/process.ts';
import type { Plan } from '../runtime/plan/table.ts';
import type { SeccompProgram } from '../security/seccomp/index.ts';
import type { OciProcess } from './config/types.ts';
import { findProgramOp, labelOps } from './plan.ts';
import type { SavedState } from './state.ts';

const FLAGS: Readonly<Record<NamespaceType, bigint>> = { ...CLONE, time: 0x80n };

export interface ExecPlanInput {
  state: SavedState;
  process: OciProcess;
  cgroups: CgroupBackend;
  seccomp: SeccompProgram | null;
  consoleSocket: string | undefined;
}

export function compileExec({ state, process, cgroups, seccomp, consoleSocket }: ExecPlanInput): Plan {
  const { cgroupInto, join } = cgroups.planContainer(state.cgroupsPath, {});
  const own = new Set(state.namespaces);
  const flags = [...own].filter((type) => type !== 'pid').reduce((sum, type) => sum | FLAGS[type], 0n);
  const { height: rows = 0, width: cols = 0 } = process.consoleSize ?? {};
  return {
    ops: [
      ...(consoleSocket === undefined ? [] : [op('setup', 'terminal', 'consoleSocket', { path: consoleSocket })]),
      op('setup', 'namespaces', 'joinOpen', { pid: state.pid, startTicks: BigInt(state.startTicks) }),
      ...(cgroupInto === undefined ? [] : [cgroupInto]),
      // Of all namespaces this one is only entered by children.
      ...(own.has('pid') ? [op('setup', 'namespaces', 'join', { flags: CLONE.pid })] : []),
      op('setup', 'namespaces', 'clone', { flags: 0n }),
      ...join,
      op('child', 'limits', 'oomScoreAdj', { value: process.oomScoreAdj ?? state.process.oomScoreAdj ?? 0 }),
      op('child', 'process', 'setsid', {}),
      op('child', 'process', 'keyring', { name: `_ses.${state.id}` }),
      ...labelOps(process),
      op('child', 'namespaces', 'join', { flags }),
      process.terminal === true
        ? op('child', 'terminal', 'execPty', { rows, cols, uid: process.user.uid })
        : op('child', 'process', 'ownStdio', { uid: process.user.uid }),
      op('child', 'start', 'outlive', {}),
      ...processOps(process, seccomp, [findProgramOp(process)]),
    ],
  };
}
