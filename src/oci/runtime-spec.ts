/**
 * The part of the OCI runtime-spec (v1.2, config.md and config-linux.md) that isle makes and executes.
 * Field names are the spec's own, so that a bundle's config.json can be read into these types.
 */
export interface Spec {
  ociVersion: string;
  hostname?: string;
  domainname?: string;
  root?: Root;
  process?: Process;
  /** In the order in which they are mounted. */
  mounts?: Mount[];
  linux?: Linux;
  annotations?: Record<string, string>;
}

export interface Root {
  path: string;
  readonly?: boolean;
}

export interface Process {
  terminal?: boolean;
  consoleSize?: { height: number; width: number };
  user: User;
  args: string[];
  env: string[];
  cwd: string;
  capabilities?: Capabilities;
  rlimits?: Rlimit[];
  noNewPrivileges?: boolean;
  /** A profile that the kernel has, or `unconfined`. */
  apparmorProfile?: string;
  selinuxLabel?: string;
  /** -1000 to 1000; left out: as it is */
  oomScoreAdj?: number;
  scheduler?: Scheduler;
  ioPriority?: { class: IoClass; priority: number };
  /** For a further process in a container: before and after it joins the cgroups. */
  execCPUAffinity?: { initial?: string; final?: string };
}

export interface Scheduler {
  policy: SchedulerPolicy;
  /** -20 to 19 */
  nice?: number;
  /** 1 to 99 with the real-time policies, else 0 */
  priority?: number;
  flags?: SchedulerFlag[];
  /** nanoseconds, of SCHED_DEADLINE */
  runtime?: number;
  deadline?: number;
  period?: number;
}

export type SchedulerPolicy =
  | 'SCHED_OTHER'
  | 'SCHED_FIFO'
  | 'SCHED_RR'
  | 'SCHED_BATCH'
  | 'SCHED_ISO'
  | 'SCHED_IDLE'
  | 'SCHED_DEADLINE';

export type SchedulerFlag =
  | 'SCHED_FLAG_RESET_ON_FORK'
  | 'SCHED_FLAG_RECLAIM'
  | 'SCHED_FLAG_DL_OVERRUN'
  | 'SCHED_FLAG_KEEP_POLICY'
  | 'SCHED_FLAG_KEEP_PARAMS'
  | 'SCHED_FLAG_UTIL_CLAMP_MIN'
  | 'SCHED_FLAG_UTIL_CLAMP_MAX';

export type IoClass = 'IOPRIO_CLASS_RT' | 'IOPRIO_CLASS_BE' | 'IOPRIO_CLASS_IDLE';

export type MemoryMode =
  | 'MPOL_DEFAULT'
  | 'MPOL_PREFERRED'
  | 'MPOL_BIND'
  | 'MPOL_INTERLEAVE'
  | 'MPOL_LOCAL'
  | 'MPOL_PREFERRED_MANY'
  | 'MPOL_WEIGHTED_INTERLEAVE';

export type MemoryFlag = 'MPOL_F_NUMA_BALANCING' | 'MPOL_F_RELATIVE_NODES' | 'MPOL_F_STATIC_NODES';

export interface User {
  uid: number;
  gid: number;
  umask?: number;
  additionalGids?: number[];
}

/** Each set holds names such as `CAP_NET_BIND_SERVICE`; a set that is left out is empty. */
export interface Capabilities {
  bounding?: string[];
  effective?: string[];
  inheritable?: string[];
  permitted?: string[];
  ambient?: string[];
}

/** A limit of this value is RLIM_INFINITY, which is 2^64 - 1: the nearest that a double can hold. */
export const RLIMIT_UNLIMITED = 2 ** 64;

export interface Rlimit {
  /** `RLIMIT_NOFILE` ... */
  type: string;
  soft: number;
  hard: number;
}

export interface Mount {
  destination: string;
  /** `bind`, `tmpfs`, `proc`, `cgroup` ...; a mount whose options hold `bind` or `rbind` is a bind mount whatever its type. */
  type?: string;
  source?: string;
  /** With the option idmap (or ridmap for the whole tree): how owners on disk appear in the container; containerID is the id on disk. */
  uidMappings?: IdMapping[];
  gidMappings?: IdMapping[];
  /** isle's own: the SELinux context that all of a bind mount's source is given before. */
  relabel?: string;
  /** isle's own: the mount namespace that `source` is in, another container's. */
  sourceNamespace?: string;
  /** fstab options; isle also understands LXC's `create=file` on a bind mount whose target is a file that may be missing. */
  options?: string[];
}

export type NamespaceType = 'pid' | 'network' | 'mount' | 'ipc' | 'uts' | 'user' | 'cgroup' | 'time';

export interface Namespace {
  type: NamespaceType;
  /** An existing namespace to join; left out, a new one is made. */
  path?: string;
}

/** `size` ids from containerID on are those from hostID on. */
export interface IdMapping {
  containerID: number;
  hostID: number;
  size: number;
}

export interface Device {
  path: string;
  /** isle's own: where the host has it, if elsewhere; asked for in a user namespace, where no node can be made. */
  hostPath?: string;
  /** `u` is a character device as well; `p` a FIFO, which has no numbers */
  type: 'c' | 'b' | 'u' | 'p';
  major?: number;
  minor?: number;
  /** Permission bits without the type. */
  fileMode?: number;
  uid?: number;
  gid?: number;
}

export interface DeviceRule {
  allow: boolean;
  /** left out: all types */
  type?: 'a' | 'c' | 'b';
  /** left out: all numbers */
  major?: number;
  minor?: number;
  /** of r, w, m; left out: all three */
  access?: string;
}

export interface LinuxMemory {
  /** bytes; -1 is no limit */
  limit?: number;
  /** bytes of the soft limit */
  reservation?: number;
  /** bytes of memory and swap together; -1 is no limit */
  swap?: number;
  /** 0 to 100; cgroup v1 only */
  swappiness?: number;
  /** cgroup v1 only */
  disableOOMKiller?: boolean;
  /** bytes; kernels since 5.4 ignore both */
  kernel?: number;
  kernelTCP?: number;
}

export interface LinuxCpu {
  shares?: number;
  /** microseconds of CPU time in a period; -1 is no limit */
  quota?: number;
  /** microseconds */
  period?: number;
  /** microseconds of unused time that may be saved up for later periods */
  burst?: number;
  /** cgroup v1 only: microseconds of real-time scheduling in a real-time period */
  realtimeRuntime?: number;
  realtimePeriod?: number;
  cpus?: string;
  mems?: string;
  /** 1: run only when nothing else wants the CPU (SCHED_IDLE) */
  idle?: number;
}

export interface BlockDeviceNumber {
  major: number;
  minor: number;
}

/** Bytes or operations a second. */
export interface ThrottleRate extends BlockDeviceNumber {
  rate: number;
}

export interface LinuxBlockIO {
  /** 10 to 1000 */
  weight?: number;
  leafWeight?: number;
  weightDevice?: (BlockDeviceNumber & { weight?: number; leafWeight?: number })[];
  throttleReadBpsDevice?: ThrottleRate[];
  throttleWriteBpsDevice?: ThrottleRate[];
  throttleReadIOPSDevice?: ThrottleRate[];
  throttleWriteIOPSDevice?: ThrottleRate[];
}

export interface LinuxResources {
  devices?: DeviceRule[];
  memory?: LinuxMemory;
  cpu?: LinuxCpu;
  /** limit 0 or below is no limit */
  pids?: { limit: number };
  blockIO?: LinuxBlockIO;
  /** pageSize as in the kernel's file names, such as `2MB`; limit in bytes */
  hugepageLimits?: { pageSize: string; limit: number }[];
  network?: { classID?: number; priorities?: { name: string; priority: number }[] };
  rdma?: Record<string, { hcaHandles?: number; hcaObjects?: number }>;
  /** Files of the cgroup2 directory and what is written to them. */
  unified?: Record<string, string>;
}

export interface Linux {
  namespaces?: Namespace[];
  devices?: Device[];
  cgroupsPath?: string;
  resources?: LinuxResources;
  /** What `private`, `shared` ... the root mount is made at the end. */
  rootfsPropagation?: string;
  uidMappings?: IdMapping[];
  gidMappings?: IdMapping[];
  /** Of a new time namespace, by clock (`monotonic`, `boottime`). */
  timeOffsets?: Record<string, { secs?: number; nanosecs?: number }>;
  /** SELinux context of the files in the container's own file systems. */
  mountLabel?: string;
  maskedPaths?: string[];
  readonlyPaths?: string[];
  sysctl?: Record<string, string>;
  personality?: { domain: 'LINUX' | 'LINUX32'; flags?: string[] };
  /** `nodes` in the kernel's form, `0-3,7` */
  memoryPolicy?: { mode: MemoryMode; nodes?: string; flags?: MemoryFlag[] };
}
