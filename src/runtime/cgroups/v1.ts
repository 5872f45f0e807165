/** cgroup v1, and hybrid: limits on the v1 hierarchies, and the unified one joined for freezing, killing and pressure. */
import { basename } from 'node:path/posix';
import { EngineError } from '../../errors.ts';
import type { DeviceRule, LinuxResources } from '../../oci/runtime-spec.ts';
import { op } from '../plan/op.ts';
import type { PlanOp } from '../plan/table.ts';
import type {
  CgroupBackend,
  CgroupFile,
  CgroupMountPlan,
  ContainerCgroups,
  Counters,
  Freeze,
  MadeLevel,
  ReadFile,
} from './backend.ts';
import { ancestors, pathParts } from './convert.ts';
import { countersV1 } from './counters.ts';
import { checkV1Rules, plainRules, ruleText } from './device-rules.ts';
import type { CgroupLayout, V1Hierarchy } from './layout.ts';
import { changes, type Limit, mkdir, newWarnings, place, STEP, write } from './limit.ts';
import { hugepageLimitsV1, limitsV1 } from './limits-v1.ts';
import { hugepageLimitsV2, unifiedLimits } from './limits-v2.ts';
import { deviceOps, freezeUnified, generalWarnings, passOn, unifiedFiles } from './unified.ts';

/** One rule for each write. A new cgroup has what its parent has, and writing "allow all" below a stricter one is refused. */
function deviceWrites(directory: string, rules: readonly DeviceRule[]): PlanOp[] {
  const set = plainRules(rules);
  checkV1Rules(set);
  return [
    ...(set.allowAll ? [] : [write(directory, 'devices.deny', 'a')]),
    ...set.rules.map((rule) => write(directory, rule.allow ? 'devices.allow' : 'devices.deny', ruleText(rule))),
  ];
}

export class V1Backend implements CgroupBackend {
  readonly layout: CgroupLayout;

  constructor(layout: CgroupLayout) {
    this.layout = layout;
  }

  planRoot(parent: string): PlanOp[] {
    const levels = ancestors(`${parent}/leaf`);
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

  planParent(parent: string, read: ReadFile): { ops: PlanOp[]; made: MadeLevel[] } {
    const levels = ancestors(`${parent}/leaf`);
    const made = this.#mountPoints()
      .flatMap((mount) => levels.map((level) => ({ level, directory: `${mount}/${level}` })))
      .filter(({ directory }) => read(`${directory}/cgroup.procs`) === null);
    return { ops: [...made.map(({ directory }) => mkdir(directory)), ...this.#fillCpusets(levels, read)], made };
  }

  /** Each level that has no CPUs gets those of the level above, which may be fewer than the host's. */
  #fillCpusets(levels: readonly string[], read: ReadFile): PlanOp[] {
    const root = this.#mount('cpuset');
    if (root === null) return [];
    const ops: PlanOp[] = [];
    for (const file of ['cpuset.cpus', 'cpuset.mems']) {
      let above = (read(`${root}/${file}`) ?? '').trim();
      for (const level of levels) {
        const own = (read(`${root}/${level}/${file}`) ?? '').trim();
        if (own === '') ops.push(write(`${root}/${level}`, file, above));
        else above = own;
      }
    }
    const last = levels.at(-1);
    if (last === undefined || read(`${root}/${last}/cgroup.clone_children`)?.trim() === '1') return ops;
    return [...ops, write(`${root}/${last}`, 'cgroup.clone_children', 1)];
  }

  planRemove(directory: string): PlanOp[] {
    return [op('setup', STEP, 'rmdir', { path: directory })];
  }

  planContainer(path: string, resources: LinuxResources): ContainerCgroups {
    const { v1, unified } = this.layout;
    const { writes, warnings } = this.#limits(path, resources, {});
    const setup = v1.flatMap(({ mountPoint, controllers }) => {
      const directory = this.#in(mountPoint, path);
      const own = writes.filter((one) => one.op === 'write' && one.args.path.startsWith(`${directory}/`));
      const devices = controllers.includes('devices') ? deviceWrites(directory, resources.devices ?? []) : [];
      const realtime = controllers.includes('cpu') ? this.#allowRealtime(mountPoint, path, resources) : [];
      return [...realtime, mkdir(directory), ...own, ...devices];
    });
    const memory = this.#directory('memory', path);
    return {
      setup: [...setup, ...this.#unifiedSetup(path, resources, writes)],
      ...(unified ? { cgroupInto: op('setup', STEP, 'cgroupInto', { path: this.#in(unified.mountPoint, path) }) } : {}),
      join: v1.map(({ mountPoint }) =>
        op('child', STEP, 'cgroupJoin', { path: `${this.#in(mountPoint, path)}/tasks` }),
      ),
      cleanup: this.#mountPoints().map((mount) => op('cleanup', STEP, 'rmdir', { path: this.#in(mount, path) })),
      ...(memory === null ? {} : { oom: op('setup', STEP, 'oomWatch', { version: 1, path: memory }) }),
      warnings: [...warnings, ...this.#deviceWarnings(resources)],
    };
  }

  /** A real-time budget is part of the parent's, and a new parent's is 0. */
  #allowRealtime(mountPoint: string, path: string, { cpu }: LinuxResources): PlanOp[] {
    const all = this.layout.realtimeRuntimeUs;
    if (!cpu?.realtimeRuntime || all === undefined) return [];
    return ancestors(path).map((level) => write(`${mountPoint}/${level}`, 'cpu.rt_runtime_us', all));
  }

  #unifiedSetup(path: string, resources: LinuxResources, writes: readonly PlanOp[]): PlanOp[] {
    const { unified } = this.layout;
    if (unified === null) return [];
    const directory = this.#in(unified.mountPoint, path);
    const own = writes.filter((one) => one.op === 'write' && one.args.path.startsWith(`${directory}/`));
    const devices = this.#mount('devices') === null ? deviceOps(directory, resources.devices ?? []) : [];
    return [...this.#passOn(path, writes), mkdir(directory), ...own, ...devices];
  }

  /** The unified hierarchy's controllers are given to those containers only that have a limit of them. */
  #passOn(path: string, writes: readonly PlanOp[]): PlanOp[] {
    const { unified } = this.layout;
    if (unified === null) return [];
    const files = writes.flatMap((one) => (one.op === 'write' ? [one.args.path] : []));
    const start = `${this.#in(unified.mountPoint, path)}/`;
    const needed = unified.controllers.filter((name) => files.some((file) => file.startsWith(`${start}${name}.`)));
    return passOn(unified.mountPoint, path, needed);
  }

  #deviceWarnings({ devices = [] }: LinuxResources): string[] {
    const isEnforced = this.#mount('devices') !== null || this.layout.unified !== null;
    return isEnforced || plainRules(devices).allowAll
      ? []
      : [
          'Your kernel does not support device capabilities or the devices cgroup is not mounted. Limitation discarded.',
        ];
  }

  /** Where a limit goes is decided by its controller; huge pages and the map `unified` may be on the unified hierarchy. */
  #limits(path: string, to: LinuxResources, from: LinuxResources): { writes: PlanOp[]; warnings: string[] } {
    const { files, unified, swapAccounting } = this.layout;
    const onUnified = (controller: string) =>
      unified !== null && (controller === 'cgroup' || unified.controllers.includes(controller));
    const place1 = {
      directory: (controller: string) => this.#directory(controller, path),
      has: (file: string) => files === undefined || files.has(file) || file.startsWith('hugetlb.'),
    };
    const place2 = {
      directory: (controller: string) => (onUnified(controller) ? this.#in(unified?.mountPoint ?? '', path) : null),
      // A controller is passed on only when it is needed: its files are not there before.
      has: () => true,
    };
    const hugeV1 = this.#mount('hugetlb') !== null;
    const first: Limit[] = [...limitsV1(to, from, swapAccounting), ...(hugeV1 ? hugepageLimitsV1(to) : [])];
    const second: Limit[] = [...(hugeV1 ? [] : hugepageLimitsV2(to)), ...unifiedLimits(to)];
    const [one, two] = [place(first, place1), place(second, place2)];
    return {
      writes: [...one.writes, ...two.writes],
      warnings: [...one.warnings, ...two.warnings, ...generalWarnings(to, this.layout)],
    };
  }

  planUpdate(path: string, from: LinuxResources, to: LinuxResources): { ops: PlanOp[]; warnings: string[] } {
    const [before, after] = [this.#limits(path, from, {}), this.#limits(path, to, from)];
    const writes = changes(before.writes, after.writes);
    const cpu = this.#mount('cpu');
    const realtime = cpu === null || from.cpu?.realtimeRuntime ? [] : this.#allowRealtime(cpu, path, to);
    return {
      ops: [...this.#passOn(path, writes), ...realtime, ...writes],
      warnings: newWarnings(before.warnings, after.warnings),
    };
  }

  #mountPoints(): string[] {
    const { v1, unified } = this.layout;
    return [...v1.map(({ mountPoint }) => mountPoint), ...(unified ? [unified.mountPoint] : [])];
  }

  #mount(controller: string): string | null {
    return this.layout.v1.find(({ controllers }) => controllers.includes(controller))?.mountPoint ?? null;
  }

  #in(mountPoint: string, path: string): string {
    return `${mountPoint}/${pathParts(path).join('/')}`;
  }

  #directory(controller: string, path: string): string | null {
    const mountPoint = this.#mount(controller);
    return mountPoint === null ? null : this.#in(mountPoint, path);
  }

  freeze(path: string, frozen: boolean): Freeze {
    if (this.layout.unified !== null) return freezeUnified(this.#in(this.layout.unified.mountPoint, path), frozen);
    const directory = this.#directory('freezer', path);
    if (directory === null) {
      throw new EngineError(
        'Unavailable',
        'this host has neither a cgroup2 hierarchy nor a freezer: nothing can be paused',
        {
          hint: 'mount one: mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified',
        },
      );
    }
    const state = frozen ? 'FROZEN' : 'THAWED';
    return {
      ops: [write(directory, 'freezer.state', state)],
      stateFile: `${directory}/freezer.state`,
      isReached: (text) => text.trim() === state,
    };
  }

  counters(path: string, read: ReadFile): Counters {
    return countersV1((controller) => this.#directory(controller, path), read);
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
    const { unified, v1 } = this.layout;
    if (unified !== null) return { ...result, ...unifiedFiles(this.#in(unified.mountPoint, path)) };
    const any = v1[0];
    return any === undefined ? result : { ...result, procs: `${this.#in(any.mountPoint, path)}/cgroup.procs` };
  }

  /**
   * Each hierarchy is a bind mount of the container's own cgroup. The kernel shows a cgroup mount's root relative to
   * the reader's cgroup namespace, so it looks like a mount made inside, at half the syscalls and without its lock.
   */
  mounts(path: string, _ownNamespace: boolean): CgroupMountPlan {
    const hierarchies = this.layout.v1.map(({ mountPoint, controllers }) => ({
      source: this.#in(mountPoint, path),
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
