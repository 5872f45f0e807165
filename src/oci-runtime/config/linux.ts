/** `linux` of config.json: what the shape alone cannot tell, and what of it isle-runtime does not do. */
import { readlinkSync, statfsSync, statSync } from 'node:fs';
import type { Device, Linux, LinuxResources, Namespace, NamespaceType } from '../../oci/runtime-spec.ts';
import { checkSysctl } from '../../oci/sysctl.ts';
import { checkMapped, checkMappings } from './ids.ts';
import { locateSystemError } from './mounts.ts';
import { checkSelinuxLabel } from './process.ts';
import { checkPathLength, clipped, keyPath, locate, refuse, shown } from './schema.ts';
import type { OciConfig, OciLinux } from './types.ts';

const UNSUPPORTED = ['intelRdt', 'netDevices'] as const;
const MAX_DEVICES = 10_000;
const MAX_SYSCTL = 255;

/** linux/magic.h: the file system of all namespaces, of bind mounts of them too. */
const NSFS_MAGIC = 0x6e73_6673;

/** Names of the files in /proc/PID/ns. */
const FILES: Readonly<Record<NamespaceType, string>> = {
  pid: 'pid',
  network: 'net',
  mount: 'mnt',
  ipc: 'ipc',
  uts: 'uts',
  user: 'user',
  cgroup: 'cgroup',
  time: 'time',
};

function checkNamespaces(namespaces: readonly Namespace[], at: string): Map<NamespaceType, Namespace> {
  const seen = new Map<NamespaceType, Namespace>();
  namespaces.forEach((namespace, index) => {
    const { type, path } = namespace;
    if (seen.has(type)) refuse(`${at}[${index}]`, `the ${type} namespace is listed twice`);
    seen.set(type, namespace);
    // As for Go's decoder: an empty path is none.
    if (path === '' || path === undefined) delete namespace.path;
    else checkNamespacePath(namespace, path, `${at}[${index}].path`);
  });
  const mount = seen.get('mount');
  if (mount === undefined || mount.path !== undefined) {
    refuse(
      at,
      'a container without a mount namespace of its own is not supported',
      'list {"type": "mount"}, without a path',
    );
  }
  return seen;
}

function checkNamespacePath({ type }: Namespace, path: string, at: string): void {
  if (!path.startsWith('/')) refuse(at, `must be an absolute path, is ${shown(path)}`);
  checkPathLength(path, at);
  const isNamespace = locateSystemError(at, path, () => statfsSync(path)).type === NSFS_MAGIC;
  if (!isNamespace) refuse(at, `${clipped(path)} is no namespace`);
  // A bind mount of one, as in /run/netns, has no name; the kernel checks it when it is entered.
  const link = /^\/proc\/.*\/ns\//.test(path) ? locateSystemError(at, path, () => readlinkSync(path)) : '';
  const file = type === 'pid' || type === 'time' ? `${FILES[type]}(_for_children)?` : FILES[type];
  if (link !== '' && !new RegExp(`^${file}:`).test(link)) refuse(at, `${path} is ${link}, not a ${type} namespace`);
}

function checkUser(config: OciConfig, user: Namespace | undefined, at: string): void {
  const { uidMappings = [], gidMappings = [] } = config.linux ?? {};
  const given = uidMappings.length + gidMappings.length > 0;
  if (user === undefined) {
    if (given) refuse(`${at}.uidMappings`, 'without a user namespace nothing can be mapped', 'list {"type": "user"}');
    return;
  }
  if (uidMappings.length === 0 || gidMappings.length === 0) {
    if (user.path !== undefined && !given) return;
    refuse(
      `${at}.${uidMappings.length === 0 ? 'uidMappings' : 'gidMappings'}`,
      'is missing: a user namespace needs both maps',
    );
  }
  checkMappings(uidMappings, `${at}.uidMappings`);
  checkMappings(gidMappings, `${at}.gidMappings`);
  // Whoever sets the container up is its root.
  checkMapped(uidMappings, 0, `${at}.uidMappings`);
  checkMapped(gidMappings, 0, `${at}.gidMappings`);
  const { uid = 0, gid = 0, additionalGids = [] } = config.process?.user ?? {};
  const process = 'config.json: process.user';
  checkMapped(uidMappings, uid, `${process}.uid`);
  checkMapped(gidMappings, gid, `${process}.gid`);
  additionalGids.forEach((id, index) => checkMapped(gidMappings, id, `${process}.additionalGids[${index}]`));
}

function checkTime({ timeOffsets }: Linux, time: Namespace | undefined, at: string): void {
  if (timeOffsets === undefined) return;
  const clocks = Object.keys(timeOffsets);
  if (clocks.length > 0 && time === undefined) refuse(at, 'without a time namespace no clock can be shifted');
  if (clocks.length > 0 && time?.path !== undefined)
    refuse(at, 'the clocks of a namespace that exists cannot be shifted');
  for (const clock of clocks) {
    if (clock !== 'monotonic' && clock !== 'boottime') {
      refuse(keyPath(at, clock), 'is no clock of a time namespace', 'monotonic and boottime can be shifted');
    }
  }
}

/** Two names for one device are the user's business, two devices at one name cannot be. */
function checkDevices(devices: readonly Device[], at: string): void {
  if (devices.length > MAX_DEVICES) refuse(at, `has ${devices.length} entries; ${MAX_DEVICES} is the limit`);
  const seen = new Map<string, string>();
  devices.forEach(({ path, type, major, minor }, index) => {
    const here = `${at}[${index}]`;
    if (type !== 'p' && (major === undefined || minor === undefined)) refuse(here, 'a device needs major and minor');
    if (path.endsWith('/')) refuse(`${here}.path`, `${shown(path)} is a directory`);
    const what = type === 'p' ? 'p' : `${type === 'u' ? 'c' : type} ${major}:${minor}`;
    const other = seen.get(path);
    if (other !== undefined && other !== what)
      refuse(`${here}.path`, `${shown(path)} is ${what} here and ${other} before`);
    seen.set(path, what);
  });
}

/** Is what this namespace holds the host's? */
function isHosts(type: NamespaceType, namespaces: ReadonlyMap<NamespaceType, Namespace>): boolean {
  const namespace = namespaces.get(type);
  if (namespace === undefined) return true;
  if (namespace.path === undefined) return false;
  return statSync(namespace.path).ino === statSync(`/proc/self/ns/${FILES[type]}`).ino;
}

function checkSysctls(
  sysctl: Readonly<Record<string, string>>,
  namespaces: Map<NamespaceType, Namespace>,
  at: string,
): void {
  const names = Object.keys(sysctl);
  if (names.length === 0) return;
  const host = {
    network: isHosts('network', namespaces),
    ipc: isHosts('ipc', namespaces),
    uts: isHosts('uts', namespaces),
  };
  for (const name of names) {
    if (name.length > MAX_SYSCTL) refuse(keyPath(at, name), 'is longer than the name of any kernel parameter');
    if (/^kernel[./]hostname$/.test(name)) refuse(keyPath(at, name), 'is what hostname sets', 'set hostname instead');
    locate(keyPath(at, name), () => checkSysctl(name, host));
  }
}

/** What the kernel would refuse with EINVAL when the limit is written. */
export function checkResources(resources: LinuxResources, at: string, warnings: string[]): void {
  const { memory = {}, cpu = {}, blockIO = {}, rdma = {}, pids } = resources;
  const { limit = 0, swap = 0, useHierarchy } = memory as typeof memory & { useHierarchy?: boolean };
  if (limit > 0 && swap > 0 && swap < limit) {
    refuse(`${at}.memory.swap`, `${swap} is below the limit ${limit}: it counts memory and swap together`);
  }
  if (useHierarchy === false) {
    warnings.push(`${at}.memory.useHierarchy: false is not possible: limits always hold for the cgroups below as well`);
  }
  const { quota = 0, burst = 0 } = cpu;
  if (quota > 0 && burst > quota) refuse(`${at}.cpu.burst`, `${burst} is above the quota ${quota}`);
  (blockIO.weightDevice ?? []).forEach(({ weight, leafWeight }, index) => {
    if (weight === undefined && leafWeight === undefined) {
      refuse(`${at}.blockIO.weightDevice[${index}]`, 'needs weight or leafWeight');
    }
  });
  for (const [device, { hcaHandles, hcaObjects }] of Object.entries(rdma)) {
    const here = keyPath(`${at}.rdma`, device);
    if (/\s/.test(device)) refuse(here, 'is no name of a device');
    if (hcaHandles === undefined && hcaObjects === undefined) refuse(here, 'needs hcaHandles or hcaObjects');
  }
  for (const file of Object.keys(resources.unified ?? {})) {
    const here = keyPath(`${at}.unified`, file);
    // A slash would leave the container's directory.
    if (file.length > 200 || !/^[a-z0-9_]+(\.[A-Za-z0-9_]+)+$/.test(file)) refuse(here, 'is no cgroup file');
    if (file.startsWith('cgroup.') && !file.startsWith('cgroup.max.')) refuse(here, 'is no limit and cannot be set');
  }
  if (pids?.limit === 0) warnings.push(`${at}.pids.limit: 0 is taken for no limit, which is what engines mean by it`);
  for (const rule of resources.devices ?? []) {
    // As for Go's decoder: empty is not given.
    if (rule.access === '') delete rule.access;
    if ((rule.type as string | undefined) === '') delete rule.type;
  }
}

function checkNames({ hostname, domainname }: OciConfig, namespaces: Map<NamespaceType, Namespace>, at: string): void {
  for (const [field, name] of Object.entries({ hostname, domainname })) {
    if (!name) continue;
    if (isHosts('uts', namespaces)) {
      refuse(
        `${at}${field}`,
        'cannot be set without an own uts namespace: it would rename the host',
        'list {"type": "uts"}',
      );
    }
    const bytes = Buffer.byteLength(name);
    if (bytes > 64) refuse(`${at}${field}`, `has ${bytes} bytes; the kernel takes 64`);
  }
}

function checkMemoryPolicy({ memoryPolicy }: Linux, at: string): void {
  if (memoryPolicy === undefined) return;
  const { mode, nodes = '' } = memoryPolicy;
  const none = mode === 'MPOL_DEFAULT' || mode === 'MPOL_LOCAL';
  if (none && nodes.trim() !== '') refuse(`${at}.nodes`, `${mode} takes no nodes`);
  if (!none && mode !== 'MPOL_PREFERRED' && nodes.trim() === '') refuse(`${at}.nodes`, `${mode} needs nodes`);
}

/** Changes the configuration in place. */
export function checkLinux(config: OciConfig, at: string, warnings: string[]): void {
  const linux: OciLinux = config.linux ?? {};
  const here = `${at}linux`;
  for (const name of UNSUPPORTED) {
    const asked = (linux as Record<string, unknown>)[name];
    if (asked !== undefined) refuse(`${here}.${name}`, 'is not supported by isle-runtime', 'leave it out');
  }
  const namespaces = checkNamespaces(linux.namespaces ?? [], `${here}.namespaces`);
  checkUser(config, namespaces.get('user'), here);
  checkTime(linux, namespaces.get('time'), `${here}.timeOffsets`);
  checkDevices(linux.devices ?? [], `${here}.devices`);
  checkSysctls(linux.sysctl ?? {}, namespaces, `${here}.sysctl`);
  checkResources(linux.resources ?? {}, `${here}.resources`, warnings);
  checkNames(config, namespaces, at);
  checkMemoryPolicy(linux, `${here}.memoryPolicy`);
  (linux.personality?.flags ?? []).forEach((flag, index) =>
    refuse(`${here}.personality.flags[${index}]`, `${shown(flag)} is unknown: the spec has no flags`, 'leave it out'),
  );
  if (linux.mountLabel) checkSelinuxLabel(linux.mountLabel, `${here}.mountLabel`);
  const { listenerPath, listenerMetadata } = linux.seccomp ?? {};
  if (listenerMetadata && !listenerPath)
    refuse(`${here}.seccomp.listenerMetadata`, 'means nothing without listenerPath');
}
