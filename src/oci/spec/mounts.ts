/** The mounts of a container in the order in which they are made: Docker's own, then the user's by depth. */
import { posix } from 'node:path';
import type { HostConfig } from '../container-config.ts';
import type { Mount } from '../runtime-spec.ts';
import { type IdMap, lastId, sharedShm } from './namespaces.ts';
import { checkProcMount } from './proc-mounts.ts';
import { tmpfsMounts } from './tmpfs.ts';

const DEFAULT_SHM_BYTES = 64 * 1024 * 1024;
/** Of terminals, in every distribution. */
const TTY_GROUP = 5;

/** These stay writable under `--read-only`: a process needs them to work at all, and they are gone with the container. */
const WRITABLE_ON_READONLY_ROOT = new Set(['/proc', '/dev', '/dev/pts', '/dev/shm', '/dev/mqueue']);
/** The engine's files follow the root: read-only with it. */
const ENGINE_FILES = new Set(['/etc/resolv.conf', '/etc/hostname', '/etc/hosts']);

const mount = (destination: string, type: string, source: string, ...options: string[]): Mount => ({
  destination,
  type,
  source,
  options,
});

function defaultMounts(shmBytes: number): Mount[] {
  return [
    mount('/proc', 'proc', 'proc', 'nosuid', 'noexec', 'nodev'),
    mount('/dev', 'tmpfs', 'tmpfs', 'nosuid', 'strictatime', 'mode=755', 'size=65536k'),
    mount(
      '/dev/pts',
      'devpts',
      'devpts',
      'nosuid',
      'noexec',
      'newinstance',
      'ptmxmode=0666',
      'mode=0620',
      `gid=${TTY_GROUP}`,
    ),
    mount('/sys', 'sysfs', 'sysfs', 'nosuid', 'noexec', 'nodev', 'ro'),
    mount('/sys/fs/cgroup', 'cgroup', 'cgroup', 'ro', 'nosuid', 'noexec', 'nodev'),
    mount('/dev/mqueue', 'mqueue', 'mqueue', 'nosuid', 'noexec', 'nodev'),
    mount('/dev/shm', 'tmpfs', 'shm', 'nosuid', 'noexec', 'nodev', 'mode=1777', `size=${shmBytes}`),
  ];
}

const depth = (path: string) => posix.normalize(path).split('/').filter(Boolean).length;
const withOption = (entry: Mount, option: string): Mount =>
  entry.options?.includes(option) ? entry : { ...entry, options: [...(entry.options ?? []), option] };
const withoutOption = (entry: Mount, option: string): Mount => ({
  ...entry,
  options: (entry.options ?? []).filter((other) => other !== option),
});

/**
 * `given` are bind mounts (the engine's files among them). A mount of the user takes the place of Docker's own at the
 * same path, and one on /dev of everything below it.
 */
export function containerMounts(
  hostConfig: HostConfig,
  given: readonly Mount[],
  { ipcPid, idMap = null }: { ipcPid?: number | undefined; idMap?: IdMap | null } = {},
): Mount[] {
  const shm = sharedShm(hostConfig, ipcPid);
  const asked = [...given, ...tmpfsMounts(hostConfig)].sort((a, b) => depth(a.destination) - depth(b.destination));
  for (const mount of asked) checkProcMount(mount);
  const taken = new Set(asked.map(({ destination }) => posix.normalize(destination)));
  const kept = defaultMounts(hostConfig.ShmSize || DEFAULT_SHM_BYTES).filter(({ destination }) => {
    if (taken.has(destination) || (taken.has('/dev') && destination.startsWith('/dev/'))) return false;
    return !(destination === '/dev/shm' && hostConfig.IpcMode === 'none');
  });
  const own = kept.map((entry) => (entry.destination === '/dev/shm' ? (shm ?? entry) : entry));
  return [
    ...own.map((entry) => adapt(entry, hostConfig, idMap)),
    ...asked.map((entry) => adaptAsked(entry, hostConfig)),
  ];
}

function adapt(entry: Mount, hostConfig: HostConfig, idMap: IdMap | null): Mount {
  // The kernel takes no group that is not mapped.
  if (entry.type === 'devpts' && idMap !== null && lastId(idMap.gid) < TTY_GROUP)
    return withoutOption(entry, `gid=${TTY_GROUP}`);
  const isSystem = entry.type === 'sysfs' || entry.type === 'cgroup';
  if (hostConfig.Privileged === true && isSystem) return withoutOption(entry, 'ro');
  if (hostConfig.ReadonlyRootfs !== true || WRITABLE_ON_READONLY_ROOT.has(entry.destination)) return entry;
  return withOption(entry, 'ro');
}

/** A missing /etc/hosts is made as a file, not as a directory to mount on. */
function adaptAsked(entry: Mount, hostConfig: HostConfig): Mount {
  if (!ENGINE_FILES.has(entry.destination)) return entry;
  const file = withOption(entry, 'create=file');
  return hostConfig.ReadonlyRootfs === true ? withOption(file, 'ro') : file;
}
