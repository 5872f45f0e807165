/** `GET /containers/{name}/stats`: the kernel's counters in the Engine API's shape. */
import { readFileSync } from 'node:fs';
import { totalmem } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import type { JsonObject } from '../api/backend.ts';
import type { BlockCount, Counters } from '../runtime/cgroups/index.ts';
import { readFileOrNull } from './cgroup-parents.ts';
import type { Container } from './container.ts';
import { type ContainersContext, cgroupPath } from './context.ts';
import { networkMode } from './launch-plan.ts';
import { formatTimeNs, nowNs, ZERO_TIME } from './record.ts';

export interface StatsOptions {
  stream: boolean;
  oneShot: boolean;
}

interface Sample {
  read: string;
  cpu: JsonObject;
  rest: JsonObject;
}

const INTERVAL_MS = 1000;
/** USER_HZ of every Linux on x86 and arm. */
const NS_PER_TICK = 10_000_000;
/** user to softirq in /proc/stat, as dockerd adds them up */
const SYSTEM_FIELDS = 7;

const NO_CPU = {
  cpu_usage: { total_usage: 0, usage_in_kernelmode: 0, usage_in_usermode: 0 },
  throttling_data: { periods: 0, throttled_periods: 0, throttled_time: 0 },
};

/** Time of all the host's processors together, and how many there are. */
export function systemCpu(procStat: string): { totalNs: number; online: number } {
  const lines = procStat.split('\n').filter((line) => line.startsWith('cpu'));
  const [total = ''] = lines;
  const ticks = total
    .split(/\s+/)
    .slice(1, 1 + SYSTEM_FIELDS)
    .reduce((sum, text) => sum + Number(text), 0);
  return { totalNs: ticks * NS_PER_TICK, online: lines.length - 1 };
}

/** /proc/PID/net/dev of a process in the container's network namespace, without the loopback. */
export function networkCounters(netDev: string): Record<string, Record<string, number>> {
  const result: Record<string, Record<string, number>> = {};
  for (const line of netDev.split('\n')) {
    const [, name, values] = /^\s*([^\s:]+):\s*(.*)$/.exec(line) ?? [];
    if (name === undefined || name === 'lo') continue;
    const [rxBytes, rxPackets, rxErrors, rxDropped, , , , , txBytes, txPackets, txErrors, txDropped] = (values ?? '')
      .split(/\s+/)
      .map(Number);
    result[name] = {
      rx_bytes: rxBytes ?? 0,
      rx_packets: rxPackets ?? 0,
      rx_errors: rxErrors ?? 0,
      rx_dropped: rxDropped ?? 0,
      tx_bytes: txBytes ?? 0,
      tx_packets: txPackets ?? 0,
      tx_errors: txErrors ?? 0,
      tx_dropped: txDropped ?? 0,
    };
  }
  return result;
}

function cpuJson({ cpu }: Counters): JsonObject {
  const { totalNs, online } = systemCpu(readFileSync('/proc/stat', 'utf8'));
  return {
    cpu_usage: {
      total_usage: cpu.totalNs,
      ...(cpu.perCpuNs === undefined ? {} : { percpu_usage: cpu.perCpuNs }),
      usage_in_kernelmode: cpu.systemNs,
      usage_in_usermode: cpu.userNs,
    },
    system_cpu_usage: totalNs,
    online_cpus: online,
    throttling_data: {
      periods: cpu.periods,
      throttled_periods: cpu.throttledPeriods,
      throttled_time: cpu.throttledNs,
    },
  };
}

/** Without a limit the host's memory is the limit, as in Docker. */
function memoryJson(memory: Counters['memory']): JsonObject {
  if (memory === null) return {};
  return {
    usage: memory.usage,
    ...(memory.maxUsage === undefined ? {} : { max_usage: memory.maxUsage }),
    stats: memory.details,
    ...(memory.failures === undefined ? {} : { failcnt: memory.failures }),
    limit: Math.min(memory.limit ?? Number.POSITIVE_INFINITY, totalmem()),
  };
}

function blockJson(blockIO: Counters['blockIO']): JsonObject {
  const entries = (counts: readonly BlockCount[]) =>
    counts.map(({ major, minor, op, value }) => ({ major, minor, op, value }));
  return {
    io_service_bytes_recursive: blockIO === null ? null : entries(blockIO.bytes),
    io_serviced_recursive: blockIO === null ? null : entries(blockIO.operations),
    io_queue_recursive: null,
    io_service_time_recursive: null,
    io_wait_time_recursive: null,
    io_merged_recursive: null,
    io_time_recursive: null,
    sectors_recursive: null,
  };
}

function takeSample(context: ContainersContext, container: Container): Sample {
  const { record } = container;
  if (!container.running) {
    return { read: ZERO_TIME, cpu: NO_CPU, rest: { pids_stats: {}, blkio_stats: blockJson(null), memory_stats: {} } };
  }
  const counters = context.cgroups.counters(cgroupPath(context, record), readFileOrNull);
  const { pids } = counters;
  const netDev = networkMode(record) === 'host' ? null : readFileOrNull(`/proc/${record.state.pid}/net/dev`);
  return {
    read: formatTimeNs(nowNs()),
    cpu: cpuJson(counters),
    rest: {
      pids_stats: pids === null ? {} : { current: pids.current, ...(pids.limit === null ? {} : { limit: pids.limit }) },
      blkio_stats: blockJson(counters.blockIO),
      memory_stats: memoryJson(counters.memory),
      ...(netDev === null ? {} : { networks: networkCounters(netDev) }),
    },
  };
}

function sampleJson({ record }: Container, now: Sample, before: Sample | null): JsonObject {
  return {
    name: `/${record.name}`,
    id: record.id,
    os_type: 'linux',
    read: now.read,
    preread: before?.read ?? ZERO_TIME,
    num_procs: 0,
    storage_stats: {},
    cpu_stats: now.cpu,
    precpu_stats: before?.cpu ?? NO_CPU,
    ...now.rest,
  };
}

async function pause(signal: AbortSignal): Promise<void> {
  await delay(INTERVAL_MS, undefined, { signal }).catch(() => undefined);
}

/** The first sample of a stream comes at once and has nothing before it. Ends when the container is removed. */
export async function* containerStats(
  context: ContainersContext,
  container: Container,
  { stream, oneShot }: StatsOptions,
  signal: AbortSignal,
): AsyncGenerator<JsonObject> {
  let before: Sample | null = null;
  if (!stream && !oneShot && container.running) {
    before = takeSample(context, container);
    await pause(signal);
  }
  for (;;) {
    const now = takeSample(context, container);
    yield sampleJson(container, now, before);
    before = now.read === ZERO_TIME ? null : now;
    if (!stream) return;
    await pause(signal);
    if (signal.aborted || !context.containers.has(container.record.id)) return;
  }
}
