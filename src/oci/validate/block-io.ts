/** Limits of block I/O and real-time scheduling, and the cgroup above a container's own: dockerd's checks and words. */
import { EngineError } from '../../errors.ts';
import { expandCgroupParent } from '../cgroup-parent.ts';
import type { HostConfig, ThrottleDevice } from '../container-config.ts';

function refuseIf(wrong: boolean, message: string, hint?: string): void {
  if (wrong) throw new EngineError('InvalidParameter', message, { hint });
}

const isWeight = (weight: number) => weight === 0 || (weight >= 10 && weight <= 1000);

/** From the wire: an entry may be anything. */
function checkThrottle(field: string, devices: readonly (Partial<ThrottleDevice> | null)[] | null | undefined): void {
  for (const device of devices ?? []) {
    const { Path = '', Rate = 0 } = device ?? {};
    refuseIf(typeof Path !== 'string' || !Path.startsWith('/'), `invalid HostConfig.${field}: no path of a device`);
    refuseIf(!Number.isSafeInteger(Rate) || Rate < 0, `invalid HostConfig.${field}: ${Rate} is no rate for ${Path}`);
  }
}

export function checkBlockIO(hostConfig: HostConfig): void {
  const { BlkioWeight = 0, BlkioWeightDevice } = hostConfig;
  refuseIf(!isWeight(BlkioWeight), 'Range of blkio weight is from 10 to 1000');
  for (const device of BlkioWeightDevice ?? []) {
    const { Path = '', Weight = 0 } = (device ?? {}) as Partial<{ Path: string; Weight: number }>;
    refuseIf(!Path.startsWith('/'), 'invalid HostConfig.BlkioWeightDevice: no path of a device');
    refuseIf(Weight === 0 || !isWeight(Weight), `Range of blkio weight is from 10 to 1000 (${Path})`);
  }
  checkThrottle('BlkioDeviceReadBps', hostConfig.BlkioDeviceReadBps);
  checkThrottle('BlkioDeviceWriteBps', hostConfig.BlkioDeviceWriteBps);
  checkThrottle('BlkioDeviceReadIOps', hostConfig.BlkioDeviceReadIOps);
  checkThrottle('BlkioDeviceWriteIOps', hostConfig.BlkioDeviceWriteIOps);
}

export function checkRealtime(hostConfig: HostConfig, cgroupVersion: 1 | 2): void {
  const { CpuRealtimePeriod = 0, CpuRealtimeRuntime = 0 } = hostConfig;
  if (CpuRealtimePeriod === 0 && CpuRealtimeRuntime === 0) return;
  refuseIf(
    cgroupVersion === 2,
    'Your kernel does not support CPU real-time scheduler: cgroup v2 has no real-time limits',
    'leave CpuRealtimePeriod and CpuRealtimeRuntime out',
  );
  refuseIf(CpuRealtimePeriod < 0 || CpuRealtimeRuntime < 0, 'CPU real-time period and runtime cannot be negative');
  refuseIf(
    CpuRealtimeRuntime > 0 && CpuRealtimeRuntime > (CpuRealtimePeriod || 1_000_000),
    'cpu real-time runtime cannot be higher than cpu real-time period',
  );
}

export function checkCgroupParent({ CgroupParent = '' }: HostConfig): void {
  if (CgroupParent !== '') expandCgroupParent(CgroupParent);
}
