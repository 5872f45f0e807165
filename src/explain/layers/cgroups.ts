import type { ExplainLayer, Fact } from '../../api/types/explain.ts';
import type { LinuxCpu, LinuxMemory } from '../../oci/runtime-spec.ts';
import { cpuMax, cpuWeight, swapMax } from '../../runtime/cgroups/convert.ts';
import { bytes, type Enforced, fact, plural, said } from '../fact.ts';
import { parseCgroups } from '../proc.ts';
import type { KernelFacts, KernelText, LayerInput } from '../types.ts';
import { limitFacts } from './limits.ts';

const NO_LIMIT = 'no limit';
const PAGE_BYTES = 4096;
/** cgroup v1 prints "no limit" as the largest whole number of pages in a signed long. */
const V1_UNLIMITED = 2 ** 62;

const cgroupFile = (kernel: KernelFacts | null, name: string): KernelText | undefined => kernel?.cgroupFiles[name];

/** Compares one file's value, already read as `text`, with what it should be. */
function enforcedBy(
  file: KernelText | undefined,
  controller: string,
  read: (text: string) => string,
  asked: string,
): Enforced {
  const text = said(file, (content) => read(content.trim()));
  return { text, source: file?.path ?? `no ${controller} controller on this host`, holds: text === asked };
}

const byteWords = (text: string): string => {
  if (text === 'max' || text === '-1' || Number(text) >= V1_UNLIMITED) return NO_LIMIT;
  return bytes(Number(text));
};

/** The kernel keeps whole pages. */
const wholePages = (count: number): number => Math.floor(count / PAGE_BYTES) * PAGE_BYTES;
const limitWords = (count: number | undefined): string =>
  count === undefined || count <= 0 ? NO_LIMIT : bytes(wholePages(count));

function memoryFacts(memory: LinuxMemory, kernel: KernelFacts | null): Fact[] {
  const limit = limitWords(memory.limit);
  const facts = [
    fact(
      'memory limit',
      limit,
      kernel && enforcedBy(cgroupFile(kernel, 'memoryLimit'), 'memory', byteWords, limit),
      'Above it the kernel first takes back caches, then kills a process of this container (OOM), and none outside.',
    ),
  ];
  const swapFile = cgroupFile(kernel, 'memorySwapLimit');
  if (memory.swap !== undefined && (kernel === null || swapFile !== undefined))
    facts.push(swapFact(memory, memory.swap, kernel, swapFile));
  if (memory.reservation) {
    const asked = limitWords(memory.reservation);
    facts.push(
      fact(
        'memory reservation',
        asked,
        kernel && enforcedBy(cgroupFile(kernel, 'memoryReservation'), 'memory', byteWords, asked),
        'Under pressure the kernel takes memory from containers above their reservation first.',
      ),
    );
  }
  return facts;
}

/** v1 counts memory and swap together, v2 swap alone. */
function swapFact(memory: LinuxMemory, swap: number, kernel: KernelFacts | null, file: KernelText | undefined): Fact {
  const isV2 = file?.path.endsWith('memory.swap.max') ?? false;
  const v2 = swapMax(memory.limit ?? -1, swap);
  const asked = isV2 ? (v2 === 'max' ? NO_LIMIT : bytes(wholePages(Number(v2)))) : limitWords(swap);
  return fact(
    isV2 ? 'swap limit' : 'memory and swap limit',
    asked,
    kernel && enforcedBy(file, 'memory', byteWords, asked),
    'How much of it may lie on disk instead of in memory.',
  );
}

/** quota and period in microseconds, in words. */
function quotaWords(quota: number, period: number): string {
  return quota <= 0 ? NO_LIMIT : `${quota / period} CPUs (${quota} of every ${period} µs)`;
}

function quotaFact(cpu: LinuxCpu, kernel: KernelFacts | null): Fact {
  const [quota = '', period = ''] = cpuMax(cpu.quota, cpu.period).split(' ');
  const asked = quotaWords(quota === 'max' ? -1 : Number(quota), Number(period));
  const max = cgroupFile(kernel, 'cpuMax');
  const v1 = cgroupFile(kernel, 'cpuQuota');
  const periodText = said(cgroupFile(kernel, 'cpuPeriod'), Number) ?? Number(period);
  const fromV2 = (text: string): string => {
    const [now = '', every = ''] = text.split(' ');
    return quotaWords(now === 'max' ? -1 : Number(now), Number(every));
  };
  const enforced =
    max === undefined
      ? enforcedBy(v1, 'cpu', (text) => quotaWords(Number(text), periodText), asked)
      : enforcedBy(max, 'cpu', fromV2, asked);
  return fact(
    'CPU limit',
    asked,
    kernel && enforced,
    'Once the time of a period is used up, all processes of the container wait for the next one.',
  );
}

const DEFAULT_SHARES = 1024;

function sharesFact(cpu: LinuxCpu, kernel: KernelFacts | null): Fact {
  const shares = cpu.shares || DEFAULT_SHARES;
  const weight = cgroupFile(kernel, 'cpuWeight');
  const asked = weight === undefined ? String(shares) : `${shares}, as weight ${cpuWeight(shares)}`;
  const asShares = (text: string): string => (Number(text) === cpuWeight(shares) ? asked : `weight ${text}`);
  const enforced =
    weight === undefined
      ? enforcedBy(cgroupFile(kernel, 'cpuShares'), 'cpu', String, asked)
      : enforcedBy(weight, 'cpu', asShares, asked);
  return fact(
    'CPU shares',
    asked,
    kernel && enforced,
    'Counts only when CPUs are short: a container with twice the shares then gets twice the time.',
  );
}

function cpusetFacts(cpu: LinuxCpu, kernel: KernelFacts | null): Fact[] {
  const sets = [
    ['CPUs that may be used', cpu.cpus, 'cpusetCpus', 'Its processes run on these CPUs only.'],
    ['memory nodes that may be used', cpu.mems, 'cpusetMems', 'Its memory comes from these nodes only.'],
  ] as const;
  return sets.flatMap(([what, list, file, why]) => {
    if (!list) return [];
    const asked = cpuList(list);
    return [fact(what, asked, kernel && enforcedBy(cgroupFile(kernel, file), 'cpuset', cpuList, asked), why)];
  });
}

/** "0,1,2-3" and "0-3" are the same list. */
function cpuList(text: string): string {
  const numbers = text.split(',').flatMap((part) => {
    const [first = '', last = first] = part.trim().split('-');
    return Array.from({ length: Math.max(0, Number(last) - Number(first) + 1) }, (_, index) => Number(first) + index);
  });
  return [...new Set(numbers)].toSorted((a, b) => a - b).join(',');
}

function pidsFact(limit: number, kernel: KernelFacts | null): Fact {
  const words = (text: string): string => (text === 'max' ? NO_LIMIT : plural(Number(text), 'process', 'processes'));
  const asked = limit > 0 ? words(String(limit)) : NO_LIMIT;
  return fact(
    'process limit',
    asked,
    kernel && enforcedBy(cgroupFile(kernel, 'pidsLimit'), 'pids', words, asked),
    "Processes and threads together. A program that forks without end fails at this number instead of filling the host's process table.",
  );
}

/** Every hierarchy must hold the process below this path; a limit in a cgroup that it is not in would mean nothing. */
function membershipFact(path: string, kernel: KernelFacts | null): Fact {
  const memberships = kernel && said(kernel.cgroup, parseCgroups);
  const outside = memberships?.filter((membership) => !membership.path.endsWith(`/${path}`));
  const names = (list: readonly { controllers: string; path: string }[]): string =>
    list.map((one) => `${one.controllers || 'unified'}:${one.path}`).join(', ');
  const text =
    memberships === null || outside === undefined
      ? null
      : outside.length === 0
        ? `in ${plural(memberships.length, 'hierarchy', 'hierarchies')}`
        : `not in ${names(outside)}`;
  return fact(
    'control group',
    path,
    kernel && { text, source: kernel.cgroup.path, holds: outside?.length === 0 },
    'The group that is counted and limited. Children are born into it and cannot leave.',
  );
}

export function cgroupsLayer(input: LayerInput): ExplainLayer {
  const { spec, kernel } = input;
  const { memory = {}, cpu = {}, pids } = spec.linux?.resources ?? {};
  const path = (spec.linux?.cgroupsPath ?? '').replace(/^\/+/, '');
  return {
    name: 'cgroups',
    title: 'Control groups: how much the container may use',
    summary:
      'Namespaces decide what is seen, control groups how much is used. Without limits one container can starve all others.',
    facts: [
      ...(path === '' ? [] : [membershipFact(path, kernel)]),
      ...memoryFacts(memory, kernel),
      quotaFact(cpu, kernel),
      sharesFact(cpu, kernel),
      ...cpusetFacts(cpu, kernel),
      pidsFact(pids?.limit ?? 0, kernel),
      ...limitFacts(input),
    ],
  };
}
