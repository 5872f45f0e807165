/** cgroup v2: one directory, joined by the clone itself (CLONE_INTO_CGROUP). */
import type { LinuxResources } from '../../oci/runtime-spec.ts';
import { op, text } from '../plan/op.ts';
import type { PlanOp } from '../plan/table.ts';
import type { CgroupBackend, CgroupFile, CgroupMountPlan, ContainerCgroups } from './backend.ts';
import { cpuMax, cpuWeight, pathParts, swapMax } from './convert.ts';
import type { CgroupLayout } from './layout.ts';

const STEP = 'cgroups';
const USED_CONTROLLERS = ['cpuset', 'cpu', 'io', 'memory', 'pids'];
const write = (directory: string, file: string, value: string | number) =>
  op('setup', STEP, 'write', { path: `${directory}/${file}`, data: text(value) });
const mkdir = (path: string) => op('setup', STEP, 'mkdir', { path, mode: 0o755 });

interface Limit {
  controller: string;
  file: string;
  value: string | number;
}

function limits(resources: LinuxResources, swapAccounting: boolean): Limit[] {
  const { memory = {}, cpu = {}, pids } = resources;
  const result: Limit[] = [];
  const add = (controller: string, file: string, value: string | number) => result.push({ controller, file, value });
  if (memory.limit !== undefined) {
    add('memory', 'memory.max', memory.limit > 0 ? memory.limit : 'max');
    if (memory.swap !== undefined && swapAccounting)
      add('memory', 'memory.swap.max', swapMax(memory.limit, memory.swap));
  }
  if (memory.reservation) add('memory', 'memory.low', memory.reservation);
  if (cpu.shares) add('cpu', 'cpu.weight', cpuWeight(cpu.shares));
  if (cpu.quota || cpu.period) add('cpu', 'cpu.max', cpuMax(cpu.quota, cpu.period));
  if (cpu.cpus) add('cpuset', 'cpuset.cpus', cpu.cpus);
  if (cpu.mems) add('cpuset', 'cpuset.mems', cpu.mems);
  if (pids && pids.limit > 0) add('pids', 'pids.max', pids.limit);
  return result;
}

function warningsFor(resources: LinuxResources, missing: readonly Limit[]): string[] {
  const warnings = missing.map(
    ({ controller, file }) =>
      `Your kernel does not support the ${controller} cgroup controller, or it is not enabled: ${file} is not set.`,
  );
  if ((resources.devices ?? []).some((rule) => !rule.allow)) {
    warnings.push(
      'Device rules are not enforced on cgroup v2 yet: a container that may make device nodes (CAP_MKNOD, in the default set) can open them below /dev. Drop it with --cap-drop MKNOD.',
    );
  }
  if (resources.memory?.swappiness !== undefined) {
    warnings.push('Memory swappiness does not exist on cgroup v2: it is not set.');
  }
  if (resources.memory?.disableOOMKiller === true) {
    warnings.push('The OOM killer cannot be disabled on cgroup v2: it stays on.');
  }
  return warnings;
}

export class V2Backend implements CgroupBackend {
  readonly layout: CgroupLayout;
  readonly #root: string;
  readonly #controllers: readonly string[];

  constructor(layout: CgroupLayout, unified: NonNullable<CgroupLayout['unified']>) {
    this.layout = layout;
    this.#root = unified.mountPoint;
    this.#controllers = USED_CONTROLLERS.filter((name) => unified.controllers.includes(name));
  }

  #at(path: string): string {
    return [this.#root, ...pathParts(path)].join('/');
  }

  /** A cgroup that has processes cannot pass controllers on (EBUSY); these never have any, the root is exempt. */
  planRoot(parent: string): PlanOp[] {
    const enable = this.#controllers.map((name) => `+${name}`).join(' ');
    const pass = (directory: string) => (enable === '' ? [] : [write(directory, 'cgroup.subtree_control', enable)]);
    const parts = pathParts(parent);
    const levels = parts.map((_, index) => this.#at(parts.slice(0, index + 1).join('/')));
    return [...pass(this.#root), ...levels.flatMap((level) => [mkdir(level), ...pass(level)])];
  }

  planContainer(path: string, resources: LinuxResources): ContainerCgroups {
    const directory = this.#at(path);
    const asked = limits(resources, this.layout.swapAccounting);
    const enforced = asked.filter(({ controller }) => this.#controllers.includes(controller));
    return {
      setup: [mkdir(directory), ...enforced.map(({ file, value }) => write(directory, file, value))],
      cgroupInto: op('setup', STEP, 'cgroupInto', { path: directory }),
      join: [],
      cleanup: [op('cleanup', STEP, 'rmdir', { path: directory })],
      ...(this.#controllers.includes('memory')
        ? { oom: op('setup', STEP, 'oomWatch', { version: 2, path: directory }) }
        : {}),
      warnings: warningsFor(
        resources,
        asked.filter((limit) => !enforced.includes(limit)),
      ),
    };
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
      ['cpuUsage', '', 'cpu.stat'],
      ['procs', '', 'cgroup.procs'],
      ['freeze', '', 'cgroup.freeze'],
      ['kill', '', 'cgroup.kill'],
    ];
    const present = places.filter(([, controller]) => controller === '' || this.#controllers.includes(controller));
    return Object.fromEntries(present.map(([file, , name]) => [file, `${this.#at(path)}/${name}`]));
  }

  /** Its own subtree in a cgroup namespace; in the host's the whole tree, as the names in /proc/self/cgroup then are. */
  mounts(path: string, ownNamespace: boolean): CgroupMountPlan {
    return { directory: false, binds: [{ source: ownNamespace ? this.#at(path) : this.#root, name: '' }], links: [] };
  }
}
