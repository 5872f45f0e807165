/**
 * OCI spec -> isolation plan. Pure: the same input gives the same operations, which `isle explain` prints and the
 * golden tests compare. The order is the design; each place where it matters says why.
 */
import { EngineError } from '../../errors.ts';
import { type OverlayMount, withContext } from '../../mounts/mount.ts';
import type { NamespaceType, Process, Spec } from '../../oci/runtime-spec.ts';
import type { SeccompProgram } from '../../security/seccomp/index.ts';
import { sharedLabel } from '../../security/selinux/index.ts';
import type { CgroupBackend } from '../cgroups/backend.ts';
import { type LateEntry, lateEntry, withAppear } from './appear.ts';
import { CLONE, MS } from './constants.ts';
import { Binds } from './binds.ts';
import { parseMountOptions } from './mount-options.ts';
import {
  becomeRootOps,
  beforeClone,
  checkSharedPid,
  cloneFlags,
  hasUserNamespace,
  joinOps,
  namespaceOf,
  rootPropagation,
} from './namespaces.ts';
import { keyLabelOps, labelOps, queueLabelOps, relabelOps } from './labels.ts';
import { op } from './op.ts';
import { hostRightsOps, oomScoreOps, processOps, withoutHostRights } from './process.ts';
import { deviceOps, kernelPathOps, mountOps, sysctlOps } from './rootfs.ts';
import { filterOps, type ListenedState } from './seccomp.ts';
import type { Plan, PlanOp, SectionName } from './table.ts';

/** The descriptor at which the monitor opens the container's network namespace, for IFLA_NET_NS_FD. */
export const NETNS_FD = 100;

/** rtnetlink batches: `parent` runs in the host's network namespace, `child` inside the container's. */
export type NetworkBatches =
  | { mode: 'bridge'; parent: Uint8Array; child: Uint8Array }
  | { mode: 'none'; child: Uint8Array }
  /** The container is in the network namespace of another one, which is set up already. */
  | { mode: 'join' }
  | { mode: 'host' };

export interface StartInput {
  spec: Spec;
  id: string;
  stateDir: string;
  /** What is behind `monitor`; nothing: what the container prints is not kept. */
  logOps: readonly PlanOp[];
  /** MONITOR_FLAGS */
  monitorFlags: number;
  overlay: OverlayMount | BindRoot;
  cgroups: CgroupBackend;
  network: NetworkBatches;
  /** Of the terminal at its start; left out: the spec's, or none. */
  consoleSize?: { rows: number; cols: number } | undefined;
  /** null: unconfined */
  seccomp: SeccompProgram | null;
  /** AppArmor's file below /proc/self for the next program's profile; asked for with process.apparmorProfile. */
  appArmorFile?: string | undefined;
  /** The directory of the container's files: what the listener of a seccomp filter is told. */
  bundle: string;
  /** struct landlock_ruleset_attr of the domain that the monitor and the container share; left out: none. */
  landlock?: Uint8Array | undefined;
  /** `--init`: a small process 1 starts the program. */
  init?: boolean | undefined;
  /** For the OCI runtime command line; left out, a monitor holds the container. */
  unmonitored?: UnmonitoredParts | undefined;
}

/** A directory of the host that is the root as it is. */
export interface BindRoot {
  directory: string;
}

/** What a container without a monitor has instead, by its place in the plan. */
export interface UnmonitoredParts {
  setup: readonly PlanOp[];
  /** Behind the network's. */
  parent: readonly PlanOp[];
  /** The mounts are there; what stands here makes the child wait for the section parent then. */
  mounted: readonly PlanOp[];
  /** While the host's directories are in reach; the network is there too. */
  beforePivot: readonly PlanOp[];
  /** The host's directories are gone, the process is still root. */
  afterPivot: readonly PlanOp[];
  /** A mount namespace whose /proc shows the PID namespace that is joined, or null for none. */
  procFrom: string | null;
  /** As the workload's user. */
  beforeExec: readonly PlanOp[];
}

const PROTOCOL_ROUTE = 0;
function has(spec: Spec, type: NamespaceType): boolean {
  return namespaceOf(spec, type) !== undefined;
}

function setupOps(
  input: StartInput,
  process: Process,
  cgroups: ReturnType<CgroupBackend['planContainer']>,
  opened: readonly PlanOp[],
  late: LateEntry | null,
): PlanOp[] {
  const { id, stateDir, logOps, monitorFlags, spec, unmonitored } = input;
  return [
    ...(unmonitored?.setup ?? [op('setup', 'monitor', 'monitor', { id, stateDir, flags: monitorFlags }), ...logOps]),
    ...relabelOps(spec.mounts ?? []),
    ...cgroups.setup,
    ...(cgroups.oom === undefined || unmonitored !== undefined ? [] : [cgroups.oom]),
    ...(cgroups.cgroupInto === undefined ? [] : [cgroups.cgroupInto]),
    ...beforeClone(spec, process, late !== null),
    ...preparedRoot(input),
    ...opened,
    // Last: nobody outside can be looked at any more.
    ...(input.landlock === undefined ? [] : [op('setup', 'lsm', 'landlock', { ruleset: input.landlock })]),
    op('setup', 'namespaces', 'clone', { flags: cloneFlags(spec) }),
  ];
}

/**
 * In a user namespace the root has to be made beforehand: overlayfs needs the rights of the host's root for its
 * attributes. The layers are shown with mapped owners; what they hold on disk stays as it is.
 */
function preparedRoot({ spec, overlay }: StartInput): PlanOp[] {
  if (!hasUserNamespace(spec) || 'directory' in overlay) return [];
  return [
    op('setup', 'rootfs', 'idmapOver', { path: overlay.cwd }),
    overlayOp('setup', overlay, 0n),
    op('setup', 'rootfs', 'holdRoot', {}),
  ];
}

function parentOps(network: NetworkBatches): PlanOp[] {
  if (network.mode !== 'bridge') return [];
  return [
    op('parent', 'network', 'childNetns', { fd: NETNS_FD }),
    op('parent', 'network', 'netlink', { protocol: PROTOCOL_ROUTE, messages: network.parent }),
  ];
}

/**
 * As late as possible: until here the child mounts while the monitor makes the network. `beforeUp`: when the links are
 * there and not up.
 */
function childNetworkOps(network: NetworkBatches, mustWait: boolean, beforeUp: readonly PlanOp[]): PlanOp[] {
  const wait = mustWait || network.mode === 'bridge' ? [op('child', 'network', 'waitParent', {})] : [];
  const ready = [...wait, ...beforeUp];
  if (network.mode === 'host' || network.mode === 'join') return ready;
  return [...ready, op('child', 'network', 'netlink', { protocol: PROTOCOL_ROUTE, messages: network.child })];
}

function namespaceOps(spec: Spec, id: string, join: readonly PlanOp[], entered: readonly PlanOp[]): PlanOp[] {
  return [
    // First of all: no mount made from here on may reach the host.
    op('child', 'namespaces', 'mountPropagation', { path: '/', flags: MS.slave | MS.rec }),
    ...join,
    ...entered,
    ...queueLabelOps(spec),
    ...(namespaceOf(spec, 'cgroup')?.path === undefined && has(spec, 'cgroup')
      ? [op('child', 'namespaces', 'unshare', { flags: CLONE.cgroup })]
      : []),
    // The host's /proc is still here; after the pivot /proc is the container's.
    ...oomScoreOps(spec.process?.oomScoreAdj),
    op('child', 'process', 'setsid', {}),
    ...keyLabelOps(spec.process?.selinuxLabel),
    op('child', 'process', 'keyring', { name: `_ses.${id}` }),
    ...(spec.hostname && has(spec, 'uts') ? [op('child', 'namespaces', 'setHostname', { name: spec.hostname })] : []),
    ...(spec.domainname && has(spec, 'uts')
      ? [op('child', 'namespaces', 'setDomainname', { name: spec.domainname })]
      : []),
  ];
}

export function overlayOp(section: SectionName, { cwd, target, options }: OverlayMount, flags: bigint): PlanOp {
  return op(section, 'rootfs', 'overlayRoot', { cwd, target, options, flags });
}

function rootOps(root: OverlayMount | BindRoot, isPrepared: boolean): PlanOp[] {
  if (!('directory' in root)) {
    return [isPrepared ? op('child', 'rootfs', 'attachRoot', { target: root.target }) : overlayOp('child', root, 0n)];
  }
  return [op('child', 'rootfs', 'bindRoot', { source: root.directory, target: '', recursive: 1, attrs: 0n })];
}

function rootfsOps(
  input: StartInput,
  process: Process,
  cgroupPath: string,
  binds: Binds,
  late: LateEntry | null,
): PlanOp[] {
  const { spec, overlay, cgroups, network } = input;
  const label = spec.linux?.mountLabel ?? '';
  const ownNamespace = has(spec, 'cgroup');
  const view = { backend: cgroups, path: cgroupPath, ownNamespace, to: binds, late, label };
  const inUserNamespace = hasUserNamespace(spec);
  const { mounted = [], beforePivot } = input.unmonitored ?? {};
  const mustWait = mounted.length > 0 || (inUserNamespace && hostRightsOps(process).length > 0);
  const sysctls = sysctlOps(spec.linux ?? {});
  return [
    // The modes given below are meant as they are.
    op('child', 'rootfs', 'umask', { mask: 0 }),
    ...rootOps(overlay, inUserNamespace),
    ...(input.init === true ? [op('child', 'process', 'init', { label: label && sharedLabel(label) })] : []),
    ...becomeRootOps(spec),
    ...mountOps(spec.mounts ?? [], view),
    ...deviceOps(spec, binds, inUserNamespace),
    ...(process.cwd === '/'
      ? []
      : [op('child', 'rootfs', 'mkdirIn', { path: process.cwd, mode: 0o755, uid: 0, gid: 0 })]),
    ...mounted,
    // As runc: behind the hooks, which make the network.
    ...(beforePivot === undefined
      ? childNetworkOps(network, mustWait, sysctls)
      : [...childNetworkOps(network, mustWait, []), ...beforePivot, ...sysctls]),
    // Behind the hooks, whose programs would take the label otherwise.
    ...labelOps(process, input.appArmorFile),
    ...kernelPathOps(spec.linux ?? {}),
    ...(process.terminal === true ? [ptyOp(process, input.consoleSize)] : []),
    ...(spec.root?.readonly === true ? [op('child', 'rootfs', 'readonlyRoot', {})] : []),
    op('child', 'rootfs', 'pivot', {}),
    ...propagationOps(spec),
    ...(input.unmonitored?.afterPivot ?? []),
  ];
}

/** The pivot has cut the root off from the host; from here on it is what the spec says. */
function propagationOps(spec: Spec): PlanOp[] {
  const word = rootPropagation(spec.linux ?? {});
  if (word === undefined) return [];
  const { propagation } = parseMountOptions([word]);
  return [op('child', 'rootfs', 'mountPropagation', { path: '/', flags: propagation })];
}

function ptyOp(process: Process, size: StartInput['consoleSize']): PlanOp {
  const rows = size?.rows ?? process.consoleSize?.height ?? 0;
  const cols = size?.cols ?? process.consoleSize?.width ?? 0;
  return op('child', 'terminal', 'pty', { rows, cols, uid: process.user.uid });
}

function listenedState({ spec, id, bundle }: StartInput): ListenedState {
  return { ociVersion: spec.ociVersion, id, status: 'creating', bundle, annotations: spec.annotations };
}

/** What a container without a root of its own brings along keeps its labels. */
function withRootLabel(input: StartInput): StartInput {
  const label = input.spec.linux?.mountLabel ?? '';
  if (label === '' || 'directory' in input.overlay) return input;
  return { ...input, overlay: withContext(input.overlay, label) };
}

/** Throws NotImplemented for what this runtime cannot do yet, InvalidParameter for a spec that makes no sense. */
export function compileStartPlan(given: StartInput): Plan {
  const input = withRootLabel(given);
  const { spec, id, cgroups, network, seccomp } = input;
  if (spec.process === undefined || spec.process.args.length === 0) {
    throw new EngineError('InvalidParameter', 'the spec names no program to run (process.args)');
  }
  if ((network.mode !== 'host') !== has(spec, 'network')) {
    // Otherwise the inside batch would change the host's own network.
    throw new EngineError('System', `the network mode ${network.mode} does not fit the spec's namespaces`);
  }
  const cgroupPath = spec.linux?.cgroupsPath ?? id;
  const plan = cgroups.planContainer(cgroupPath, spec.linux?.resources ?? {});
  // Without a monitor it is `delete` that ends what is left, by any hierarchy's list of processes.
  checkSharedPid(spec, plan.cgroupInto !== undefined || input.unmonitored !== undefined);
  const mapped = hasUserNamespace(spec);
  const binds = new Binds(mapped);
  const { unmonitored } = input;
  const late = lateEntry(spec, seccomp, unmonitored?.procFrom);
  const rootfs = rootfsOps(input, spec.process, cgroupPath, binds, late);
  const [filter, afterIdentity] = withAppear(filterOps(seccomp, listenedState(input)), late !== null);
  const joins = joinOps(spec, binds.slots, late !== null);
  return {
    ops: [
      ...setupOps(input, spec.process, plan, [...binds.opened, ...joins.opened], late),
      ...parentOps(network),
      ...(mapped ? hostRightsOps(spec.process) : []),
      ...(input.unmonitored?.parent ?? []),
      ...namespaceOps(spec, id, plan.join, joins.entered),
      ...rootfs,
      ...processOps(mapped ? withoutHostRights(spec.process) : spec.process, spec.linux ?? {}, filter, [
        ...afterIdentity,
        ...(unmonitored?.beforeExec ?? []),
      ]),
      ...plan.cleanup,
    ],
  };
}

/**
 * A run plan that removes host directories, in another process than Node's: what a container has written may be much.
 * `flushFirst`: a file that has to be on its disk before.
 */
export function removeTreesPlan(paths: readonly string[], flushFirst?: string): Plan {
  const flush = flushFirst === undefined ? [] : [op('setup', 'files', 'syncFile', { path: flushFirst })];
  return { ops: [...flush, ...paths.map((path) => op('setup', 'files', 'removeTree', { path }))] };
}

/** A run plan whose one result is the version of Landlock's interface in digits, 0 for none. */
export function compileLandlockPlan(): Plan {
  return { ops: [op('setup', 'lsm', 'landlockVersion', {})] };
}

/** A run plan that reads files out of a root that is not mounted anywhere: one result for each path, in order. */
export function compileReadPlan(input: { overlay: OverlayMount; paths: readonly string[]; maxBytes: number }): Plan {
  const { overlay, paths, maxBytes } = input;
  const flags = MS.rdonly | MS.nosuid | MS.nodev | MS.noexec;
  return {
    ops: [
      op('setup', 'namespaces', 'unshare', { flags: CLONE.mount }),
      op('setup', 'namespaces', 'mountPropagation', { path: '/', flags: MS.slave | MS.rec }),
      overlayOp('setup', overlay, flags),
      ...paths.map((path) => op('setup', 'rootfs', 'readFileIn', { path, maxBytes })),
    ],
  };
}
