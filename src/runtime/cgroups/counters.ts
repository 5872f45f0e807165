/** What the kernel counts for a container, read off its cgroups' files. */
import type { BlockCount, Counters, ReadFile } from './backend.ts';

const NS_PER_TICK = 10_000_000;
/** cgroup v1 prints "no limit" as the largest whole number of pages in a signed long. */
const V1_UNLIMITED = 2 ** 62;

/** Lines of a name and a number: memory.stat, cpu.stat. */
function fields(text: string | null): Record<string, number> {
  const result: Record<string, number> = {};
  for (const line of (text ?? '').split('\n')) {
    const [name, value] = line.split(' ');
    if (name !== undefined && value !== undefined) result[name] = Number(value);
  }
  return result;
}

function amount(text: string | null): number {
  return Number((text ?? '0').trim());
}

function bound(text: string | null): number | null {
  const word = (text ?? 'max').trim();
  return word === 'max' || Number(word) >= V1_UNLIMITED ? null : Number(word);
}

/** Lines such as `254:0 Read 4096`; the last one, `Total N`, has no device. */
function v1Counts(text: string): BlockCount[] {
  return text.split('\n').flatMap((line) => {
    const [, major, minor, op, value] = /^(\d+):(\d+) (\w+) (\d+)$/.exec(line) ?? [];
    return op === undefined
      ? []
      : [{ major: Number(major), minor: Number(minor), op: op.toLowerCase(), value: Number(value) }];
  });
}

/** Lines such as `254:0 rbytes=4096 wbytes=0 rios=1 wios=0 dbytes=0 dios=0`. */
function v2Counts(text: string, names: Readonly<Record<string, string>>): BlockCount[] {
  return text.split('\n').flatMap((line) => {
    const [device = '', ...pairs] = line.split(' ');
    const [major, minor] = device.split(':');
    if (minor === undefined) return [];
    return pairs.flatMap((pair) => {
      const [name = '', value] = pair.split('=');
      const op = names[name];
      return op === undefined ? [] : [{ major: Number(major), minor: Number(minor), op, value: Number(value) }];
    });
  });
}

function pids(directory: string | null, read: ReadFile): Counters['pids'] {
  const current = directory === null ? null : read(`${directory}/pids.current`);
  return current === null ? null : { current: amount(current), limit: bound(read(`${directory}/pids.max`)) };
}

function memoryV1(directory: string | null, read: ReadFile): Counters['memory'] {
  const usage = directory === null ? null : read(`${directory}/memory.usage_in_bytes`);
  if (usage === null) return null;
  return {
    usage: amount(usage),
    maxUsage: amount(read(`${directory}/memory.max_usage_in_bytes`)),
    failures: amount(read(`${directory}/memory.failcnt`)),
    limit: bound(read(`${directory}/memory.limit_in_bytes`)),
    details: fields(read(`${directory}/memory.stat`)),
  };
}

/** The file with `_recursive` also counts cgroups that the container made inside its own. */
function blockV1(directory: string | null, read: ReadFile): Counters['blockIO'] {
  if (directory === null) return null;
  const counts = (name: string) => v1Counts(read(`${directory}/blkio.throttle.${name}_recursive`) ?? '');
  return { bytes: counts('io_service_bytes'), operations: counts('io_serviced') };
}

/** `directory`: of a controller's hierarchy, null where it is not mounted. */
export function countersV1(directory: (controller: string) => string | null, read: ReadFile): Counters {
  const at = (controller: string, file: string) => {
    const place = directory(controller);
    return place === null ? null : read(`${place}/${file}`);
  };
  const ticks = fields(at('cpuacct', 'cpuacct.stat'));
  const throttled = fields(at('cpu', 'cpu.stat'));
  const perCpu = (at('cpuacct', 'cpuacct.usage_percpu') ?? '').trim();
  return {
    cpu: {
      totalNs: amount(at('cpuacct', 'cpuacct.usage')),
      userNs: (ticks['user'] ?? 0) * NS_PER_TICK,
      systemNs: (ticks['system'] ?? 0) * NS_PER_TICK,
      ...(perCpu === '' ? {} : { perCpuNs: perCpu.split(' ').map(Number) }),
      periods: throttled['nr_periods'] ?? 0,
      throttledPeriods: throttled['nr_throttled'] ?? 0,
      throttledNs: throttled['throttled_time'] ?? 0,
    },
    memory: memoryV1(directory('memory'), read),
    pids: pids(directory('pids'), read),
    blockIO: blockV1(directory('blkio'), read),
  };
}

export function countersV2(directory: string, read: ReadFile): Counters {
  const cpu = fields(read(`${directory}/cpu.stat`));
  const usage = read(`${directory}/memory.current`);
  const io = read(`${directory}/io.stat`);
  return {
    cpu: {
      totalNs: (cpu['usage_usec'] ?? 0) * 1000,
      userNs: (cpu['user_usec'] ?? 0) * 1000,
      systemNs: (cpu['system_usec'] ?? 0) * 1000,
      periods: cpu['nr_periods'] ?? 0,
      throttledPeriods: cpu['nr_throttled'] ?? 0,
      throttledNs: (cpu['throttled_usec'] ?? 0) * 1000,
    },
    memory:
      usage === null
        ? null
        : {
            usage: amount(usage),
            limit: bound(read(`${directory}/memory.max`)),
            details: fields(read(`${directory}/memory.stat`)),
          },
    pids: pids(directory, read),
    blockIO:
      io === null
        ? null
        : {
            bytes: v2Counts(io, { rbytes: 'read', wbytes: 'write' }),
            operations: v2Counts(io, { rios: 'read', wios: 'write' }),
          },
  };
}
