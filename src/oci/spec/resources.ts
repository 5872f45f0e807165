/** HostConfig's limits as the spec has them. Only what was asked for appears: an absent field leaves the kernel's default. */
import { EngineError } from '../../errors.ts';
import type { HostConfig, ThrottleDevice, Ulimit } from '../container-config.ts';
import {
  type BlockDeviceNumber,
  type LinuxBlockIO,
  type LinuxCpu,
  type LinuxMemory,
  type LinuxResources,
  RLIMIT_UNLIMITED,
  type Rlimit,
} from '../runtime-spec.ts';
import { ALL_DEVICES, DEFAULT_DEVICE_RULES } from './devices.ts';

/** Docker's period where only `--cpus` is given: 100 ms. */
const NANO_CPUS_PERIOD_US = 100_000;

function memory(hostConfig: HostConfig): LinuxMemory | undefined {
  const { Memory = 0, MemorySwap = 0, MemoryReservation = 0, MemorySwappiness, OomKillDisable } = hostConfig;
  const result: LinuxMemory = {};
  if (Memory > 0) {
    result.limit = Memory;
    // Docker's rule: a limit without a word about swap allows as much swap again.
    result.swap = MemorySwap === 0 ? Memory * 2 : MemorySwap;
  }
  if (MemoryReservation > 0) result.reservation = MemoryReservation;
  // The docker CLI sends -1 where nothing was asked.
  if (typeof MemorySwappiness === 'number' && MemorySwappiness >= 0) result.swappiness = MemorySwappiness;
  if (OomKillDisable === true) result.disableOOMKiller = true;
  return Object.keys(result).length > 0 ? result : undefined;
}

function cpu(hostConfig: HostConfig): LinuxCpu | undefined {
  const { CpuShares = 0, NanoCpus = 0, CpuQuota = 0, CpuPeriod = 0, CpusetCpus = '', CpusetMems = '' } = hostConfig;
  const result: LinuxCpu = {};
  if (CpuShares > 0) result.shares = CpuShares;
  if (NanoCpus > 0) {
    result.period = NANO_CPUS_PERIOD_US;
    result.quota = Math.trunc((NanoCpus * NANO_CPUS_PERIOD_US) / 1e9);
  }
  if (CpuPeriod !== 0) result.period = CpuPeriod;
  if (CpuQuota !== 0) result.quota = CpuQuota;
  if (CpusetCpus !== '') result.cpus = CpusetCpus;
  if (CpusetMems !== '') result.mems = CpusetMems;
  if (hostConfig.CpuRealtimePeriod) result.realtimePeriod = hostConfig.CpuRealtimePeriod;
  if (hostConfig.CpuRealtimeRuntime) result.realtimeRuntime = hostConfig.CpuRealtimeRuntime;
  return Object.keys(result).length > 0 ? result : undefined;
}

/** The numbers of the block device at a path of the host. Throws InvalidParameter where there is none. */
export type BlockDeviceLookup = (path: string) => BlockDeviceNumber;

const noLookup: BlockDeviceLookup = (path) => {
  throw new EngineError('System', `no device can be looked up here: ${path}`);
};

function blockIO(hostConfig: HostConfig, lookUp: BlockDeviceLookup): LinuxBlockIO | undefined {
  const { BlkioWeight = 0 } = hostConfig;
  const rates = (devices: readonly ThrottleDevice[] | null | undefined) =>
    (devices ?? []).map(({ Path, Rate }) => ({ ...lookUp(Path), rate: Rate }));
  const lists = {
    weightDevice: (hostConfig.BlkioWeightDevice ?? []).map(({ Path, Weight }) => ({ ...lookUp(Path), weight: Weight })),
    throttleReadBpsDevice: rates(hostConfig.BlkioDeviceReadBps),
    throttleWriteBpsDevice: rates(hostConfig.BlkioDeviceWriteBps),
    throttleReadIOPSDevice: rates(hostConfig.BlkioDeviceReadIOps),
    throttleWriteIOPSDevice: rates(hostConfig.BlkioDeviceWriteIOps),
  };
  const asked = Object.fromEntries(Object.entries(lists).filter(([, list]) => list.length > 0));
  const result: LinuxBlockIO = { ...(BlkioWeight > 0 ? { weight: BlkioWeight } : {}), ...asked };
  return Object.keys(result).length > 0 ? result : undefined;
}

export function linuxResources(hostConfig: HostConfig, lookUp: BlockDeviceLookup = noLookup): LinuxResources {
  const memoryLimits = memory(hostConfig);
  const cpuLimits = cpu(hostConfig);
  const pids = hostConfig.PidsLimit ?? 0;
  const blockLimits = blockIO(hostConfig, lookUp);
  return {
    devices: [...(hostConfig.Privileged === true ? ALL_DEVICES : DEFAULT_DEVICE_RULES)],
    ...(memoryLimits === undefined ? {} : { memory: memoryLimits }),
    ...(cpuLimits === undefined ? {} : { cpu: cpuLimits }),
    ...(pids > 0 ? { pids: { limit: pids } } : {}),
    ...(blockLimits === undefined ? {} : { blockIO: blockLimits }),
  };
}

const rlimitValue = (value: number) => (value < 0 ? RLIMIT_UNLIMITED : value);

export function rlimits(ulimits: readonly Ulimit[]): Rlimit[] {
  return ulimits.map(({ Name, Soft, Hard }) => ({
    type: `RLIMIT_${Name.toUpperCase()}`,
    soft: rlimitValue(Soft),
    hard: rlimitValue(Hard),
  }));
}
