/** What every step of the life cycle works with: the stores, the runtime, the siblings, and the containers in memory. */
import { join } from 'node:path';
import { EngineError } from '../errors.ts';
import { expandCgroupParent } from '../oci/cgroup-parent.ts';
import type { LogConfig } from '../oci/logging.ts';
import type { IdMap } from '../oci/spec/namespaces.ts';
import type { UsernsMode } from '../oci/userns-mode.ts';
import type { RecentMap } from '../platform/recent-map.ts';
import type { Spares } from '../platform/spares.ts';
import type { CgroupBackend } from '../runtime/cgroups/index.ts';
import type { Launcher } from '../runtime/executor.ts';
import type { Severity } from '../security/audit/index.ts';
import type { SnapshotStore } from '../snapshots/store.ts';
import type { CgroupParents } from './cgroup-parents.ts';
import type { Container } from './container.ts';
import type { ExecSession } from './exec/session.ts';
import type { AppArmorPort, BridgePort, ContainerEvents, IdPool, ImageSource, LandlockPort } from './ports.ts';
import type { ContainerRecord } from './record.ts';
import type { Runtimes } from './runtimes/known.ts';
import type { SelinuxHost } from './selinux.ts';
import type { ContainerStore } from './store.ts';

export interface Log {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface ContainersContext {
  readonly store: ContainerStore;
  readonly launcher: Launcher;
  /** Path of the islet program, for plans that read or write a stream, and those that a monitor has executed. */
  readonly islet: string;
  readonly cgroups: CgroupBackend;
  /** name of the parent cgroup, such as "isle" */
  readonly cgroupParent: string;
  readonly cgroupParents: CgroupParents;
  readonly runtimes: Runtimes;
  /** Driver and options of containers that do not ask for others. */
  readonly logDefaults: LogConfig;
  readonly snapshots: SnapshotStore;
  readonly images: ImageSource;
  readonly bridge: BridgePort;
  readonly events: ContainerEvents;
  readonly log: Log;
  /** <data root>/containers */
  readonly dataDir: string;
  /** Of containers to come, in dataDir. */
  readonly directories: Spares;
  /** <exec root>/containers */
  readonly runDir: string;
  readonly appArmor: AppArmorPort;
  readonly landlock: LandlockPort;
  /** The daemon's own bounding set: no container can get more. */
  readonly capBounding: bigint;
  /** Findings from this severity on refuse a create. */
  readonly auditRefuse: Severity | 'off';
  /** Of --userns-remap USER, for containers that are made from now on; null without it. */
  readonly idMap: IdMap | null;
  readonly lifecycle: Lifecycle;
  /** Of --userns-remap auto: a range of its own for each container that asks for nothing else. */
  readonly autoIds: UsernsMode | null;
  readonly idPool: IdPool;
  /** Of containers that run and are not in the database. */
  readonly strayMaps: IdMap[];
  /** Of --selinux-enabled, for containers that are made from now on; null without it, and on a host without SELinux. */
  readonly selinux: SelinuxHost | null;
  readonly containers: Map<string, Container>;
  /** Further processes by their ids; ended ones for a while. */
  readonly execs: Map<string, ExecSession>;
  /** passwd and group texts of images, by their layers: see users.ts */
  readonly accounts: RecentMap<string, AccountFiles>;
}

/** What policies do to containers by themselves; each within the container's turn. */
export interface Lifecycle {
  start(container: Container): Promise<void>;
  /** By the container's own signal and patience. */
  stop(container: Container): Promise<void>;
  kill(container: Container): Promise<void>;
}

export interface AccountFiles {
  passwd: string | null;
  group: string | null;
}

export function stateDir(context: ContainersContext, id: string): string {
  return join(context.runDir, id);
}

export function monitorSocket(context: ContainersContext, id: string): string {
  return join(context.runDir, id, 'monitor.sock');
}

export function containerDir(context: ContainersContext, id: string): string {
  return join(context.dataDir, id);
}

/** The container's own cgroup, below the parent that was asked for or else the daemon's. */
export function cgroupPath(
  context: Pick<ContainersContext, 'cgroupParent'>,
  { id, hostConfig }: Pick<ContainerRecord, 'id' | 'hostConfig'>,
): string {
  const parent = hostConfig.CgroupParent ? expandCgroupParent(hostConfig.CgroupParent) : context.cgroupParent;
  return `${parent}/${id}`;
}

/** Full id, then exact name, then unique prefix of an id, as Docker looks a container up. */
export function findContainer(context: ContainersContext, nameOrId: string): Container {
  const wanted = nameOrId.replace(/^\//, '');
  const byId = context.containers.get(wanted);
  if (byId !== undefined) return byId;
  const all = [...context.containers.values()];
  const byName = all.find((container) => container.record.name === wanted);
  if (byName !== undefined) return byName;
  const byPrefix = /^[0-9a-f]+$/.test(wanted) ? all.filter((container) => container.record.id.startsWith(wanted)) : [];
  if (byPrefix.length > 1) {
    throw new EngineError('InvalidParameter', `multiple IDs found with provided prefix: ${nameOrId}`, {
      hint: 'give more characters of the id',
    });
  }
  const [found] = byPrefix;
  if (found === undefined) throw new EngineError('NotFound', `No such container: ${nameOrId}`);
  return found;
}
