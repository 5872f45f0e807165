/** Numbers of the kernel's interface (include/uapi/linux/{sched,mount,resource,stat}.h, x86_64 and arm64 alike). */

export const CLONE = {
  time: 0x00000080n,
  mount: 0x00020000n,
  cgroup: 0x02000000n,
  uts: 0x04000000n,
  ipc: 0x08000000n,
  user: 0x10000000n,
  pid: 0x20000000n,
  network: 0x40000000n,
} as const;

/** Flags of mount(2). */
export const MS = {
  rdonly: 0x1n,
  nosuid: 0x2n,
  nodev: 0x4n,
  noexec: 0x8n,
  rec: 0x4000n,
  unbindable: 0x20000n,
  private: 0x40000n,
  slave: 0x80000n,
  shared: 0x100000n,
} as const;

/** Attributes of fsmount(2) and mount_setattr(2). */
export const MOUNT_ATTR = {
  rdonly: 0x1n,
  nosuid: 0x2n,
  nodev: 0x4n,
  noexec: 0x8n,
  noatime: 0x10n,
  strictatime: 0x20n,
  nodiratime: 0x80n,
  nosymfollow: 0x200000n,
} as const;

export const RLIMITS: Readonly<Record<string, number>> = {
  RLIMIT_CPU: 0,
  RLIMIT_FSIZE: 1,
  RLIMIT_DATA: 2,
  RLIMIT_STACK: 3,
  RLIMIT_CORE: 4,
  RLIMIT_RSS: 5,
  RLIMIT_NPROC: 6,
  RLIMIT_NOFILE: 7,
  RLIMIT_MEMLOCK: 8,
  RLIMIT_AS: 9,
  RLIMIT_LOCKS: 10,
  RLIMIT_SIGPENDING: 11,
  RLIMIT_MSGQUEUE: 12,
  RLIMIT_NICE: 13,
  RLIMIT_RTPRIO: 14,
  RLIMIT_RTTIME: 15,
};
export const RLIM_INFINITY = 0xffff_ffff_ffff_ffffn;

export const FILE_TYPE = { c: 0o020000, b: 0o060000, p: 0o010000 } as const;
