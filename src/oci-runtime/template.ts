/** Documents that isle-runtime writes: the config.json to begin with, and what it can do (features.md). */
import type { Mount } from '../oci/runtime-spec.ts';
import { DEFAULT_MASKED_PATHS, DEFAULT_READONLY_PATHS } from '../oci/spec/paths.ts';
import { ISLE_VERSION } from './version.ts';
import { HOOK_NAMES } from './config/shape.ts';
import type { OciConfig } from './config/types.ts';
import { OCI_VERSION } from './state.ts';
import { MEMORY_FLAGS, MEMORY_MODES } from '../runtime/plan/constants.ts';
import { MOUNT_OPTIONS } from '../runtime/plan/mount-options.ts';
import { capabilityNames } from '../security/capabilities.ts';

const CAPABILITIES = ['CAP_AUDIT_WRITE', 'CAP_KILL', 'CAP_NET_BIND_SERVICE'];

const MOUNTS: readonly Mount[] = [
  { destination: '/proc', type: 'proc', source: 'proc' },
  {
    destination: '/dev',
    type: 'tmpfs',
    source: 'tmpfs',
    options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'],
  },
  {
    destination: '/dev/pts',
    type: 'devpts',
    source: 'devpts',
    options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'],
  },
  {
    destination: '/dev/shm',
    type: 'tmpfs',
    source: 'shm',
    options: ['nosuid', 'noexec', 'nodev', 'mode=1777', 'size=65536k'],
  },
  { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: ['nosuid', 'noexec', 'nodev'] },
  { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['nosuid', 'noexec', 'nodev', 'ro'] },
  {
    destination: '/sys/fs/cgroup',
    type: 'cgroup',
    source: 'cgroup',
    options: ['nosuid', 'noexec', 'nodev', 'relatime', 'ro'],
  },
];

/** As `runc spec`: a shell in a terminal, three capabilities, every namespace but the user's. */
export function template(): OciConfig {
  return {
    ociVersion: OCI_VERSION,
    process: {
      terminal: true,
      user: { uid: 0, gid: 0 },
      args: ['sh'],
      env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'TERM=xterm'],
      cwd: '/',
      capabilities: { bounding: CAPABILITIES, effective: CAPABILITIES, permitted: CAPABILITIES },
      rlimits: [{ type: 'RLIMIT_NOFILE', hard: 1024, soft: 1024 }],
      noNewPrivileges: true,
    },
    root: { path: 'rootfs', readonly: true },
    hostname: 'isle',
    mounts: [...MOUNTS],
    linux: {
      resources: { devices: [{ allow: false, access: 'rwm' }] },
      namespaces: [
        { type: 'pid' },
        { type: 'network' },
        { type: 'ipc' },
        { type: 'uts' },
        { type: 'mount' },
        { type: 'cgroup' },
      ],
      maskedPaths: [...DEFAULT_MASKED_PATHS],
      readonlyPaths: [...DEFAULT_READONLY_PATHS],
    },
  };
}

/**
 * As `runc spec --rootless`: the caller is root in a user namespace of its own, on the host's network, without limits (a
 * user may set none), and what names other ids is left out.
 */
export function rootless(config: OciConfig, uid: number, gid: number): OciConfig {
  const { resources: _none, namespaces = [], ...linux } = config.linux ?? {};
  const mounts = (config.mounts ?? [])
    .filter(({ type }) => type !== 'cgroup')
    .map((mount): Mount => {
      // A sysfs needs a network namespace of the same user namespace.
      if (mount.type === 'sysfs') return { ...mount, type: 'bind', source: '/sys', options: SYS_OPTIONS };
      return {
        ...mount,
        ...(mount.options ? { options: mount.options.filter((word) => !/^[ug]id=/.test(word)) } : {}),
      };
    });
  return {
    ...config,
    mounts,
    linux: {
      ...linux,
      uidMappings: [{ containerID: 0, hostID: uid, size: 1 }],
      gidMappings: [{ containerID: 0, hostID: gid, size: 1 }],
      namespaces: [...namespaces.filter(({ type }) => type !== 'network' && type !== 'cgroup'), { type: 'user' }],
    },
  };
}

const SYS_OPTIONS = ['rbind', 'nosuid', 'noexec', 'nodev', 'ro'];

const ALL_CAPABILITIES = (1n << 41n) - 1n;

export function features(seccompFlags: { known: string[]; supported: string[] }): object {
  return {
    ociVersionMin: '1.0.0',
    ociVersionMax: OCI_VERSION,
    hooks: HOOK_NAMES,
    mountOptions: MOUNT_OPTIONS,
    linux: {
      namespaces: ['cgroup', 'ipc', 'mount', 'network', 'pid', 'time', 'user', 'uts'],
      capabilities: capabilityNames(ALL_CAPABILITIES),
      cgroup: { v1: true, v2: true, systemd: false, systemdUser: false, rdma: true },
      seccomp: {
        enabled: true,
        actions: ['KILL', 'KILL_PROCESS', 'KILL_THREAD', 'TRAP', 'ERRNO', 'TRACE', 'LOG', 'NOTIFY', 'ALLOW'].map(
          (name) => `SCMP_ACT_${name}`,
        ),
        operators: ['NE', 'LT', 'LE', 'EQ', 'GE', 'GT', 'MASKED_EQ'].map((name) => `SCMP_CMP_${name}`),
        archs: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32'],
        knownFlags: seccompFlags.known,
        supportedFlags: seccompFlags.supported,
      },
      apparmor: { enabled: true },
      selinux: { enabled: true },
      memoryPolicy: { modes: Object.keys(MEMORY_MODES), flags: Object.keys(MEMORY_FLAGS) },
      intelRdt: { enabled: false, schemata: false, monitoring: false },
      mountExtensions: { idmap: { enabled: true } },
      netDevices: { enabled: false },
    },
    annotations: {
      'org.isle.runtime.version': ISLE_VERSION,
      'org.opencontainers.runc.checkpoint.enabled': 'false',
    },
    potentiallyUnsafeConfigAnnotations: [],
  };
}
