/** A container in the Engine API's words: `GET /containers/{id}/json`. */
import type { JsonObject } from '../api/backend.ts';
import type { IdMapping } from '../oci/runtime-spec.ts';
import { mergeLogConfig } from '../oci/logging.ts';
import { bindRequests } from '../oci/spec/binds.ts';
import type { IdMap } from '../oci/spec/namespaces.ts';
import { DEFAULT_MASKED_PATHS, DEFAULT_READONLY_PATHS } from '../oci/spec/paths.ts';
import { appArmorProfileOf } from './confinement.ts';
import type { Container } from './container.ts';
import type { ContainersContext } from './context.ts';
import { engineFilesDir } from './files.ts';
import { shownLogPath } from './logging/settings.ts';
import type { BridgePort } from './ports.ts';
import { type ContainerRecord, type EndpointRecord, ZERO_TIME } from './record.ts';

export function inspectContainer(context: ContainersContext, container: Container): JsonObject {
  const { record } = container;
  const directory = engineFilesDir(context, record);
  // As dockerd: told from the first start on.
  const started = record.state.startedAt !== ZERO_TIME;
  const file = (name: string) => (started ? `${directory}/${name}` : '');
  return {
    Id: record.id,
    Created: record.created,
    Path: record.argv[0] ?? '',
    Args: record.argv.slice(1),
    State: stateJson(container),
    Image: record.imageId,
    ResolvConfPath: file('resolv.conf'),
    HostnamePath: file('hostname'),
    HostsPath: file('hosts'),
    LogPath: shownLogPath(context, record),
    Name: `/${record.name}`,
    RestartCount: record.restartCount,
    Driver: 'overlay2',
    Platform: 'linux',
    MountLabel: record.labels?.mount ?? '',
    ProcessLabel: record.labels?.process ?? '',
    AppArmorProfile: appArmorProfileOf(record.hostConfig, context.appArmor),
    ExecIDs: execIds(context, record.id),
    HostConfig: hostConfigJson(record),
    GraphDriver: { Name: 'overlay2', Data: { UpperDir: context.snapshots.upperDir(record.id) } },
    Mounts: mountsJson(record),
    Config: configJson(record),
    NetworkSettings: networkSettingsJson(record, context.bridge),
  };
}

function stateJson(container: Container): JsonObject {
  const { state } = container.record;
  return {
    Status: container.removing ? 'removing' : state.status,
    Running: container.alive,
    Paused: container.paused,
    Restarting: container.restarting,
    OOMKilled: state.oomKilled,
    Dead: state.status === 'dead',
    Pid: state.pid,
    ExitCode: state.exitCode,
    Error: state.error,
    StartedAt: state.startedAt,
    FinishedAt: state.finishedAt,
    ...healthJson(container),
  };
}

/** Left out, as in Docker, for a container without a health check. */
function healthJson({ health }: Container): JsonObject {
  if (health === null) return {};
  const { status, failingStreak, log } = health.state;
  return { Health: { Status: status, FailingStreak: failingStreak, Log: log } };
}

function configJson(record: ContainerRecord): JsonObject {
  const { StopSignal, ExposedPorts, ...config } = record.config;
  return {
    ...config,
    // As dockerd: left out when there is none.
    ...(StopSignal ? { StopSignal } : {}),
    ...(isEmpty(ExposedPorts) ? {} : { ExposedPorts }),
    Domainname: config.Domainname ?? '',
    User: config.User ?? '',
    AttachStdin: config.AttachStdin ?? false,
    AttachStdout: config.AttachStdout ?? false,
    AttachStderr: config.AttachStderr ?? false,
    Tty: config.Tty ?? false,
    OpenStdin: config.OpenStdin ?? false,
    StdinOnce: config.StdinOnce ?? false,
    Env: config.Env ?? [],
    Cmd: config.Cmd ?? null,
    Volumes: isEmpty(config.Volumes) ? null : config.Volumes,
    WorkingDir: config.WorkingDir ?? '',
    Entrypoint: config.Entrypoint ?? null,
    OnBuild: config.OnBuild ?? null,
    Labels: config.Labels ?? {},
  };
}

function isEmpty(map: object | null | undefined): boolean {
  return Object.keys(map ?? {}).length === 0;
}

const HOST_CONFIG_DEFAULTS = {
  Binds: null,
  ContainerIDFile: '',
  LogConfig: { Type: 'json-file', Config: {} },
  NetworkMode: 'default',
  PortBindings: {},
  RestartPolicy: { Name: 'no', MaximumRetryCount: 0 },
  AutoRemove: false,
  VolumeDriver: '',
  VolumesFrom: null,
  ConsoleSize: [0, 0],
  CapAdd: null,
  CapDrop: null,
  CgroupnsMode: 'private',
  Dns: [],
  DnsOptions: [],
  DnsSearch: [],
  ExtraHosts: null,
  GroupAdd: null,
  IpcMode: 'private',
  Cgroup: '',
  Links: null,
  OomScoreAdj: 0,
  PidMode: '',
  Privileged: false,
  PublishAllPorts: false,
  ReadonlyRootfs: false,
  SecurityOpt: null,
  UTSMode: '',
  UsernsMode: '',
  ShmSize: 67_108_864,
  Runtime: 'isle',
  Isolation: '',
  CpuShares: 0,
  Memory: 0,
  NanoCpus: 0,
  CgroupParent: '',
  BlkioWeight: 0,
  BlkioWeightDevice: [],
  BlkioDeviceReadBps: [],
  BlkioDeviceWriteBps: [],
  BlkioDeviceReadIOps: [],
  BlkioDeviceWriteIOps: [],
  CpuRealtimePeriod: 0,
  CpuRealtimeRuntime: 0,
  CpuPeriod: 0,
  CpuQuota: 0,
  CpusetCpus: '',
  CpusetMems: '',
  Devices: [],
  DeviceCgroupRules: null,
  DeviceRequests: null,
  MemoryReservation: 0,
  MemorySwap: 0,
  MemorySwappiness: null,
  OomKillDisable: false,
  PidsLimit: null,
  Ulimits: [],
};

/** Defaults stand where nothing was asked, so that a client reads the same fields as from dockerd. */
function hostConfigJson(record: ContainerRecord): JsonObject {
  const asked = Object.entries(record.hostConfig).filter(
    ([, value]) => value !== null && value !== undefined && value !== '',
  );
  const { LogConfig, ...rest } = Object.fromEntries(asked) as ContainerRecord['hostConfig'];
  const ofKernel = record.hostConfig.Privileged
    ? { MaskedPaths: null, ReadonlyPaths: null }
    : { MaskedPaths: DEFAULT_MASKED_PATHS, ReadonlyPaths: DEFAULT_READONLY_PATHS };
  // The docker CLI always sends it, and dockerd keeps none that limits nothing.
  const pids = (rest.PidsLimit ?? 0) <= 0 ? { PidsLimit: null } : {};
  const swap = rest.Memory && !rest.MemorySwap ? { MemorySwap: rest.Memory * 2 } : {};
  return {
    ...HOST_CONFIG_DEFAULTS,
    ...ofKernel,
    ...rest,
    ...swap,
    ...pids,
    ...(record.idMap ? { IDMappings: idMappingsJson(record.idMap) } : {}),
    ShmSize: rest.ShmSize || HOST_CONFIG_DEFAULTS.ShmSize,
    // The command line says -1 for "not asked for".
    MemorySwappiness: rest.MemorySwappiness === -1 ? null : (rest.MemorySwappiness ?? null),
    LogConfig: mergeLogConfig(LogConfig, {}),
  };
}

/** As podman shows it: `inside:outside:size`. */
function idMappingsJson({ uid, gid }: IdMap): JsonObject {
  const text = ({ containerID, hostID, size }: IdMapping) => `${containerID}:${hostID}:${size}`;
  return { UidMap: uid.map(text), GidMap: gid.map(text) };
}

export function mountsJson(record: ContainerRecord): JsonObject[] {
  const binds = bindRequests(record.hostConfig).map(({ source, target, mode, readonly, propagation }) => ({
    Type: 'bind',
    Source: source,
    Destination: target,
    Mode: mode,
    RW: readonly === 'no',
    Propagation: propagation || 'rprivate',
  }));
  // As dockerd: those of --mount are told here, those of --tmpfs in the HostConfig only.
  const tmpfs = (record.hostConfig.Mounts ?? [])
    .filter(({ Type }) => Type === 'tmpfs')
    .map(({ Target, ReadOnly }) => ({
      Type: 'tmpfs',
      Source: '',
      Destination: Target,
      Mode: '',
      RW: ReadOnly !== true,
      Propagation: '',
    }));
  return [...binds, ...tmpfs];
}

export function networkIdOf(record: ContainerRecord, bridge: BridgePort): string {
  const mode = networkModeName(record);
  return mode === 'bridge' ? bridge.id : bridge.fixedId(mode);
}

export function networkModeName(record: ContainerRecord): string {
  const mode = record.hostConfig.NetworkMode || 'default';
  return mode === 'default' ? 'bridge' : mode;
}

export function endpointJson(endpoint: EndpointRecord | null, networkId: string): JsonObject {
  return {
    IPAMConfig: null,
    Links: null,
    Aliases: null,
    MacAddress: endpoint?.macAddress ?? '',
    DriverOpts: null,
    GwPriority: 0,
    NetworkID: networkId,
    EndpointID: endpoint?.endpointId ?? '',
    Gateway: endpoint?.gateway ?? '',
    IPAddress: endpoint?.address ?? '',
    IPPrefixLen: endpoint?.prefixLength ?? 0,
    IPv6Gateway: '',
    GlobalIPv6Address: '',
    GlobalIPv6PrefixLen: 0,
    DNSNames: null,
  };
}

function networkSettingsJson(record: ContainerRecord, bridge: BridgePort): JsonObject {
  const { endpoint } = record;
  const mode = networkModeName(record);
  const joins = mode.startsWith('container:');
  const id = networkIdOf(record, bridge);
  return {
    Bridge: '',
    SandboxID: '',
    SandboxKey: record.state.pid > 0 ? `/proc/${record.state.pid}/ns/net` : '',
    Ports: {},
    HairpinMode: false,
    LinkLocalIPv6Address: '',
    LinkLocalIPv6PrefixLen: 0,
    SecondaryIPAddresses: null,
    SecondaryIPv6Addresses: null,
    EndpointID: endpoint?.endpointId ?? '',
    Gateway: endpoint?.gateway ?? '',
    GlobalIPv6Address: '',
    GlobalIPv6PrefixLen: 0,
    IPAddress: endpoint?.address ?? '',
    IPPrefixLen: endpoint?.prefixLength ?? 0,
    IPv6Gateway: '',
    MacAddress: endpoint?.macAddress ?? '',
    Networks: joins ? {} : { [mode]: endpointJson(endpoint, id) },
  };
}

/** Docker's null for none. */
function execIds({ execs }: ContainersContext, id: string): string[] | null {
  const ids = [...execs.values()].filter(({ container, status }) => container.record.id === id && status !== 'exited');
  return ids.length === 0 ? null : ids.map((session) => session.id);
}
