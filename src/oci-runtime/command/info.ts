/** spec, features, events, update. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { join } from 'node:path';
import { EngineError } from '../../errors.ts';
import type { LinuxResources } from '../../oci/runtime-spec.ts';
import { kernelVersion } from '../../platform/kernel-version.ts';
import { checkResources } from '../config/linux.ts';
import { parseJson } from '../config/load.ts';
import { resourcesShape } from '../config/shape.ts';
import type { Command, RuntimeContext } from '../context.ts';
import { type Flags, NO_FLAGS, type ParsedFlags, parseFlags } from '../flags.ts';
import { runHostPlan } from '../islet.ts';
import { readIfThere } from '../plan.ts';
import { cgroupBackend, containerDirectory, loadState, saveState, statusOf } from '../state.ts';
import { features as featuresDocument, template } from '../template.ts';
import { onlyId } from './lifecycle.ts';

export const SPEC_FLAGS: Flags = {
  bundle: {
    kind: 'text',
    short: 'b',
    usage: 'directory that config.json is written to (default: the working directory)',
  },
};

export const spec: Command = (_context, args) => {
  const path = join(parseFlags(SPEC_FLAGS, args).text('bundle') ?? '.', 'config.json');
  if (existsSync(path)) throw new EngineError('Conflict', `file ${path} exists; remove it first`);
  writeFileSync(path, `${JSON.stringify(template(), null, 2)}\n`, { mode: 0o666 });
  return 0;
};

export const features: Command = async (_context, args) => {
  parseFlags(NO_FLAGS, args);
  const { seccompFlags } = await import('../../security/seccomp/index.ts');
  process.stdout.write(`${JSON.stringify(featuresDocument(seccompFlags(kernelVersion())), null, 2)}\n`);
  return 0;
};

export const EVENTS_FLAGS: Flags = {
  stats: { kind: 'switch', usage: 'the counters once' },
  interval: { kind: 'text', usage: 'seconds between two reports, such as 5s (the default)' },
};

const DEFAULT_INTERVAL_S = 5;

function statsLine(path: string, id: string): string {
  const { cpu, memory, pids, blockIO } = cgroupBackend().counters(path, readIfThere);
  const data = {
    cpu: {
      usage: {
        total: cpu.totalNs,
        user: cpu.userNs,
        kernel: cpu.systemNs,
        ...(cpu.perCpuNs ? { percpu: cpu.perCpuNs } : {}),
      },
      throttling: { periods: cpu.periods, throttledPeriods: cpu.throttledPeriods, throttledTime: cpu.throttledNs },
    },
    ...(memory === null
      ? {}
      : {
          memory: {
            usage: { usage: memory.usage, limit: memory.limit, max: memory.maxUsage, failcnt: memory.failures },
            raw: memory.details,
          },
        }),
    ...(pids === null ? {} : { pids: { current: pids.current, limit: pids.limit ?? 0 } }),
    ...(blockIO === null
      ? {}
      : { blkio: { ioServiceBytesRecursive: blockIO.bytes, ioServicedRecursive: blockIO.operations } }),
  };
  return `${JSON.stringify({ type: 'stats', id, data })}\n`;
}

export const events: Command = async (context, args) => {
  const flags = parseFlags(EVENTS_FLAGS, args);
  const saved = loadState(context.root, onlyId(flags));
  const seconds = Number((flags.text('interval') ?? String(DEFAULT_INTERVAL_S)).replace(/s$/, ''));
  if (!(seconds > 0))
    throw new EngineError(
      'InvalidParameter',
      `--interval: "${flags.text('interval')}" is no number of seconds above 0`,
    );
  if (statusOf(context.root, saved) === 'stopped') throw new EngineError('Conflict', 'container not running');
  do {
    process.stdout.write(statsLine(saved.cgroupsPath, saved.id));
    if (flags.on('stats')) return 0;
    await setTimeout(seconds * 1000);
  } while (statusOf(context.root, saved) !== 'stopped');
  return 0;
};

const number = (usage: string) => ({ kind: 'text', usage }) as const;

export const UPDATE_FLAGS: Flags = {
  resources: {
    kind: 'text',
    short: 'r',
    usage: "file with the resources as JSON ('-' for standard input), in the form of config.json",
  },
  memory: number('bytes'),
  'memory-reservation': number('bytes'),
  'memory-swap': number('bytes of memory and swap together; -1 for no limit'),
  'cpu-shares': number('relative weight'),
  'cpu-period': number('microseconds'),
  'cpu-quota': number('microseconds'),
  'cpuset-cpus': number('CPUs, such as 0-1'),
  'cpuset-mems': number('memory nodes'),
  'pids-limit': number('processes; -1 for no limit'),
  'blkio-weight': number('10 to 1000'),
};

function defined<T extends object>(fields: T): Partial<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Partial<T>;
}

function fromFlags(flags: ParsedFlags): LinuxResources {
  const memory = defined({
    limit: flags.number('memory'),
    reservation: flags.number('memory-reservation'),
    swap: flags.number('memory-swap'),
  });
  const cpu = defined({
    shares: flags.number('cpu-shares'),
    period: flags.number('cpu-period'),
    quota: flags.number('cpu-quota'),
    cpus: flags.text('cpuset-cpus'),
    mems: flags.text('cpuset-mems'),
  });
  const pids = flags.number('pids-limit');
  const weight = flags.number('blkio-weight');
  return {
    ...(Object.keys(memory).length > 0 ? { memory: memory as NonNullable<LinuxResources['memory']> } : {}),
    ...(Object.keys(cpu).length > 0 ? { cpu: cpu as NonNullable<LinuxResources['cpu']> } : {}),
    ...(pids === undefined ? {} : { pids: { limit: pids } }),
    ...(weight === undefined ? {} : { blockIO: { weight } }),
  };
}

/** Engines send zeros for what they do not mean to change. */
function withoutZeros(resources: LinuxResources): LinuxResources {
  const pruned = JSON.parse(
    JSON.stringify(resources, (_key, value: unknown) =>
      value === 0 || value === '' || value === null ? undefined : value,
    ),
  );
  return pruned as LinuxResources;
}

function merged(from: LinuxResources, change: LinuxResources): LinuxResources {
  const { devices: _unchanged, ...rest } = change;
  return {
    ...from,
    ...rest,
    ...(change.memory ? { memory: { ...from.memory, ...change.memory } } : {}),
    ...(change.cpu ? { cpu: { ...from.cpu, ...change.cpu } } : {}),
    ...(change.blockIO ? { blockIO: { ...from.blockIO, ...change.blockIO } } : {}),
    ...(change.unified ? { unified: { ...from.unified, ...change.unified } } : {}),
  };
}

function requested(context: RuntimeContext, flags: ParsedFlags): LinuxResources {
  const path = flags.text('resources');
  if (path === undefined) return fromFlags(flags);
  const name = `--resources ${path}`;
  const given = parseJson(readFileSync(path === '-' ? 0 : path, 'utf8'), name) as LinuxResources;
  resourcesShape(given, name);
  const resources = withoutZeros(given);
  const warnings: string[] = [];
  checkResources(resources, name, warnings);
  for (const warning of warnings) context.log.warn(warning);
  return resources;
}

function apply(context: RuntimeContext, id: string, change: LinuxResources): void {
  const saved = loadState(context.root, id);
  if (statusOf(context.root, saved) === 'stopped') throw new EngineError('Conflict', 'container not running');
  const to = merged(saved.resources, change);
  const { ops, warnings } = cgroupBackend().planUpdate(saved.cgroupsPath, saved.resources, to);
  for (const warning of warnings) context.log.warn(warning);
  const directory = containerDirectory(context.root, id);
  runHostPlan(context.islet, { ops }, directory);
  saveState(directory, { ...saved, resources: to });
}

export const update: Command = (context, args) => {
  const flags = parseFlags(UPDATE_FLAGS, args);
  apply(context, onlyId(flags), requested(context, flags));
  return 0;
};
