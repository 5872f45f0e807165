/**
 * Limits beyond memory, CPU time and processes. What was asked for is read from the plan's own writes to the container's
 * cgroups, so that it is in the units of this host's cgroup version; what the plan has no write for is not enforced.
 */
import type { Fact } from '../../api/types/explain.ts';
import type { LinuxResources, Spec } from '../../oci/runtime-spec.ts';
import type { Plan } from '../../runtime/plan/table.ts';
import { bytes, fact } from '../fact.ts';
import type { KernelFacts, LayerInput } from '../types.ts';

interface LimitWrite {
  path: string;
  file: string;
  value: string;
}

/** A file of one value, or of one line for each device or page size, which then is the `key`. */
interface Kind {
  file: RegExp;
  what: string;
  why: string;
  isKeyed?: boolean;
  words: (value: string) => string;
  /** The value in a file that holds more than that. */
  find?: RegExp;
}

const microseconds = (text: string): string => `${text} µs`;
const rate = (text: string): string => `${bytes(Number(text))} a second`;
const operations = (text: string): string => `${text} operations a second`;
const plain = (text: string): string => text;

const V2_RATES: Readonly<Record<string, (value: string) => string>> = {
  rbps: (value) => `reads ${rate(value)}`,
  wbps: (value) => `writes ${rate(value)}`,
  riops: (value) => `reads ${operations(value)}`,
  wiops: (value) => `writes ${operations(value)}`,
};

/** "rbps=1048576 wbps=max": what has a limit. */
function v2Rates(text: string): string {
  const words = text.split(' ').flatMap((pair) => {
    const [key = '', value = 'max'] = pair.split('=');
    return value === 'max' ? [] : [V2_RATES[key]?.(value) ?? pair];
  });
  return words.length === 0 ? 'no limit' : words.join(', ');
}

const DISK = 'So that one container cannot take a disk from all others. On cgroup v1 it holds for direct I/O only.';
const WEIGHT = 'Counts only when a disk is busy, and under the BFQ scheduler only.';
const REALTIME = 'Processes with a real-time priority run before all others: this is how long they may in each period.';

const KINDS: readonly Kind[] = [
  {
    file: /^memory\.swappiness$/,
    what: 'swappiness',
    why: 'How readily its memory is put out to disk instead of caches being given up: 0 hardly ever, 100 as readily.',
    words: plain,
  },
  {
    file: /^memory\.oom_control$/,
    what: 'killing when memory is out',
    why: 'Without it, its processes wait at the limit until memory becomes free, which may be never.',
    find: /^(?:oom_kill_disable )?(\d)$/m,
    words: (text) => (text === '1' ? 'off' : 'on'),
  },
  {
    file: /^cpu\.(cfs_burst_us|max\.burst)$/,
    what: 'CPU burst',
    why: 'How much unused time may be saved up for later periods.',
    words: microseconds,
  },
  {
    file: /^cpu\.idle$/,
    what: 'runs only on idle CPUs',
    why: 'Its processes get time that nobody else wants.',
    words: (text) => (text === '1' ? 'yes' : 'no'),
  },
  { file: /^cpu\.rt_period_us$/, what: 'CPU real-time period', why: REALTIME, words: microseconds },
  { file: /^cpu\.rt_runtime_us$/, what: 'CPU real-time runtime', why: REALTIME, words: microseconds },
  {
    file: /^(blkio|io)(\.bfq)?\.weight$/,
    what: 'block I/O weight',
    why: WEIGHT,
    find: /^(?:default )?(\d+)$/m,
    words: plain,
  },
  { file: /^blkio\.leaf_weight$/, what: 'block I/O leaf weight', why: WEIGHT, words: plain },
  { file: /^blkio(\.bfq)?\.weight_device$/, what: 'block I/O weight', why: WEIGHT, isKeyed: true, words: plain },
  { file: /^blkio\.leaf_weight_device$/, what: 'block I/O leaf weight', why: WEIGHT, isKeyed: true, words: plain },
  { file: /^blkio\.throttle\.read_bps_device$/, what: 'read rate', why: DISK, isKeyed: true, words: rate },
  { file: /^blkio\.throttle\.write_bps_device$/, what: 'write rate', why: DISK, isKeyed: true, words: rate },
  { file: /^blkio\.throttle\.read_iops_device$/, what: 'read operations', why: DISK, isKeyed: true, words: operations },
  {
    file: /^blkio\.throttle\.write_iops_device$/,
    what: 'write operations',
    why: DISK,
    isKeyed: true,
    words: operations,
  },
  { file: /^io\.max$/, what: 'rates', why: DISK, isKeyed: true, words: v2Rates },
  {
    file: /^hugetlb\.\w+\.(limit_in_bytes|max)$/,
    what: 'huge pages',
    why: 'Huge pages are a store of the whole host, taken from its memory at boot.',
    words: (text) => (text === 'max' ? 'no limit' : bytes(Number(text))),
  },
];

/** Shown by facts of their own, which also tell "no limit". */
const SHOWN = new Set([
  'memory.limit_in_bytes',
  'memory.memsw.limit_in_bytes',
  'memory.soft_limit_in_bytes',
  'memory.max',
  'memory.swap.max',
  'memory.low',
  'cpu.shares',
  'cpu.weight',
  'cpu.cfs_quota_us',
  'cpu.cfs_period_us',
  'cpu.max',
  'cpuset.cpus',
  'cpuset.mems',
  'pids.max',
  'devices.allow',
  'devices.deny',
]);

/** The last write to each place counts. */
function limitWrites({ linux }: Spec, plan: Plan): LimitWrite[] {
  const own = (linux?.cgroupsPath ?? '').replace(/^\/+/, '');
  const unified = Object.keys(linux?.resources?.unified ?? {});
  const found = new Map<string, LimitWrite>();
  for (const operation of plan.ops) {
    if (operation.op !== 'write' || operation.section !== 'setup' || operation.step !== 'cgroups') continue;
    const { path, data } = operation.args;
    const slash = path.lastIndexOf('/');
    const file = path.slice(slash + 1);
    if (!path.slice(0, slash).endsWith(`/${own}`) || (SHOWN.has(file) && !unified.includes(file))) continue;
    const value = Buffer.from(data).toString('utf8').trim();
    const { isKeyed = false } = kindOf(file);
    found.set(`${path} ${isKeyed ? keyOf(value) : ''}`, { path, file, value });
  }
  return [...found.values()];
}

/** The files to read for these facts: name and path are one. */
export function limitFiles(spec: Spec, plan: Plan): Record<string, string> {
  return Object.fromEntries(limitWrites(spec, plan).map(({ path }) => [path, path]));
}

const keyOf = (line: string): string => line.split(' ', 1)[0] ?? '';
const restOf = (line: string): string => line.slice(line.indexOf(' ') + 1);

/** `4M` as the kernel shows it again; blanks as one. */
function normal(text: string): string {
  const [, digits, unit] = /^(\d+)([KMG])$/i.exec(text) ?? [];
  if (digits === undefined || unit === undefined) return text.trim().replace(/\s+/g, ' ');
  return String(Number(digits) * 1024 ** ('KMG'.indexOf(unit.toUpperCase()) + 1));
}

/** A file of the map `unified` speaks for itself. */
function kindOf(file: string): Kind {
  const known = KINDS.find((kind) => kind.file.test(file));
  return known ?? { file: /$/, what: file, why: "Asked for by the name of the kernel's own file.", words: normal };
}

/** What the file says in the place of a write; v2 files may show more keys than were written. */
function enforcedValue(text: string, { value }: LimitWrite, { isKeyed = false, find }: Kind): string | null {
  if (find !== undefined) return find.exec(text)?.[1] ?? null;
  if (!isKeyed) return text.trim();
  const line = text.split('\n').find((candidate) => keyOf(candidate) === keyOf(value));
  if (line === undefined) return null;
  const asked = restOf(value)
    .split(' ')
    .map((pair) => pair.split('=')[0]);
  if (!value.includes('=')) return restOf(line).trim();
  return restOf(line)
    .split(' ')
    .filter((pair) => asked.includes(pair.split('=')[0]))
    .join(' ');
}

function writtenFact(write: LimitWrite, kernel: KernelFacts | null): Fact {
  const kind = kindOf(write.file);
  const { isKeyed = false, what, why, words } = kind;
  const asked = words(isKeyed ? restOf(write.value) : write.value);
  const page = /^hugetlb\.(\w+)\./.exec(write.file)?.[1];
  const name = isKeyed ? `${what} of the disk ${keyOf(write.value)}` : page === undefined ? what : `${what} of ${page}`;
  if (kernel === null) return fact(name, asked, null, why);
  const text = kernel.cgroupFiles[write.path]?.text ?? null;
  const value = text === null ? null : enforcedValue(text, write, kind);
  const now = text === null ? null : value === null ? 'no limit' : words(value);
  return fact(name, asked, { text: now, source: write.path, holds: now === asked }, why);
}

/** What was asked for, and the files of which one would hold it. */
function askedFor({
  memory,
  cpu,
  blockIO,
  hugepageLimits,
  network,
  rdma,
  unified,
}: LinuxResources): [string, RegExp][] {
  const rates = [
    blockIO?.throttleReadBpsDevice,
    blockIO?.throttleWriteBpsDevice,
    blockIO?.throttleReadIOPSDevice,
    blockIO?.throttleWriteIOPSDevice,
  ];
  const asked: [boolean, string, RegExp][] = [
    [memory?.swappiness !== undefined, 'swappiness', /^memory\.swappiness$/],
    [memory?.disableOOMKiller === true, 'killing when memory is out', /^memory\.oom_control$/],
    [memory?.kernel !== undefined || memory?.kernelTCP !== undefined, 'kernel memory', /^memory\.kmem/],
    [cpu?.burst !== undefined, 'CPU burst', /burst/],
    [cpu?.idle !== undefined, 'runs only on idle CPUs', /^cpu\.idle$/],
    [cpu?.realtimePeriod !== undefined, 'CPU real-time period', /rt_period/],
    [cpu?.realtimeRuntime !== undefined, 'CPU real-time runtime', /rt_runtime/],
    [blockIO?.weight !== undefined, 'block I/O weight', /^(blkio|io)(\.bfq)?\.weight$/],
    [(blockIO?.weightDevice ?? []).length > 0, 'block I/O weight of a disk', /weight(_device)?$/],
    [rates.some((list) => (list ?? []).length > 0), 'rates of a disk', /^(blkio\.throttle|io\.max)/],
    [(hugepageLimits ?? []).length > 0, 'huge pages', /^hugetlb\./],
    [network?.classID !== undefined, 'network class', /^net_cls\./],
    [(network?.priorities ?? []).length > 0, 'network priority', /^net_prio\./],
    [Object.keys(rdma ?? {}).length > 0, 'RDMA', /^rdma\./],
  ];
  const named = Object.keys(unified ?? {}).map((file): [string, RegExp] => [
    file,
    new RegExp(`^${file.replaceAll('.', '\\.')}$`),
  ]);
  return [...asked.flatMap(([isAsked, what, file]): [string, RegExp][] => (isAsked ? [[what, file]] : [])), ...named];
}

function unwrittenFacts({ spec, kernel }: LayerInput, writes: readonly LimitWrite[]): Fact[] {
  return askedFor(spec.linux?.resources ?? {}).flatMap(([what, pattern]) => {
    if (writes.some(({ file }) => pattern.test(file))) return [];
    const lacking = { text: 'not enforced', source: 'no cgroup of this host has a file for it', holds: false };
    return [
      fact(what, 'asked for', kernel && lacking, 'A limit that this kernel, or its version of cgroups, does not have.'),
    ];
  });
}

export function limitFacts(input: LayerInput): Fact[] {
  const writes = limitWrites(input.spec, input.plan);
  return [...writes.map((write) => writtenFact(write, input.kernel)), ...unwrittenFacts(input, writes)];
}
