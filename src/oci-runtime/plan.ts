/** A bundle's configuration as a plan: the plan compiler's, with what a container without a monitor has instead. */
import { readFileSync } from 'node:fs';
import { EngineError } from '../errors.ts';
import { loopbackUp } from '../networks/netlink/index.ts';
import type { Device, Process, Spec } from '../oci/runtime-spec.ts';
import { DEFAULT_DEVICES } from '../oci/spec/devices.ts';
import { appArmorExecFile } from '../platform/apparmor.ts';
import type { CgroupBackend } from '../runtime/cgroups/index.ts';
import { compileStartPlan, type NetworkBatches, type UnmonitoredParts } from '../runtime/plan/compile.ts';
import { op } from '../runtime/plan/op.ts';
import { searchPath } from '../runtime/plan/process.ts';
import type { Plan, PlanOp } from '../runtime/plan/table.ts';
import type { SeccompProgram } from '../security/seccomp/index.ts';
import type { Hooks, OciConfig } from './config/types.ts';
import { keyPath, locate, refuse } from './config/schema.ts';
import { withDefaultRules } from './device-rules.ts';
import { hookOps } from './hooks.ts';
import { procfsOfShared } from './shared-pid.ts';
import { type OciState, OCI_VERSION } from './state.ts';

const CONFIG = 'config.json: ';

export interface ContainerPlanInput {
  config: OciConfig & { process: Process };
  id: string;
  bundle: string;
  rootDirectory: string;
  cgroups: CgroupBackend;
  cgroupsPath: string;
  seccomp: SeccompProgram | null;
  fifo: string;
  /** undefined: no terminal, or one that islet itself serves in the foreground */
  consoleSocket: string | undefined;
  noNewKeyring: boolean;
}

/** The spec's default devices, unless the bundle has a say about the same path. */
function withDefaultDevices(devices: readonly Device[]): Device[] {
  const named = new Set(devices.map(({ path }) => path));
  return [...devices, ...DEFAULT_DEVICES.filter(({ path }) => !named.has(path))];
}

export function findProgramOp(process: Process): PlanOp {
  const [name = ''] = process.args;
  return op('child', 'process', 'findProgram', { name, searchPath: searchPath(process.env) });
}

function unmonitored(input: ContainerPlanInput): UnmonitoredParts {
  const { config, id, bundle, fifo, consoleSocket, cgroups, cgroupsPath } = input;
  const parent = cgroupsPath.split('/').slice(0, -1).join('/');
  // A cgroup without a parent of its own is made ready as parents are: its cpuset filled.
  const parentOps = cgroups.planParent(parent || cgroupsPath, readIfThere).ops;
  const hooks: Hooks = config.hooks ?? {};
  const annotations = config.annotations ?? {};
  const base = { ociVersion: OCI_VERSION, id, pid: 0, bundle, annotations };
  const creating: OciState = { ...base, status: 'creating' };
  const created: OciState = { ...base, status: 'created' };
  const host = [...hookOps('parent', hooks.prestart, creating), ...hookOps('parent', hooks.createRuntime, creating)];
  const inside = hookOps('child', hooks.createContainer, creating);
  const any = host.length + inside.length > 0;
  const { process } = config;
  return {
    setup: [
      ...parentOps,
      op('setup', 'start', 'openHold', { path: fifo }),
      ...(consoleSocket === undefined ? [] : [op('setup', 'terminal', 'consoleSocket', { path: consoleSocket })]),
    ],
    parent: any ? [op('parent', 'hooks', 'awaitChild', {}), ...host] : [],
    mounted: any ? [op('child', 'hooks', 'notifyParent', {})] : [],
    beforePivot: [
      ...inside,
      ...(process.terminal === true ? [] : [op('child', 'process', 'ownStdio', { uid: process.user.uid })]),
    ],
    afterPivot: [op('child', 'start', 'outlive', {})],
    procFrom: procfsOfShared(config.linux?.namespaces ?? []),
    beforeExec: [
      findProgramOp(process),
      op('child', 'start', 'hold', {}),
      ...hookOps('child', hooks.startContainer, created),
    ],
  };
}

function network(spec: Spec): NetworkBatches {
  const namespace = spec.linux?.namespaces?.find(({ type }) => type === 'network');
  if (namespace === undefined) return { mode: 'host' };
  return namespace.path === undefined ? { mode: 'none', child: loopbackUp() } : { mode: 'join' };
}

function specOf({ config, cgroupsPath }: ContainerPlanInput): Spec {
  const linux = config.linux ?? {};
  return {
    ...config,
    // What this runtime speaks, not what the bundle was written for: so says the state.
    ociVersion: OCI_VERSION,
    linux: {
      ...linux,
      cgroupsPath,
      devices: withDefaultDevices(linux.devices ?? []),
      resources: { ...linux.resources, devices: withDefaultRules(linux.resources?.devices ?? []) },
    },
  };
}

/**
 * Limits that this host cannot enforce, each by name. Throws EngineError for those that are none, and for files of
 * `unified` whose controller is not there: the spec has an error for them, not a warning.
 */
export function limitWarnings(input: ContainerPlanInput): string[] {
  const { resources = {} } = specOf(input).linux ?? {};
  const { unified } = input.cgroups.layout;
  for (const file of Object.keys(resources.unified ?? {})) {
    const controller = file.slice(0, file.indexOf('.'));
    if (controller === 'cgroup' ? unified !== null : unified?.controllers.includes(controller)) continue;
    refuse(
      keyPath(`${CONFIG}linux.resources.unified`, file),
      `this host has no controller ${controller} on cgroup v2`,
      'leave it out, or boot with cgroup v2 alone (cgroup_no_v1=all)',
    );
  }
  return locate(`${CONFIG}linux.resources`, () => input.cgroups.planContainer(input.cgroupsPath, resources).warnings);
}

/** The plan of a process that keeps the session keyring of the caller. */
export function withoutKeyring({ ops }: Plan): Plan {
  return { ops: ops.filter((one) => one.op !== 'keyring') };
}

/** Throws EngineError with the JSON path of what cannot be done. */
export function compileContainer(input: ContainerPlanInput): Plan {
  return locate('config.json', () => compile(input));
}

function compile(input: ContainerPlanInput): Plan {
  const spec = specOf(input);
  const plan = compileStartPlan({
    spec,
    id: input.id,
    stateDir: '',
    logOps: [],
    monitorFlags: 0,
    overlay: { directory: input.rootDirectory },
    cgroups: input.cgroups,
    network: network(spec),
    seccomp: input.seccomp,
    appArmorFile: appArmorExecFile(),
    bundle: input.bundle,
    unmonitored: unmonitored(input),
  });
  return input.noNewKeyring ? withoutKeyring(plan) : plan;
}

/** A parent's file, null where it is not there. */
export function readIfThere(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return null;
    // A file of a cgroup that was removed since it was opened.
    if ((thrown as NodeJS.ErrnoException).code === 'ENODEV') return null;
    throw new EngineError('System', `cannot read ${path}: ${(thrown as Error).message}`, { cause: thrown });
  }
}
