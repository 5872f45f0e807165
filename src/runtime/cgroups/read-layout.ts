import { existsSync, readFileSync } from 'node:fs';
import { type CgroupLayout, detectCgroups } from './layout.ts';

function readIfThere(path: string | undefined): string | undefined {
  return path !== undefined && existsSync(path) ? readFileSync(path, 'utf8') : undefined;
}

/** This host's layout, read once at the daemon's start. Throws Unavailable on a host without cgroups. */
export function readCgroupLayout(): CgroupLayout {
  const mountinfo = readFileSync('/proc/self/mountinfo', 'utf8');
  const procCgroups = readIfThere('/proc/cgroups');
  const { v1, unified } = detectCgroups(mountinfo, procCgroups);
  const directory = (controller: string) => v1.find(({ controllers }) => controllers.includes(controller))?.mountPoint;
  const cpuset = directory('cpuset');
  const memory = directory('memory');
  return detectCgroups(mountinfo, procCgroups, {
    unifiedControllers: readIfThere(unified === null ? undefined : `${unified.mountPoint}/cgroup.controllers`),
    cpusetCpus: readIfThere(cpuset && `${cpuset}/cpuset.cpus`),
    cpusetMems: readIfThere(cpuset && `${cpuset}/cpuset.mems`),
    swapAccounting: memory === undefined || existsSync(`${memory}/memory.memsw.limit_in_bytes`),
  });
}
