/**
 * The isolation plan's instruction set: the one table from which both languages get the binary format.
 * `scripts/generate-plan.ts` turns it into `native/build/plan_table.h`; `src/runtime/encode.ts` encodes from it.
 *
 * Field types, little-endian, unaligned, in table order:
 *   u32, i32, u64   fixed width
 *   str             u32 length without the NUL, the bytes, one NUL (so that C points into the buffer)
 *   bytes           u32 length, the bytes
 *   strs            u32 count, then that many `str`
 *   u32s            u32 count, then that many u32
 *
 * "In root" paths are resolved under the root fd with openat2(RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS), never by string.
 */
export type FieldType = 'u32' | 'i32' | 'u64' | 'str' | 'bytes' | 'strs' | 'u32s';

export const OPS = {
  // --- what the monitor is told first (section setup) ---
  /** Names the container and its files. flags: MonitorFlag bits. */
  monitor: { id: 'str', stateDir: 'str', flags: 'u32' },
  /** mkdir -p one host directory (last component only is created; EEXIST is fine). */
  mkdir: { path: 'str', mode: 'u32' },
  /** Writes bytes to an existing host file (cgroup, sysctl) in one write(2). */
  write: { path: 'str', data: 'bytes' },
  /** Removes an empty host directory (cgroup); ENOENT is fine, EBUSY is retried for up to 500 ms. */
  rmdir: { path: 'str' },
  /** Sends netlink messages in one sendmsg per message and awaits each NLMSG_ERROR ack; the first errno fails the op. protocol: 0 route, 12 netfilter. */
  netlink: { protocol: 'u32', messages: 'bytes' },
  /** Opens a host directory of the v2 hierarchy for CLONE_INTO_CGROUP at the clone. */
  cgroupInto: { path: 'str' },
  /** Ends the setup section: clone3 with these CLONE_NEW* flags. Exactly one in a start plan, none in a run plan. */
  clone: { flags: 'u64' },
  /** Where OOM kills of this container are counted. version 1: directory of the memory hierarchy; 2: cgroup2 directory. */
  oomWatch: { version: 'u32', path: 'str' },

  // --- section parent: the monitor, after clone, beside the running child ---
  /** Opens the child's network namespace at this fixed fd number, for IFLA_NET_NS_FD inside encoded netlink bytes. */
  childNetns: { fd: 'u32' },

  // --- section child: the container's first process, in its new namespaces ---
  /** Writes "0" to this file (v1 `tasks`: 0.18 ms; `cgroup.procs` would cost 14.7 ms). */
  cgroupJoin: { path: 'str' },
  unshare: { flags: 'u64' },
  /** setns(2) by path. nsType: CLONE_NEW* or 0. */
  setns: { path: 'str', nsType: 'u64' },
  setHostname: { name: 'str' },
  setDomainname: { name: 'str' },
  /** Brings up nothing by itself: waits until the section parent is done (network is there). */
  waitParent: {},
  /** mount(NULL, path, NULL, flags): propagation of a host path in the new mount namespace, flags MS_*. */
  mountPropagation: { path: 'str', flags: 'u64' },
  /** chdir(cwd), mount overlay with options (relative lower directories) on target; target then is the root. */
  overlayRoot: { cwd: 'str', target: 'str', options: 'str', flags: 'u64' },
  /** Recursive bind of source on itself-or-target as the root. */
  bindRoot: { source: 'str', target: 'str', recursive: 'u32', attrs: 'u64' },
  /** New file system in root by fsopen/fsconfig/fsmount/move_mount. options: "key=value" or "flag"; attrs MOUNT_ATTR_*. The target directory is made if missing. */
  mountFs: { fsType: 'str', source: 'str', target: 'str', options: 'strs', attrs: 'u64' },
  /** open_tree(source on the host) -> mount_setattr -> move_mount in root. recursive 0/1, attrs set MOUNT_ATTR_*, propagation MS_* or 0. createTarget: 0 must exist, 1 make a directory, 2 make a file. */
  mountBind: { source: 'str', target: 'str', recursive: 'u32', attrs: 'u64', propagation: 'u64', createTarget: 'u32' },
  /** Hides a path in root: a directory under an empty read-only tmpfs, a file under the host's verified /dev/null. label: the tmpfs's, '' for none. Missing: nothing to do. */
  mask: { path: 'str', label: 'str' },
  /** Makes an existing path in root read-only by binding it on itself. Missing: nothing to do. */
  readonlyPath: { path: 'str' },
  /** Makes the root mount itself read-only. */
  readonlyRoot: {},
  /** Sets MOUNT_ATTR_* on the mount at an existing path in root by mount_setattr, without the mounts below it. */
  mountAttrs: { path: 'str', attrs: 'u64' },
  /** mkdir -p in root; owner given to what is created. */
  mkdirIn: { path: 'str', mode: 'u32', uid: 'u32', gid: 'u32' },
  /** mknod in root; mode with S_IFCHR / S_IFBLK / S_IFIFO. */
  mknodIn: { path: 'str', mode: 'u32', major: 'u32', minor: 'u32', uid: 'u32', gid: 'u32' },
  symlinkIn: { target: 'str', path: 'str' },
  /** Writes kernel files (sysctls) under the container's own /proc, after checking that it is procfs. files: path and text of each, in turns. */
  writeProc: { files: 'strs' },
  /** Opens a pty of the container's devpts: master goes to the monitor, slave becomes stdio, controlling terminal and /dev/console. */
  pty: { rows: 'u32', cols: 'u32', uid: 'u32' },
  /** pivot_root to the root fd, detach the old root, close every fd but the standard ones and the monitor's socket. */
  pivot: {},
  setsid: {},
  rlimit: { resource: 'u32', soft: 'u64', hard: 'u64' },
  oomScoreAdj: { value: 'i32' },
  /** Joins a new session keyring of this name, so that the caller's keys are not inherited. */
  keyring: { name: 'str' },
  umask: { mask: 'u32' },
  /** chdir after pivot; also checks that getcwd is inside the root (CVE-2024-21626). */
  chdir: { path: 'str' },
  noNewPrivs: {},
  /** flags: SECCOMP_FILTER_FLAG_*; filter: struct sock_filter[] as bytes. */
  seccomp: { flags: 'u64', filter: 'bytes' },
  /** Drops every capability whose bit is not in keep from the bounding set. */
  boundingSet: { keep: 'u64' },
  keepCaps: { on: 'u32' },
  setGroups: { groups: 'u32s' },
  setGid: { gid: 'u32' },
  setUid: { uid: 'u32' },
  capset: { effective: 'u64', permitted: 'u64', inheritable: 'u64' },
  ambientSet: { raise: 'u64' },
  /** Closes every fd from 3 up but the monitor's socket (close-on-exec), then execve. A name without a slash is searched in searchPath, in order. */
  exec: { argv: 'strs', env: 'strs', searchPath: 'strs' },

  // --- run plans only ---
  /** Reads a regular file in root of at most maxBytes; adds its bytes (or, if it is missing, an absent marker) to the results. */
  readFileIn: { path: 'str', maxBytes: 'u32' },

  // --- the OCI runtime command line (no monitor; `create` and `start` are two commands) ---
  /** Section setup: connects to this unix socket, to which the terminal's master is then sent (SCM_RIGHTS). */
  consoleSocket: { path: 'str' },
  /** Section setup: opens a running process, whose namespaces `join` then enters. startTicks: field 22 of its stat. */
  joinOpen: { pid: 'u32', startTicks: 'u64' },
  /** setns(2) with the opened process. With CLONE_NEWNS its root becomes the root. */
  join: { flags: 'u64' },
  /** `pty` for a process that joins a container: without /dev/console, and `appear` makes it the controlling terminal. */
  execPty: { rows: 'u32', cols: 'u32', uid: 'u32' },
  /** Section child: tells the section parent, in `awaitChild`, that the mounts are in place. */
  notifyParent: {},
  /** Section parent: waits for the child's notifyParent. */
  awaitChild: {},
  /** Runs a hook to its end, the container's state on its stdin: stateHead, the container's pid in digits, stateTail. timeoutMs 0: none. */
  hook: { path: 'str', argv: 'strs', env: 'strs', timeoutMs: 'u32', stateHead: 'bytes', stateTail: 'bytes' },
  /** Writes a file of this process's own directory in /proc, such as `attr/exec`, after checking that it is procfs. */
  writeSelf: { path: 'str', data: 'bytes' },
  /** Gives standard descriptors that are pipes, files or sockets to the workload's user, so that it may reopen /dev/stdout. */
  ownStdio: { uid: 'u32' },
  /** From here on the process does not die with the islet that made it. */
  outlive: {},
  /** Section setup: makes and opens the FIFO at which `hold` waits. */
  openHold: { path: 'str' },
  /** Fails as `exec` would when there is no such program, or it is not executable. */
  findProgram: { name: 'str', searchPath: 'strs' },
  /** Reports that all is set up, then waits for one byte in the FIFO. Last but for hooks and `exec`: it only reads and writes. */
  hold: {},

  // --- setup, and run plans ---
  /** Loads a BPF_PROG_TYPE_CGROUP_DEVICE program (struct bpf_insn[] as bytes) and attaches it to a cgroup2 directory. */
  cgroupDevices: { path: 'str', program: 'bytes' },
  // --- namespaces, user namespaces and host trees that are opened before the clone (section setup) ---
  /** Opens the PID namespace into which the clone puts the process. */
  joinPid: { path: 'str' },
  /** Makes the user namespace into which the clone puts the process. Maps: lines "inside outside count". */
  userNs: { uidMap: 'str', gidMap: 'str' },
  /** Opens an existing user namespace into which the clone puts the process. */
  joinUser: { path: 'str' },
  /** Who owns the pipes of the standard streams, in ids of the host: the workload's user, mapped. */
  stdioOwner: { uid: 'u32', gid: 'u32' },
  /** Offsets of the time namespace that the clone enters: lines "clock seconds nanoseconds". */
  timeOffsets: { offsets: 'bytes' },
  /** Takes an own mount table for the moment, and shows the tree at this path through the user namespace's map in it. */
  idmapOver: { path: 'str' },
  /** Takes the root out of that mount table, which ends. */
  holdRoot: {},
  /** Clones a tree of the host, or of the mount namespace nsPath, for mountHeld. Slots count from 0. Maps as in userNs, '' for none. */
  holdTree: {
    slot: 'u32',
    nsPath: 'str',
    source: 'str',
    recursive: 'u32',
    attrs: 'u64',
    propagation: 'u64',
    uidMap: 'str',
    gidMap: 'str',
  },
  // --- and their use (section child) ---
  /** Puts the held root on a host directory of the new mount namespace; it then is the root. */
  attachRoot: { target: 'str' },
  /** Puts a held tree on a place in root. createTarget as in mountBind. */
  mountHeld: { slot: 'u32', target: 'str', createTarget: 'u32' },
  /** Hides this process from others of a joined PID namespace (/proc/PID/fd, ptrace) until it executes its program. */
  hideProcess: {},
  /** `exec` then executes islet itself as process 1, which starts the program, forwards signals and reaps orphans. label: what it gets before, or ''. */
  init: { label: 'str' },
  // --- a container that runs, seen from outside ---
  /** The root of the process that joinOpen opened, whose pid this is, becomes the root; nothing else of it is entered. */
  rootOf: { pid: 'u32' },
  /** Writes the tree at this path in root, or only what is there, to standard output (pack.h). flags: PackFlag bits. */
  packTree: { path: 'str', flags: 'u32' },
  /** Carries out the op stream of unpack.c from standard input below the root. keepKinds: a directory is replaced by nothing else, and replaces nothing. */
  unpackTree: { keepKinds: 'u32' },
  // --- run plans only ---
  /** Removes a host directory with all that is below it, however deep; follows no link. ENOENT is fine. */
  removeTree: { path: 'str' },
  // --- exec (section child) ---
  /**
   * Becomes a process of the PID namespace that `join` entered, by a fork: until here the container's processes do not see
   * it. Starts a session there. Closes what is the host's first. Whoever waits for this process waits for that one.
   */
  appear: {},
  // --- labels of SELinux ---
  /** Section setup, and run plans: labels a file of the host, or all of a tree, its top last; once: not if that has the label. No symbolic link is followed. */
  relabel: { path: 'str', label: 'str', once: 'u32' },
  /** Section child: labels the directory of the IPC namespace's message queues. */
  labelQueues: { label: 'str' },
  // --- containers that another OCI runtime makes; executed by the monitor (sections setup and parent) ---
  /** Takes a mount table of this process's own, until `hostMounts`: what is mounted in it is seen nowhere else. */
  ownMounts: {},
  /** Goes back to the mount table from before `ownMounts`, and to the working directory; the own one ends. */
  hostMounts: {},
  /** Takes a mount out of the own mount table. */
  unmount: { path: 'str' },
  /** Puts a held tree on an existing file or directory of the own mount table. */
  attachHeld: { slot: 'u32', path: 'str' },
  /** Makes a network namespace, shows it at this existing file, and opens it at this fixed fd number as childNetns does. */
  pinNetns: { path: 'str', fd: 'u32' },
  /** `writeProc` by the host's /proc, inside the network namespace `netns`. */
  writeIn: { netns: 'str', files: 'strs' },
  /** `netlink` inside the network namespace at this path. */
  netlinkIn: { path: 'str', protocol: 'u32', messages: 'bytes' },
  /**
   * Runs a runtime's `create` to its end, the container's streams being its own; the process whose number it then finds in
   * pidFile becomes the container's first. console: name of the socket at which the terminal arrives, '' for none. Both lie
   * in the state directory, which is the working directory. inCgroup 1: it runs in the cgroup of cgroupInto.
   */
  runtimeCreate: { argv: 'strs', env: 'strs', pidFile: 'str', console: 'str', inCgroup: 'u32' },
  /** Runs a program of the host to its end; it must end with 0. timeoutMs 0: none. Also in run plans and the cleanup. */
  runProgram: { argv: 'strs', env: 'strs', timeoutMs: 'u32' },
  // --- run plans only ---
  /** Waits until what was written to a host file is on its disk. */
  syncFile: { path: 'str' },
  /**
   * Section child, behind a `seccomp` with SECCOMP_FILTER_FLAG_NEW_LISTENER: the other side sends the filter's descriptor
   * (SCM_RIGHTS) to this unix socket of the host, with the state: its pieces, and between them the process's pid in digits.
   */
  seccompListener: { path: 'str', state: 'strs' },
  // --- how the workload is scheduled; in the section parent it is the child that is meant ---
  /** sched_setattr(2). */
  scheduler: {
    policy: 'u32',
    flags: 'u64',
    nice: 'i32',
    priority: 'u32',
    runtime: 'u64',
    deadline: 'u64',
    period: 'u64',
  },
  /** ioprio_set(2): class << 13 | priority. */
  ioPriority: { value: 'u32' },
  personality: { persona: 'u32' },
  /** sched_setaffinity(2) of this process: a bit for each CPU, the lowest first. */
  cpuAffinity: { mask: 'bytes' },
  /** set_mempolicy(2): mode with MPOL_F_*; a bit for each node, the lowest first. */
  memoryPolicy: { mode: 'u32', nodes: 'bytes' },
  // --- changes of what is mounted ---
  /** Holds the directory at this path in root for copyUp, before something is mounted on it. Missing: nothing to copy. */
  copyFrom: { path: 'str' },
  /** Copies directories, files and links of what copyFrom holds into the directory at this path in root. */
  copyUp: { path: 'str' },
  /** Changes the mount at a path in root: options of its file system, attributes, propagation (MS_*, 0 for as it is). */
  remount: { path: 'str', options: 'strs', attrs: 'u64', clear: 'u64', propagation: 'u64' },
  /** Section setup, behind holdTree: refuses a held tree that is not the procfs of the PID namespace at this path of the host. */
  procfsOf: { slot: 'u32', pidns: 'str' },
  /**
   * Section setup, behind `monitor`: what the container prints goes to this file of the host. format: LOG_FORMATS. It is
   * rotated to path.1, path.2 ... when it has maxBytes (0: never); maxFiles counts it in. attrs: a JSON object that is part of
   * every line, or nothing.
   */
  logFile: { path: 'str', format: 'u32', maxBytes: 'u64', maxFiles: 'u32', attrs: 'bytes' },
  /**
   * Section setup, with `logQueue`: and to this syslog server, which has to be there. name: for people. address: a struct
   * sockaddr. stream 1: of stream sockets. format: SYSLOG_FORMATS.
   */
  logSyslog: {
    name: 'str',
    address: 'bytes',
    stream: 'u32',
    facility: 'u32',
    format: 'u32',
    tag: 'str',
    hostname: 'str',
  },
  /** Section setup: a thread writes the log. drops 1: what does not fit into maxBytes meanwhile is dropped, and counted; 0: the container waits. */
  logQueue: { maxBytes: 'u64', drops: 'u32' },
  // --- Landlock ---
  /** Section setup: the monitor, and with it all that it makes from now on, enters a domain. ruleset: struct landlock_ruleset_attr. */
  landlock: { ruleset: 'bytes' },
  /** Run plans: adds the version of Landlock's interface to the results, in digits; 0 for none. */
  landlockVersion: {},
  // --- namespaces of others ---
  /** Section setup: opens a namespace by path while this process may look at its owner, for setnsHeld. Slots as in holdTree. */
  holdNamespace: { slot: 'u32', path: 'str' },
  /** Section child: setns(2) with a held namespace. nsType: CLONE_NEW*. */
  setnsHeld: { slot: 'u32', nsType: 'u64' },
} as const satisfies Record<string, Record<string, FieldType>>;

export type OpName = keyof typeof OPS;

/** Which process executes an operation. A run plan has only `setup`, executed in a forked child of the launcher. */
export const SECTIONS = { setup: 0, parent: 1, child: 2, cleanup: 3 } as const;
export type SectionName = keyof typeof SECTIONS;

/** Bits of the `monitor` operation's flags. */
export const MONITOR_FLAGS = {
  tty: 1,
  openStdin: 2,
  /** stdin closes when the first attached client's stdin ends. */
  stdinOnce: 4,
  /** Do not read the container's output until a client has subscribed (it attached before the start). */
  waitAttach: 8,
  /** A further process of a container that runs: its end is nobody else's. */
  further: 16,
} as const;

/** Docker's, of the driver of the same name. */
export const LOG_FORMATS = { json: 1, local: 2 } as const;

/** As the option `syslog-format`; unix is what stands where there is none. */
export const SYSLOG_FORMATS = { unix: 0, rfc3164: 1, rfc5424: 2, rfc5424micro: 3 } as const;

type FieldValue = {
  u32: number;
  i32: number;
  u64: bigint;
  str: string;
  bytes: Uint8Array;
  strs: readonly string[];
  u32s: readonly number[];
};

export type OpArgs<N extends OpName> = {
  readonly [F in keyof (typeof OPS)[N]]: (typeof OPS)[N][F] extends keyof FieldValue
    ? FieldValue[(typeof OPS)[N][F]]
    : never;
};

/** One operation. `step` groups operations for humans: "cgroups", "rootfs", "network", "capabilities" ... */
export type PlanOp = {
  [N in OpName]: { readonly op: N; readonly section: SectionName; readonly step: string; readonly args: OpArgs<N> };
}[OpName];

export interface Plan {
  readonly ops: readonly PlanOp[];
}

/** Opcode numbers are the table's order, from 1. */
export const OPCODES: ReadonlyMap<OpName, number> = new Map(
  (Object.keys(OPS) as OpName[]).map((name, index) => [name, index + 1]),
);
