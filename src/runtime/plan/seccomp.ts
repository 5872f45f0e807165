/** The operations that install a seccomp filter and tell its listener. */
import type { SeccompProgram } from '../../security/seccomp/index.ts';
import { op } from './op.ts';
import { aroundPid, UNKNOWN_PID } from './process-state.ts';
import type { PlanOp } from './table.ts';

/** What a listener is told of the container: `state` of runtime.md. */
export interface ListenedState {
  ociVersion: string;
  id: string;
  status: 'creating' | 'running';
  /** Of the container's first process; left out when that is the one that installs the filter. */
  pid?: number | undefined;
  bundle: string;
  annotations?: Readonly<Record<string, string>> | undefined;
}

/** config-linux.md, "The Container Process State", with one descriptor. Field order as in its example. */
function processState(metadata: string, { pid = UNKNOWN_PID, ...state }: ListenedState): object {
  const { ociVersion, id, status, bundle, annotations = {} } = state;
  return {
    ociVersion,
    fds: ['seccompFd'],
    pid: UNKNOWN_PID,
    ...(metadata === '' ? {} : { metadata }),
    state: {
      ociVersion,
      id,
      status,
      pid,
      bundle,
      ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
    },
  };
}

export function filterOps(seccomp: SeccompProgram | null, state: ListenedState): PlanOp[] {
  if (seccomp === null) return [];
  const { filter, flags, listener } = seccomp;
  const installed = op('child', 'seccomp', 'seccomp', { flags, filter });
  if (listener === null) return [installed];
  const told = aroundPid(processState(listener.metadata, state));
  return [installed, op('child', 'seccomp', 'seccompListener', { path: listener.path, state: told })];
}
