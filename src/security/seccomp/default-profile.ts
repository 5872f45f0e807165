/**
 * isle's default seccomp policy: the decisions of Docker's published default, call for call, in tables of our own.
 * What is not named is refused with EPERM. Names that an ABI does not have are skipped there.
 */
import type { SeccompArg, SeccompOperator, SeccompProfile, SeccompRule } from './types.ts';

interface Group {
  /** Why a container may do this, or what would be at stake. */
  readonly why: string;
  readonly names: string;
}

/** Calls that every container may make. Their objects are either its own, or guarded by ownership, modes and capabilities. */
const ALWAYS: readonly Group[] = [
  {
    why: 'files: opening, reading, writing; what can be reached is decided by the mount namespace and file modes',
    names: `open openat openat2 creat close close_range read readv pread64 preadv preadv2 write writev pwrite64 pwritev
      pwritev2 lseek _llseek dup dup2 dup3 fcntl fcntl64 flock ioctl truncate truncate64 ftruncate ftruncate64 fallocate
      fadvise64 fadvise64_64 readahead copy_file_range sendfile sendfile64 splice tee vmsplice pipe pipe2 cachestat`,
  },
  {
    why: 'file metadata and directories',
    names: `stat stat64 fstat fstat64 lstat lstat64 newfstatat fstatat64 statx statfs statfs64 fstatfs fstatfs64 access
      faccessat faccessat2 getdents getdents64 getcwd chdir fchdir readlink readlinkat link linkat symlink symlinkat unlink
      unlinkat rename renameat renameat2 mkdir mkdirat rmdir mknod mknodat chmod fchmod fchmodat fchmodat2 chown chown32
      fchown fchown32 fchownat lchown lchown32 umask utime utimes futimesat utimensat utimensat_time64 name_to_handle_at
      statmount listmount`,
  },
  {
    why: 'extended attributes; the security.* and trusted.* ones ask for capabilities',
    names: `getxattr lgetxattr fgetxattr getxattrat setxattr lsetxattr fsetxattr setxattrat listxattr llistxattr flistxattr
      listxattrat removexattr lremovexattr fremovexattr removexattrat`,
  },
  {
    why: 'flushing to disk',
    names: 'sync syncfs fsync fdatasync sync_file_range',
  },
  {
    why: 'waiting for files and events',
    names: `select _newselect pselect6 pselect6_time64 poll ppoll ppoll_time64 epoll_create epoll_create1 epoll_ctl
      epoll_ctl_old epoll_wait epoll_wait_old epoll_pwait epoll_pwait2 eventfd eventfd2 inotify_init inotify_init1
      inotify_add_watch inotify_rm_watch fanotify_mark signalfd signalfd4`,
  },
  {
    why: 'asynchronous I/O of the first kind; io_uring is not here, its kernel bugs were too many',
    names:
      'io_setup io_destroy io_submit io_cancel io_getevents io_pgetevents io_pgetevents_time64 ioprio_get ioprio_set',
  },
  {
    why: 'memory of the calling process',
    names: `brk mmap mmap2 munmap mremap remap_file_pages mprotect pkey_mprotect pkey_alloc pkey_free madvise mincore msync
      mlock mlock2 mlockall munlock munlockall mseal map_shadow_stack memfd_create memfd_secret membarrier`,
  },
  {
    why: 'making, running and awaiting processes; clone is further down, since its flags matter',
    names: `fork vfork execve execveat exit exit_group wait4 waitid waitpid getpid getppid gettid getpgid getpgrp setpgid
      getsid setsid pidfd_open pidfd_send_signal process_mrelease set_tid_address restart_syscall rseq
      get_thread_area set_thread_area prctl uretprobe riscv_hwprobe`,
  },
  {
    why: 'threads waiting for each other',
    names: 'futex futex_time64 futex_wait futex_wake futex_waitv futex_requeue get_robust_list set_robust_list',
  },
  {
    why: 'signals; the pid namespace decides whom they reach',
    names: `kill tkill tgkill pause alarm sigaltstack sigprocmask sigreturn rt_sigaction rt_sigprocmask rt_sigpending
      rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64 rt_sigqueueinfo rt_tgsigqueueinfo rt_sigreturn`,
  },
  {
    why: 'reading clocks, sleeping, timers; setting the clock needs a capability even where the call is let through',
    names: `time times gettimeofday clock_gettime clock_gettime64 clock_getres clock_getres_time64 clock_nanosleep
      clock_nanosleep_time64 nanosleep adjtimex clock_adjtime clock_adjtime64 getitimer setitimer timer_create timer_delete
      timer_getoverrun timer_gettime timer_gettime64 timer_settime timer_settime64 timerfd_create timerfd_gettime
      timerfd_gettime64 timerfd_settime timerfd_settime64`,
  },
  {
    why: 'scheduling and resource limits of own processes',
    names: `sched_yield sched_getaffinity sched_setaffinity sched_getattr sched_setattr sched_getparam sched_setparam
      sched_getscheduler sched_setscheduler sched_get_priority_max sched_get_priority_min sched_rr_get_interval
      sched_rr_get_interval_time64 getpriority setpriority getrlimit ugetrlimit setrlimit prlimit64 getrusage getcpu`,
  },
  {
    why: 'who one is, and becoming less: the capability sets bound what can be gained',
    names: `getuid getuid32 geteuid geteuid32 getgid getgid32 getegid getegid32 getgroups getgroups32 getresuid getresuid32
      getresgid getresgid32 setuid setuid32 setgid setgid32 setreuid setreuid32 setregid setregid32 setresuid setresuid32
      setresgid setresgid32 setfsuid setfsuid32 setfsgid setfsgid32 setgroups setgroups32 capget capset`,
  },
  {
    why: 'restricting oneself further',
    names: 'seccomp landlock_create_ruleset landlock_add_rule landlock_restrict_self',
  },
  {
    why: 'sockets, in the network namespace; making one is further down, since its family matters',
    names: `socketpair socketcall bind connect listen accept accept4 shutdown getsockname getpeername getsockopt setsockopt
      send sendto sendmsg sendmmsg recv recvfrom recvmsg recvmmsg recvmmsg_time64`,
  },
  {
    why: 'System V and POSIX message queues, semaphores and shared memory, in the IPC namespace',
    names: `ipc shmget shmat shmdt shmctl semget semop semtimedop semtimedop_time64 semctl msgget msgsnd msgrcv msgctl
      mq_open mq_unlink mq_notify mq_getsetattr mq_timedsend mq_timedsend_time64 mq_timedreceive mq_timedreceive_time64`,
  },
  {
    why: 'facts about the system',
    names: 'uname sysinfo getrandom',
  },
];

interface CapabilityGroup extends Group {
  readonly cap: string;
}

/** Calls that the kernel guards with a capability: let through only to containers that have it. */
const WITH_CAPABILITY: readonly CapabilityGroup[] = [
  {
    cap: 'CAP_SYS_ADMIN',
    why: 'mounts, namespaces, names of the host, tracing: the ways out of a container',
    names: `mount umount umount2 mount_setattr move_mount open_tree fsopen fsconfig fsmount fspick clone clone3 unshare setns
      sethostname setdomainname bpf perf_event_open fanotify_init lookup_dcookie quotactl quotactl_fd syslog
      lsm_get_self_attr lsm_set_self_attr lsm_list_modules`,
  },
  {
    cap: 'CAP_DAC_READ_SEARCH',
    why: 'opens any file of a mounted file system by its number',
    names: 'open_by_handle_at',
  },
  {
    cap: 'CAP_SYS_PTRACE',
    why: 'looks into other processes',
    names: 'kcmp pidfd_getfd process_madvise process_vm_readv process_vm_writev ptrace',
  },
  { cap: 'CAP_SYS_MODULE', why: "loads code into the host's kernel", names: 'init_module finit_module delete_module' },
  { cap: 'CAP_SYS_BOOT', why: 'restarts the host', names: 'reboot' },
  { cap: 'CAP_SYS_CHROOT', why: 'changes the root directory', names: 'chroot' },
  { cap: 'CAP_SYS_PACCT', why: "switches the host's process accounting", names: 'acct' },
  { cap: 'CAP_SYS_RAWIO', why: 'reaches hardware ports', names: 'iopl ioperm' },
  { cap: 'CAP_SYS_TIME', why: "sets the host's clock", names: 'settimeofday stime clock_settime clock_settime64' },
  { cap: 'CAP_SYS_TTY_CONFIG', why: 'hangs up terminals', names: 'vhangup' },
  {
    cap: 'CAP_SYS_NICE',
    why: 'places memory on chosen nodes of the host',
    names: 'get_mempolicy set_mempolicy set_mempolicy_home_node mbind',
  },
  { cap: 'CAP_SYSLOG', why: "reads the host's kernel log", names: 'syslog' },
  { cap: 'CAP_BPF', why: 'loads BPF programs', names: 'bpf' },
  { cap: 'CAP_PERFMON', why: 'measures the whole host', names: 'perf_event_open' },
];

interface ArchGroup extends Group {
  readonly arches: readonly string[];
}

const BY_ARCHITECTURE: readonly ArchGroup[] = [
  { arches: ['amd64', 'x32'], why: 'the segment register of thread-local storage', names: 'arch_prctl' },
  { arches: ['amd64', 'x32', 'x86'], why: 'segments of old 16-bit programs', names: 'modify_ldt' },
  {
    arches: ['arm', 'arm64'],
    why: "the architecture's own forms of common calls",
    names: 'arm_fadvise64_64 arm_sync_file_range sync_file_range2 breakpoint cacheflush set_tls',
  },
  { arches: ['ppc64le'], why: 'likewise', names: 'sync_file_range2 swapcontext' },
  { arches: ['s390', 's390x'], why: 'likewise', names: 's390_pci_mmio_read s390_pci_mmio_write s390_runtime_instr' },
  { arches: ['riscv64'], why: 'likewise', names: 'riscv_flush_icache' },
];

/** NEWNS NEWCGROUP NEWUTS NEWIPC NEWUSER NEWPID NEWNET of clone(2): a new user namespace opens much of the kernel to attack. */
const CLONE_NEW_ANY = 0x7e020000n;

/** Families of socket(2) with a history of escapes: AF_ALG (kernel crypto), AF_VSOCK (the hypervisor under the host). */
const AF_ALG = 38n;
const AF_VSOCK = 40n;

/** PER_LINUX and PER_LINUX32, each also with UNAME26, and the value that only asks. Others switch protections off. */
const PERSONALITIES = [0x0n, 0x8n, 0x20000n, 0x20008n, 0xffffffffn];

const ENOSYS = 38;
const NO_NEWER_FORM = ['s390', 's390x'];

const words = (text: string): string[] => text.split(/\s+/).filter((word) => word !== '');
const when = (index: number, op: SeccompOperator, value: bigint, valueTwo = 0n): SeccompArg[] => [
  { index, op, value, valueTwo },
];
const allow = (names: string, more: Omit<SeccompRule, 'names' | 'action'> = {}): SeccompRule => ({
  names: words(names),
  action: 'SCMP_ACT_ALLOW',
  ...more,
});

const WITH_ARGUMENTS: readonly SeccompRule[] = [
  allow('socket', { args: when(0, 'SCMP_CMP_LT', AF_ALG) }),
  allow('socket', { args: when(0, 'SCMP_CMP_EQ', AF_ALG + 1n) }),
  allow('socket', { args: when(0, 'SCMP_CMP_GT', AF_VSOCK) }),
  ...PERSONALITIES.map((value) => allow('personality', { args: when(0, 'SCMP_CMP_EQ', value) })),
  allow('clone', {
    args: when(0, 'SCMP_CMP_MASKED_EQ', CLONE_NEW_ANY),
    excludes: { caps: ['CAP_SYS_ADMIN'], arches: NO_NEWER_FORM },
  }),
  // s390 takes clone's flags as the second argument
  allow('clone', {
    args: when(1, 'SCMP_CMP_MASKED_EQ', CLONE_NEW_ANY),
    includes: { arches: NO_NEWER_FORM },
    excludes: { caps: ['CAP_SYS_ADMIN'] },
  }),
  // clone3's flags lie in memory, out of a filter's sight; ENOSYS makes the C library fall back to clone
  { names: ['clone3'], action: 'SCMP_ACT_ERRNO', errnoRet: ENOSYS, excludes: { caps: ['CAP_SYS_ADMIN'] } },
  // before 4.8 a tracer could change a call after the filter had judged it
  allow('ptrace process_vm_readv process_vm_writev', { includes: { minKernel: [4, 8] } }),
];

const MIPS64 = ['SCMP_ARCH_MIPS', 'SCMP_ARCH_MIPS64', 'SCMP_ARCH_MIPS64N32'] as const;
const MIPSEL64 = ['SCMP_ARCH_MIPSEL', 'SCMP_ARCH_MIPSEL64', 'SCMP_ARCH_MIPSEL64N32'] as const;

/** The policy of a container that asks for none. */
export const DEFAULT_PROFILE: SeccompProfile = {
  defaultAction: 'SCMP_ACT_ERRNO',
  defaultErrnoRet: 1,
  archMap: [
    { architecture: 'SCMP_ARCH_X86_64', subArchitectures: ['SCMP_ARCH_X86', 'SCMP_ARCH_X32'] },
    { architecture: 'SCMP_ARCH_AARCH64', subArchitectures: ['SCMP_ARCH_ARM'] },
    { architecture: 'SCMP_ARCH_S390X', subArchitectures: ['SCMP_ARCH_S390'] },
    { architecture: 'SCMP_ARCH_RISCV64', subArchitectures: [] },
    { architecture: 'SCMP_ARCH_LOONGARCH64', subArchitectures: [] },
    ...[MIPS64, MIPSEL64].flatMap((family) =>
      family
        .slice(1)
        .map((architecture) => ({ architecture, subArchitectures: family.filter((other) => other !== architecture) })),
    ),
  ],
  syscalls: [
    ...ALWAYS.map((group) => allow(group.names)),
    ...WITH_ARGUMENTS,
    ...BY_ARCHITECTURE.map((group) => allow(group.names, { includes: { arches: group.arches } })),
    ...WITH_CAPABILITY.map((group) => allow(group.names, { includes: { caps: [group.cap] } })),
  ],
};

/** Which capability lets a call of the default policy through, and why; the narrowest if there are several, undefined for other calls. */
export function capabilityFor(name: string): { cap: string; why: string } | undefined {
  return WITH_CAPABILITY.findLast((group) => words(group.names).includes(name));
}
