/** The host's device nodes, as they are now. */
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

/** dev_t as the C library has it: 32 bits of major and minor, interleaved. Node gives it as a number below 2^53. */
function split(rdev: number): { major: number; minor: number } {
  const low = rdev % 2 ** 32;
  const high = Math.floor(rdev / 2 ** 32);
  return { major: ((low >>> 8) & 0xfff) | (high & 0xfffff000), minor: (low & 0xff) | ((low >>> 12) & 0xfff00) };
}

function toDevice(path: string, stats: Stats): HostDevice[] {
  if (!stats.isCharacterDevice() && !stats.isBlockDevice()) return [];
  const type = stats.isBlockDevice() ? 'b' : 'c';
  return [{ path, type, ...split(stats.rdev), mode: stats.mode & 0o777, uid: stats.uid, gid: stats.gid }];
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
