/** Names and numbers of system calls for the three ABIs that an x86_64 kernel can serve. */
import { I386_RUNS, NOT_IN_X32, type NumberRuns, X32_BIT, X32_OWN_RUNS, X86_64_RUNS } from './syscall-numbers.ts';
import type { SeccompArch } from './types.ts';

/** `seccomp_data.arch` (AUDIT_ARCH_*, include/uapi/linux/audit.h). x32 shares x86_64's. */
export const AUDIT_ARCH_X86_64 = 0xc000003e;
export const AUDIT_ARCH_I386 = 0x40000003;

export { X32_BIT };

/** The architectures whose numbers isle knows, as libseccomp names them. */
export type KnownArch = Extract<SeccompArch, 'SCMP_ARCH_X86_64' | 'SCMP_ARCH_X86' | 'SCMP_ARCH_X32'>;

export type SyscallTable = ReadonlyMap<string, number>;

const words = (text: string): string[] => text.split(/\s+/).filter((word) => word !== '');

function expand(runs: NumberRuns): Map<string, number> {
  const table = new Map<string, number>();
  for (const [first, names] of Object.entries(runs)) {
    for (const [offset, name] of words(names).entries()) table.set(name, Number(first) + offset);
  }
  return table;
}

function expandX32(): Map<string, number> {
  const table = new Map<string, number>();
  for (const [name, number] of expand(X86_64_RUNS)) table.set(name, number + X32_BIT);
  for (const name of words(NOT_IN_X32)) table.delete(name);
  for (const [name, number] of expand(X32_OWN_RUNS)) table.set(name, number + X32_BIT);
  return table;
}

export const SYSCALLS: Readonly<Record<KnownArch, SyscallTable>> = {
  SCMP_ARCH_X86_64: expand(X86_64_RUNS),
  SCMP_ARCH_X86: expand(I386_RUNS),
  SCMP_ARCH_X32: expandX32(),
};

/** i386's multiplexers reach these calls by their first argument (include/uapi/linux/net.h and ipc.h): name -> value. */
export const MULTIPLEXED: Readonly<Record<'socketcall' | 'ipc', ReadonlyMap<string, number>>> = {
  socketcall: new Map(
    words(`socket bind connect listen accept getsockname getpeername socketpair send recv sendto recvfrom shutdown
      setsockopt getsockopt sendmsg recvmsg accept4 recvmmsg sendmmsg`).map((name, index) => [name, index + 1]),
  ),
  ipc: new Map([
    ...words('semop semget semctl semtimedop').map((name, index) => [name, index + 1] as const),
    ...words('msgsnd msgrcv msgget msgctl').map((name, index) => [name, index + 11] as const),
    ...words('shmat shmdt shmget shmctl').map((name, index) => [name, index + 21] as const),
  ]),
};

/**
 * Arguments that the kernel reads as `int` or `unsigned int` (include/linux/syscalls.h), by index. The kernel drops the upper
 * half of these registers, so a filter must not look at it: comparing 64 bits lets `socket(AF_VSOCK | 1L << 32, ...)`
 * pass as "another family" (the class of CVE-2019-7303 in snapd and CVE-2019-10063 in flatpak).
 * A call that is not listed is compared in full.
 */
export const INT_ARGUMENTS: Readonly<Record<string, readonly number[]>> = {
  socket: [0, 1, 2],
  socketpair: [0, 1, 2],
  setsockopt: [0, 1, 2],
  getsockopt: [0, 1, 2],
  socketcall: [0],
  ipc: [0],
  personality: [0],
  // clone's first argument is a long, but kernel/fork.c takes its lower 32 bits
  clone: [0],
  setns: [0, 1],
  ioctl: [0, 1],
  fcntl: [0, 1],
  fcntl64: [0, 1],
  prctl: [0],
  arch_prctl: [0],
  seccomp: [0, 1],
  bpf: [0],
  keyctl: [0],
  syslog: [0],
  reboot: [0, 1, 2],
  open: [1],
  openat: [0, 2],
  kill: [0, 1],
  tkill: [0, 1],
  tgkill: [0, 1, 2],
  pidfd_open: [0, 1],
  pidfd_send_signal: [0, 1, 3],
  pidfd_getfd: [0, 1, 2],
  madvise: [2],
  memfd_create: [1],
  userfaultfd: [0],
  perf_event_open: [1, 2, 3],
  membarrier: [0, 1, 2],
  futex: [1, 2],
  finit_module: [0, 2],
  execveat: [0, 4],
  umount2: [1],
  quotactl: [0],
  quotactl_fd: [0, 1],
  fanotify_init: [0, 1],
  io_uring_setup: [0],
  shmctl: [0, 1],
  semctl: [0, 1, 2],
  msgctl: [0, 1],
  getrlimit: [0],
  setrlimit: [0],
  prlimit64: [0, 1],
  getpriority: [0, 1],
  setpriority: [0, 1, 2],
  sched_setscheduler: [0, 1],
  ioprio_get: [0, 1],
  ioprio_set: [0, 1, 2],
  iopl: [0],
};
