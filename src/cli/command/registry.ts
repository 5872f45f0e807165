import type { Command } from './command.ts';

/** One command and all the names it answers to. Modules are loaded when used: start-up must stay near bare Node's. */
export interface CommandEntry {
  /** The noun of the long form (`isle container ls`); undefined: there is only the short form. */
  noun?: 'container' | 'image' | 'system';
  verb: string;
  /** Other verbs of the long form. */
  verbAliases?: readonly string[];
  /** The short form (`isle ps`); undefined: there is only the long form. */
  short?: string;
  /** Listed first in `isle --help`. */
  common?: boolean;
  summary: string;
  load: () => Promise<{ command: Command }>;
}

const CONTAINER: readonly CommandEntry[] = [
  {
    verb: 'run',
    short: 'run',
    common: true,
    summary: 'Create and run a new container from an image',
    load: () => import('./container/run.ts'),
  },
  {
    verb: 'attach',
    short: 'attach',
    summary: 'Attach local standard input, output, and error streams to a running container',
    load: () => import('./container/attach.ts'),
  },
  { verb: 'create', short: 'create', summary: 'Create a new container', load: () => import('./container/create.ts') },
  {
    verb: 'diff',
    short: 'diff',
    summary: "Inspect changes to files or directories on a container's filesystem",
    load: () => import('./container/diff.ts'),
  },
  {
    verb: 'export',
    short: 'export',
    summary: "Export a container's filesystem as a tar archive",
    load: () => import('./container/export.ts'),
  },
  {
    verb: 'exec',
    short: 'exec',
    common: true,
    summary: 'Execute a command in a running container',
    load: () => import('./container/exec.ts'),
  },
  {
    verb: 'inspect',
    summary: 'Display detailed information on one or more containers',
    load: () => import('./container/inspect.ts'),
  },
  {
    verb: 'kill',
    short: 'kill',
    summary: 'Kill one or more running containers',
    load: () => import('./container/kill.ts'),
  },
  {
    verb: 'logs',
    short: 'logs',
    common: true,
    summary: 'Fetch the logs of a container',
    load: () => import('./container/logs.ts'),
  },
  {
    verb: 'ls',
    verbAliases: ['list', 'ps'],
    short: 'ps',
    common: true,
    summary: 'List containers',
    load: () => import('./container/ls.ts'),
  },
  {
    verb: 'pause',
    short: 'pause',
    summary: 'Pause all processes within one or more containers',
    load: () => import('./container/pause.ts'),
  },
  { verb: 'rename', short: 'rename', summary: 'Rename a container', load: () => import('./container/rename.ts') },
  {
    verb: 'restart',
    short: 'restart',
    summary: 'Restart one or more containers',
    load: () => import('./container/restart.ts'),
  },
  {
    verb: 'rm',
    verbAliases: ['remove'],
    short: 'rm',
    summary: 'Remove one or more containers',
    load: () => import('./container/rm.ts'),
  },
  {
    verb: 'start',
    short: 'start',
    summary: 'Start one or more stopped containers',
    load: () => import('./container/start.ts'),
  },
  {
    verb: 'stats',
    short: 'stats',
    summary: 'Display a live stream of container(s) resource usage statistics',
    load: () => import('./container/stats.ts'),
  },
  {
    verb: 'stop',
    short: 'stop',
    common: true,
    summary: 'Stop one or more running containers',
    load: () => import('./container/stop.ts'),
  },
  {
    verb: 'top',
    short: 'top',
    summary: 'Display the running processes of a container',
    load: () => import('./container/top.ts'),
  },
  {
    verb: 'unpause',
    short: 'unpause',
    summary: 'Unpause all processes within one or more containers',
    load: () => import('./container/unpause.ts'),
  },
  {
    verb: 'update',
    short: 'update',
    summary: 'Update configuration of one or more containers',
    load: () => import('./container/update.ts'),
  },
  {
    verb: 'wait',
    short: 'wait',
    summary: 'Block until one or more containers stop, then print their exit codes',
    load: () => import('./container/wait.ts'),
  },
].map((entry) => ({ ...entry, noun: 'container' as const }));

const IMAGE: readonly CommandEntry[] = [
  {
    verb: 'history',
    short: 'history',
    summary: 'Show the history of an image',
    load: () => import('./image/history.ts'),
  },
  {
    verb: 'inspect',
    summary: 'Display detailed information on one or more images',
    load: () => import('./image/inspect.ts'),
  },
  {
    verb: 'ls',
    verbAliases: ['list'],
    short: 'images',
    common: true,
    summary: 'List images',
    load: () => import('./image/ls.ts'),
  },
  {
    verb: 'pull',
    short: 'pull',
    common: true,
    summary: 'Download an image from a registry',
    load: () => import('./image/pull.ts'),
  },
  {
    verb: 'rm',
    verbAliases: ['remove'],
    short: 'rmi',
    summary: 'Remove one or more images',
    load: () => import('./image/rm.ts'),
  },
  {
    verb: 'tag',
    short: 'tag',
    summary: 'Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE',
    load: () => import('./image/tag.ts'),
  },
].map((entry) => ({ ...entry, noun: 'image' as const }));

const SYSTEM: readonly CommandEntry[] = [
  {
    verb: 'audit',
    short: 'audit',
    common: true,
    summary: "Find the ways out that a container's configuration opens",
    load: () => import('./system/audit.ts'),
  },
  {
    noun: 'system',
    verb: 'events',
    short: 'events',
    summary: 'Get real time events from the engine',
    load: () => import('./system/events.ts'),
  },
  {
    verb: 'explain',
    short: 'explain',
    common: true,
    summary: 'Show what isolates a container, and what the kernel says of it',
    load: () => import('./system/explain.ts'),
  },
  {
    noun: 'system',
    verb: 'info',
    short: 'info',
    common: true,
    summary: 'Display system-wide information',
    load: () => import('./system/info.ts'),
  },
  {
    verb: 'inspect',
    short: 'inspect',
    summary: 'Return low-level information on containers and images',
    load: () => import('./system/inspect.ts'),
  },
  {
    verb: 'version',
    short: 'version',
    common: true,
    summary: 'Show the version of isle and its engine',
    load: () => import('./system/version.ts'),
  },
];

export const COMMANDS: readonly CommandEntry[] = [...CONTAINER, ...IMAGE, ...SYSTEM];

export const NOUNS: Readonly<Record<string, string>> = {
  container: 'Manage containers',
  image: 'Manage images',
  system: 'Manage isle',
};

/** The entry of a short form: `ps`. */
export function findShort(name: string): CommandEntry | undefined {
  return COMMANDS.find((entry) => entry.short === name);
}

/** The entry of a long form: `container`, `ls`. */
export function findLong(noun: string, verb: string): CommandEntry | undefined {
  return COMMANDS.find((entry) => entry.noun === noun && (entry.verb === verb || entry.verbAliases?.includes(verb)));
}

/** Every way to call a command, the long forms first: "isle container ls", ..., "isle ps". */
export function namesOf(entry: CommandEntry): string[] {
  const verbs = entry.noun === undefined ? [] : [entry.verb, ...(entry.verbAliases ?? [])];
  const long = verbs.map((verb) => `isle ${entry.noun} ${verb}`);
  return entry.short === undefined ? long : [...long, `isle ${entry.short}`];
}
