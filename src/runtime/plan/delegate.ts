/**
 * The start plan of a container that another OCI runtime makes. Cgroups, root, network and streams are isle's; the runtime
 * gets them ready in a bundle, makes the process, and is gone. Pure.
 */
import { EngineError } from '../../errors.ts';
import { type OverlayMount, withContext } from '../../mounts/mount.ts';
import type { Mount, Spec } from '../../oci/runtime-spec.ts';
import { sysctlPath } from '../../oci/sysctl.ts';
import { type BundleConfig, bundleConfig } from '../../oci/spec/bundle.ts';
import type { OciSeccomp } from '../../security/seccomp/index.ts';
import type { CgroupBackend } from '../cgroups/backend.ts';
import { Binds } from './binds.ts';
import { NETNS_FD, type NetworkBatches, overlayOp, type StartInput } from './compile.ts';
import { relabelOps } from './labels.ts';
import { type MountOptions, parseMountOptions } from './mount-options.ts';
import { checkSharedPid, hasUserNamespace, namespaceOf } from './namespaces.ts';
import { op } from './op.ts';
import type { Plan, PlanOp, SectionName } from './table.ts';

/** A program with the command line that runc has. */
export interface OciRuntime {
  name: string;
  /** Absolute. */
  path: string;
  /** Its `--root`: where it keeps the states of its containers. */
  root: string;
  env: readonly string[];
}

export interface DelegatedInput
  extends Pick<
    StartInput,
    'spec' | 'id' | 'stateDir' | 'logOps' | 'monitorFlags' | 'cgroups' | 'network' | 'consoleSize'
  > {
  runtime: OciRuntime;
  overlay: OverlayMount;
  seccomp: OciSeccomp | null;
  /** islet, to be process 1; null without `--init` */
  initProgram: string | null;
}

/** Something to mount on, in the state directory. */
export interface MountPoint {
  path: string;
  kind: 'file' | 'directory';
}

export interface DelegatedStart {
  runtime: OciRuntime;
  plan: Plan;
  /** To be in the state directory as config.json. */
  config: BundleConfig;
  /** To be there before the plan is executed. */
  mountPoints: MountPoint[];
}

/** In the state directory: what the runtime has to say of a failure, one JSON object a line. */
export const RUNTIME_LOG = 'runtime.log';
const PID_FILE = 'runtime.pid';
const CONSOLE_SOCKET = 'console.sock';
const PROTOCOL_ROUTE = 0;
const STEP = 'runtime';
/** It kills and waits; what does not end by then is left to the next try. */
const DELETE_TIMEOUT_MS = 30_000;
const KEPT_GROUP = 0xffff_ffff;
/** How isle says what standard words have no name for, or what it has done itself by then. */
const OWN_OPTION = /^(create=.*|r?idmap)$/;

function command(runtime: OciRuntime, flags: readonly string[], words: readonly string[]): string[] {
  return [runtime.path, '--root', runtime.root, ...flags, ...words];
}

/**
 * A runtime sees no unified hierarchy beside v1: crun refuses to work there, and isle keeps it for itself (freezing,
 * killing). The container is in it all the same, by its birth.
 */
function hiddenHierarchy(section: SectionName, { layout }: CgroupBackend): PlanOp[] {
  if (layout.version !== 1 || layout.unified === null) return [];
  return [op(section, STEP, 'unmount', { path: layout.unified.mountPoint })];
}

/** Kills what is left and frees what the runtime keeps; nothing to do is fine. For the monitor, and for run plans. */
export function runtimeDeleteOps(
  section: SectionName,
  runtime: OciRuntime,
  id: string,
  cgroups: CgroupBackend,
): PlanOp[] {
  const argv = command(runtime, [], ['delete', '-f', id]);
  return [
    op(section, STEP, 'ownMounts', {}),
    ...hiddenHierarchy(section, cgroups),
    op(section, STEP, 'runProgram', { argv, env: runtime.env, timeoutMs: DELETE_TIMEOUT_MS }),
    op(section, STEP, 'hostMounts', {}),
  ];
}

/** What is set for a link holds from its first packet on, as everywhere; the runtime sets it again. */
function networkSysctlOps({ linux }: Spec, netns: string): PlanOp[] {
  const ofNetwork = Object.entries(linux?.sysctl ?? {}).filter(([name]) => name.startsWith('net.'));
  const files = ofNetwork.flatMap(([name, value]) => [sysctlPath(name), value]);
  return files.length === 0 ? [] : [op('setup', 'sysctls', 'writeIn', { netns, files })];
}

function networkOps(spec: Spec, network: NetworkBatches, path: string): PlanOp[] {
  if (network.mode === 'host' || network.mode === 'join') return [];
  const outside = network.mode === 'bridge' ? network.parent : null;
  const inside = { path, protocol: PROTOCOL_ROUTE, messages: network.child };
  return [
    op('setup', 'network', 'pinNetns', { path, fd: NETNS_FD }),
    ...(outside === null ? [] : [op('setup', 'network', 'netlink', { protocol: PROTOCOL_ROUTE, messages: outside })]),
    ...networkSysctlOps(spec, path),
    op('setup', 'network', 'netlinkIn', inside),
  ];
}

/** The mounts in standard words. What the runtime could not mount itself the monitor opens and shows it at a place of its own. */
class DelegatedMounts {
  readonly binds = new Binds(false);
  readonly attached: PlanOp[] = [];
  readonly mountPoints: MountPoint[] = [];
  readonly mounts: Mount[];
  readonly #stateDir: string;

  constructor(spec: Spec, stateDir: string) {
    this.#stateDir = stateDir;
    this.mounts = (spec.mounts ?? []).map((mount) => this.#standard(mount));
  }

  #standard(mount: Mount): Mount {
    const { sourceNamespace: _ours, relabel: _done, uidMappings: _uids, gidMappings: _gids, ...known } = mount;
    const { destination, source = '' } = mount;
    const options = parseMountOptions(mount.options ?? []);
    if (mount.type !== 'bind' && options.bind === 'none') return known;
    // Below a file there is nothing; crun (1.8) fails on flags of its tree.
    if (options.create === 'file') options.bind = 'bind';
    const standard = { ...known, options: bindWords(mount.options ?? [], options) };
    // Runtimes of before 2022 do not know flags of a tree.
    const slot =
      options.bind !== 'bind' && options.treeAttrs !== 0n
        ? this.binds.hold(source, destination, options, mount)
        : this.binds.open(source, destination, options, mount);
    if (slot === null) return standard;
    const path = `${this.#stateDir}/mount${slot}`;
    this.mountPoints.push({ path, kind: options.create });
    this.attached.push(op('setup', 'mounts', 'attachHeld', { slot, path }));
    return { ...standard, source: path };
  }
}

/** What is said of a bind mount in words that every runtime knows. A flag must be among them: one that is not crun takes away. */
function bindWords(words: readonly string[], { bind }: MountOptions): string[] {
  const kept = words
    .filter((word) => !OWN_OPTION.test(word) && word !== 'bind' && word !== 'rbind')
    .map((word) => (parseMountOptions([word]).treeAttrs === 0n ? word : word.slice(1)));
  return [bind === 'bind' ? 'bind' : 'rbind', ...kept];
}

function setupOps(input: DelegatedInput, mounts: DelegatedMounts, netns: string): PlanOp[] {
  const { id, stateDir, logOps, monitorFlags, spec, overlay, cgroups, network } = input;
  const { cgroupsPath: path = id, mountLabel: label = '' } = spec.linux ?? {};
  // Devices are the runtime's: of two programs that decide over them the one could not take its own away again.
  const { setup, oom, cgroupInto } = cgroups.planContainer(path, { ...spec.linux?.resources, devices: [] });
  checkSharedPid(spec, cgroupInto !== undefined);
  return [
    op('setup', 'monitor', 'monitor', { id, stateDir, flags: monitorFlags }),
    ...logOps,
    ...relabelOps(spec.mounts ?? []),
    ...setup,
    ...(oom === undefined ? [] : [oom]),
    ...(cgroupInto === undefined ? [] : [cgroupInto]),
    op('setup', 'process', 'stdioOwner', { uid: spec.process?.user.uid ?? 0, gid: KEPT_GROUP }),
    ...mounts.binds.opened,
    op('setup', 'rootfs', 'ownMounts', {}),
    ...hiddenHierarchy('setup', cgroups),
    overlayOp('setup', label === '' ? overlay : withContext(overlay, label), 0n),
    ...mounts.attached,
    ...networkOps(spec, network, netns),
    // overlayRoot has left it.
    op('setup', 'monitor', 'chdir', { path: stateDir }),
  ];
}

function runtimeOps({ runtime, id, stateDir, spec, cgroups }: DelegatedInput): PlanOp[] {
  const { env } = runtime;
  const log = ['--log', `${stateDir}/${RUNTIME_LOG}`, '--log-format', 'json'];
  const isTerminal = spec.process?.terminal === true;
  const create = [
    'create',
    '--bundle',
    stateDir,
    '--pid-file',
    `${stateDir}/${PID_FILE}`,
    // Relative to the state directory, which is the bundle too: the address of a socket has 108 bytes.
    ...(isTerminal ? ['--console-socket', CONSOLE_SOCKET] : []),
    id,
  ];
  return [
    op('parent', STEP, 'runtimeCreate', {
      argv: command(runtime, log, create),
      env,
      pidFile: PID_FILE,
      console: isTerminal ? CONSOLE_SOCKET : '',
      // On v2 runtimes want the container's cgroup empty, and put the process into it themselves.
      inCgroup: cgroups.layout.version === 1 && cgroups.layout.unified !== null ? 1 : 0,
    }),
    op('parent', STEP, 'runProgram', { argv: command(runtime, log, ['start', id]), env, timeoutMs: 0 }),
    op('parent', STEP, 'hostMounts', {}),
  ];
}

export function noUserNamespaces({ name }: OciRuntime): EngineError {
  return new EngineError(
    'NotImplemented',
    `HostConfig.Runtime "${name}" in a user namespace is not supported by isle yet`,
    { hint: "leave the runtime out, or give the container --userns host: isle's own runtime has user namespaces" },
  );
}

/** Throws NotImplemented, with the way out, for what isle cannot hand over to another runtime. */
export function compileDelegatedStart(input: DelegatedInput): DelegatedStart {
  const { spec, id, stateDir, network, cgroups, runtime } = input;
  if (hasUserNamespace(spec)) throw noUserNamespaces(runtime);
  const netns = `${stateDir}/netns`;
  const ownNetwork = namespaceOf(spec, 'network');
  const makesNetns = ownNetwork !== undefined && ownNetwork.path === undefined;
  const mounts = new DelegatedMounts(spec, stateDir);
  const path = spec.linux?.cgroupsPath ?? id;
  return {
    runtime,
    plan: {
      ops: [
        ...setupOps(input, mounts, netns),
        ...runtimeOps(input),
        ...runtimeDeleteOps('cleanup', runtime, id, cgroups),
        ...cgroups.planContainer(path, {}).cleanup,
      ],
    },
    config: bundleConfig(
      { ...spec, linux: { ...spec.linux, cgroupsPath: `/${path}` } },
      {
        rootDirectory: input.overlay.target,
        mounts: mounts.mounts,
        networkNamespace: makesNetns ? netns : null,
        seccomp: input.seccomp,
        initProgram: input.initProgram,
        consoleSize: input.consoleSize,
      },
    ),
    mountPoints: [
      ...mounts.mountPoints,
      ...(network.mode === 'host' || network.mode === 'join' ? [] : [{ path: netns, kind: 'file' } as const]),
    ],
  };
}
