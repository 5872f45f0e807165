/** From a record to the plan of its start. It changes nothing, so explain calls it again for a running container. */
import { existsSync } from 'node:fs';
import { cpus } from 'node:os';
import { posix } from 'node:path';
import type { HostConfig } from '../oci/container-config.ts';
import type { Mount, Spec } from '../oci/runtime-spec.ts';
import { parseSecurityOpt } from '../oci/security-opt.ts';
import { buildSpec } from '../oci/spec/build.ts';
import { thermalThrottlePaths } from '../oci/spec/paths.ts';
import { blockDeviceNumber } from '../platform/device-number.ts';
import { kernelVersion } from '../platform/kernel-version.ts';
import { compileStartPlan, type NetworkBatches } from '../runtime/plan/compile.ts';
import { MONITOR_FLAGS, type Plan } from '../runtime/plan/table.ts';
import { compileDelegatedStart, type DelegatedStart } from '../runtime/plan/delegate.ts';
import {
  compileSeccomp,
  DEFAULT_PROFILE,
  ociSeccomp,
  parseProfile,
  type SeccompContext,
  type SeccompProfile,
  type SeccompProgram,
} from '../security/seccomp/index.ts';
import { type LandlockAbsence, type LandlockMode, landlockRuleset } from '../security/landlock.ts';
import { bindMounts } from './binds.ts';
import { appArmorProfileOf, landlockOf } from './confinement.ts';
import type { Container } from './container.ts';
import { type ContainersContext, cgroupPath, containerDir, stateDir } from './context.ts';
import { givenDevices } from './devices.ts';
import { engineFiles } from './files.ts';
import { joinedContainers } from './joins.ts';
import { logOps } from './logging/settings.ts';
import type { ContainerRecord, EndpointRecord, UserRecord } from './record.ts';
import { runtimeOf } from './runtimes/delegation.ts';
import { engineFileLabel } from './selinux.ts';

const UNCONNECTED: EndpointRecord = {
  networkId: '',
  endpointId: '',
  address: '0.0.0.0',
  prefixLength: 0,
  gateway: '0.0.0.0',
  macAddress: '00:00:00:00:00:00',
  hostLink: 'veth',
};

const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Which kind of network a container was asked for. */
export function networkMode({ config, hostConfig }: ContainerRecord): NetworkBatches['mode'] {
  if (config.NetworkDisabled === true || hostConfig.NetworkMode === 'none') return 'none';
  if (hostConfig.NetworkMode?.startsWith('container:') === true) return 'join';
  return hostConfig.NetworkMode === 'host' ? 'host' : 'bridge';
}

function networkBatches(context: ContainersContext, record: ContainerRecord): NetworkBatches {
  const mode = networkMode(record);
  if (mode === 'host' || mode === 'join') return { mode };
  if (mode === 'none') return { mode, child: context.bridge.loopbackOnly() };
  // A container that does not run has no address: its plan is shown with one that nobody has.
  return { mode, ...context.bridge.batches(record.endpoint ?? UNCONNECTED) };
}

/**
 * What the record asks for, as an OCI spec. The audit calls it at create, when nothing of the container exists and no
 * other one need run.
 */
export function specOf(context: ContainersContext, record: ContainerRecord): Spec {
  const { config, hostConfig, id } = record;
  const user = record.user ?? { uid: 0, gid: 0, additionalGids: [], home: '/' };
  const devices = givenDevices(hostConfig);
  return buildSpec({
    id,
    config,
    hostConfig,
    hostname: config.Hostname ?? '',
    user,
    argv: record.argv,
    env: environment(record, user),
    mounts: givenMounts(context, record, user),
    hostDevices: devices.nodes,
    deviceRules: devices.rules,
    cgroupsPath: cgroupPath(context, record),
    capBounding: context.capBounding,
    maskedHostPaths: throttlePaths,
    blockDevice: blockDeviceNumber,
    ipv4Link: hasIpv6 && networkMode(record) === 'bridge' ? 'eth0' : undefined,
    apparmorProfile: appArmorProfileOf(hostConfig, context.appArmor),
    joined: joinedContainers(context, record),
    idMap: record.idMap ?? null,
    labels: record.labels,
  });
}

export interface Start {
  spec: Spec;
  plan: Plan;
  /** As isle compiles it. */
  seccomp: SeccompProgram | null;
  /** The Landlock domain, or why there is none. */
  landlock: LandlockMode | { absent: LandlockAbsence };
  /** What another runtime needs beside the plan; null: the plan is all. */
  delegated: DelegatedStart | null;
}

export function buildStart(context: ContainersContext, container: Container, waitAttach: boolean): Start {
  const { record } = container;
  const { hostConfig, id } = record;
  const spec = specOf(context, record);
  const landlock = landlockOf(context, hostConfig, spec.process ?? {});
  const runtime = runtimeOf(context, record);
  const caps = spec.process?.capabilities?.bounding ?? [];
  const seccomp = seccompFor(caps, hostConfig);
  const common = {
    spec,
    id,
    stateDir: stateDir(context, id),
    logOps: logOps(context, record, container.syslogHost),
    monitorFlags: monitorFlags(record, waitAttach),
    overlay: context.snapshots.container(id),
    cgroups: context.cgroups,
    network: networkBatches(context, record),
    ...(container.consoleSize === null ? {} : { consoleSize: container.consoleSize }),
  };
  const init = hostConfig.Init === true;
  if (runtime === null) {
    const plan = compileStartPlan({
      ...common,
      appArmorFile: context.appArmor.execFile,
      landlock: typeof landlock === 'string' ? landlockRuleset(landlock) : undefined,
      init,
      bundle: containerDir(context, id),
      seccomp,
    });
    return { spec, seccomp, landlock, plan, delegated: null };
  }
  const profile = profileFor(hostConfig);
  const delegated = compileDelegatedStart({
    ...common,
    runtime,
    seccomp: profile === null ? null : ociSeccomp(profile, seccompContext(caps)),
    initProgram: init ? context.islet : null,
  });
  return { spec, seccomp, landlock, plan: delegated.plan, delegated };
}

/** A file of the user takes the place of the engine's. */
function givenMounts(context: ContainersContext, record: ContainerRecord, user: UserRecord): Mount[] {
  const binds = bindMounts(context, record, user);
  const taken = new Set(binds.map(({ destination }) => destination));
  const files = engineFiles(context, record).filter(({ target }) => !taken.has(target));
  const label = engineFileLabel(record);
  return [...files.map(({ source, target }) => ({ ...engineFileMount(source, target), ...label })), ...binds];
}

function engineFileMount(source: string, destination: string): Mount {
  return { type: 'bind', source, destination, options: ['rbind', 'rprivate', 'create=file'] };
}

function monitorFlags(record: ContainerRecord, waitAttach: boolean): number {
  const { Tty, OpenStdin, StdinOnce } = record.config;
  return (
    (Tty === true ? MONITOR_FLAGS.tty : 0) |
    (OpenStdin === true ? MONITOR_FLAGS.openStdin : 0) |
    (StdinOnce === true ? MONITOR_FLAGS.stdinOnce : 0) |
    (waitAttach ? MONITOR_FLAGS.waitAttach : 0)
  );
}

/** Docker's environment: PATH, HOSTNAME and TERM first, what the user or image set over them, HOME from passwd last. */
export function environment(record: ContainerRecord, user: UserRecord): string[] {
  const merged = new Map<string, string>([['PATH', DEFAULT_PATH]]);
  if (record.config.Hostname) merged.set('HOSTNAME', record.config.Hostname);
  if (record.config.Tty === true) merged.set('TERM', 'xterm');
  for (const entry of record.config.Env ?? []) {
    const split = entry.indexOf('=');
    // `-e NAME` without a value removes the variable.
    if (split < 0) merged.delete(entry);
    else merged.set(entry.slice(0, split), entry.slice(split + 1));
  }
  if (!merged.has('HOME')) merged.set('HOME', user.home === '' ? '/' : posix.normalize(user.home));
  return [...merged].map(([name, value]) => `${name}=${value}`);
}

/** What the host's processors have of them, looked up once. */
const throttlePaths = thermalThrottlePaths(cpus().length).filter((path) => existsSync(path));

/** Not where it was left out of the kernel, or turned off on its command line. */
const hasIpv6 = existsSync('/proc/sys/net/ipv6');

function profileFor({ SecurityOpt, Privileged }: HostConfig): SeccompProfile | null {
  const { seccomp } = parseSecurityOpt(SecurityOpt ?? []);
  // A privileged container has no filter unless it brings its own, as in Docker.
  if (seccomp === 'unconfined' || (Privileged === true && seccomp === 'default')) return null;
  return seccomp === 'default' ? DEFAULT_PROFILE : parseProfile(seccomp);
}

function seccompContext(caps: readonly string[]): SeccompContext {
  return { caps: [...caps], arch: 'x86_64', kernel: kernelVersion() };
}

/** null: no filter. The compiler keeps what it made of the default policy for each set of capabilities. */
export function seccompFor(caps: readonly string[], hostConfig: HostConfig): SeccompProgram | null {
  const profile = profileFor(hostConfig);
  return profile === null ? null : compileSeccomp(profile, seccompContext(caps));
}
