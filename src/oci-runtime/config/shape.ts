/** The fields of config.json that isle-runtime reads, by the OCI runtime-spec (config.md, config-linux.md), with their types. */
import {
  IO_CLASSES,
  MEMORY_FLAGS,
  MEMORY_MODES,
  PERSONALITIES,
  SCHEDULER_FLAGS,
  SCHEDULER_POLICIES,
} from '../../runtime/plan/constants.ts';
import { absolutePath, type Check, flag, integer, list, map, matching, object, oneOf, text } from './schema.ts';

/** (uid_t) -1 means "no id" to the kernel; ids above 2^31 are negative to some programs. */
const id = integer(0, 2 ** 31 - 1);
/** A double cannot tell 2^64 - 1 from 2^64. */
const unsigned = integer(0, 2 ** 64);
const signed = integer(-(2 ** 63), 2 ** 63);
/** As the kernel counts them (MAJOR, MINOR in linux/kdev_t.h): a larger one would be another device's. */
const major = integer(0, 2 ** 12 - 1);
const minor = integer(0, 2 ** 20 - 1);
/** -1 stands for all of them. */
const ruleNumber = integer(-1, 2 ** 32 - 1);
const nanoseconds = integer(0, 2 ** 53);
const texts = list(text);
/** The kernel's own form of a list of CPUs or memory nodes. */
const NUMBER_LIST: RegExp = /^(\d{1,5}(-\d{1,5})?(,\d{1,5}(-\d{1,5})?)*)?\n?$/;
const numberList = matching(NUMBER_LIST, 'a list of numbers and ranges, such as 0-2,5');

/** As many as there are is how often the whole state is written into the plan. */
const MAX_HOOKS = 1000;
const hook = object({ path: absolutePath, args: texts, env: texts, timeout: integer(1, 2_000_000) }, ['path']);

export const HOOK_NAMES = [
  'prestart',
  'createRuntime',
  'createContainer',
  'startContainer',
  'poststart',
  'poststop',
] as const;

const hooks = object(Object.fromEntries(HOOK_NAMES.map((name) => [name, list(hook, MAX_HOOKS)])));

const capabilities = object({
  bounding: texts,
  effective: texts,
  inheritable: texts,
  permitted: texts,
  ambient: texts,
});

/** Also the form of `exec --process`. */
export const processShape: Check = object(
  {
    terminal: flag,
    consoleSize: object({ height: integer(0, 65535), width: integer(0, 65535) }, ['height', 'width']),
    user: object({ uid: id, gid: id, umask: integer(0, 0o777), additionalGids: list(id) }),
    args: texts,
    env: texts,
    cwd: absolutePath,
    capabilities,
    rlimits: list(object({ type: text, soft: unsigned, hard: unsigned }, ['type', 'soft', 'hard'])),
    noNewPrivileges: flag,
    oomScoreAdj: integer(-1000, 1000),
    apparmorProfile: text,
    selinuxLabel: text,
    scheduler: object(
      {
        policy: oneOf(Object.keys(SCHEDULER_POLICIES)),
        nice: integer(-20, 19),
        priority: integer(0, 99),
        flags: list(oneOf(Object.keys(SCHEDULER_FLAGS))),
        runtime: nanoseconds,
        deadline: nanoseconds,
        period: nanoseconds,
      },
      ['policy'],
    ),
    ioPriority: object({ class: oneOf(Object.keys(IO_CLASSES)), priority: integer(0, 7) }, ['class', 'priority']),
    execCPUAffinity: object({ initial: numberList, final: numberList }),
  },
  ['cwd', 'args'],
);

const idMappings = list(
  object({ containerID: integer(0, 2 ** 32 - 1), hostID: integer(0, 2 ** 32 - 1), size: integer(0, 2 ** 32 - 1) }, [
    'containerID',
    'hostID',
    'size',
  ]),
);

const mount = object(
  { destination: text, type: text, source: text, options: texts, uidMappings: idMappings, gidMappings: idMappings },
  ['destination'],
);

const namespace = object(
  {
    type: oneOf(['pid', 'network', 'mount', 'ipc', 'uts', 'user', 'cgroup', 'time']),
    path: text,
  },
  ['type'],
);

const device = object(
  {
    path: absolutePath,
    type: oneOf(['c', 'b', 'u', 'p']),
    major,
    minor,
    fileMode: integer(0, 0o177777),
    uid: id,
    gid: id,
  },
  ['path', 'type'],
);

const throttle = list(object({ major, minor, rate: unsigned }, ['major', 'minor', 'rate']));
const weight = integer(0, 65535);

/** Also the form of `update --resources`. */
export const resourcesShape: Check = object({
  devices: list(
    object(
      {
        allow: flag,
        type: oneOf(['a', 'b', 'c', '']),
        major: ruleNumber,
        minor: ruleNumber,
        access: matching(/^[rwm]*$/, 'made of r, w and m'),
      },
      ['allow'],
    ),
  ),
  memory: object({
    limit: signed,
    reservation: signed,
    swap: signed,
    kernel: signed,
    kernelTCP: signed,
    swappiness: integer(0, 100),
    disableOOMKiller: flag,
    useHierarchy: flag,
    checkBeforeUpdate: flag,
  }),
  cpu: object({
    shares: unsigned,
    quota: signed,
    burst: unsigned,
    period: unsigned,
    realtimeRuntime: signed,
    realtimePeriod: unsigned,
    cpus: numberList,
    mems: numberList,
    idle: integer(0, 1),
  }),
  pids: object({ limit: signed }),
  blockIO: object({
    weight,
    leafWeight: weight,
    weightDevice: list(object({ major, minor, weight, leafWeight: weight }, ['major', 'minor'])),
    throttleReadBpsDevice: throttle,
    throttleWriteBpsDevice: throttle,
    throttleReadIOPSDevice: throttle,
    throttleWriteIOPSDevice: throttle,
  }),
  hugepageLimits: list(
    object({ pageSize: matching(/^\d{1,6}[KMGT]B$/, 'a size such as 2MB'), limit: unsigned }, ['pageSize', 'limit']),
  ),
  network: object({
    classID: integer(0, 2 ** 32 - 1),
    priorities: list(
      object(
        { name: matching(/^[^\s/]{1,15}$/, 'the name of a network interface'), priority: integer(0, 2 ** 32 - 1) },
        ['name', 'priority'],
      ),
    ),
  }),
  rdma: map(object({ hcaHandles: integer(0, 2 ** 32 - 1), hcaObjects: integer(0, 2 ** 32 - 1) })),
  unified: map(text),
});

/** Go writes an empty string for what is not set. */
const unlessEmpty =
  (check: Check): Check =>
  (value, path) =>
    value === '' || check(value, path);

const linux = object({
  namespaces: list(namespace),
  uidMappings: idMappings,
  gidMappings: idMappings,
  // KTIME_SEC_MAX of the kernel, halved as proc_timens_set_offset does.
  timeOffsets: map(object({ secs: integer(-4_611_686_018, 4_611_686_018), nanosecs: integer(0, 999_999_999) })),
  devices: list(device),
  cgroupsPath: text,
  resources: resourcesShape,
  rootfsPropagation: unlessEmpty(
    oneOf(['shared', 'slave', 'private', 'unbindable'].flatMap((word) => [word, `r${word}`])),
  ),
  maskedPaths: list(absolutePath),
  readonlyPaths: list(absolutePath),
  mountLabel: text,
  sysctl: map(text),
  // The rest of it is read by the seccomp compiler.
  seccomp: object({ listenerPath: text, listenerMetadata: text }),
  intelRdt: object({}),
  personality: object({ domain: oneOf(Object.keys(PERSONALITIES)), flags: texts }, ['domain']),
  memoryPolicy: object(
    { mode: oneOf(Object.keys(MEMORY_MODES)), nodes: numberList, flags: list(oneOf(Object.keys(MEMORY_FLAGS))) },
    ['mode'],
  ),
  netDevices: object({}),
});

export const configShape: Check = object(
  {
    ociVersion: text,
    hostname: text,
    domainname: text,
    root: object({ path: text, readonly: flag }, ['path']),
    process: processShape,
    mounts: list(mount),
    linux,
    hooks,
    annotations: map(text),
    solaris: object({}),
    windows: object({}),
    vm: object({}),
    zos: object({}),
  },
  ['ociVersion', 'root'],
);
