import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type CgroupLayout, detectCgroups } from './layout.ts';

function readIfThere(path: string | undefined): string | undefined {
  return path !== undefined && existsSync(path) ? readFileSync(path, 'utf8') : undefined;
}

/** BFQ is chosen for each disk; io.cost for each disk too, in the root cgroup of v2. */
function weighsBlockIO(unified: string | undefined): boolean {
  const schedulers = readdirSync('/sys/block').map((disk) => readIfThere(`/sys/block/${disk}/queue/scheduler`) ?? '');
  const cost = readIfThere(unified && `${unified}/io.cost.qos`) ?? '';
  return schedulers.some((text) => text.includes('[bfq]')) || cost.includes('enable=1');
}

/**
 * This host's layout. `parent`, a cgroup that planRoot has made, shows which files a container's cgroups will have; the
 * root's own do not tell. Throws Unavailable on a host without cgroups.
 */
export function readCgroupLayout(parent?: string): CgroupLayout {
  const mountinfo = readFileSync('/proc/self/mountinfo', 'utf8');
  const procCgroups = readIfThere('/proc/cgroups');
  const { v1, unified } = detectCgroups(mountinfo, procCgroups);
  const directory = (controller: string) => v1.find(({ controllers }) => controllers.includes(controller))?.mountPoint;
  const cpuset = directory('cpuset');
  const memory = directory('memory');
  const cpu = directory('cpu');
  const realtime = readIfThere(cpu && `${cpu}/cpu.rt_runtime_us`);
  const mounts = [...v1.map(({ mountPoint }) => mountPoint), ...(unified === null ? [] : [unified.mountPoint])];
  return detectCgroups(mountinfo, procCgroups, {
    unifiedControllers: readIfThere(unified === null ? undefined : `${unified.mountPoint}/cgroup.controllers`),
    cpusetCpus: readIfThere(cpuset && `${cpuset}/cpuset.cpus`),
    cpusetMems: readIfThere(cpuset && `${cpuset}/cpuset.mems`),
    swapAccounting: memory === undefined || existsSync(`${memory}/memory.memsw.limit_in_bytes`),
    realtimeRuntimeUs: realtime === undefined ? undefined : Number(realtime),
    weighsBlockIO: weighsBlockIO(unified?.mountPoint),
    files: parent === undefined ? undefined : new Set(mounts.flatMap((mount) => readdirSync(join(mount, parent)))),
  });
}
