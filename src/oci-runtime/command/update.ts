/** update: limits of a container that runs. */
import { readFileSync } from 'node:fs';
import { EngineError } from '../../errors.ts';
import type { LinuxResources } from '../../oci/runtime-spec.ts';
import { createCgroupBackend, readCgroupLayout } from '../../runtime/cgroups/index.ts';
import { checkResources } from '../config/linux.ts';
import { parseJson } from '../config/load.ts';
import { resourcesShape } from '../config/shape.ts';
import type { Command, RuntimeContext } from '../context.ts';
import { type Flags, type ParsedFlags, parseFlags } from '../flags.ts';
import { runHostPlan } from '../islet.ts';
import { containerDirectory, loadState, saveState, statusOf } from '../state.ts';
import { onlyId } from './lifecycle.ts';

const text = (usage: string) => ({ kind: 'text', usage }) as const;
const NO_RDT = 'isle-runtime has no part in Intel RDT';

/** runc's and crun's names. */
export const UPDATE_FLAGS: Flags = {
  resources: {
    kind: 'text',
    short: 'r',
    usage: "file with the resources as JSON ('-' for standard input), in the form of config.json",
  },
  memory: text('bytes, or such as 512m; -1 for no limit'),
  'memory-reservation': text('bytes; -1 for no limit'),
  'memory-swap': text('bytes of memory and swap together; -1 for no limit'),
  'kernel-memory': text('without effect: kernels since 5.4 do not limit it'),
  'kernel-memory-tcp': text('without effect too'),
  'cpu-share': text('relative weight'),
  'cpu-shares': text('the same'),
  'cpu-period': text('microseconds'),
  'cpu-quota': text('microseconds; -1 for no limit'),
  'cpu-burst': text('microseconds'),
  'cpu-idle': text('1: only when nothing else wants the CPU'),
  'cpu-rt-period': text('microseconds; cgroup v1'),
  'cpu-rt-runtime': text('microseconds; cgroup v1'),
  'cpuset-cpus': text('CPUs, such as 0-1'),
  'cpuset-mems': text('memory nodes'),
  'pids-limit': text('processes; -1 for no limit'),
  'blkio-weight': text('10 to 1000'),
  'l3-cache-schema': { ...text(`refused: ${NO_RDT}`), refused: NO_RDT },
  'mem-bw-schema': { ...text(`refused: ${NO_RDT}`), refused: NO_RDT },
};

const UNITS = 'bkmgtp';

/** Bytes: `-1`, `4096`, `512m`, `1.5G`, `1GiB`; units are of 1024, as in runc. */
export function parseBytes(given: string, name: string): number {
  if (given === '-1') return -1;
  const match = /^(\d{1,19}(?:\.\d{1,9})?) ?(?:([bkmgtp])(?:i?b)?)?$/i.exec(given);
  const bytes = match === null ? Number.NaN : Number(match[1]) * 1024 ** UNITS.indexOf((match[2] ?? 'b').toLowerCase());
  if (Number.isFinite(bytes)) return Math.floor(bytes);
  throw new EngineError('InvalidParameter', `--${name}: "${given}" is no amount of memory`, {
    hint: 'bytes, or a number with one of k, m, g, t, p; -1 for no limit',
  });
}

function defined<T extends object>(fields: T): Partial<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Partial<T>;
}

function fromFlags(flags: ParsedFlags): LinuxResources {
  const bytes = (name: string) => {
    const given = flags.text(name);
    return given === undefined ? undefined : parseBytes(given, name);
  };
  const memory = defined({
    limit: bytes('memory'),
    reservation: bytes('memory-reservation'),
    swap: bytes('memory-swap'),
  });
  const cpu = defined({
    shares: flags.number('cpu-share') ?? flags.number('cpu-shares'),
    period: flags.number('cpu-period'),
    quota: flags.number('cpu-quota'),
    burst: flags.number('cpu-burst'),
    idle: flags.number('cpu-idle'),
    realtimePeriod: flags.number('cpu-rt-period'),
    realtimeRuntime: flags.number('cpu-rt-runtime'),
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
  const { ops, warnings } = createCgroupBackend(readCgroupLayout(saved.cgroupsPath)).planUpdate(
    saved.cgroupsPath,
    saved.resources,
    to,
  );
  for (const warning of warnings) context.log.warn(warning);
  const directory = containerDirectory(context.root, id);
  runHostPlan(context.islet, { ops }, directory);
  saveState(directory, { ...saved, resources: to });
}

export const update: Command = (context, args) => {
  const flags = parseFlags(UPDATE_FLAGS, args);
  for (const name of ['kernel-memory', 'kernel-memory-tcp']) {
    if (flags.text(name) !== undefined) context.log.warn(`--${name} has no effect: kernels since 5.4 do not limit it`);
  }
  apply(context, onlyId(flags), requested(context, flags));
  return 0;
};
