/** cgroup v1, and hybrid: limits on the v1 hierarchies, and the unified one joined for freezing, killing and pressure. */
import { basename } from 'node:path/posix';
import type { DeviceRule, LinuxCpu, LinuxMemory, LinuxResources } from '../../oci/runtime-spec.ts';
import { op, text } from '../plan/op.ts';
import type { PlanOp } from '../plan/table.ts';
import type { CgroupBackend, CgroupFile, CgroupMountPlan, ContainerCgroups } from './backend.ts';
import { pathParts } from './convert.ts';
import type { CgroupLayout, V1Hierarchy } from './layout.ts';

const STEP = 'cgroups';
const write = (directory: string, file: string, value: string | number) =>
  op('setup', STEP, 'write', { path: `${directory}/${file}`, data: text(value) });
const mkdir = (path: string) => op('setup', STEP, 'mkdir', { path, mode: 0o755 });

/**
 * In a new cgroup memory.memsw.limit_in_bytes is unlimited and may never be below memory.limit_in_bytes (EINVAL), so
 * the plain limit comes first.
 */
function memoryWrites(directory: string, memory: LinuxMemory, swapAccounting: boolean): PlanOp[] {
  const writes: PlanOp[] = [];
  if (memory.limit !== undefined && memory.limit > 0) {
    writes.push(write(directory, 'memory.limit_in_bytes', memory.limit));
    if (swapAccounting && memory.swap !== undefined && memory.swap > 0) {
      writes.push(write(directory, 'memory.memsw.limit_in_bytes', memory.swap));
    }
  }
  if (memory.reservation) writes.push(write(directory, 'memory.soft_limit_in_bytes', memory.reservation));
  if (memory.swappiness !== undefined) writes.push(write(directory, 'memory.swappiness', memory.swappiness));
  if (memory.disableOOMKiller === true) writes.push(write(directory, 'memory.oom_control', 1));
  return writes;
}

/** The period first: a quota is checked against it. */
function cpuWrites(directory: string, cpu: LinuxCpu): PlanOp[] {
  const writes: PlanOp[] = [];
  if (cpu.shares) writes.push(write(directory, 'cpu.shares', cpu.shares));
  if (cpu.period) writes.push(write(directory, 'cpu.cfs_period_us', cpu.period));
  if (cpu.quota) writes.push(write(directory, 'cpu.cfs_quota_us', cpu.quota));
  return writes;
}

function cpusetWrites(directory: string, cpu: LinuxCpu): PlanOp[] {
  return [
    ...(cpu.cpus ? [write(directory, 'cpuset.cpus', cpu.cpus)] : []),
    ...(cpu.mems ? [write(directory, 'cpuset.mems', cpu.mems)] : []),
  ];
}

/** One rule in the words of devices.allow; the kernel takes one rule for each write. */
function deviceRuleText({ type, major, minor, access }: DeviceRule): string {
  if ((type === undefined || type === 'a') && major === undefined && minor === undefined) return 'a';
  return `${type ?? 'a'} ${major ?? '*'}:${minor ?? '*'} ${access ?? 'rwm'}`;
}

/** A leading "allow everything" is what a new cgroup has from its parent, and writing it is refused below a stricter one. */
function deviceWrites(directory: string, rules: readonly DeviceRule[]): PlanOp[] {
  const [first, ...rest] = rules;
  const effective = first?.allow === true && deviceRuleText(first) === 'a' ? rest : rules;
  return effective.map((rule) => write(directory, rule.allow ? 'devices.allow' : 'devices.deny', deviceRuleText(rule)));
}

function controllerWrites(
  controller: string,
  directory: string,
  resources: LinuxResources,
  layout: CgroupLayout,
): PlanOp[] {
  switch (controller) {
    case 'memory':
      return resources.memory ? memoryWrites(directory, resources.memory, layout.swapAccounting) : [];
    case 'cpu':
      return resources.cpu ? cpuWrites(directory, resources.cpu) : [];
    case 'cpuset':
      return resources.cpu ? cpusetWrites(directory, resources.cpu) : [];
    case 'pids':
      return resources.pids && resources.pids.limit > 0 ? [write(directory, 'pids.max', resources.pids.limit)] : [];
    case 'devices':
      return deviceWrites(directory, resources.devices ?? []);
    default:
      return [];
  }
}

function missingWarnings(resources: LinuxResources, has: (controller: string) => boolean): string[] {
  const { memory, cpu, pids } = resources;
  const asked: [boolean, string, string][] = [
    [memory !== undefined, 'memory', 'memory limit'],
    [cpu?.shares !== undefined || cpu?.quota !== undefined, 'cpu', 'CPU shares and quota'],
    [cpu?.cpus !== undefined || cpu?.mems !== undefined, 'cpuset', 'cpuset'],
    [pids !== undefined, 'pids', 'PIDs limit'],
    [(resources.devices ?? []).some((rule) => !rule.allow), 'devices', 'device'],
  ];
  return asked
    .filter(([wanted, controller]) => wanted && !has(controller))
    .map(
      ([, controller, words]) =>
        `Your kernel does not support ${words} capabilities or the ${controller} cgroup is not mounted. Limitation discarded.`,
    );
}

export class V1Backend implements CgroupBackend {
  readonly layout: CgroupLayout;

  constructor(layout: CgroupLayout) {
    this.layout = layout;
  }

  planRoot(parent: string): PlanOp[] {
    const parts = pathParts(parent);
    const levels = parts.map((_, index) => parts.slice(0, index + 1).join('/'));
    const unified = this.layout.unified === null ? [] : [this.layout.unified.mountPoint];
    return [
      ...this.layout.v1.flatMap((hierarchy) => this.#hierarchyRoot(hierarchy, levels)),
      ...unified.flatMap((mountPoint) => levels.map((level) => mkdir(`${mountPoint}/${level}`))),
    ];
  }

  #hierarchyRoot({ mountPoint, controllers }: V1Hierarchy, levels: readonly string[]): PlanOp[] {
    const directories = levels.map((level) => `${mountPoint}/${level}`);
    const { cpuset } = this.layout;
    if (!controllers.includes('cpuset') || cpuset === null) return directories.map(mkdir);
    const filled = directories.flatMap((directory) => [
      mkdir(directory),
      write(directory, 'cpuset.cpus', cpuset.cpus),
      write(directory, 'cpuset.mems', cpuset.mems),
    ]);
    const last = directories.at(-1);
    // From here on the kernel fills a new child itself: two writes fewer on every start.
    return last === undefined ? [] : [...filled, write(last, 'cgroup.clone_children', 1)];
  }

  planContainer(path: string, resources: LinuxResources): ContainerCgroups {
    const at = (mountPoint: string) => `${mountPoint}/${pathParts(path).join('/')}`;
    const { v1, unified } = this.layout;
    const setup = v1.flatMap(({ mountPoint, controllers }) => [
      mkdir(at(mountPoint)),
      ...controllers.flatMap((name) => controllerWrites(name, at(mountPoint), resources, this.layout)),
    ]);
    const mountPoints = [...v1.map(({ mountPoint }) => mountPoint), ...(unified ? [unified.mountPoint] : [])];
    const memory = this.#directory('memory', path);
    return {
      setup: unified ? [...setup, mkdir(at(unified.mountPoint))] : setup,
      ...(unified ? { cgroupInto: op('setup', STEP, 'cgroupInto', { path: at(unified.mountPoint) }) } : {}),
      join: v1.map(({ mountPoint }) => op('child', STEP, 'cgroupJoin', { path: `${at(mountPoint)}/tasks` })),
      cleanup: mountPoints.map((mountPoint) => op('cleanup', STEP, 'rmdir', { path: at(mountPoint) })),
      ...(memory === null ? {} : { oom: op('setup', STEP, 'oomWatch', { version: 1, path: memory }) }),
      warnings: missingWarnings(resources, (controller) => this.#directory(controller, path) !== null),
    };
  }

  #directory(controller: string, path: string): string | null {
    const hierarchy = this.layout.v1.find(({ controllers }) => controllers.includes(controller));
    return hierarchy === undefined ? null : `${hierarchy.mountPoint}/${pathParts(path).join('/')}`;
  }

  files(path: string): Partial<Record<CgroupFile, string>> {
    const places: [CgroupFile, string, string][] = [
      ['memoryLimit', 'memory', 'memory.limit_in_bytes'],
      ['memoryReservation', 'memory', 'memory.soft_limit_in_bytes'],
      ['memoryUsage', 'memory', 'memory.usage_in_bytes'],
      ['memoryEvents', 'memory', 'memory.oom_control'],
      ['cpuShares', 'cpu', 'cpu.shares'],
      ['cpuQuota', 'cpu', 'cpu.cfs_quota_us'],
      ['cpuPeriod', 'cpu', 'cpu.cfs_period_us'],
      ['cpuUsage', 'cpuacct', 'cpuacct.usage'],
      ['cpusetCpus', 'cpuset', 'cpuset.cpus'],
      ['cpusetMems', 'cpuset', 'cpuset.mems'],
      ['pidsLimit', 'pids', 'pids.max'],
      ['pidsUsage', 'pids', 'pids.current'],
      ['devices', 'devices', 'devices.list'],
      ...(this.layout.swapAccounting
        ? [['memorySwapLimit', 'memory', 'memory.memsw.limit_in_bytes'] as [CgroupFile, string, string]]
        : []),
    ];
    const result: Partial<Record<CgroupFile, string>> = {};
    for (const [file, controller, name] of places) {
      const directory = this.#directory(controller, path);
      if (directory !== null) result[file] = `${directory}/${name}`;
    }
    if (this.layout.unified === null) return result;
    const unified = `${this.layout.unified.mountPoint}/${pathParts(path).join('/')}`;
    return {
      ...result,
      procs: `${unified}/cgroup.procs`,
      freeze: `${unified}/cgroup.freeze`,
      kill: `${unified}/cgroup.kill`,
    };
  }

  /**
   * Each hierarchy is a bind mount of the container's own cgroup. The kernel shows a cgroup mount's root relative to
   * the reader's cgroup namespace, so it looks like a mount made inside, at half the syscalls and without its lock.
   */
  mounts(path: string, _ownNamespace: boolean): CgroupMountPlan {
    const hierarchies = this.layout.v1.map(({ mountPoint, controllers }) => ({
      source: `${mountPoint}/${pathParts(path).join('/')}`,
      name: basename(mountPoint),
      controllers,
    }));
    return {
      directory: true,
      binds: hierarchies.map(({ source, name }) => ({ source, name })),
      links: hierarchies
        .filter(({ name }) => name.includes(','))
        .flatMap(({ name, controllers }) => controllers.map((controller) => ({ name: controller, target: name }))),
    };
  }
}
