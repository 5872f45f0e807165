/** The command line of an OCI runtime, as runc's: global flags, a command, its flags. Commands load when they are called. */
import { resolve } from 'node:path';
import { EngineError, toEngineError } from '../errors.ts';
import type { Command } from './context.ts';
import { type Flags, NO_FLAGS, parseFlags, usageOf } from './flags.ts';
import { Log } from './log.ts';
import { print } from './output.ts';

const DEFAULT_ROOT = '/run/isle-runtime';

const GLOBAL_FLAGS: Flags = {
  root: { kind: 'text', usage: `directory of the containers' states (default: ${DEFAULT_ROOT}; a tmpfs is best)` },
  log: { kind: 'text', usage: 'file for errors and warnings' },
  'log-format': { kind: 'text', usage: 'text (default) or json' },
  debug: { kind: 'switch', usage: 'accepted, without effect' },
  'systemd-cgroup': {
    kind: 'switch',
    usage: "take systemd's form of cgroup paths; the cgroups are made without systemd",
  },
  'cgroup-manager': { kind: 'text', usage: "cgroupfs, or systemd for --systemd-cgroup; crun's name" },
  rootless: { kind: 'text', usage: 'auto or false; true is refused: isle-runtime needs root' },
  criu: { kind: 'text', usage: 'accepted, without effect: checkpoints are not supported' },
  help: { kind: 'switch', short: 'h', usage: 'this text' },
  version: { kind: 'switch', short: 'v', usage: 'the version' },
};

interface Entry {
  /** Why this command of runc's is refused, whatever its arguments. */
  refused?: string;
  usage: string;
  summary: string;
  load(): Promise<{ command: Command; flags: Flags }>;
}

const created = () => import('./command/create.ts');
const lived = () => import('./command/lifecycle.ts');
const informed = () => import('./command/info.ts');

const NO_CHECKPOINTS =
  'isle-runtime does not support checkpoints: it does not drive CRIU; stop the container and start it again, or run it with runc';

/** podman takes an answer to `checkpoint --help` for support. */
function refused(summary: string): Entry {
  return {
    refused: NO_CHECKPOINTS,
    usage: '',
    summary,
    load: () => Promise.reject(new EngineError('NotImplemented', NO_CHECKPOINTS)),
  };
}

const COMMANDS: Readonly<Record<string, Entry>> = {
  create: {
    usage: '[FLAGS] ID',
    summary: 'set a container up; its program waits for `start`',
    load: () => created().then((module) => ({ command: module.create, flags: module.CREATE_FLAGS })),
  },
  start: {
    usage: 'ID',
    summary: 'start the program of a created container',
    load: () => lived().then((module) => ({ command: module.start, flags: NO_FLAGS })),
  },
  run: {
    usage: '[FLAGS] ID',
    summary: 'create and start; in the foreground until its end, then delete',
    load: () => created().then((module) => ({ command: module.run, flags: module.RUN_FLAGS })),
  },
  exec: {
    usage: '[FLAGS] ID PROGRAM [ARGUMENT...]',
    summary: 'a further program in a container that runs',
    load: () => import('./command/exec.ts').then((module) => ({ command: module.exec, flags: module.EXEC_FLAGS })),
  },
  state: {
    usage: 'ID',
    summary: "a container's state as JSON",
    load: () => lived().then((module) => ({ command: module.state, flags: NO_FLAGS })),
  },
  list: {
    usage: '[FLAGS]',
    summary: 'the containers of this --root',
    load: () => lived().then((module) => ({ command: module.list, flags: module.LIST_FLAGS })),
  },
  ps: {
    usage: '[FLAGS] ID [PS-ARGUMENT...]',
    summary: "a container's processes",
    load: () => lived().then((module) => ({ command: module.ps, flags: module.PS_FLAGS })),
  },
  kill: {
    usage: '[FLAGS] ID [SIGNAL]',
    summary: "send a signal (SIGTERM) to a container's first process",
    load: () => lived().then((module) => ({ command: module.kill, flags: module.KILL_FLAGS })),
  },
  delete: {
    usage: '[FLAGS] ID',
    summary: 'free all that a stopped container holds',
    load: () => lived().then((module) => ({ command: module.remove, flags: module.DELETE_FLAGS })),
  },
  pause: {
    usage: 'ID',
    summary: "stop a container's processes where they are",
    load: () => lived().then((module) => ({ command: module.pause, flags: NO_FLAGS })),
  },
  resume: {
    usage: 'ID',
    summary: 'let the processes of a paused container go on',
    load: () => lived().then((module) => ({ command: module.resume, flags: NO_FLAGS })),
  },
  update: {
    usage: '[FLAGS] ID',
    summary: "change a container's limits",
    load: () =>
      import('./command/update.ts').then((module) => ({ command: module.update, flags: module.UPDATE_FLAGS })),
  },
  events: {
    usage: '[FLAGS] ID',
    summary: "a container's counters and OOM kills as JSON lines",
    load: () =>
      import('./command/events.ts').then((module) => ({ command: module.events, flags: module.EVENTS_FLAGS })),
  },
  features: {
    usage: '',
    summary: 'what this runtime can do, as JSON',
    load: () => informed().then((module) => ({ command: module.features, flags: NO_FLAGS })),
  },
  spec: {
    usage: '[FLAGS]',
    summary: 'write a config.json to begin with',
    load: () => informed().then((module) => ({ command: module.spec, flags: module.SPEC_FLAGS })),
  },
  audit: {
    usage: '[FLAGS] [BUNDLE]',
    summary: "the ways out that a bundle's config.json opens",
    load: () => import('./command/audit.ts').then((module) => ({ command: module.audit, flags: module.AUDIT_FLAGS })),
  },
  checkpoint: refused('not supported'),
  restore: refused('not supported'),
};

function help(): string {
  const rows = Object.entries(COMMANDS).map(([name, { summary }]) => `  ${name.padEnd(12)}${summary}\n`);
  return [
    'usage: isle-runtime [FLAGS] COMMAND [FLAGS] ...\n',
    'An OCI runtime: runs bundles, for engines and by hand.\n\n',
    ...rows,
    '\nflags\n',
    usageOf(GLOBAL_FLAGS),
  ].join('');
}

async function version(): Promise<string> {
  const [{ ISLE_VERSION }, { OCI_VERSION }] = await Promise.all([import('./version.ts'), import('./state.ts')]);
  return `isle-runtime version ${ISLE_VERSION}\nspec: ${OCI_VERSION}\n`;
}

function logOf(path: string | undefined, format: string | undefined): Log {
  if (format !== undefined && format !== 'text' && format !== 'json') {
    throw new EngineError('InvalidParameter', `--log-format: "${format}" is neither text nor json`);
  }
  // podman gives an empty path for none.
  return new Log(path === '' ? undefined : path, format ?? 'text');
}

async function dispatch(args: readonly string[], islet: string, adopt: (log: Log) => void): Promise<number> {
  const flags = parseFlags(GLOBAL_FLAGS, args, true);
  const log = logOf(flags.text('log'), flags.text('log-format'));
  adopt(log);
  const [name, ...rest] = flags.rest;
  if (flags.on('version')) print(await version());
  else if (flags.on('help') || name === undefined || name === 'help') print(help());
  if (flags.on('version') || flags.on('help') || name === 'help') return 0;
  if (name === undefined) return 2;
  const entry = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (entry === undefined)
    throw new EngineError('InvalidParameter', `no such command: ${name}`, { hint: '--help lists them' });
  const { command, flags: declared } = await entry.load();
  if (rest[0] === '--help' || rest[0] === '-h') {
    print(`usage: isle-runtime ${name} ${entry.usage}\n${entry.summary}\n\n${usageOf(declared)}`);
    return 0;
  }
  const rootless = flags.text('rootless');
  if (rootless !== undefined && rootless !== 'auto' && rootless !== 'false') {
    throw new EngineError('NotImplemented', '--rootless: running without root is not supported by isle-runtime yet');
  }
  const systemdCgroup = flags.on('systemd-cgroup') || isSystemd(flags.text('cgroup-manager'));
  if (systemdCgroup && (name === 'create' || name === 'run')) {
    log.warn('--systemd-cgroup: the cgroups are made directly, systemd does not learn of them');
  }
  return command({ root: resolve(flags.text('root') ?? DEFAULT_ROOT), log, systemdCgroup, islet }, rest);
}

function isSystemd(manager: string | undefined): boolean {
  if (manager === undefined || manager === 'cgroupfs' || manager === 'systemd') return manager === 'systemd';
  throw new EngineError('InvalidParameter', `--cgroup-manager: "${manager}" is neither cgroupfs nor systemd`, {
    hint: 'isle-runtime always makes cgroups',
  });
}

/** The exit status. Errors are logged, not thrown. */
export async function main(args: readonly string[], islet: string): Promise<number> {
  let log = new Log(undefined, 'text');
  try {
    return await dispatch(args, islet, (adopted) => (log = adopted));
  } catch (thrown) {
    const { message, hint } = toEngineError(thrown);
    log.error(hint === undefined ? message : `${message} (${hint})`);
    return 1;
  }
}
