/** What the kernel counts for a container, in the form of `runc events --stats`. */
import { readdirSync } from 'node:fs';
import { dirname } from 'node:path';
import type { CgroupBackend } from '../runtime/cgroups/index.ts';
import { readIfThere } from './plan.ts';

type Json = Record<string, unknown>;

/** What both runc and the kernel print for "no limit". */
const V1_UNLIMITED = 9_223_372_036_854_771_712n;
const V2_UNLIMITED = 18_446_744_073_709_551_615n;

function amount(text: string | null): bigint {
  const word = (text ?? '0').trim();
  return word === 'max' ? V2_UNLIMITED : BigInt(/^\d+$/.test(word) ? word : 0);
}

/** `prefix`: `memory.memsw` for memory.memsw.usage_in_bytes and its like. undefined: this kernel does not count it. */
function v1Entry(directory: string, prefix: string): Json | undefined {
  const read = (name: string) => readIfThere(`${directory}/${prefix}.${name}`);
  const usage = read('usage_in_bytes');
  if (usage === null) return undefined;
  return {
    usage: amount(usage),
    limit: amount(read('limit_in_bytes')),
    max: amount(read('max_usage_in_bytes')),
    failcnt: amount(read('failcnt')),
  };
}

function v2Entry(directory: string, prefix: string): Json | undefined {
  const usage = readIfThere(`${directory}/${prefix}.current`);
  return usage === null
    ? undefined
    : { usage: amount(usage), limit: amount(readIfThere(`${directory}/${prefix}.max`)), failcnt: 0 };
}

function memoryOf(backend: CgroupBackend, path: string): Json | undefined {
  const { memory } = backend.counters(path, readIfThere);
  const file = backend.files(path).memoryUsage;
  if (memory === null || file === undefined) return undefined;
  const directory = dirname(file);
  const isV1 = file.endsWith('memory.usage_in_bytes');
  const unlimited = isV1 ? V1_UNLIMITED : V2_UNLIMITED;
  const { usage, limit, maxUsage, failures, details } = memory;
  return {
    cache: details[isV1 ? 'cache' : 'file'] ?? 0,
    usage: {
      usage,
      limit: limit ?? unlimited,
      ...(maxUsage === undefined ? {} : { max: maxUsage }),
      failcnt: failures ?? 0,
    },
    swap: isV1 ? v1Entry(directory, 'memory.memsw') : v2Entry(directory, 'memory.swap'),
    kernel: isV1 ? v1Entry(directory, 'memory.kmem') : undefined,
    kernelTCP: isV1 ? v1Entry(directory, 'memory.kmem.tcp') : undefined,
    raw: details,
  };
}

/** `0-2,5` -> [0, 1, 2, 5] */
function numbers(list: string | null): number[] {
  return (list ?? '')
    .trim()
    .split(',')
    .flatMap((part) => {
      const [first = '', last = first] = part.split('-');
      return first === ''
        ? []
        : Array.from({ length: Number(last) - Number(first) + 1 }, (_, at) => Number(first) + at);
    });
}

/** By page size. */
function hugePages(directory: string | undefined, isV1: boolean): Json {
  if (directory === undefined) return {};
  const sizes = readdirSync(directory).flatMap(
    (name) => /^hugetlb\.(\w+)\.(?:usage_in_bytes|current)$/.exec(name)?.[1] ?? [],
  );
  const entry = isV1 ? v1Entry : v2Entry;
  return Object.fromEntries(sizes.map((size) => [size, entry(directory, `hugetlb.${size}`)]));
}

function hugetlbDirectory(backend: CgroupBackend, path: string): string | undefined {
  const v1 = backend.layout.v1.find(({ controllers }) => controllers.includes('hugetlb'));
  if (v1 !== undefined) return `${v1.mountPoint}/${path}`;
  return backend.layout.v1.length === 0 ? dirname(backend.files(path).procs ?? '/') : undefined;
}

/** A whole number that a double holds only roughly is written with all its digits. */
function digits(_key: string, value: unknown): unknown {
  const raw = JSON as unknown as { rawJSON(text: string): unknown };
  if (typeof value === 'bigint') return raw.rawJSON(value.toString());
  if (typeof value !== 'number' || Number.isSafeInteger(value) || !Number.isInteger(value)) return value;
  return raw.rawJSON(value >= 2 ** 64 ? V2_UNLIMITED.toString() : BigInt(value).toString());
}

/** One line. */
export function statsLine(backend: CgroupBackend, path: string, id: string): string {
  const { cpu, pids, blockIO } = backend.counters(path, readIfThere);
  const { totalNs: total, userNs: user, systemNs: kernel, perCpuNs: percpu } = cpu;
  const files = backend.files(path);
  const data = {
    cpu: {
      usage: { total, user, kernel, percpu },
      throttling: { periods: cpu.periods, throttledPeriods: cpu.throttledPeriods, throttledTime: cpu.throttledNs },
    },
    cpuset: {
      cpus: numbers(files.cpusetCpus === undefined ? null : readIfThere(files.cpusetCpus)),
      mems: numbers(files.cpusetMems === undefined ? null : readIfThere(files.cpusetMems)),
    },
    memory: memoryOf(backend, path),
    pids: pids === null ? undefined : { current: pids.current, limit: pids.limit ?? 0 },
    blkio: blockIO === null ? {} : { ioServiceBytesRecursive: blockIO.bytes, ioServicedRecursive: blockIO.operations },
    hugetlb: hugePages(hugetlbDirectory(backend, path), backend.layout.v1.length > 0),
    // Those of Intel RDT, and of interfaces that the runtime itself would have made: isle-runtime does neither.
    intel_rdt: {},
    network_interfaces: null,
  };
  return `${JSON.stringify({ type: 'stats', id, data }, digits)}\n`;
}
