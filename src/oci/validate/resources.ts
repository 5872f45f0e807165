/** Limits: dockerd's own checks and words, before anything is written to a cgroup that would refuse it less clearly. */
import { EngineError } from '../../errors.ts';
import type { HostConfig, Ulimit } from '../container-config.ts';
import { checkBlockIO, checkCgroupParent, checkRealtime } from './block-io.ts';
import { checkCpuset } from './cpuset.ts';

export interface ResourceFacts {
  /** How many CPUs the host has. Looked at only when a limit depends on it. */
  cpus: number;
  /** The root cpuset's lists; left out: not checked here but by the kernel. */
  cpusetCpus?: string | undefined;
  cpusetMems?: string | undefined;
  cgroupVersion: 1 | 2;
  /** Is swap counted (memory.memsw.* or memory.swap.max)? */
  swapAccounting: boolean;
  /** A change of limits names only those that change, so what belongs together need not be there together. */
  isUpdate?: boolean;
}

const MINIMUM_MEMORY_BYTES = 6 * 1024 * 1024;
const MAXIMUM_CPU_SHARES = 262_144;
const ULIMITS = [
  'as',
  'core',
  'cpu',
  'data',
  'fsize',
  'locks',
  'memlock',
  'msgqueue',
  'nice',
  'nofile',
  'nproc',
  'rss',
  'rtprio',
  'rttime',
  'sigpending',
  'stack',
];

function refuseIf(wrong: boolean, message: string, hint?: string): void {
  if (wrong) throw new EngineError('InvalidParameter', message, { hint });
}

function checkMemory(hostConfig: HostConfig, facts: ResourceFacts): string[] {
  const { Memory = 0, MemorySwap = 0, MemoryReservation = 0, MemorySwappiness, OomKillDisable } = hostConfig;
  const warnings: string[] = [];
  const below = (bytes: number) => bytes !== 0 && bytes < MINIMUM_MEMORY_BYTES;
  refuseIf(below(Memory), 'Minimum memory limit allowed is 6MB');
  if (Memory > 0 && MemorySwap !== -1 && !facts.swapAccounting) {
    warnings.push(
      'Your kernel does not support swap limit capabilities or the cgroup is not mounted. Memory limited without swap.',
    );
  }
  refuseIf(
    Memory > 0 && MemorySwap > 0 && MemorySwap < Memory,
    'Minimum memoryswap limit should be larger than memory limit, see usage',
  );
  refuseIf(
    Memory === 0 && MemorySwap > 0 && facts.isUpdate !== true,
    'You should always set the Memory limit when using Memoryswap limit, see usage',
  );
  refuseIf(MemorySwap < -1, `Invalid value: ${MemorySwap}, valid memoryswap is a number of bytes, or -1 for no limit`);
  const swappiness = MemorySwappiness ?? -1;
  refuseIf(swappiness < -1 || swappiness > 100, `Invalid value: ${swappiness}, valid memory swappiness range is 0-100`);
  if (swappiness >= 0 && facts.cgroupVersion === 2) {
    warnings.push(
      'Your kernel does not support memory swappiness capabilities or the cgroup is not mounted. Memory swappiness discarded.',
    );
  }
  refuseIf(below(MemoryReservation), 'Minimum memory reservation allowed is 6MB');
  refuseIf(
    Memory > 0 && MemoryReservation > Memory,
    'Minimum memory limit can not be less than memory reservation limit, see usage',
  );
  return [...warnings, ...oomWarnings(OomKillDisable === true, Memory, facts)];
}

function oomWarnings(disabled: boolean, memory: number, facts: ResourceFacts): string[] {
  if (!disabled) return [];
  if (facts.cgroupVersion === 2) return ['Your kernel does not support OomKillDisable. OomKillDisable discarded.'];
  if (memory > 0) return [];
  return [
    'OOM killer is disabled for the container, but no memory limit is set, this can result in the system running out of resources.',
  ];
}

function checkNanoCpus(nanoCpus: number, cpus: number): void {
  // Below 0.01 the quota would be under the kernel's minimum of 1 ms.
  refuseIf(
    nanoCpus < 1e7 || nanoCpus > cpus * 1e9,
    `range of CPUs is from 0.01 to ${cpus}.00, as there are only ${cpus} CPUs available`,
  );
}

function checkCpu(hostConfig: HostConfig, facts: ResourceFacts): void {
  const { NanoCpus = 0, CpuPeriod = 0, CpuQuota = 0, CpuShares = 0 } = hostConfig;
  refuseIf(NanoCpus > 0 && CpuPeriod > 0, 'Conflicting options: Nano CPUs and CPU Period cannot both be set');
  refuseIf(NanoCpus > 0 && CpuQuota > 0, 'Conflicting options: Nano CPUs and CPU Quota cannot both be set');
  if (NanoCpus !== 0) checkNanoCpus(NanoCpus, facts.cpus);
  refuseIf(
    CpuPeriod !== 0 && (CpuPeriod < 1000 || CpuPeriod > 1_000_000),
    'CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)',
  );
  refuseIf(CpuQuota > 0 && CpuQuota < 1000, 'CPU cfs quota can not be less than 1ms (i.e. 1000)');
  refuseIf(CpuShares < 0, `invalid CPU shares (${CpuShares}): value must be a positive integer`);
  // The kernel would round both without a word.
  refuseIf(CpuShares === 1, 'the minimum allowed cpu-shares is 2');
  refuseIf(CpuShares > MAXIMUM_CPU_SHARES, `the maximum allowed cpu-shares is ${MAXIMUM_CPU_SHARES}`);
}

/** From the wire: an entry may be anything. */
function checkUlimit(limit: Partial<Ulimit> | null): void {
  const { Name = '', Soft = 0, Hard = 0 } = limit ?? {};
  refuseIf(!ULIMITS.includes(Name), `invalid ulimit type: ${Name}`, `isle knows ${ULIMITS.join(', ')}`);
  for (const value of [Soft, Hard]) {
    refuseIf(
      !Number.isSafeInteger(value) || value < -1,
      `invalid ulimit ${Name}: ${value} is no limit`,
      'use -1 for none',
    );
  }
  const above = Hard !== -1 && (Soft === -1 || Soft > Hard);
  refuseIf(above, `ulimit soft limit must be less than or equal to hard limit: ${Soft} > ${Hard}`);
}

/** Returns Docker's warnings; throws InvalidParameter. */
export function checkResources(hostConfig: HostConfig, facts: ResourceFacts): string[] {
  const warnings = checkMemory(hostConfig, facts);
  checkCpu(hostConfig, facts);
  checkRealtime(hostConfig, facts.cgroupVersion);
  checkBlockIO(hostConfig);
  checkCgroupParent(hostConfig);
  checkCpuset(hostConfig.CpusetCpus ?? '', facts.cpusetCpus, 'cpus');
  checkCpuset(hostConfig.CpusetMems ?? '', facts.cpusetMems, 'mems');
  for (const limit of hostConfig.Ulimits ?? []) checkUlimit(limit);
  const { IOMaximumBandwidth = 0, IOMaximumIOps = 0, ShmSize = 0, OomScoreAdj = 0 } = hostConfig;
  refuseIf(IOMaximumBandwidth !== 0, 'invalid option: QoS maximum bandwidth configuration is not supported on linux');
  refuseIf(IOMaximumIOps !== 0, 'invalid option: QoS maximum IOPs configuration is not supported on linux');
  refuseIf(ShmSize < 0, 'SHM size can not be less than 0');
  refuseIf(
    OomScoreAdj < -1000 || OomScoreAdj > 1000,
    `Invalid value ${OomScoreAdj}, range for oom score adj is [-1000, 1000]`,
  );
  return warnings;
}
