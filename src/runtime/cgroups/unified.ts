/** What both versions do on a cgroup2 hierarchy: of the host on v2, beside v1 on a hybrid one. */
import type { DeviceRule, LinuxResources } from '../../oci/runtime-spec.ts';
import { op } from '../plan/op.ts';
import type { PlanOp } from '../plan/table.ts';
import type { CgroupFile, Freeze } from './backend.ts';
import { ancestors } from './convert.ts';
import { deviceProgram, encodeBpf } from './device-program.ts';
import type { CgroupLayout } from './layout.ts';
import { STEP, write } from './limit.ts';

/** Passes controllers on through every level above `path`; the root may have processes, the others must not (EBUSY). */
export function passOn(mountPoint: string, path: string, controllers: readonly string[]): PlanOp[] {
  if (controllers.length === 0) return [];
  const text = controllers.map((name) => `+${name}`).join(' ');
  const levels = ['', ...ancestors(path).map((level) => `/${level}`)];
  return levels.map((level) => write(`${mountPoint}${level}`, 'cgroup.subtree_control', text));
}

export function deviceOps(directory: string, rules: readonly DeviceRule[]): PlanOp[] {
  const program = deviceProgram(rules);
  return program === null ? [] : [op('setup', STEP, 'cgroupDevices', { path: directory, program: encodeBpf(program) })];
}

/** Frozen processes still die at once of SIGKILL, other than under v1's freezer. */
export function freezeUnified(directory: string, frozen: boolean): Freeze {
  const state = frozen ? 'frozen 1' : 'frozen 0';
  return {
    ops: [write(directory, 'cgroup.freeze', frozen ? 1 : 0)],
    stateFile: `${directory}/cgroup.events`,
    isReached: (text) => text.split('\n').includes(state),
  };
}

export function unifiedFiles(directory: string): Partial<Record<CgroupFile, string>> {
  return {
    procs: `${directory}/cgroup.procs`,
    freeze: `${directory}/cgroup.freeze`,
    events: `${directory}/cgroup.events`,
    kill: `${directory}/cgroup.kill`,
  };
}

/** Limits that are taken and have no effect, in either version. */
export function generalWarnings({ memory, blockIO }: LinuxResources, layout: CgroupLayout): string[] {
  const kernelMemory = memory?.kernel !== undefined || memory?.kernelTCP !== undefined;
  const weights = blockIO?.weight !== undefined || (blockIO?.weightDevice ?? []).length > 0;
  return [
    ...(kernelMemory ? ['Kernels since 5.4 ignore limits of kernel memory: they are not set.'] : []),
    ...(weights && layout.weighsBlockIO === false
      ? [
          'Block I/O weights have no effect: no disk of this host uses the BFQ scheduler. Choose it with: echo bfq > /sys/block/DISK/queue/scheduler',
        ]
      : []),
  ];
}
