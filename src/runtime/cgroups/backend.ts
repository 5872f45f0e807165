/** The one interface of both cgroup versions. Both are pure: they answer with operations for islet, and touch nothing. */
import type { LinuxResources } from '../../oci/runtime-spec.ts';
import type { PlanOp } from '../plan/table.ts';
import type { CgroupLayout } from './layout.ts';

export interface ContainerCgroups {
  /** Makes the container's cgroups and sets their limits; section setup, before the clone. */
  setup: PlanOp[];
  /** Opens the cgroup2 directory into which the clone puts the container; section setup. */
  cgroupInto?: PlanOp;
  /** Joins the v1 hierarchies; section child, before a cgroup namespace is made. */
  join: PlanOp[];
  /** Removes what setup made; section cleanup. */
  cleanup: PlanOp[];
  /** Tells the monitor where OOM kills are counted; section setup. */
  oom?: PlanOp;
  /** Limits that this host cannot enforce, each by name. */
  warnings: string[];
}

export type CgroupFile =
  | 'memoryLimit'
  | 'memorySwapLimit'
  | 'memoryReservation'
  | 'memoryUsage'
  | 'memoryEvents'
  | 'cpuShares'
  | 'cpuWeight'
  | 'cpuQuota'
  | 'cpuPeriod'
  | 'cpuMax'
  | 'cpuUsage'
  | 'cpusetCpus'
  | 'cpusetMems'
  | 'pidsLimit'
  | 'pidsUsage'
  | 'devices'
  | 'procs'
  | 'freeze'
  | 'kill';

/** What a container sees at /sys/fs/cgroup. */
export interface CgroupMountPlan {
  /** Is it a directory (tmpfs) of hierarchies, as on v1, or the one hierarchy itself? */
  directory: boolean;
  /** Host directories; `name` is the place below /sys/fs/cgroup, '' for itself. */
  binds: { source: string; name: string }[];
  /** The single names of hierarchies that hold several controllers. */
  links: { name: string; target: string }[];
}

export interface CgroupBackend {
  readonly layout: CgroupLayout;
  /** A run plan for the daemon's start: the parent in every hierarchy, ready for containers. Repeating it is harmless. */
  planRoot(parent: string): PlanOp[];
  /** `path` is relative to the hierarchies' roots, such as `isle/4bd1...`; its parent was made by planRoot. */
  planContainer(path: string, resources: LinuxResources): ContainerCgroups;
  /** Absolute host paths where a container's limits and counters can be read back. */
  files(path: string): Partial<Record<CgroupFile, string>>;
  mounts(path: string, ownNamespace: boolean): CgroupMountPlan;
}
