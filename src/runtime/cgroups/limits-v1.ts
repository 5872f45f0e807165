/** The OCI spec's resources as files of cgroup v1. The order is that of the writes; where it matters it says why. */
import type { LinuxCpu, LinuxMemory, LinuxResources } from '../../oci/runtime-spec.ts';
import { blockLimitsV1 } from './block-io.ts';
import { type Limit, limit, positive, wanted } from './limit.ts';

const DEFAULT_SHARES = 1024;
const DEFAULT_PERIOD_US = 100_000;
const DEFAULT_SWAPPINESS = 60;

const finite = (bytes: number | undefined) => (bytes === undefined || bytes < 0 ? Number.POSITIVE_INFINITY : bytes);

/**
 * memory.memsw.limit_in_bytes may never be below memory.limit_in_bytes (EINVAL): a limit that grows beyond the old sum
 * needs the new sum first, any other comes first itself. In a new cgroup the sum is unlimited.
 */
function memoryLimits(to: LinuxMemory = {}, from: LinuxMemory = {}, swapAccounting: boolean): Limit[] {
  const plain = limit(
    'memory',
    'memory.limit_in_bytes',
    wanted(positive(to.limit), positive(from.limit), -1),
    'memory limit',
  );
  const sum = swapAccounting
    ? limit('memory', 'memory.memsw.limit_in_bytes', wanted(positive(to.swap), positive(from.swap), -1), 'swap limit')
    : [];
  return [
    ...(finite(to.limit) > finite(from.swap) ? [...sum, ...plain] : [...plain, ...sum]),
    ...limit(
      'memory',
      'memory.soft_limit_in_bytes',
      wanted(positive(to.reservation), positive(from.reservation), -1),
      'memory soft limit',
    ),
    ...limit(
      'memory',
      'memory.swappiness',
      wanted(to.swappiness, from.swappiness, DEFAULT_SWAPPINESS),
      'memory swappiness',
    ),
    ...limit('memory', 'memory.oom_control', oomSwitch(to, from), 'OomKillDisable'),
  ];
}

function oomSwitch(to: LinuxMemory, from: LinuxMemory): number | undefined {
  if (to.disableOOMKiller === true) return 1;
  return from.disableOOMKiller === true ? 0 : undefined;
}

/**
 * The period before the quota, which is checked against it. What may be saved up is never more than the quota (EINVAL):
 * less of it comes before, more behind. A group that is idle refuses shares (EINVAL).
 */
function cpuLimits(to: LinuxCpu = {}, from: LinuxCpu = {}): Limit[] {
  const burst = limit('cpu', 'cpu.cfs_burst_us', wanted(to.burst, from.burst, 0), 'CPU burst');
  const idle = limit('cpu', 'cpu.idle', wanted(to.idle, from.idle, 0), 'idle CPU scheduling');
  const quota = [
    ...limit(
      'cpu',
      'cpu.cfs_period_us',
      wanted(positive(to.period), positive(from.period), DEFAULT_PERIOD_US),
      'CPU cfs period',
    ),
    ...limit('cpu', 'cpu.cfs_quota_us', wanted(positive(to.quota), positive(from.quota), -1), 'CPU cfs quota'),
  ];
  const shares = limit(
    'cpu',
    'cpu.shares',
    wanted(positive(to.shares), positive(from.shares), DEFAULT_SHARES),
    'CPU shares',
  );
  const lessBurst = (to.burst ?? 0) < (from.burst ?? 0);
  return [
    ...(to.idle === 1 ? [...shares, ...idle] : [...idle, ...shares]),
    ...(lessBurst ? [...burst, ...quota] : [...quota, ...burst]),
    ...realtimeLimits(to),
  ];
}

function realtimeLimits(cpu: LinuxCpu): Limit[] {
  return [
    ...limit('cpu', 'cpu.rt_period_us', positive(cpu.realtimePeriod), 'CPU real-time period'),
    ...limit('cpu', 'cpu.rt_runtime_us', positive(cpu.realtimeRuntime), 'CPU real-time runtime'),
  ];
}

function networkLimits({ network }: LinuxResources): Limit[] {
  return [
    ...limit('net_cls', 'net_cls.classid', network?.classID, 'network class identifier'),
    ...(network?.priorities ?? []).flatMap(({ name, priority }) =>
      limit('net_prio', 'net_prio.ifpriomap', `${name} ${priority}`, 'network priority'),
    ),
  ];
}

/** `mlx5_1 hca_handle=3 hca_object=max`; the same in both versions. */
export function rdmaLimits({ rdma }: LinuxResources): Limit[] {
  return Object.entries(rdma ?? {}).flatMap(([device, { hcaHandles, hcaObjects }]) =>
    limit('rdma', 'rdma.max', `${device} hca_handle=${hcaHandles ?? 'max'} hca_object=${hcaObjects ?? 'max'}`, 'RDMA'),
  );
}

/** All but devices and what belongs to the unified hierarchy. `from`: what is set now; a new cgroup has nothing. */
export function limitsV1(to: LinuxResources, from: LinuxResources, swapAccounting: boolean): Limit[] {
  return [
    ...cpuLimits(to.cpu, from.cpu),
    ...limit('cpuset', 'cpuset.cpus', to.cpu?.cpus || undefined, 'cpuset'),
    ...limit('cpuset', 'cpuset.mems', to.cpu?.mems || undefined, 'cpuset'),
    ...memoryLimits(to.memory, from.memory, swapAccounting),
    ...limit('pids', 'pids.max', wanted(positive(to.pids?.limit), positive(from.pids?.limit), 'max'), 'PIDs limit'),
    ...blockLimitsV1(to.blockIO, from.blockIO),
    ...networkLimits(to),
    ...rdmaLimits(to),
  ];
}

export function hugepageLimitsV1({ hugepageLimits = [] }: LinuxResources): Limit[] {
  return hugepageLimits.flatMap(({ pageSize, limit: bytes }) =>
    limit('hugetlb', `hugetlb.${pageSize}.limit_in_bytes`, bytes, 'hugetlb limit'),
  );
}
