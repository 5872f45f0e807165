/** The fields of config.json that isle-runtime reads, by the OCI runtime-spec (config.md, config-linux.md), with their types. */
import { absolutePath, type Check, flag, integer, list, map, object, oneOf, text } from './schema.ts';

/** (uid_t) -1 means "no id" to the kernel; ids above 2^31 are negative to some programs. */
const id = integer(0, 2 ** 31 - 1);
/** A double cannot tell 2^64 - 1 from 2^64. */
const unsigned = integer(0, 2 ** 64);
const signed = integer(-(2 ** 63), 2 ** 63);
const major = integer(-1, 2 ** 32 - 1);
const texts = list(text);

const hook = object({ path: absolutePath, args: texts, env: texts, timeout: integer(1, 2_000_000) }, ['path']);

export const HOOK_NAMES = [
  'prestart',
  'createRuntime',
  'createContainer',
  'startContainer',
  'poststart',
  'poststop',
] as const;

const hooks = object(Object.fromEntries(HOOK_NAMES.map((name) => [name, list(hook)])));

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
    scheduler: object({}),
    ioPriority: object({}),
    execCPUAffinity: object({}),
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
    minor: major,
    fileMode: integer(0, 0o177777),
    uid: id,
    gid: id,
  },
  ['path', 'type'],
);

const throttle = list(object({ major, minor: major, rate: unsigned }, ['major', 'minor', 'rate']));

/** Also the form of `update --resources`. */
export const resourcesShape: Check = object({
  devices: list(
    object({ allow: flag, type: oneOf(['a', 'b', 'c', '']), major, minor: major, access: text }, ['allow']),
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
    cpus: text,
    mems: text,
    idle: integer(0, 1),
  }),
  pids: object({ limit: signed }),
  blockIO: object({
    weight: integer(0, 65535),
    leafWeight: integer(0, 65535),
    weightDevice: list(object({ major, minor: major, weight: integer(0, 65535) }, ['major', 'minor'])),
    throttleReadBpsDevice: throttle,
    throttleWriteBpsDevice: throttle,
    throttleReadIOPSDevice: throttle,
    throttleWriteIOPSDevice: throttle,
  }),
  hugepageLimits: list(object({ pageSize: text, limit: unsigned }, ['pageSize', 'limit'])),
  network: object({
    classID: integer(0, 2 ** 32 - 1),
    priorities: list(object({ name: text, priority: integer(0, 2 ** 32 - 1) }, ['name', 'priority'])),
  }),
  rdma: map(object({ hcaHandles: unsigned, hcaObjects: unsigned })),
  unified: map(text),
});

const linux = object({
  namespaces: list(namespace),
  uidMappings: idMappings,
  gidMappings: idMappings,
  timeOffsets: map(object({ secs: signed, nanosecs: integer(0, 999_999_999) })),
  devices: list(device),
  cgroupsPath: text,
  resources: resourcesShape,
  rootfsPropagation: oneOf(['', ...['shared', 'slave', 'private', 'unbindable'].flatMap((word) => [word, `r${word}`])]),
  maskedPaths: list(absolutePath),
  readonlyPaths: list(absolutePath),
  mountLabel: text,
  sysctl: map(text),
  seccomp: object({}),
  intelRdt: object({}),
  personality: object({ domain: text, flags: texts }, ['domain']),
  memoryPolicy: object({}),
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
