/** Operations in plain words: for `isle explain`, and for the error that a failed one becomes. */
import { capabilityNames } from '../../security/capabilities.ts';
import {
  CLONE,
  IO_CLASS_SHIFT,
  IO_CLASSES,
  MEMORY_MODES,
  MOUNT_ATTR,
  MS,
  PERSONALITIES,
  RLIM_INFINITY,
  RLIMITS,
  SCHEDULER_POLICIES,
} from './constants.ts';
import type { OpArgs, OpName, PlanOp } from './table.ts';

const SHOWN_GROUPS = 32;

function flagNames(flags: bigint, table: Readonly<Record<string, bigint>>): string[] {
  return Object.entries(table).flatMap(([name, bit]) => ((flags & bit) === bit ? [name] : []));
}

const list = (words: readonly string[]) =>
  words.length < 2 ? (words[0] ?? 'nothing') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;
const count = (number: number, noun: string) => `${number} ${noun}${number === 1 ? '' : 's'}`;
const pairs = (words: readonly string[]) =>
  words.flatMap((word, index): [string, string][] => (index % 2 === 0 ? [[word, words[index + 1] ?? '']] : []));
const octal = (mode: number) => (mode & 0o7777).toString(8).padStart(4, '0');
const clip = (text: string) => (text.length > 60 ? `${text.slice(0, 57)}...` : text);

/** An image's /etc/group may have put a user into thousands. */
function groupList(groups: readonly number[]): string {
  const shown = groups.slice(0, SHOWN_GROUPS);
  const more = groups.length - shown.length;
  return groups.length === 0 ? 'none' : `${shown.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

function quoted(bytes: Uint8Array): string {
  return `"${clip(new TextDecoder().decode(bytes).trim())}"`;
}

function attributes(attrs: bigint): string {
  const names = flagNames(attrs, MOUNT_ATTR).map((name) => (name === 'rdonly' ? 'read-only' : name));
  return names.length === 0 ? '' : ` (${names.join(', ')})`;
}

function capabilities(mask: bigint): string {
  return mask === 0n ? 'none' : capabilityNames(mask).join(', ');
}

function propagation(flags: bigint): string {
  const [kind = 'unchanged'] = flagNames(flags, { slave: MS.slave, private: MS.private, shared: MS.shared });
  return kind;
}

function device({ path, mode, major, minor }: OpArgs<'mknodIn'>): string {
  const kind = (mode & 0o170000) === 0o060000 ? 'block device' : 'character device';
  return `make the ${kind} \`${path}\` (${major}:${minor}, mode ${octal(mode)})`;
}

function rlimit({ resource, soft, hard }: OpArgs<'rlimit'>): string {
  const name = Object.keys(RLIMITS).find((key) => RLIMITS[key] === resource) ?? `limit ${resource}`;
  const value = (limit: bigint) => (limit === RLIM_INFINITY ? 'unlimited' : String(limit));
  return `set ${name} to ${value(soft)} (at most ${value(hard)})`;
}

const WORDS: { [N in OpName]: (args: OpArgs<N>) => string } = {
  monitor: ({ id }) => `watch over container ${id.slice(0, 12)}`,
  logSyslog: ({ name }) => `log to ${name}`,
  logQueue: ({ maxBytes, drops }) =>
    `keep up to ${maxBytes} bytes of the log waiting, then ${drops === 1 ? 'drop lines' : 'let the container wait'}`,
  logFile: ({ path, maxBytes, maxFiles }) =>
    `log to ${path}${maxBytes === 0n ? '' : `, ${count(maxFiles, 'file')} of ${maxBytes} bytes`}`,
  mkdir: ({ path }) => `make the directory ${path}`,
  write: ({ path, data }) => `write ${quoted(data)} to ${path}`,
  rmdir: ({ path }) => `remove the directory ${path}`,
  syncFile: ({ path }) => `bring ${path} to its disk`,
  removeTree: ({ path }) => `remove ${path} with all that is below`,
  netlink: ({ messages }) => `set up the network: ${count(messageCount(messages), 'request')} to the kernel`,
  cgroupInto: ({ path }) => `be born inside the cgroup ${path}`,
  clone: ({ flags }) => `make a process with new ${list(flagNames(flags, CLONE))} namespaces`,
  oomWatch: ({ path }) => `watch for out-of-memory kills in ${path}`,
  childNetns: () => "open the container's network namespace",
  cgroupJoin: ({ path }) => `join the cgroup of ${path}`,
  unshare: ({ flags }) => `enter a new ${list(flagNames(flags, CLONE))} namespace`,
  setns: ({ path }) => `enter the namespace ${path}`,
  setHostname: ({ name }) => `set the host name to ${name}`,
  setDomainname: ({ name }) => `set the domain name to ${name}`,
  waitParent: () => 'wait until the network is there',
  mountPropagation: ({ path, flags }) =>
    `make mounts below \`${path}\` ${propagation(flags)}, so that none reaches the host`,
  overlayRoot: ({ options }) =>
    `stack the image's layers and a writable one as the root (${count(layers(options), 'layer')})`,
  bindRoot: ({ source }) => `take ${source} as the root`,
  mountFs: ({ fsType, target, attrs }) => `mount a new ${fsType} on \`${target}\`${attributes(attrs)}`,
  mountBind: ({ source, target, attrs }) => `show ${source} at \`${target}\`${attributes(attrs)}`,
  mask: ({ path }) => `hide \`${path}\``,
  readonlyPath: ({ path }) => `make \`${path}\` read-only`,
  readonlyRoot: () => 'make the root read-only',
  mountAttrs: ({ path, attrs }) => `change the mount at \`${path}\`${attributes(attrs)}`,
  mkdirIn: ({ path }) => `make sure that the directory \`${path}\` exists`,
  mknodIn: device,
  symlinkIn: ({ target, path }) => `link \`${path}\` to ${target}`,
  writeProc: ({ files }) =>
    `write ${list(pairs(files).map(([path, value]) => `${JSON.stringify(value)} to \`${path}\``))}`,
  pty: () => 'open a terminal and make it the standard streams',
  pivot: () => "change the root to the container and let go of the host's file system",
  setsid: () => 'start a session of its own',
  rlimit,
  oomScoreAdj: ({ value }) => `set the out-of-memory score adjustment to ${value}`,
  keyring: () => "take a new keyring, leaving the engine's keys behind",
  umask: ({ mask }) => `set the umask to ${octal(mask)}`,
  chdir: ({ path }) => `go to the directory \`${path}\``,
  noNewPrivs: () => 'give up ever gaining privileges by executing a program (no_new_privs)',
  seccomp: ({ filter }) => `filter system calls from here on (${filter.length / 8} instructions)`,
  boundingSet: ({ keep }) => `bound all future capabilities to ${capabilities(keep)}`,
  keepCaps: () => 'keep capabilities over the change of user',
  setGroups: ({ groups }) => `take the groups ${groupList(groups)}`,
  setGid: ({ gid }) => `take the primary group ${gid}`,
  setUid: ({ uid }) => `become the user ${uid}`,
  capset: ({ effective }) => `keep these capabilities: ${capabilities(effective)}`,
  ambientSet: ({ raise }) => `pass on to executed programs: ${capabilities(raise)}`,
  exec: ({ argv }) => `run ${clip(argv.join(' '))}`,
  readFileIn: ({ path }) => `read \`${path}\``,
  consoleSocket: ({ path }) => `connect to the console socket \`${path}\``,
  appear: () => 'become visible to the processes of the container, in a session of its own',
  packTree: ({ path }) => `archive \`${path}\``,
  unpackTree: () => 'unpack an archive',
  rootOf: ({ pid }) => `look into the root of process ${pid}`,
  joinOpen: ({ pid }) => `open the namespaces of process ${pid}`,
  join: ({ flags }) => `join its ${list(flagNames(flags, CLONE))} namespaces`,
  execPty: ({ rows, cols }) => `open a terminal${rows && cols ? ` of ${cols}x${rows}` : ''}`,
  notifyParent: () => 'tell that the mounts are in place',
  awaitChild: () => 'wait until the mounts are in place',
  hook: ({ path }) => `run the hook \`${path}\``,
  writeSelf: ({ path, data }) => `write ${quoted(data)} to \`/proc/self/${path}\``,
  ownStdio: ({ uid }) => `give the standard streams to uid ${uid}`,
  outlive: () => 'live on without islet',
  openHold: ({ path }) => `make the FIFO \`${path}\``,
  findProgram: ({ name }) => `find the program \`${clip(name)}\``,
  hold: () => 'wait for the start',
  cgroupDevices: ({ path, program }) =>
    `let a program decide which devices ${path} may use (${program.length / 8} instructions)`,
  joinPid: ({ path }) => `open the pid namespace ${path} for the new process`,
  userNs: ({ uidMap }) => `make a user namespace (user ids: ${idMap(uidMap)})`,
  joinUser: ({ path }) => `open the user namespace ${path} for the new process`,
  stdioOwner: ({ uid }) => `give the standard streams to user ${uid} of the host`,
  timeOffsets: ({ offsets }) => `make a time namespace with the offsets ${quoted(offsets)}`,
  idmapOver: ({ path }) => `show ${path} with mapped owners (idmapped mount), for the root only`,
  holdRoot: () => 'keep the root for the new process',
  holdTree: ({ source, nsPath, uidMap }) =>
    `open ${source}${nsPath === '' ? '' : ` of ${nsPath}`}${uidMap === '' ? '' : ` with mapped owners (user ids: ${idMap(uidMap)})`}`,
  procfsOf: ({ pidns }) => `check that it is the procfs of ${pidns}`,
  attachRoot: () => 'take the prepared root',
  mountHeld: ({ target }) => `show what was opened at \`${target}\``,
  hideProcess: () => 'hide from the other processes of the joined pid namespace until the program runs',
  ownMounts: () => 'take a mount table that nobody else sees',
  hostMounts: () => "go back to the host's mount table",
  unmount: ({ path }) => `take ${path} out of that mount table`,
  attachHeld: ({ path }) => `show what was opened at ${path}`,
  pinNetns: () => 'make a network namespace for the container',
  writeIn: ({ files }) => `set ${count(files.length / 2, 'sysctl')} inside the container's network`,
  netlinkIn: ({ messages }) =>
    `set up the network inside the container's namespace: ${count(messageCount(messages), 'request')} to the kernel`,
  runtimeCreate: ({ argv }) => `have ${argv[0] ?? ''} make the container`,
  // Its flags say where it keeps things; what it is to do comes last.
  runProgram: ({ argv }) => `run ${argv[0] ?? ''} ... ${clip(argv.slice(-2).join(' '))}`,
  seccompListener: ({ path }) => `hand the listener of the system call filter to \`${path}\``,
  landlock: () => 'enter a Landlock domain: from now on no signal reaches, and no look gets into, processes outside',
  landlockVersion: () => 'ask which version of Landlock the kernel has',
  holdNamespace: ({ path }) => `open the namespace ${path} for the new process`,
  setnsHeld: ({ nsType }) => `enter the ${list(flagNames(nsType, CLONE))} namespace that was opened`,
  init: () => 'keep a small init process as the first one, which starts the program',
  relabel: ({ path, label }) => `label ${path}, and all that is in it, as ${label}`,
  labelQueues: ({ label }) => `label the message queues as ${label}`,
  scheduler: ({ policy, nice, priority }) =>
    `be scheduled as ${nameOf(SCHEDULER_POLICIES, policy)} (nice ${nice}, priority ${priority})`,
  ioPriority: ({ value }) =>
    `use disks as ${nameOf(IO_CLASSES, value >> IO_CLASS_SHIFT)} (priority ${value & ((1 << IO_CLASS_SHIFT) - 1)})`,
  personality: ({ persona }) => `take the personality ${nameOf(PERSONALITIES, persona)}`,
  cpuAffinity: ({ mask }) => `run on the CPUs ${numbers(mask)}`,
  memoryPolicy: ({ mode, nodes }) =>
    `take memory by ${nameOf(MEMORY_MODES, mode & MEMORY_MODE_MASK)} (nodes: ${numbers(nodes)})`,
  copyFrom: ({ path }) => `keep the directory \`${path}\`, to be copied`,
  copyUp: ({ path }) => `copy what was at \`${path}\` into the mount there`,
  remount: ({ path, attrs }) => `change the mount at \`${path}\`${attributes(attrs)}`,
};

const MEMORY_MODE_MASK = 0xff;

function nameOf(table: Readonly<Record<string, number>>, value: number): string {
  return Object.keys(table).find((name) => table[name] === value) ?? String(value);
}

/** The bits that are set. */
function numbers(mask: Uint8Array): string {
  const set = Array.from({ length: mask.length * 8 }, (_, bit) => bit).filter((bit) => bitOf(mask, bit));
  return set.length === 0 ? 'none' : clip(set.join(', '));
}

const bitOf = (mask: Uint8Array, bit: number) => (((mask[bit >> 3] ?? 0) >> (bit & 7)) & 1) === 1;

/** "0 100000 65536" -> "0 to 65535 are 100000 to 165535 outside" */
function idMap(lines: string): string {
  const words = lines
    .trim()
    .split('\n')
    .map((line) => {
      const [inside = 0, outside = 0, size = 0] = line.split(' ').map(Number);
      if (size === 1) return `${inside} is ${outside} outside`;
      return `${inside} to ${inside + size - 1} are ${outside} to ${outside + size - 1} outside`;
    });
  return words.join('; ');
}

function layers(options: string): number {
  const lower = options.split(',').find((option) => option.startsWith('lowerdir=')) ?? '';
  return lower === '' ? 0 : lower.split(':').length;
}

/** nlmsghdr starts with its length; the next message begins at the next multiple of four. */
function messageCount(messages: Uint8Array): number {
  const view = new DataView(messages.buffer, messages.byteOffset, messages.byteLength);
  let offset = 0;
  let number = 0;
  while (offset + 4 <= messages.byteLength) {
    const length = view.getUint32(offset, true);
    if (length < 16) break;
    offset += (length + 3) & ~3;
    number++;
  }
  return number;
}

/** One line without a full stop, in the imperative: "mount a new proc on `/proc` (nosuid, nodev, noexec)". */
export function describeOp(operation: PlanOp): string {
  const words = WORDS[operation.op] as (args: PlanOp['args']) => string;
  return words(operation.args);
}
