/** A policy in the OCI runtime spec's form (config-linux.md, "Seccomp"): resolved for one container, without conditions. */
import { selectArches, selectRules, type SeccompContext } from './select.ts';
import type { SeccompAction, SeccompArch, SeccompArg, SeccompFlag, SeccompProfile, SeccompRule } from './types.ts';

export interface OciSeccompRule {
  names: readonly string[];
  action: SeccompAction;
  errnoRet?: number;
  args?: readonly SeccompArg[];
}

/** Values of arguments have 64 bits: JSON.stringify has to be told how to write them. */
export interface OciSeccomp {
  defaultAction: SeccompAction;
  defaultErrnoRet?: number;
  architectures: readonly SeccompArch[];
  flags?: readonly SeccompFlag[];
  listenerPath?: string;
  listenerMetadata?: string;
  syscalls: OciSeccompRule[];
}

function toRule({ names, action, errnoRet, args }: SeccompRule): OciSeccompRule {
  return {
    names,
    action,
    ...(errnoRet === undefined ? {} : { errnoRet }),
    ...(args === undefined ? {} : { args }),
  };
}

/** What `compileSeccomp` makes of the same two, for a runtime that compiles filters itself. */
export function ociSeccomp(profile: SeccompProfile, context: SeccompContext): OciSeccomp {
  const { defaultAction, defaultErrnoRet, flags, listener } = profile;
  return {
    defaultAction,
    ...(defaultErrnoRet === undefined ? {} : { defaultErrnoRet }),
    architectures: selectArches(profile, context),
    ...(flags === undefined ? {} : { flags }),
    ...(listener === undefined ? {} : { listenerPath: listener.path }),
    ...(listener === undefined || listener.metadata === '' ? {} : { listenerMetadata: listener.metadata }),
    syscalls: selectRules(profile, context).map(toRule),
  };
}
