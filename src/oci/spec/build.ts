/**
 * HostConfig and Config to an OCI spec: what dockerd hands to runc for the same request. Pure; one request gives one
 * spec. Whatever cannot be honoured was refused by `validateCreate` before.
 */
import { resolveCapabilities } from '../../security/capabilities.ts';
import type { ContainerLabels } from '../../security/selinux/index.ts';
import type { ContainerConfig, HostConfig } from '../container-config.ts';
import type { Capabilities, Device, DeviceRule, Linux, Mount, Process, Spec } from '../runtime-spec.ts';
import { parseSecurityOpt } from '../security-opt.ts';
import { timeOffsets } from '../time-offsets.ts';
import { withDefaultDevices } from './devices.ts';
import { containerMounts } from './mounts.ts';
import { type IdMap, type JoinedContainers, lastId, namespaces } from './namespaces.ts';
import { DEFAULT_MASKED_PATHS, DEFAULT_READONLY_PATHS } from './paths.ts';
import { type BlockDeviceLookup, linuxResources, rlimits } from './resources.ts';

export interface SpecInput {
  id: string;
  /** With the image's values already merged in. */
  config: ContainerConfig;
  hostConfig: HostConfig;
  hostname: string;
  user: { uid: number; gid: number; additionalGids: readonly number[]; home: string };
  argv: readonly string[];
  /** Complete, in the form NAME=value. */
  env: readonly string[];
  /** Bind mounts of the engine's files (hosts, hostname, resolv.conf). */
  mounts: readonly Mount[];
  cgroupsPath: string;
  /** The host's bounding set: what is not in it cannot be given, not even to a privileged container. */
  capBounding: bigint;
  /** More paths to mask: the `thermalThrottlePaths` that the host has. */
  maskedHostPaths?: readonly string[];
  /** The device nodes that were asked for, beside the default ones: `--device`, or all of a privileged container. */
  hostDevices?: readonly Device[];
  /** For the limits of single disks. */
  blockDevice?: BlockDeviceLookup;
  /** What may be done with them, behind the default rules. */
  deviceRules?: readonly DeviceRule[];
  /** The link that gets no IPv6 address; left out where there is none, or the host has no IPv6. */
  ipv4Link?: string | undefined;
  /** '' or left out: AppArmor has no say. */
  apparmorProfile?: string;
  joined?: JoinedContainers;
  /** SELinux */
  labels?: ContainerLabels | undefined;
  /** null or left out: no user namespace of its own */
  idMap?: IdMap | null;
}

const OCI_VERSION = '1.2.1';
/**
 * Docker grants these without a capability, in a network namespace of the container's own only. The kernel takes no group
 * that is not mapped.
 */
function networkSysctls(idMap: IdMap | null, ipv4Link: string | undefined): Record<string, string> {
  const last = idMap === null ? 2 ** 31 - 1 : Math.min(lastId(idMap.gid), 2 ** 31 - 1);
  return {
    // As dockerd does since CVE-2024-32473; the loopback keeps ::1.
    ...(ipv4Link === undefined ? {} : { [`net.ipv6.conf.${ipv4Link}.disable_ipv6`]: '1' }),
    'net.ipv4.ip_unprivileged_port_start': '0',
    'net.ipv4.ping_group_range': `0 ${last}`,
  };
}

export function buildSpec(input: SpecInput): Spec {
  const { config, hostConfig } = input;
  const hasUts = hostConfig.UTSMode !== 'host';
  return {
    ociVersion: OCI_VERSION,
    ...(hasUts ? { hostname: input.hostname } : {}),
    ...(hasUts && config.Domainname ? { domainname: config.Domainname } : {}),
    root: { path: 'rootfs', ...(hostConfig.ReadonlyRootfs === true ? { readonly: true } : {}) },
    process: processOf(input),
    mounts: containerMounts(hostConfig, input.mounts, { ipcPid: input.joined?.ipc, idMap: input.idMap ?? null }),
    linux: linuxOf(input),
    ...(hostConfig.Annotations ? { annotations: hostConfig.Annotations } : {}),
  };
}

function processOf({ config, hostConfig, user, argv, env, capBounding, apparmorProfile, labels }: SpecInput): Process {
  const [height = 0, width = 0] = hostConfig.ConsoleSize ?? [];
  const limits = rlimits(hostConfig.Ulimits ?? []);
  return {
    ...(config.Tty === true ? { terminal: true } : {}),
    ...(config.Tty === true && height > 0 && width > 0 ? { consoleSize: { height, width } } : {}),
    user: { uid: user.uid, gid: user.gid, additionalGids: [...user.additionalGids] },
    args: [...argv],
    env: [...env],
    cwd: config.WorkingDir || '/',
    capabilities: capabilities(hostConfig, user.uid, capBounding),
    ...(limits.length > 0 ? { rlimits: limits } : {}),
    ...(parseSecurityOpt(hostConfig.SecurityOpt ?? []).noNewPrivileges ? { noNewPrivileges: true } : {}),
    ...(apparmorProfile ? { apparmorProfile } : {}),
    // As dockerd: a privileged process has none, even where one was asked for.
    ...(labels?.process && hostConfig.Privileged !== true ? { selinuxLabel: labels.process } : {}),
    oomScoreAdj: hostConfig.OomScoreAdj ?? 0,
  };
}

/** Root starts with all of them; anyone else can get them only by executing a set-uid or file-capability program. */
function capabilities(hostConfig: HostConfig, uid: number, bounding: bigint): Capabilities {
  const { names } = resolveCapabilities({
    add: hostConfig.CapAdd ?? [],
    drop: hostConfig.CapDrop ?? [],
    privileged: hostConfig.Privileged === true,
    bounding,
  });
  return uid === 0 ? { bounding: names, effective: names, permitted: names } : { bounding: names };
}

function linuxOf(input: SpecInput): Linux {
  const { hostConfig, joined = {}, idMap = null } = input;
  const privileged = hostConfig.Privileged === true;
  const ownNetwork = hostConfig.NetworkMode !== 'host' && joined.network === undefined;
  const offsets = timeOffsets(hostConfig);
  const resources = linuxResources(hostConfig, input.blockDevice);
  const masked = [...DEFAULT_MASKED_PATHS, ...(input.maskedHostPaths ?? [])];
  return {
    namespaces: [
      ...namespaces(hostConfig, joined, idMap),
      ...(offsets === undefined ? [] : [{ type: 'time' } as const]),
    ],
    ...(offsets === undefined ? {} : { timeOffsets: offsets }),
    ...(idMap === null ? {} : { uidMappings: idMap.uid, gidMappings: idMap.gid }),
    devices: withDefaultDevices(input.hostDevices ?? []),
    cgroupsPath: input.cgroupsPath,
    resources: { ...resources, devices: [...(resources.devices ?? []), ...(input.deviceRules ?? [])] },
    sysctl: { ...(ownNetwork ? networkSysctls(idMap, input.ipv4Link) : {}), ...hostConfig.Sysctls },
    ...(input.labels?.mount ? { mountLabel: input.labels.mount } : {}),
    // An explicit list takes the default's place, also an empty one: that is how `systempaths=unconfined` arrives.
    maskedPaths: hostConfig.MaskedPaths ?? (privileged ? [] : masked),
    readonlyPaths: hostConfig.ReadonlyPaths ?? (privileged ? [] : [...DEFAULT_READONLY_PATHS]),
  };
}
