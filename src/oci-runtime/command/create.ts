import { toEngineError, EngineError } from '../../errors.ts';
import type { Command, RuntimeContext } from '../context.ts';
import { type CreateRequest, prepare, type Prepared, record } from '../create.ts';
import { runtimeMessage } from '../errors.ts';
import { type Flags, type ParsedFlags, parseFlags } from '../flags.ts';
import { executeInForeground, executePlan } from '../islet.ts';
import { destroy, release, signal } from '../lifecycle.ts';

const NO_PIVOT = 'without pivot_root a container can get out of its root';
const NO_PIDFD = 'isle-runtime hands out no pidfd; --pid-file tells the pid';

export const CREATE_FLAGS: Flags = {
  bundle: { kind: 'text', short: 'b', usage: 'directory with config.json (default: the working directory)' },
  'console-socket': { kind: 'text', usage: "unix socket that gets the terminal's master" },
  'pid-file': { kind: 'text', usage: "file for the pid of the container's first process" },
  'preserve-fds': { kind: 'text', usage: 'number of descriptors from 3 up that the container keeps' },
  config: { kind: 'text', short: 'f', usage: "another file than the bundle's config.json" },
  'no-pivot': { kind: 'switch', usage: `refused: ${NO_PIVOT}`, refused: NO_PIVOT },
  'no-new-keyring': {
    kind: 'switch',
    usage: "keep the session keyring of the caller: the container sees the caller's keys",
  },
  'no-subreaper': { kind: 'switch', usage: 'orphans of the container go to the parent of this process' },
  'pidfd-socket': { kind: 'text', usage: `refused: ${NO_PIDFD}`, refused: NO_PIDFD },
};

export const RUN_FLAGS: Flags = {
  ...CREATE_FLAGS,
  detach: { kind: 'switch', short: 'd', usage: 'return as soon as the container runs' },
  keep: { kind: 'switch', usage: 'do not delete the container after its end' },
};

function requestOf(flags: ParsedFlags, foreground: boolean): CreateRequest {
  const [id, ...more] = flags.rest;
  if (id === undefined || more.length > 0)
    throw new EngineError('InvalidParameter', 'exactly one container id is needed');
  return {
    id,
    bundle: flags.text('bundle') ?? '.',
    configFile: flags.text('config') ?? 'config.json',
    pidFile: flags.text('pid-file'),
    consoleSocket: flags.text('console-socket'),
    preserveFds: flags.number('preserve-fds') ?? 0,
    foreground,
    noNewKeyring: flags.on('no-new-keyring'),
    noSubreaper: flags.on('no-subreaper'),
  };
}

/** Whatever fails, nothing of the container is left. */
async function undoing<T>(
  context: RuntimeContext,
  what: string,
  prepared: Prepared,
  work: () => T | Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    destroy(context, prepared.state);
    const error = toEngineError(thrown);
    const message = runtimeMessage(error, prepared.state.process.args[0] ?? '');
    throw new EngineError(error.kind, `${what} failed: unable to start container process: ${message}`, {
      cause: error,
      hint: error.hint,
    });
  }
}

export const create: Command = async (context, args) => {
  const request = requestOf(parseFlags(CREATE_FLAGS, args), false);
  const prepared = await prepare(context, request);
  await undoing(context, 'create', prepared, () => record(prepared, executePlan(prepared.call), request.pidFile));
  return 0;
};

const FORWARDED: readonly (readonly [NodeJS.Signals, number])[] = [
  ['SIGHUP', 1],
  ['SIGINT', 2],
  ['SIGQUIT', 3],
  ['SIGUSR1', 10],
  ['SIGUSR2', 12],
  ['SIGTERM', 15],
  ['SIGCONT', 18],
];

/** Until the end of this process, its signals are the container's. */
export function forwardSignals(pid: number): void {
  for (const [name, number] of FORWARDED) process.on(name, () => signal(pid, number));
}

async function runInForeground(
  context: RuntimeContext,
  prepared: Prepared,
  request: CreateRequest,
  keep: boolean,
): Promise<number> {
  const container = await undoing(context, 'run', prepared, async () => {
    const started = await executeInForeground(prepared.call);
    record(prepared, started.pid, request.pidFile);
    forwardSignals(started.pid);
    release(context, prepared.state);
    return started;
  });
  const code = await container.exited;
  if (!keep) destroy(context, prepared.state);
  return code;
}

export const run: Command = async (context, args) => {
  const flags = parseFlags(RUN_FLAGS, args);
  const request = requestOf(flags, !flags.on('detach'));
  const prepared = await prepare(context, request);
  if (request.foreground) return runInForeground(context, prepared, request, flags.on('keep'));
  await undoing(context, 'run', prepared, () => {
    record(prepared, executePlan(prepared.call), request.pidFile);
    release(context, prepared.state);
  });
  return 0;
};
