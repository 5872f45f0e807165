import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EngineError, toEngineError } from '../../errors.ts';
import type { Process } from '../../oci/runtime-spec.ts';
import type { SeccompProgram } from '../../security/seccomp/index.ts';
import { parseJson } from '../config/load.ts';
import { checkProcess } from '../config/process.ts';
import { processShape } from '../config/shape.ts';
import type { Command, RuntimeContext } from '../context.ts';
import { checkPreserved } from '../descriptors.ts';
import { runtimeMessage } from '../errors.ts';
import { compileExec } from '../exec-plan.ts';
import { type Flags, type ParsedFlags, parseFlags } from '../flags.ts';
import { executeInForeground, executePlan, type IsletCall } from '../islet.ts';
import { cgroupBackend, containerDirectory, loadState, type SavedState, statusOf } from '../state.ts';
import { forwardSignals } from './create.ts';

export const EXEC_FLAGS: Flags = {
  process: { kind: 'text', short: 'p', usage: 'file with the process as JSON, in the form of config.json' },
  detach: { kind: 'switch', short: 'd', usage: 'return as soon as the program runs' },
  'pid-file': { kind: 'text', usage: "file for the process's pid" },
  'console-socket': { kind: 'text', usage: "unix socket that gets the terminal's master" },
  'preserve-fds': { kind: 'text', usage: 'number of descriptors from 3 up that the process keeps' },
  tty: { kind: 'switch', short: 't', usage: 'with a terminal' },
  cwd: { kind: 'text', usage: 'working directory' },
  env: { kind: 'list', short: 'e', usage: 'NAME=VALUE, may be repeated' },
  user: { kind: 'text', short: 'u', usage: 'UID[:GID]' },
  'additional-gids': { kind: 'list', short: 'g', usage: 'a further group, may be repeated' },
  cap: { kind: 'list', short: 'c', usage: 'a further capability, may be repeated' },
  'no-new-privs': { kind: 'switch', usage: 'set-uid programs give nothing' },
  apparmor: { kind: 'text', usage: 'AppArmor profile' },
  'process-label': { kind: 'text', usage: 'SELinux label' },
  cgroup: { kind: 'list', usage: "[CONTROLLER:]PATH of a cgroup below the container's, may be repeated" },
  'ignore-paused': { kind: 'switch', usage: 'also in a paused container: the process waits' },
};

/** What set-up fails with: 1 to 125 could be the program's own. */
const SETUP_FAILED = 255;

/** Without a group that of the container stays, as in runc. */
function parseUser(given: string): { uid: number; gid?: number } {
  const match = /^(\d{1,10})(?::(\d{1,10}))?$/.exec(given);
  if (match === null) {
    throw new EngineError('InvalidParameter', `--user: "${given}" is not UID[:GID]`, {
      hint: 'names are for engines to look up; give numbers',
    });
  }
  return { uid: Number(match[1]), ...(match[2] === undefined ? {} : { gid: Number(match[2]) }) };
}

function withCapabilities(process: Process, added: readonly string[]): Process['capabilities'] {
  if (added.length === 0) return process.capabilities;
  const names = added.map((name) => (name.startsWith('CAP_') ? name : `CAP_${name}`));
  const { bounding = [], effective = [], permitted = [], inheritable = [], ambient = [] } = process.capabilities ?? {};
  const more = (set: string[]) => [...new Set([...set, ...names])];
  return {
    ...process.capabilities,
    bounding: more(bounding),
    effective: more(effective),
    permitted: more(permitted),
    // The kernel raises those only that are inheritable too; the others runc tries in vain.
    ambient: more(ambient).filter((name) => ambient.includes(name) || inheritable.includes(name)),
  };
}

/** The container's own process, changed by the flags. */
function fromFlags(flags: ParsedFlags, container: Process, args: string[]): Process {
  const user = flags.text('user');
  const gids = flags.list('additional-gids').map(Number);
  const [cwd, apparmor, label] = [flags.text('cwd'), flags.text('apparmor'), flags.text('process-label')];
  const capabilities = withCapabilities(container, flags.list('cap'));
  return {
    ...container,
    args,
    terminal: flags.on('tty'),
    env: [...container.env, ...flags.list('env')],
    user: {
      ...container.user,
      ...(user === undefined ? {} : parseUser(user)),
      ...(gids.length > 0 ? { additionalGids: gids } : {}),
    },
    ...(capabilities === undefined ? {} : { capabilities }),
    ...(cwd === undefined ? {} : { cwd }),
    ...(apparmor === undefined ? {} : { apparmorProfile: apparmor }),
    ...(label === undefined ? {} : { selinuxLabel: label }),
    ...(flags.on('no-new-privs') ? { noNewPrivileges: true } : {}),
  };
}

function processOf(context: RuntimeContext, flags: ParsedFlags, state: SavedState, args: string[]): Process {
  const path = flags.text('process');
  const given =
    path === undefined
      ? fromFlags(flags, state.process, args)
      : (parseJson(readFileSync(path, 'utf8'), path) as Process);
  const at = path === undefined ? 'process' : `${path}: process`;
  if (path === undefined && args.length === 0)
    throw new EngineError('InvalidParameter', 'a program to execute is needed');
  processShape(given, at);
  const warnings: string[] = [];
  checkProcess(given, at, warnings);
  for (const warning of warnings) context.log.warn(warning);
  return given;
}

function filterOf(directory: string, { seccomp }: SavedState): SeccompProgram | null {
  if (seccomp === null) return null;
  const filter = readFileSync(join(directory, 'seccomp.bpf'));
  const { flags, listener } = seccomp;
  return { filter, flags: BigInt(flags), instructions: filter.length / 8, listener, warnings: [] };
}

async function execute(call: IsletCall, detach: boolean, pidFile: string | undefined): Promise<number> {
  if (detach) {
    const pid = executePlan(call);
    if (pidFile !== undefined) writeFileSync(pidFile, String(pid));
    return 0;
  }
  const { pid, exited } = await executeInForeground(call);
  if (pidFile !== undefined) writeFileSync(pidFile, String(pid));
  forwardSignals(pid);
  return exited;
}

async function execInContainer(context: RuntimeContext, flags: ParsedFlags): Promise<number> {
  const [id, ...args] = flags.rest;
  if (id === undefined) throw new EngineError('InvalidParameter', 'a container id is needed');
  const state = loadState(context.root, id);
  const status = statusOf(context.root, state);
  if (status === 'stopped' || status === 'creating') {
    throw new EngineError('Conflict', `cannot exec in a ${status} container: container not running`);
  }
  if (status === 'paused' && !flags.on('ignore-paused')) {
    throw new EngineError('Conflict', 'cannot exec in a paused container', {
      hint: 'resume it, or give --ignore-paused',
    });
  }
  const process = processOf(context, flags, state, args);
  const [detach, consoleSocket] = [flags.on('detach'), flags.text('console-socket')];
  if (process.terminal === true && consoleSocket === undefined && detach) {
    throw new EngineError('InvalidParameter', 'a terminal of a detached process needs --console-socket');
  }
  const preserved = checkPreserved(flags.number('preserve-fds') ?? 0);
  const directory = containerDirectory(context.root, id);
  const plan = compileExec({
    state,
    process,
    cgroups: cgroupBackend(),
    seccomp: filterOf(directory, state),
    consoleSocket,
    subCgroups: flags.list('cgroup'),
  });
  const call = { islet: context.islet, plan, directory, cwd: '/', preserved };
  try {
    return await execute(call, detach, flags.text('pid-file'));
  } catch (thrown) {
    const error = toEngineError(thrown);
    throw new EngineError(
      error.kind,
      `exec failed: unable to start container process: ${runtimeMessage(error, process.args[0] ?? '')}`,
      {
        cause: error,
      },
    );
  }
}

export const exec: Command = async (context, args) => {
  try {
    return await execInContainer(context, parseFlags(EXEC_FLAGS, args, true));
  } catch (thrown) {
    context.log.error(toEngineError(thrown).message);
    return SETUP_FAILED;
  }
};
