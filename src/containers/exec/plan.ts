/** What a further process of a container is given: the container's own settings, changed by what the exec asks for. */
import type { ExecConfig } from '../../oci/container-config.ts';
import type { Process } from '../../oci/runtime-spec.ts';
import { type ResolvedUser, resolveUser } from '../../oci/user.ts';
import { readPidFile } from '../../runtime/pid-file.ts';
import { MONITOR_FLAGS, type Plan } from '../../runtime/plan/table.ts';
import { compileExecPlan, compileReadInPlan, type JoinedProcess } from '../../runtime/plan/exec.ts';
import { op } from '../../runtime/plan/op.ts';
import { appArmorProfileOf } from '../confinement.ts';
import type { Container } from '../container.ts';
import { type ContainersContext, cgroupPath, containerDir, stateDir } from '../context.ts';
import { seccompFor, specOf } from '../launch-plan.ts';
import { ownerOnHost } from '../owners.ts';
import { notRunning } from '../pause.ts';
import type { ContainerRecord } from '../record.ts';
import { ACCOUNT_PATHS, accountTexts, MAX_ACCOUNT_FILE_BYTES } from '../users.ts';
import type { ExecSession } from './session.ts';

export interface ExecStart {
  /** The monitor's. */
  directory: string;
  waitAttach: boolean;
  size: { rows: number; cols: number } | null;
}

/** The container's first process. Throws Conflict where its monitor has told of none. */
export function firstProcess(context: ContainersContext, { record }: Container): JoinedProcess {
  const found = readPidFile(stateDir(context, record.id));
  if (found === null) throw notRunning(record);
  return found;
}

const isRoot = (user: string): boolean => /^(?:root|0)?$/.test(user);

/** Names are looked up in the files as the container has them now. Throws InvalidParameter as for a container's user. */
async function userOf(context: ContainersContext, session: ExecSession, joined: JoinedProcess): Promise<ResolvedUser> {
  const { container, config } = session;
  const { user } = container.record;
  const own = container.record.config.User ?? '';
  // Who root is does not change, and most are root.
  if (!config.User && isRoot(own) && user !== null) return user;
  const plan = compileReadInPlan({ joined, paths: ACCOUNT_PATHS, maxBytes: MAX_ACCOUNT_FILE_BYTES });
  const files = accountTexts(await context.launcher.run(plan));
  const groupAdd = container.record.hostConfig.GroupAdd ?? [];
  return resolveUser({ user: config.User || own, groupAdd, ...files });
}

/** The record of a container whose only program is this one. */
function asContainer(record: ContainerRecord, config: ExecConfig, user: ResolvedUser): ContainerRecord {
  return {
    ...record,
    argv: config.Cmd ?? [],
    user,
    config: {
      ...record.config,
      Tty: config.Tty === true,
      Env: [...(record.config.Env ?? []), ...(config.Env ?? [])],
      WorkingDir: config.WorkingDir || record.config.WorkingDir || '/',
    },
    hostConfig: config.Privileged === true ? { ...record.hostConfig, Privileged: true } : record.hostConfig,
  };
}

function monitorFlags(config: ExecConfig, waitAttach: boolean): number {
  return (
    MONITOR_FLAGS.further |
    (config.Tty === true ? MONITOR_FLAGS.tty : 0) |
    (config.AttachStdin === true ? MONITOR_FLAGS.openStdin | MONITOR_FLAGS.stdinOnce : 0) |
    (waitAttach ? MONITOR_FLAGS.waitAttach : 0)
  );
}

export async function buildExec(context: ContainersContext, session: ExecSession, start: ExecStart): Promise<Plan> {
  const { container, config, id } = session;
  const { record } = container;
  const joined = firstProcess(context, container);
  const user = await userOf(context, session, joined);
  const spec = specOf(context, asContainer(record, config, user));
  // As in Docker, the filter and the label are the container's, and so are the capabilities, whoever the user is: root in a
  // container of another user gets its own back by the execve, unless no_new_privs keeps it from that.
  const own = specOf(context, record).process;
  const label = own?.selinuxLabel ? { selinuxLabel: own.selinuxLabel } : {};
  const { consoleSize: _asked, selinuxLabel: _of, ...given } = spec.process as Process;
  const capabilities = (config.Privileged === true ? spec.process : own)?.capabilities ?? {};
  const size = start.size === null ? {} : { consoleSize: { height: start.size.rows, width: start.size.cols } };
  const { idMap } = record;
  return compileExecPlan({
    joined,
    namespaces: (spec.linux?.namespaces ?? []).map(({ type }) => type),
    id: record.id,
    // As in Docker, `--privileged` takes no security module off.
    process: {
      ...given,
      capabilities,
      ...size,
      ...label,
      apparmorProfile: appArmorProfileOf(record.hostConfig, context.appArmor),
    },
    cgroups: context.cgroups,
    cgroupsPath: cgroupPath(context, record),
    listened: {
      ociVersion: spec.ociVersion,
      id: record.id,
      status: 'running',
      pid: joined.pid,
      bundle: containerDir(context, record.id),
      annotations: spec.annotations,
    },
    seccomp: seccompFor(own?.capabilities?.bounding ?? [], record.hostConfig),
    setup: [
      op('setup', 'monitor', 'monitor', {
        id,
        stateDir: start.directory,
        flags: monitorFlags(config, start.waitAttach),
      }),
      ...(idMap ? [op('setup', 'user namespace', 'stdioOwner', { ...ownerOnHost(idMap, user) })] : []),
    ],
    appArmorFile: context.appArmor.execFile,
    joinedOps: [],
    beforeExec: [],
  });
}
