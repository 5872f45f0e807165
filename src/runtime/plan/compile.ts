/**
 * OCI spec -> isolation plan. Pure: the same input gives the same operations, which `isle explain` prints and the
 * golden tests compare. The order is the design; each place where it matters says why.
 */
import { EngineError } from '../../errors.ts';
import type { OverlayMount } from '../../mounts/mount.ts';
import type { Namespace, NamespaceType, Process, Spec } from '../../oci/runtime-spec.ts';
import type { SeccompProgram } from '../../security/seccomp/index.ts';
import type { CgroupBackend } from '../cgroups/backend.ts';
import { CLONE, MS } from './constants.ts';
import { op } from './op.ts';
import { processOps } from './process.ts';
import { deviceOps, kernelPathOps, mountOps } from './rootfs.ts';
import type { Plan, PlanOp, SectionName } from './table.ts';

/** The descriptor at which the monitor opens the container's network namespace, for IFLA_NET_NS_FD. */
export const NETNS_FD = 100;

/** rtnetlink batches: `parent` runs in the host's network namespace, `child` inside the container's. */
export type NetworkBatches =
  | { mode: 'bridge'; parent: Uint8Array; child: Uint8Array }
  | { mode: 'none'; child: Uint8Array }
  | { mode: 'host' };

export interface StartInput {
  spec: Spec;
  id: string;
  stateDir: string;
  /** '' for no log */
  logPath: string;
  /** MONITOR_FLAGS */
  monitorFlags: number;
  overlay: OverlayMount;
  cgroups: CgroupBackend;
  network: NetworkBatches;
  /** Of the terminal at its start; left out: the spec's, or none. */
  consoleSize?: { rows: number; cols: number } | undefined;
  /** null: unconfined */
  seccomp: SeccompProgram | null;
}

const PROTOCOL_ROUTE = 0;
/** Not optional: without one of these there is no container to speak of. */
const REQUIRED = ['mount', 'uts', 'ipc', 'pid'] as const;

function has(spec: Spec, type: NamespaceType): boolean {
  return spec.linux?.namespaces?.some((namespace) => namespace.type === type) ?? false;
}

/**
 * What clone3 makes; the cgroup namespace comes later, since its root is where the process then is. Throws
 * NotImplemented for a namespace that this runtime cannot make or join yet.
 */
function cloneFlags(namespaces: readonly Namespace[]): bigint {
  let flags = 0n;
  for (const { type, path } of namespaces) {
    if (path !== undefined || type === 'user' || type === 'time') {
      const what = path === undefined ? `a ${type} namespace` : `joining the ${type} namespace ${path}`;
      throw new EngineError('NotImplemented', `${what} is not supported by isle yet`);
    }
    if (type !== 'cgroup') flags |= CLONE[type];
  }
  const missing = REQUIRED.find((type) => (flags & CLONE[type]) === 0n);
  if (missing !== undefined) {
    throw new EngineError('NotImplemented', `a container without a ${missing} namespace is not supported by isle yet`);
  }
  return flags;
}

function setupOps(input: StartInput, cgroups: ReturnType<CgroupBackend['planContainer']>): PlanOp[] {
  const { id, stateDir, logPath, monitorFlags, spec } = input;
  return [
    op('setup', 'monitor', 'monitor', { id, stateDir, logPath, flags: monitorFlags }),
    ...cgroups.setup,
    ...(cgroups.oom === undefined ? [] : [cgroups.oom]),
    ...(cgroups.cgroupInto === undefined ? [] : [cgroups.cgroupInto]),
    op('setup', 'namespaces', 'clone', { flags: cloneFlags(spec.linux?.namespaces ?? []) }),
  ];
}

function parentOps(network: NetworkBatches): PlanOp[] {
  if (network.mode !== 'bridge') return [];
  return [
    op('parent', 'network', 'childNetns', { fd: NETNS_FD }),
    op('parent', 'network', 'netlink', { protocol: PROTOCOL_ROUTE, messages: network.parent }),
  ];
}

/** As late as possible: until here the child mounts while the monitor makes the network. */
function childNetworkOps(network: NetworkBatches): PlanOp[] {
  if (network.mode === 'host') return [];
  return [
    ...(network.mode === 'bridge' ? [op('child', 'network', 'waitParent', {})] : []),
    op('child', 'network', 'netlink', { protocol: PROTOCOL_ROUTE, messages: network.child }),
  ];
}

function namespaceOps(spec: Spec, id: string, join: readonly PlanOp[]): PlanOp[] {
  return [
    // First of all: no mount made from here on may reach the host.
    op('child', 'namespaces', 'mountPropagation', { path: '/', flags: MS.slave | MS.rec }),
    ...join,
    ...(has(spec, 'cgroup') ? [op('child', 'namespaces', 'unshare', { flags: CLONE.cgroup })] : []),
    // The host's /proc is still here; after the pivot /proc is the container's.
    op('child', 'limits', 'oomScoreAdj', { value: spec.process?.oomScoreAdj ?? 0 }),
    op('child', 'process', 'setsid', {}),
    op('child', 'process', 'keyring', { name: `_ses.${id}` }),
    ...(spec.hostname ? [op('child', 'namespaces', 'setHostname', { name: spec.hostname })] : []),
    ...(spec.domainname ? [op('child', 'namespaces', 'setDomainname', { name: spec.domainname })] : []),
  ];
}

function overlayOp(section: SectionName, { cwd, target, options }: OverlayMount, flags: bigint): PlanOp {
  return op(section, 'rootfs', 'overlayRoot', { cwd, target, options, flags });
}

/**
 * Version 2 has no device rules yet. Without them a node that an image brings along would open the host's disk, so its
 * root then has no devices at all; /dev is a mount of its own.
 */
function rootFlags({ spec, cgroups }: StartInput): bigint {
  const denies = spec.linux?.resources?.devices?.some(({ allow }) => !allow) ?? false;
  return denies && cgroups.layout.version === 2 ? MS.nodev : 0n;
}

function rootfsOps(input: StartInput, process: Process, cgroupPath: string): PlanOp[] {
  const { spec, overlay, cgroups, network } = input;
  const view = { backend: cgroups, path: cgroupPath, ownNamespace: has(spec, 'cgroup') };
  return [
    // The modes given below are meant as they are.
    op('child', 'rootfs', 'umask', { mask: 0 }),
    overlayOp('child', overlay, rootFlags(input)),
    ...mountOps(spec.mounts ?? [], view),
    ...deviceOps(spec),
    ...(process.cwd === '/'
      ? []
      : [op('child', 'rootfs', 'mkdirIn', { path: process.cwd, mode: 0o755, uid: 0, gid: 0 })]),
    ...childNetworkOps(network),
    ...kernelPathOps(spec.linux ?? {}),
    ...(process.terminal === true ? [ptyOp(process, input.consoleSize)] : []),
    ...(spec.root?.readonly === true ? [op('child', 'rootfs', 'readonlyRoot', {})] : []),
    op('child', 'rootfs', 'pivot', {}),
  ];
}

function ptyOp(process: Process, size: StartInput['consoleSize']): PlanOp {
  const rows = size?.rows ?? process.consoleSize?.height ?? 0;
  const cols = size?.cols ?? process.consoleSize?.width ?? 0;
  return op('child', 'terminal', 'pty', { rows, cols, uid: process.user.uid });
}

/** Throws NotImplemented for what this runtime cannot do yet, InvalidParameter for a spec that makes no sense. */
export function compileStartPlan(input: StartInput): Plan {
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
  return {
    ops: [
      ...setupOps(input, plan),
      ...parentOps(network),
      ...namespaceOps(spec, id, plan.join),
      ...rootfsOps(input, spec.process, cgroupPath),
      ...processOps(spec.process, seccomp),
      ...plan.cleanup,
    ],
  };
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
