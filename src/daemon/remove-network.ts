/**
 * `isled --remove-network`: takes away what a daemon has made on this host and leaves there when it ends, because running
 * containers need it: the bridge, its nftables table, the parent of the cgroups. The next start makes them anew.
 */
import { existsSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { EngineError } from '../errors.ts';
import { removeBridge } from '../networks/drivers/bridge.ts';
import { readCgroupLayout } from '../runtime/cgroups/index.ts';
import { Launcher } from '../runtime/executor.ts';
import type { DaemonConfig } from './config.ts';
import { isAlive, lockRoots } from './lock.ts';

/**
 * Gives a line for each thing that it removed or left, and why. Throws Conflict while a daemon or a container of these
 * roots runs.
 */
export async function removeNetwork(config: DaemonConfig): Promise<string[]> {
  await using held = new AsyncDisposableStack();
  // Without its directories nothing can run there.
  if (existsSync(config.execRoot) && existsSync(config.dataRoot)) held.defer(lockRoots(config));
  const running = runningContainers(join(config.execRoot, 'containers'));
  if (running.length > 0) {
    throw new EngineError('Conflict', `containers still run: ${running.map((id) => id.slice(0, 12)).join(', ')}`, {
      hint: 'start isled, stop or remove them (isle rm -f $(isle ps -q)), and end it again',
    });
  }
  const launcher = await Launcher.spawn(join(config.programDir, 'islet'));
  held.defer(() => launcher.close());
  const bridge = await removeBridge(config.bridge, (plan) => launcher.run(plan));
  return [...bridge, ...removeCgroupParent(config.cgroupParent)];
}

/** By the files that their monitors wrote: pid, start in ticks. */
function runningContainers(directory: string): string[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory).filter((id) => {
    const file = join(directory, id, 'pid');
    if (!existsSync(file)) return false;
    const [pid = '', ticks = ''] = readFileSync(file, 'utf8').split(' ');
    return isAlive({ pid: Number(pid), ticks });
  });
}

function removeCgroupParent(parent: string): string[] {
  const { v1, unified } = readCgroupLayout();
  const mounts = [...v1.map(({ mountPoint }) => mountPoint), ...(unified === null ? [] : [unified.mountPoint])];
  return mounts.map((mount) => join(mount, parent)).flatMap(removeCgroup);
}

/** A cgroup with processes or further cgroups in it is not ours alone. */
function removeCgroup(directory: string): string[] {
  try {
    rmdirSync(directory);
    return [`removed the cgroup ${directory}`];
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    if (code === 'ENOENT') return [];
    if (code === 'EBUSY' || code === 'ENOTEMPTY') return [`left the cgroup ${directory}: something is in it`];
    throw thrown;
  }
}
