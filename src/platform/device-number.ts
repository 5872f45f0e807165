/** Which device a node of the host stands for. */
import { type BigIntStats, statSync } from 'node:fs';
import { EngineError } from '../errors.ts';

/** makedev(3): both numbers are split in two, for historical reasons. */
export function deviceNumber(rdev: bigint): { major: number; minor: number } {
  return {
    major: Number(((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & ~0xfffn)),
    minor: Number((rdev & 0xffn) | ((rdev >> 12n) & ~0xffn & 0xffff_ffffn)),
  };
}

/** Throws InvalidParameter where `path` is no block device. */
export function blockDeviceNumber(path: string): { major: number; minor: number } {
  let stat: BigIntStats;
  try {
    stat = statSync(path, { bigint: true });
  } catch (cause) {
    throw new EngineError('InvalidParameter', `cannot limit the device ${path}: there is no such file`, { cause });
  }
  if (!stat.isBlockDevice()) {
    throw new EngineError('InvalidParameter', `cannot limit the device ${path}: it is no block device`, {
      hint: 'lsblk lists those of this host; a limit belongs to a whole disk, not to a partition of it',
    });
  }
  return deviceNumber(stat.rdev);
}
