/** The host's device nodes, as they are now. */
import { deviceNumber } from './device-number.ts';
import { lstatSync, readdirSync, type Stats, statSync } from 'node:fs';

export interface HostDevice {
  path: string;
  type: 'c' | 'b';
  major: number;
  minor: number;
  /** Permission bits. */
  mode: number;
  uid: number;
  gid: number;
}

/** Not devices of the machine: terminals and queues that every container has of its own, and what udev keeps there. */
const PASSED_OVER = new Set(['pts', 'shm', 'fd', 'mqueue', '.lxc', '.lxd-mounts', '.udev', 'console', 'ptmx']);

function toDevice(path: string, stats: Stats): HostDevice[] {
  if (!stats.isCharacterDevice() && !stats.isBlockDevice()) return [];
  const type = stats.isBlockDevice() ? 'b' : 'c';
  return [
    { path, type, ...deviceNumber(BigInt(stats.rdev)), mode: stats.mode & 0o777, uid: stats.uid, gid: stats.gid },
  ];
}

function below(directory: string): HostDevice[] {
  return readdirSync(directory).flatMap((name) => {
    if (PASSED_OVER.has(name)) return [];
    const path = `${directory}/${name}`;
    const stats = lstatSync(path, { throwIfNoEntry: false });
    if (stats === undefined) return [];
    return stats.isDirectory() ? below(path) : toDevice(path, stats);
  });
}

/** The node at a path (links are followed), or all nodes below a directory; none: neither. Throws ENOENT. */
export function hostDevices(path: string): HostDevice[] {
  const stats = statSync(path);
  return stats.isDirectory() ? below(path) : toDevice(path, stats);
}
