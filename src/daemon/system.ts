/** What the engine says of itself and its host: version and info. */
import { readFileSync } from 'node:fs';
import { arch, cpus, hostname, release, totalmem } from 'node:os';
import type { JsonObject } from '../api/backend.ts';
import { API_VERSION, MIN_API_VERSION } from '../api/versions.ts';
import { LOG_DRIVERS } from '../oci/logging.ts';
import { textIfThere } from '../platform/read-file.ts';
import type { LandlockPort } from '../containers/ports.ts';
import { LANDLOCK_ABI_NEEDED } from '../security/landlock.ts';
import type { AppArmor } from './apparmor.ts';
import type { DaemonConfig } from './config.ts';

export const ENGINE_VERSION = '0.1.0';

const MACHINE: Record<string, string> = { x64: 'x86_64', arm64: 'aarch64' };
const GO_ARCH: Record<string, string> = { x64: 'amd64' };

export function versionJson(): JsonObject {
  const GoArch = GO_ARCH[arch()] ?? arch();
  return {
    Platform: { Name: 'isle' },
    Components: [
      {
        Name: 'Engine',
        Version: ENGINE_VERSION,
        Details: {
          ApiVersion: API_VERSION,
          Arch: GoArch,
          KernelVersion: release(),
          MinAPIVersion: MIN_API_VERSION,
          Os: 'linux',
          Experimental: 'false',
        },
      },
      { Name: 'islet', Version: ENGINE_VERSION, Details: {} },
      { Name: 'node', Version: process.versions.node, Details: {} },
    ],
    Version: ENGINE_VERSION,
    ApiVersion: API_VERSION,
    MinAPIVersion: MIN_API_VERSION,
    GitCommit: '',
    GoVersion: '',
    Os: 'linux',
    Arch: GoArch,
    KernelVersion: release(),
    Experimental: false,
    BuildTime: '',
  };
}

export interface Counts {
  running: number;
  paused: number;
  stopped: number;
  images: number;
}

interface EngineFacts {
  config: DaemonConfig;
  engineId: string;
  counts: Counts;
  cgroupVersion: 1 | 2;
  appArmor: AppArmor;
  /** Do containers get labels? */
  hasSelinux: boolean;
  landlock: LandlockPort;
}

/** Of programs that are not part of isle; dockerd's word for one that it cannot ask. */
const NO_COMMIT = { ID: 'N/A' };

/** As dockerd lists them; AppArmor and Landlock only where containers get them that ask for nothing. */
function securityOptions({ config, appArmor, hasSelinux, landlock }: EngineFacts): string[] {
  const isConfined = appArmor.hasDefault || hasSelinux;
  const isFenced = landlock.byDefault && landlock.abi >= LANDLOCK_ABI_NEEDED && !isConfined;
  return [
    ...(appArmor.hasDefault ? ['name=apparmor'] : []),
    'name=seccomp,profile=builtin',
    ...(hasSelinux ? ['name=selinux'] : []),
    'name=cgroupns',
    ...(isFenced ? ['name=landlock'] : []),
    ...(config.usernsRemap === undefined ? [] : ['name=userns']),
  ];
}

export function infoJson(facts: EngineFacts): JsonObject {
  const { config, engineId, counts, cgroupVersion, appArmor } = facts;
  return {
    ID: engineId,
    Containers: counts.running + counts.paused + counts.stopped,
    ContainersRunning: counts.running,
    ContainersPaused: counts.paused,
    ContainersStopped: counts.stopped,
    Images: counts.images,
    Driver: 'overlay2',
    DriverStatus: [['Backing directory', `${config.dataRoot}/snapshots`]],
    Plugins: { Volume: [], Network: ['bridge', 'host', 'null'], Authorization: null, Log: [...LOG_DRIVERS] },
    MemoryLimit: true,
    SwapLimit: true,
    CpuCfsPeriod: true,
    CpuCfsQuota: true,
    CPUShares: true,
    CPUSet: true,
    PidsLimit: true,
    IPv4Forwarding: readFileSync('/proc/sys/net/ipv4/ip_forward', 'utf8').trim() === '1',
    Debug: config.logLevel === 'debug',
    NFd: -1,
    OomKillDisable: cgroupVersion === 1,
    NGoroutines: -1,
    SystemTime: new Date().toISOString(),
    LoggingDriver: config.logDefaults.Type,
    CgroupDriver: 'cgroupfs',
    CgroupVersion: String(cgroupVersion),
    NEventsListener: 0,
    KernelVersion: release(),
    OperatingSystem: osName(),
    OSVersion: '',
    OSType: 'linux',
    Architecture: MACHINE[arch()] ?? arch(),
    IndexServerAddress: 'https://index.docker.io/v1/',
    RegistryConfig: { IndexConfigs: {}, InsecureRegistryCIDRs: ['::1/128', '127.0.0.0/8'], Mirrors: null },
    NCPU: cpus().length,
    MemTotal: totalmem(),
    GenericResources: null,
    DockerRootDir: config.dataRoot,
    HttpProxy: '',
    HttpsProxy: '',
    NoProxy: '',
    Name: hostname(),
    Labels: [],
    ExperimentalBuild: false,
    ServerVersion: ENGINE_VERSION,
    Swarm: {
      NodeID: '',
      NodeAddr: '',
      LocalNodeState: 'inactive',
      ControlAvailable: false,
      Error: '',
      RemoteManagers: null,
    },
    LiveRestoreEnabled: true,
    Isolation: '',
    InitBinary: '',
    ContainerdCommit: NO_COMMIT,
    RuncCommit: NO_COMMIT,
    InitCommit: NO_COMMIT,
    SecurityOptions: securityOptions(facts),
    FirewallBackend: { Driver: 'nftables' },
    CDISpecDirs: [],
    Warnings: appArmor.problem === null ? null : [`WARNING: ${appArmor.problem}`],
  };
}

function osName(): string {
  // os-release(5) is optional.
  return /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(textIfThere('/etc/os-release') ?? '')?.[1] ?? 'Linux';
}
