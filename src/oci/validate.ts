/**
 * `POST /containers/create`, checked before anything is made: dockerd's own checks in dockerd's words, then everything
 * that isle does not do yet, refused by name. Nothing that a client asks for is passed over in silence.
 */
import { existsSync } from 'node:fs';
import { availableParallelism, uptime } from 'node:os';
import { resolveCapabilities } from '../security/capabilities.ts';
import { parseProfile } from '../security/seccomp/index.ts';
import type { CreateRequest, HostConfig } from './container-config.ts';
import { type LogConfig, mergeLogConfig, parseLogConfig } from './logging.ts';
import { parseSecurityOpt } from './security-opt.ts';
import { checkTimeOffsets, type ClockFacts } from './time-offsets.ts';
import { checkDevices } from './validate/devices.ts';
import { applyRules, CONFIG_RULES, HOST_CONFIG_RULES } from './validate/fields.ts';
import { checkKernel } from './validate/kernel.ts';
import {
  checkNameFiles,
  checkNamespaceModes,
  checkNetwork,
  checkRestart,
  checkRuntime,
  checkUserNamespace,
} from './validate/modes.ts';
import { checkProcess } from './validate/process.ts';
import { checkResources } from './validate/resources.ts';

/** What the host can do. Left out: what this process sees (cpus), or not checked before the kernel does. */
export interface CreateFacts {
  capBounding: bigint;
  /** The image's own `Volumes`. */
  imageVolumes?: Record<string, object> | null | undefined;
  cpus?: number | undefined;
  cpusetCpus?: string | undefined;
  cpusetMems?: string | undefined;
  cgroupVersion?: 1 | 2 | undefined;
  swapAccounting?: boolean | undefined;
  ipv4Forwarding?: boolean | undefined;
  /** Left out: those of this machine. */
  clocks?: ClockFacts | undefined;
  /** Does the daemon run with --userns-remap? */
  usernsRemap?: boolean | undefined;
  /** Of the daemon. Left out: `json-file`. */
  logDefaults?: LogConfig | undefined;
  /** Is there an OCI runtime of this name, isle's own among them? Left out: no other. */
  isRuntime?: ((name: string) => boolean) | undefined;
}

/** Throws InvalidParameter or NotImplemented; the warnings are for the client, in the order of finding. */
export function validateCreate(request: CreateRequest, facts: CreateFacts): { warnings: string[] } {
  const { HostConfig, NetworkingConfig: _networking, ...config } = request;
  const hostConfig = HostConfig ?? {};
  const isHostNetwork = hostConfig.NetworkMode === 'host';
  const warnings = [
    ...applyRules(CONFIG_RULES, config, 'Config'),
    ...applyRules(
      HOST_CONFIG_RULES,
      hostConfig,
      'HostConfig',
      isHostNetwork ? ['PortBindings', 'PublishAllPorts'] : [],
    ),
    ...checkResources(hostConfig, {
      get cpus() {
        return facts.cpus ?? availableParallelism();
      },
      cpusetCpus: facts.cpusetCpus,
      cpusetMems: facts.cpusetMems,
      cgroupVersion: facts.cgroupVersion ?? 1,
      swapAccounting: facts.swapAccounting ?? true,
    }),
    ...checkNetwork(request, hostConfig),
    ...imageVolumeWarnings(Object.keys(facts.imageVolumes ?? {}), hostConfig),
  ];
  checkProcess(request);
  checkNamespaceModes(request, hostConfig);
  checkUserNamespace(hostConfig, facts.usernsRemap === true);
  checkRestart(hostConfig);
  parseLogConfig(mergeLogConfig(hostConfig.LogConfig, facts.logDefaults ?? {}));
  checkRuntime(hostConfig, facts.isRuntime ?? ((name) => name === 'isle'));
  checkNameFiles(hostConfig);
  checkDevices(hostConfig);
  checkKernel(hostConfig);
  checkTimeOffsets(hostConfig, facts.clocks ?? hostClocks);
  checkSecurityOpt(hostConfig);
  warnings.push(...capabilityWarnings(hostConfig, facts.capBounding));
  if (facts.ipv4Forwarding === false && !isHostNetwork && hostConfig.NetworkMode !== 'none') {
    warnings.push('IPv4 forwarding is disabled. Networking will not work.');
  }
  return { warnings };
}

/** Looked up when a rule asks for them, which is seldom: each costs a read of /proc. */
const hostClocks: ClockFacts = {
  get uptimeSeconds() {
    return uptime();
  },
  get hasTimeNamespaces() {
    return existsSync('/proc/self/ns/time');
  },
};

/** A profile that the client sends along is read now, not at the start. */
function checkSecurityOpt(hostConfig: HostConfig): void {
  const { seccomp } = parseSecurityOpt(hostConfig.SecurityOpt ?? []);
  if (seccomp !== 'default' && seccomp !== 'unconfined') parseProfile(seccomp);
}

function capabilityWarnings(hostConfig: HostConfig, bounding: bigint): string[] {
  const { warnings } = resolveCapabilities({
    add: hostConfig.CapAdd ?? [],
    drop: hostConfig.CapDrop ?? [],
    privileged: hostConfig.Privileged === true,
    bounding,
  });
  return warnings;
}

function imageVolumeWarnings(paths: readonly string[], { Tmpfs, Mounts, Binds }: HostConfig): string[] {
  const covered = new Set([
    ...Object.keys(Tmpfs ?? {}),
    ...(Mounts ?? []).map((request) => request?.Target),
    ...(Binds ?? []).map((bind) => bind.split(':')[1]),
  ]);
  return paths
    .filter((path) => !covered.has(path))
    .map(
      (path) =>
        `The image declares a volume at ${path}: isle has no volumes yet, so what is written there stays in the container and is removed with it.`,
    );
}
