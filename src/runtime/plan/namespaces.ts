/** Namespaces of a start plan: which ones the clone makes, which are joined and where, and who the first process is in them. */
import { EngineError } from '../../errors.ts';
import type { IdMapping, Linux, Namespace, NamespaceType, Process, Spec } from '../../oci/runtime-spec.ts';
import { CLONE } from './constants.ts';
import { op, text } from './op.ts';
import type { PlanOp } from './table.ts';

/** Made by other operations than the clone. */
const NOT_CLONED = new Set<NamespaceType>(['cgroup', 'user', 'time']);
/** Entered by the new process itself, in this order. */
const JOINED_INSIDE = ['network', 'ipc', 'uts', 'cgroup', 'time'] as const;

export function namespaceOf(spec: Spec, type: NamespaceType): Namespace | undefined {
  return spec.linux?.namespaces?.find((namespace) => namespace.type === type);
}

/** Has the container a user namespace other than the host's? */
export function hasUserNamespace(spec: Spec): boolean {
  return namespaceOf(spec, 'user') !== undefined;
}

/**
 * What clone3 makes; the cgroup namespace comes later, since its root is where the process then is. Throws
 * NotImplemented without a mount namespace of its own: the host's mount table is never changed.
 */
export function cloneFlags(spec: Spec): bigint {
  const mount = namespaceOf(spec, 'mount');
  if (mount === undefined || mount.path !== undefined) {
    throw new EngineError(
      'NotImplemented',
      'a container without a mount namespace of its own is not supported by isle',
      {
        hint: 'list a mount namespace without a path in linux.namespaces',
      },
    );
  }
  let flags = 0n;
  for (const { type, path } of spec.linux?.namespaces ?? []) {
    if (path === undefined && !NOT_CLONED.has(type)) flags |= CLONE[type];
  }
  return flags;
}

/** As /proc/PID/uid_map takes it. */
export function mapText(mappings: readonly IdMapping[]): string {
  return mappings.map(({ containerID, hostID, size }) => `${containerID} ${hostID} ${size}\n`).join('');
}

/** The id of the host; throws InvalidParameter for one that the map does not have. */
export function hostId(mappings: readonly IdMapping[], id: number, what: string): number {
  const range = mappings.find(({ containerID, size }) => id >= containerID && id < containerID + size);
  if (range !== undefined) return range.hostID + (id - range.containerID);
  throw new EngineError('InvalidParameter', `the ${what} ${id} is not mapped in the container's user namespace`, {
    hint: `mapped are ${mappings.map(({ containerID, size }) => `${containerID} to ${containerID + size - 1}`).join(', ')}`,
  });
}

function userOps(spec: Spec, process: Process): PlanOp[] {
  const user = namespaceOf(spec, 'user');
  if (user === undefined) return [];
  const { uidMappings = [], gidMappings = [] } = spec.linux ?? {};
  const enter =
    user.path === undefined
      ? op('setup', 'user namespace', 'userNs', { uidMap: mapText(uidMappings), gidMap: mapText(gidMappings) })
      : op('setup', 'user namespace', 'joinUser', { path: user.path });
  if (uidMappings.length === 0 || gidMappings.length === 0) {
    if (user.path !== undefined) return [enter];
    throw new EngineError('InvalidParameter', 'a user namespace needs linux.uidMappings and linux.gidMappings');
  }
  const uid = hostId(uidMappings, process.user.uid, 'user id');
  const gid = hostId(gidMappings, process.user.gid, 'group id');
  return [enter, op('setup', 'user namespace', 'stdioOwner', { uid, gid })];
}

function timeOps(spec: Spec): PlanOp[] {
  const time = namespaceOf(spec, 'time');
  if (time === undefined || time.path !== undefined) return [];
  const lines = Object.entries(spec.linux?.timeOffsets ?? {}).map(([clock, { secs = 0, nanosecs = 0 }]) => {
    if (!['monotonic', 'boottime'].includes(clock)) {
      throw new EngineError('InvalidParameter', `linux.timeOffsets: "${clock}" is no clock of a time namespace`, {
        hint: 'monotonic and boottime can be shifted',
      });
    }
    return `${clock} ${secs} ${nanosecs}\n`;
  });
  return [op('setup', 'namespaces', 'timeOffsets', { offsets: text(lines.join('')) })];
}

/** Before the clone, in the section setup. */
export function beforeClone(spec: Spec, process: Process, appearsLast: boolean): PlanOp[] {
  const pid = appearsLast ? undefined : namespaceOf(spec, 'pid')?.path;
  return [
    ...userOps(spec, process),
    ...(pid === undefined ? [] : [op('setup', 'namespaces', 'joinPid', { path: pid })]),
    ...timeOps(spec),
  ];
}

export interface JoinOps {
  /** Section setup, as long as the monitor may look at whose namespaces they are. */
  opened: PlanOp[];
  /** In the new process, before anything is mounted or set up in a namespace. */
  entered: PlanOp[];
}

/** Slots from `firstSlot` on are used. */
export function joinOps(spec: Spec, firstSlot: number, appearsLast: boolean): JoinOps {
  const hide = namespaceOf(spec, 'pid')?.path !== undefined;
  // The PID namespace is only entered by what this process makes from here on.
  const types = appearsLast ? ([...JOINED_INSIDE, 'pid'] as const) : JOINED_INSIDE;
  const joined = types
    .flatMap((type) => {
      const path = namespaceOf(spec, type)?.path;
      return path === undefined ? [] : [{ type, path }];
    })
    .map(({ type, path }, index) => ({ slot: firstSlot + index, path, nsType: CLONE[type] }));
  return {
    opened: joined.map(({ slot, path }) => op('setup', 'namespaces', 'holdNamespace', { slot, path })),
    entered: [
      ...(hide ? [op('child', 'namespaces', 'hideProcess', {})] : []),
      ...joined.map(({ slot, nsType }) => op('child', 'namespaces', 'setnsHeld', { slot, nsType })),
    ],
  };
}

/** From here on the process is root of its user namespace, and nobody on the host: host paths are out of its reach. */
export function becomeRootOps(spec: Spec): PlanOp[] {
  if (!hasUserNamespace(spec)) return [];
  return [
    op('child', 'user namespace', 'setGroups', { groups: [] }),
    op('child', 'user namespace', 'setGid', { gid: 0 }),
    op('child', 'user namespace', 'setUid', { uid: 0 }),
  ];
}

/** Without a PID namespace of its own a container's processes are found by their cgroup only. */
export function checkSharedPid(spec: Spec, canKillGroup: boolean): void {
  const pid = namespaceOf(spec, 'pid');
  if ((pid === undefined || pid.path !== undefined) && !canKillGroup) {
    throw new EngineError(
      'Unavailable',
      'sharing a PID namespace needs the cgroup v2 hierarchy, which is not mounted on this host',
      {
        hint: 'mount it, also beside v1 (mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified), or give the container a PID namespace',
      },
    );
  }
}

/** The spec's word for the root mount's propagation as mount(2) flags by their option names, or undefined for none. */
export function rootPropagation({ rootfsPropagation }: Linux): string | undefined {
  if (rootfsPropagation === undefined || rootfsPropagation === '') return undefined;
  if (/^(r?shared|r?slave|r?private|r?unbindable)$/.test(rootfsPropagation)) return rootfsPropagation;
  throw new EngineError('InvalidParameter', `linux.rootfsPropagation: "${rootfsPropagation}" is no mount propagation`, {
    hint: 'use shared, slave, private or unbindable, with an r in front for the tree below',
  });
}
