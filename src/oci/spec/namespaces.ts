/** Which namespaces a container has of its own, shares with the host, or with another container. */
import type { HostConfig } from '../container-config.ts';
import type { IdMapping, Mount, Namespace, NamespaceType } from '../runtime-spec.ts';

/** Host pids of the first processes of the containers whose namespaces are joined. */
export interface JoinedContainers {
  pid?: number | undefined;
  ipc?: number | undefined;
  network?: number | undefined;
}

/** Ids inside to ids of the host; a container has it for life, since its files lie on disk by it. */
export interface IdMap {
  uid: IdMapping[];
  gid: IdMapping[];
}

/** The highest id inside. */
export function lastId(ranges: readonly IdMapping[]): number {
  return Math.max(...ranges.map(({ containerID, size }) => containerID + size - 1));
}

const FILES: Partial<Record<NamespaceType, string>> = {
  pid: 'pid',
  ipc: 'ipc',
  network: 'net',
  user: 'user',
  mount: 'mnt',
};

function joined(type: NamespaceType, pid: number): Namespace {
  return { type, path: `/proc/${pid}/ns/${FILES[type] ?? type}` };
}

function shareable(type: 'pid' | 'ipc' | 'network', mode: string | undefined, pid: number | undefined): Namespace[] {
  if (mode === 'host') return [];
  return [pid === undefined ? { type } : joined(type, pid)];
}

export function namespaces(hostConfig: HostConfig, containers: JoinedContainers, idMap: IdMap | null): Namespace[] {
  // The kernel lets a process into a namespace only with rights in the user namespace that owns it.
  const owner = containers.network ?? containers.pid ?? containers.ipc;
  return [
    { type: 'mount' },
    ...(hostConfig.UTSMode === 'host' ? [] : [{ type: 'uts' } as const]),
    ...shareable('pid', hostConfig.PidMode, containers.pid),
    ...shareable('ipc', hostConfig.IpcMode, containers.ipc),
    ...shareable('network', hostConfig.NetworkMode, containers.network),
    ...(hostConfig.CgroupnsMode === 'host' ? [] : [{ type: 'cgroup' } as const]),
    ...(idMap === null ? [] : [owner === undefined ? ({ type: 'user' } as const) : joined('user', owner)]),
  ];
}

/** POSIX shared memory goes with the IPC namespace: the host's, or the other container's. Undefined: an own one. */
export function sharedShm(hostConfig: HostConfig, ipcPid: number | undefined): Mount | undefined {
  const shm = { destination: '/dev/shm', type: 'bind', source: '/dev/shm', options: ['rbind', 'rprivate'] };
  if (hostConfig.IpcMode === 'host') return shm;
  return ipcPid === undefined ? undefined : { ...shm, sourceNamespace: joined('mount', ipcPid).path ?? '' };
}
