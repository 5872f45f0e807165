/** The OCI spec's resources, which speak v1's units, as files of cgroup v2. */
import { EngineError } from '../../errors.ts';
import type { LinuxCpu, LinuxMemory, LinuxResources } from '../../oci/runtime-spec.ts';
import { blockLimitsV2 } from './block-io.ts';
import { cpuMax, cpuWeight, swapMax } from './convert.ts';
import { type Limit, limit, positive, wanted } from './limit.ts';
import { rdmaLimits } from './limits-v1.ts';

const DEFAULT_WEIGHT = 100;

function memoryLimits(to: LinuxMemory = {}, from: LinuxMemory = {}, swapAccounting: boolean): Limit[] {
  const swapOf = ({ limit: bytes = -1, swap }: LinuxMemory) => (swap === undefined ? undefined : swapMax(bytes, swap));
  const plain = to.limit ?? (from.limit === undefined ? undefined : -1);
  return [
    ...limit('memory', 'memory.max', plain === undefined ? undefined : (positive(plain) ?? 'max'), 'memory limit'),
    ...(swapAccounting
      ? limit('memory', 'memory.swap.max', wanted(swapOf(to), swapOf(from), 'max'), 'swap limit')
      : []),
    ...limit(
      'memory',
      'memory.low',
      wanted(positive(to.reservation), positive(from.reservation), 0),
      'memory reservation',
    ),
  ];
}

function cpuLimits(to: LinuxCpu = {}, from: LinuxCpu = {}): Limit[] {
  const idle = limit('cpu', 'cpu.idle', wanted(to.idle, from.idle, 0), 'idle CPU scheduling');
  const shares = wanted(positive(to.shares), positive(from.shares), undefined);
  const weight = shares ?? (positive(from.shares) === undefined ? undefined : 0);
  const weights = limit('cpu', 'cpu.weight', weight === 0 ? DEFAULT_WEIGHT : weight && cpuWeight(weight), 'CPU shares');
  const asked = to.quota || to.period || from.quota || from.period;
  const max = limit('cpu', 'cpu.max', asked ? cpuMax(to.quota, positive(to.period)) : undefined, 'CPU cfs quota');
  const burst = limit('cpu', 'cpu.max.burst', wanted(to.burst, from.burst, 0), 'CPU burst');
  const lessBurst = (to.burst ?? 0) < (from.burst ?? 0);
  return [
    ...(to.idle === 1 ? [...weights, ...idle] : [...idle, ...weights]),
    ...(lessBurst ? [...burst, ...max] : [...max, ...burst]),
  ];
}

/** Also on a hybrid host, whose unified hierarchy may have the hugetlb controller. */
export function hugepageLimitsV2({ hugepageLimits = [] }: LinuxResources): Limit[] {
  return hugepageLimits.flatMap(({ pageSize, limit: bytes }) =>
    limit('hugetlb', `hugetlb.${pageSize}.max`, bytes, 'hugetlb limit'),
  );
}

/**
 * The spec's `unified` map. A name with a slash would leave the container's directory. `cgroup.*` files are there
 * without any controller; those that move or kill processes or pass controllers on are not limits.
 */
export function unifiedLimits({ unified = {} }: LinuxResources): Limit[] {
  return Object.entries(unified).flatMap(([file, value]) => {
    if (!/^[a-z0-9_]+(\.[A-Za-z0-9_]+)+$/.test(file)) {
      throw new EngineError('InvalidParameter', `resources.unified: ${JSON.stringify(file)} is no cgroup file`);
    }
    const controller = file.slice(0, file.indexOf('.'));
    if (controller === 'cgroup' && !file.startsWith('cgroup.max.')) {
      throw new EngineError('InvalidParameter', `resources.unified: ${file} is no limit and cannot be set`);
    }
    return limit(controller, file, value, `the unified limit ${file}`);
  });
}

/** All but devices, huge pages and the map `unified`. `from`: what is set now; a new cgroup has nothing. */
export function limitsV2(to: LinuxResources, from: LinuxResources, swapAccounting: boolean): Limit[] {
  return [
    ...memoryLimits(to.memory, from.memory, swapAccounting),
    ...cpuLimits(to.cpu, from.cpu),
    ...limit('cpuset', 'cpuset.cpus', to.cpu?.cpus || undefined, 'cpuset'),
    ...limit('cpuset', 'cpuset.mems', to.cpu?.mems || undefined, 'cpuset'),
    ...limit('pids', 'pids.max', wanted(positive(to.pids?.limit), positive(from.pids?.limit), 'max'), 'PIDs limit'),
    ...blockLimitsV2(to.blockIO, from.blockIO),
    ...rdmaLimits(to),
  ];
}

/** What v2 has no file for. */
export function lackingV2({ memory, cpu, network }: LinuxResources): string[] {
  const asked: [boolean, string][] = [
    [memory?.swappiness !== undefined, 'Memory swappiness does not exist on cgroup v2: it is not set.'],
    [memory?.disableOOMKiller === true, 'The OOM killer cannot be disabled on cgroup v2: it stays on.'],
    [
      cpu?.realtimeRuntime !== undefined || cpu?.realtimePeriod !== undefined,
      'CPU real-time limits do not exist on cgroup v2: they are not set.',
    ],
    [
      network?.classID !== undefined || (network?.priorities ?? []).length > 0,
      'Network classes and priorities do not exist on cgroup v2: they are not set.',
    ],
  ];
  return asked.flatMap(([wantedHere, words]) => (wantedHere ? [words] : []));
}
