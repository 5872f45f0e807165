/** start, state, list, kill, delete, ps, pause, resume. */
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { EngineError } from '../../errors.ts';
import type { Command, RuntimeContext } from '../context.ts';
import { type Flags, NO_FLAGS, type ParsedFlags, parseFlags } from '../flags.ts';
import { runHostPlan } from '../islet.ts';
import { destroy, processesOf, release, signal, sleep } from '../lifecycle.ts';
import {
  cgroupBackend,
  containerDirectory,
  listIds,
  loadState,
  ociState,
  ownerOf,
  loadIfThere,
  statusOf,
} from '../state.ts';
import { print } from '../output.ts';

const FREEZE_PATIENCE_MS = 10_000;

export function onlyId(flags: ParsedFlags): string {
  const [id, ...more] = flags.rest;
  if (id === undefined || more.length > 0)
    throw new EngineError('InvalidParameter', 'exactly one container id is needed');
  return id;
}

export const start: Command = (context, args) => {
  const state = loadState(context.root, onlyId(parseFlags(NO_FLAGS, args)));
  const status = statusOf(context.root, state);
  if (status === 'stopped') throw new EngineError('Conflict', 'cannot start a container that has stopped');
  if (status !== 'created') throw new EngineError('Conflict', `cannot start an already ${status} container`);
  release(context, state);
  return 0;
};

export const state: Command = (context, args) => {
  const saved = loadState(context.root, onlyId(parseFlags(NO_FLAGS, args)));
  const { annotations, ...known } = ociState(saved, statusOf(context.root, saved));
  const { rootfs, created } = saved;
  const owner = ownerOf(context.root, saved.id);
  print(`${JSON.stringify({ ...known, rootfs, created, ...(annotations ? { annotations } : {}), owner }, null, 2)}\n`);
  return 0;
};

export const LIST_FLAGS: Flags = {
  format: { kind: 'text', short: 'f', usage: 'table (default) or json' },
  quiet: { kind: 'switch', short: 'q', usage: 'only the ids' },
};

const FORMATS = ['table', 'json'];

function formatOf(flags: ParsedFlags): string {
  const format = flags.text('format') ?? 'table';
  if (!FORMATS.includes(format)) {
    throw new EngineError('InvalidParameter', `invalid format option: --format "${format}" is neither table nor json`);
  }
  return format;
}

/** With --regex the ids that match, otherwise the one id itself. */
function matchingIds({ root }: RuntimeContext, flags: ParsedFlags, id: string): string[] {
  if (!flags.on('regex')) return [id];
  try {
    const pattern = new RegExp(id);
    return listIds(root).filter((name) => pattern.test(name));
  } catch (cause) {
    throw new EngineError('InvalidParameter', `--regex: ${(cause as Error).message}`, { cause });
  }
}

const REGEX = {
  kind: 'switch',
  short: 'r',
  usage: 'ID is a regular expression: all containers whose ids match',
} as const;

function table(rows: readonly string[][]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map(
      (row) =>
        `${row
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join('   ')
          .trimEnd()}\n`,
    )
    .join('');
}

export const list: Command = (context, args) => {
  const flags = parseFlags(LIST_FLAGS, args);
  const format = formatOf(flags);
  const containers = listIds(context.root)
    .flatMap((id) => loadIfThere(context.root, id))
    .map((saved) => {
      const { annotations = {}, ...known } = ociState(saved, statusOf(context.root, saved));
      return {
        ...known,
        rootfs: saved.rootfs,
        created: saved.created,
        annotations,
        owner: ownerOf(context.root, saved.id),
      };
    });
  if (flags.on('quiet')) print(containers.map(({ id }) => `${id}\n`).join(''));
  else if (format === 'json') print(`${JSON.stringify(containers)}\n`);
  else {
    const rows = containers.map(({ id, pid, status, bundle, created, owner }) => [
      id,
      String(pid),
      status,
      bundle,
      created,
      owner,
    ]);
    print(table([['ID', 'PID', 'STATUS', 'BUNDLE', 'CREATED', 'OWNER'], ...rows]));
  }
  return 0;
};

export const KILL_FLAGS: Flags = {
  all: { kind: 'switch', short: 'a', usage: 'every process of the container' },
  regex: REGEX,
};

function signalNumber(given: string): number {
  const number = /^\d+$/.test(given)
    ? Number(given)
    : (constants.signals as Record<string, number | undefined>)[given.toUpperCase().replace(/^(SIG)?/, 'SIG')];
  if (number === undefined || number > 64) throw new EngineError('InvalidParameter', `unknown signal "${given}"`);
  return number;
}

export const kill: Command = (context, args) => {
  const flags = parseFlags(KILL_FLAGS, args);
  const [id, given = 'SIGTERM', ...more] = flags.rest;
  if (id === undefined || more.length > 0)
    throw new EngineError('InvalidParameter', 'a container id and at most one signal are needed');
  const number = signalNumber(given);
  for (const one of matchingIds(context, flags, id)) send(context, one, number, flags.on('all'));
  return 0;
};

function send(context: RuntimeContext, id: string, number: number, toAll: boolean): void {
  const saved = loadState(context.root, id);
  if (toAll) {
    for (const pid of processesOf(saved)) signal(pid, number);
    return;
  }
  // Engines look for these words.
  if (statusOf(context.root, saved) === 'stopped') throw new EngineError('Conflict', 'container not running');
  signal(saved.pid, number);
}

export const DELETE_FLAGS: Flags = {
  force: { kind: 'switch', short: 'f', usage: 'also when it runs (it is killed) or does not exist' },
  regex: REGEX,
};

export const remove: Command = (context, args) => {
  const flags = parseFlags(DELETE_FLAGS, args);
  for (const id of matchingIds(context, flags, onlyId(flags))) removeOne(context, id, flags.on('force'));
  return 0;
};

function removeOne(context: RuntimeContext, id: string, force: boolean): void {
  const saved = force ? loadIfThere(context.root, id)[0] : loadState(context.root, id);
  if (saved === undefined) return;
  const status = statusOf(context.root, saved);
  if (!force && (status === 'running' || status === 'paused' || status === 'creating')) {
    throw new EngineError('Conflict', `cannot delete container ${id} that is not stopped: ${status}`, {
      hint: 'kill it first, or give --force',
    });
  }
  destroy(context, saved);
}

export const PS_FLAGS: Flags = {
  format: { kind: 'text', short: 'f', usage: 'table (default) or json' },
};

export const ps: Command = async (context, args) => {
  const flags = parseFlags(PS_FLAGS, args, true);
  const format = formatOf(flags);
  const [id, ...psArgs] = flags.rest;
  if (id === undefined) throw new EngineError('InvalidParameter', 'a container id is needed');
  const pids = processesOf(loadState(context.root, id));
  if (format === 'json') {
    print(`${JSON.stringify(pids)}\n`);
    return 0;
  }
  const { execFileSync } = await import('node:child_process');
  const [head = '', ...lines] = execFileSync('ps', psArgs.length > 0 ? psArgs : ['-ef'], { encoding: 'utf8' }).split(
    '\n',
  );
  const column = head.trim().split(/\s+/).indexOf('PID');
  if (column < 0) throw new EngineError('InvalidParameter', 'the output of ps has no column PID');
  const own = lines.filter((line) => pids.includes(Number(line.trim().split(/\s+/)[column])));
  print(`${[head, ...own].join('\n')}\n`);
  return 0;
};

function freeze(context: RuntimeContext, id: string, frozen: boolean): void {
  const saved = loadState(context.root, id);
  const status = statusOf(context.root, saved);
  const fits = frozen ? status === 'running' || status === 'created' : status === 'paused';
  if (!fits) throw new EngineError('Conflict', `container not ${frozen ? 'running' : 'paused'}: it is ${status}`);
  const { ops, stateFile, isReached } = cgroupBackend().freeze(saved.cgroupsPath, frozen);
  runHostPlan(context.islet, { ops }, containerDirectory(context.root, id));
  const deadline = Date.now() + FREEZE_PATIENCE_MS;
  while (!isReached(readFileSync(stateFile, 'utf8'))) {
    if (Date.now() > deadline)
      throw new EngineError('System', `container ${id} could not be ${frozen ? 'paused' : 'resumed'}`);
    sleep(5);
  }
}

export const pause: Command = (context, args) => {
  freeze(context, onlyId(parseFlags(NO_FLAGS, args)), true);
  return 0;
};

export const resume: Command = (context, args) => {
  freeze(context, onlyId(parseFlags(NO_FLAGS, args)), false);
  return 0;
};
