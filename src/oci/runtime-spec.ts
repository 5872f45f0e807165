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
  /** -1000 to 1000 */
  oomScoreAdj?: number;
}

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
  /** fstab options; isle also understands LXC's `create=file` on a bind mount whose target is a file that may be missing. */
  options?: string[];
}

export type NamespaceType = 'pid' | 'network' | 'mount' | 'ipc' | 'uts' | 'user' | 'cgroup' | 'time';

export interface Namespace {
  type: NamespaceType;
  /** An existing namespace to join; left out, a new one is made. */
  path?: string;
}

export interface Device {
  path: string;
  type: 'c' | 'b' | 'p';
  major: number;
  minor: number;
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
}

export interface LinuxCpu {
  shares?: number;
  /** microseconds of CPU time in a period; -1 is no limit */
  quota?: number;
  /** microseconds */
  period?: number;
  cpus?: string;
  mems?: string;
}

export interface LinuxResources {
  devices?: DeviceRule[];
  memory?: LinuxMemory;
  cpu?: LinuxCpu;
  /** limit 0 or below is no limit */
  pids?: { limit: number };
}

export interface Linux {
  namespaces?: Namespace[];
  devices?: Device[];
  cgroupsPath?: string;
  resources?: LinuxResources;
  rootfsPropagation?: string;
  maskedPaths?: string[];
  readonlyPaths?: string[];
  sysctl?: Record<string, string>;
}
