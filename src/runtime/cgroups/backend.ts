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
  | 'events'
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

/** What a container has used so far. Left out is what the kernel does not count. */
export interface Counters {
  cpu: {
    totalNs: number;
    userNs: number;
    systemNs: number;
    perCpuNs?: number[];
    periods: number;
    throttledPeriods: number;
    throttledNs: number;
  };
  /** null where the host has no memory controller. `limit` null: none. */
  memory: {
    usage: number;
    maxUsage?: number;
    failures?: number;
    limit: number | null;
    details: Record<string, number>;
  } | null;
  pids: { current: number; limit: number | null } | null;
  /** `op` in small letters: read, write, sync, async, discard, total. null where the host has no controller for it. */
  blockIO: { bytes: BlockCount[]; operations: BlockCount[] } | null;
}

export interface BlockCount {
  major: number;
  minor: number;
  op: string;
  value: number;
}

/** A file's text, null where it is not there (any more). */
export type ReadFile = (path: string) => string | null;

/** One level of a parent in one hierarchy. */
export interface MadeLevel {
  /** `a/b` */
  level: string;
  directory: string;
}

export interface Freeze {
  ops: PlanOp[];
  /** The file that tells when it has happened. */
  stateFile: string;
  isReached: (text: string) => boolean;
}

export interface CgroupBackend {
  readonly layout: CgroupLayout;
  /** A run plan for the daemon's start: the parent in every hierarchy, ready for containers. Repeating it is harmless. */
  planRoot(parent: string): PlanOp[];
  /** `path` is relative to the hierarchies' roots, such as `isle/4bd1...`; its parent was made by planRoot. */
  planContainer(path: string, resources: LinuxResources): ContainerCgroups;
  /**
   * From the limits `from`, which are set, to the limits `to`, for a run plan; in an order that the kernel takes. Devices
   * stay as they are. What is in `from` only is set to no limit.
   */
  planUpdate(path: string, from: LinuxResources, to: LinuxResources): { ops: PlanOp[]; warnings: string[] };
  /**
   * Makes what is missing of a parent, ready for containers. `made`: what is missing, from the top. What is there keeps
   * what it has; only an empty cpuset is filled, from the level above.
   */
  planParent(parent: string, read: ReadFile): { ops: PlanOp[]; made: MadeLevel[] };
  /** For a run plan: removes a directory that planParent made. EBUSY where others have come to live in it. */
  planRemove(directory: string): PlanOp[];
  /** Stops all processes of a container where they are, or lets them go on; for a run plan. Throws Unavailable. */
  freeze(path: string, frozen: boolean): Freeze;
  counters(path: string, read: ReadFile): Counters;
  /** Absolute host paths where a container's limits and counters can be read back. */
  files(path: string): Partial<Record<CgroupFile, string>>;
  mounts(path: string, ownNamespace: boolean): CgroupMountPlan;
}
