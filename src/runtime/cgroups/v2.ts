/** cgroup v2: one directory, joined by the clone itself (CLONE_INTO_CGROUP). */
import type { LinuxResources } from '../../oci/runtime-spec.ts';
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
import { countersV2 } from './counters.ts';
import type { CgroupLayout } from './layout.ts';
import { changes, mkdir, newWarnings, place, STEP, write } from './limit.ts';
import { hugepageLimitsV2, lackingV2, limitsV2, unifiedLimits } from './limits-v2.ts';
import { deviceOps, freezeUnified, generalWarnings, passOn, unifiedFiles } from './unified.ts';

/** Passed on to every container; the others (hugetlb, rdma, misc) only to one that has such a limit. */
const USED_CONTROLLERS = ['cpuset', 'cpu', 'io', 'memory', 'pids'];

export class V2Backend implements CgroupBackend {
  readonly layout: CgroupLayout;
  readonly #root: string;
  readonly #available: readonly string[];
  readonly #controllers: readonly string[];

  constructor(layout: CgroupLayout, unified: NonNullable<CgroupLayout['unified']>) {
    this.layout = layout;
    this.#root = unified.mountPoint;
    this.#available = unified.controllers;
    this.#controllers = USED_CONTROLLERS.filter((name) => unified.controllers.includes(name));
  }

  #at(path: string): string {
    return [this.#root, ...pathParts(path)].join('/');
  }

  /** A cgroup that has processes cannot pass controllers on (EBUSY); these never have any, the root is exempt. */
  planRoot(parent: string): PlanOp[] {
    const enable = this.#controllers.map((name) => `+${name}`).join(' ');
    const pass = (directory: string) => (enable === '' ? [] : [write(directory, 'cgroup.subtree_control', enable)]);
    const levels = ancestors(`${parent}/leaf`).map((level) => this.#at(level));
    return [...pass(this.#root), ...levels.flatMap((level) => [mkdir(level), ...pass(level)])];
  }

  planParent(parent: string, read: ReadFile): { ops: PlanOp[]; made: MadeLevel[] } {
    const levels = ancestors(`${parent}/leaf`).map((level) => ({ level, directory: this.#at(level) }));
    const made = levels.filter(({ directory }) => read(`${directory}/cgroup.procs`) === null);
    return { ops: this.planRoot(parent), made };
  }

  planRemove(directory: string): PlanOp[] {
    return [op('setup', STEP, 'rmdir', { path: directory })];
  }

  planContainer(path: string, resources: LinuxResources): ContainerCgroups {
    const directory = this.#at(path);
    const { writes, warnings, extra } = this.#limits(path, resources, {});
    return {
      setup: [
        ...passOn(this.#root, path, extra),
        mkdir(directory),
        ...writes,
        ...deviceOps(directory, resources.devices ?? []),
      ],
      cgroupInto: op('setup', STEP, 'cgroupInto', { path: directory }),
      join: [],
      cleanup: [op('cleanup', STEP, 'rmdir', { path: directory })],
      ...(this.#controllers.includes('memory')
        ? { oom: op('setup', STEP, 'oomWatch', { version: 2, path: directory }) }
        : {}),
      warnings,
    };
  }

  #limits(path: string, to: LinuxResources, from: LinuxResources) {
    const { files, swapAccounting } = this.layout;
    const limits = [...limitsV2(to, from, swapAccounting), ...hugepageLimitsV2(to), ...unifiedLimits(to)];
    const isUsed = (controller: string) => controller === 'cgroup' || this.#controllers.includes(controller);
    const { writes, warnings } = place(limits, {
      directory: (controller) =>
        controller === 'cgroup' || this.#available.includes(controller) ? this.#at(path) : null,
      has: (file) => files === undefined || files.has(file) || !isUsed(file.split('.')[0] ?? ''),
    });
    const asked = new Set(limits.map(({ controller }) => controller));
    return {
      writes,
      warnings: [...warnings, ...lackingV2(to), ...generalWarnings(to, this.layout)],
      extra: this.#available.filter((name) => asked.has(name) && !this.#controllers.includes(name)),
    };
  }

  planUpdate(path: string, from: LinuxResources, to: LinuxResources): { ops: PlanOp[]; warnings: string[] } {
    const [before, after] = [this.#limits(path, from, {}), this.#limits(path, to, from)];
    const extra = after.extra.filter((name) => !before.extra.includes(name));
    return {
      ops: [...passOn(this.#root, path, extra), ...changes(before.writes, after.writes)],
      warnings: newWarnings(before.warnings, after.warnings),
    };
  }

  freeze(path: string, frozen: boolean): Freeze {
    return freezeUnified(this.#at(path), frozen);
  }

  counters(path: string, read: ReadFile): Counters {
    return countersV2(this.#at(path), read);
  }

  files(path: string): Partial<Record<CgroupFile, string>> {
    const places: [CgroupFile, string, string][] = [
      ['memoryLimit', 'memory', 'memory.max'],
      ['memorySwapLimit', 'memory', 'memory.swap.max'],
      ['memoryReservation', 'memory', 'memory.low'],
      ['memoryUsage', 'memory', 'memory.current'],
      ['memoryEvents', 'memory', 'memory.events'],
      ['cpuWeight', 'cpu', 'cpu.weight'],
      ['cpuMax', 'cpu', 'cpu.max'],
      ['cpusetCpus', 'cpuset', 'cpuset.cpus.effective'],
      ['cpusetMems', 'cpuset', 'cpuset.mems.effective'],
      ['pidsLimit', 'pids', 'pids.max'],
      ['pidsUsage', 'pids', 'pids.current'],
    ];
    const present = places.filter(([, controller]) => this.#controllers.includes(controller));
    return {
      ...Object.fromEntries(present.map(([file, , name]) => [file, `${this.#at(path)}/${name}`])),
      cpuUsage: `${this.#at(path)}/cpu.stat`,
      ...unifiedFiles(this.#at(path)),
    };
  }

  /** Its own subtree in a cgroup namespace; in the host's the whole tree, as the names in /proc/self/cgroup then are. */
  mounts(path: string, ownNamespace: boolean): CgroupMountPlan {
    return { directory: false, binds: [{ source: ownNamespace ? this.#at(path) : this.#root, name: '' }], links: [] };
  }
}
