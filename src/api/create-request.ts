/** The shape of `POST /containers/create`, field by field as in the Engine API (ContainerConfig, HostConfig, NetworkingConfig). */
import type {
  ContainerConfig,
  CreateRequest,
  DeviceMapping,
  EndpointConfig,
  HealthConfig,
  HostConfig,
  MountRequest,
  NetworkingConfig,
  PortBinding,
  RestartPolicy,
  ThrottleDevice,
  Ulimit,
} from '../oci/container-config.ts';
import {
  anyObject,
  boolean,
  type Check,
  type Fields,
  int64,
  list,
  map,
  nullable,
  object,
  oneOf,
  setOfKeys,
  string,
  stringOrStrings,
  uint16,
  uint32,
  uint64,
  zeroed,
} from './schema.ts';

const health = object<HealthConfig>({
  Test: list(string),
  Interval: int64,
  Timeout: int64,
  Retries: int64,
  StartPeriod: int64,
  StartInterval: int64,
});

const throttles = list(
  zeroed<ThrottleDevice>({ Path: '', Rate: 0 }, object<ThrottleDevice>({ Path: string, Rate: uint64 })),
);

const mountRequest = object<MountRequest>({
  Type: string,
  Source: string,
  Target: string,
  ReadOnly: boolean,
  Consistency: string,
  BindOptions: anyObject,
  VolumeOptions: anyObject,
  ImageOptions: anyObject,
  TmpfsOptions: object<NonNullable<MountRequest['TmpfsOptions']>>({
    SizeBytes: int64,
    Mode: uint32,
    Options: list(list(string)),
  }),
});

const mount = zeroed<MountRequest>({ Type: '', Target: '' }, mountRequest);

type WeightDevice = { Path: string; Weight: number };

const portBinding: Check<PortBinding> = object<PortBinding>({ HostIp: string, HostPort: string });

const resources = {
  CpuShares: int64,
  Memory: int64,
  CgroupParent: string,
  BlkioWeight: uint16,
  BlkioWeightDevice: list(
    zeroed<WeightDevice>({ Path: '', Weight: 0 }, object<WeightDevice>({ Path: string, Weight: uint16 })),
  ),
  BlkioDeviceReadBps: throttles,
  BlkioDeviceWriteBps: throttles,
  BlkioDeviceReadIOps: throttles,
  BlkioDeviceWriteIOps: throttles,
  CpuPeriod: int64,
  CpuQuota: int64,
  CpuRealtimePeriod: int64,
  CpuRealtimeRuntime: int64,
  CpusetCpus: string,
  CpusetMems: string,
  Devices: list(
    zeroed<DeviceMapping>(
      { PathOnHost: '' },
      object<DeviceMapping>({ PathOnHost: string, PathInContainer: string, CgroupPermissions: string }),
    ),
  ),
  DeviceCgroupRules: list(string),
  DeviceRequests: list(anyObject),
  KernelMemory: int64,
  KernelMemoryTCP: int64,
  MemoryReservation: int64,
  MemorySwap: int64,
  MemorySwappiness: int64,
  NanoCpus: int64,
  OomKillDisable: boolean,
  Init: boolean,
  PidsLimit: int64,
  Ulimits: list(
    zeroed<Ulimit>({ Name: '', Soft: 0, Hard: 0 }, object<Ulimit>({ Name: string, Soft: int64, Hard: int64 })),
  ),
  CpuCount: int64,
  CpuPercent: int64,
  IOMaximumIOps: uint64,
  IOMaximumBandwidth: uint64,
};

const hostConfig: Fields<HostConfig> = {
  ...resources,
  Binds: list(string),
  ContainerIDFile: string,
  LogConfig: object<NonNullable<HostConfig['LogConfig']>>({ Type: string, Config: map(string) }),
  NetworkMode: string,
  PortBindings: map(nullable(list(portBinding))),
  RestartPolicy: object<RestartPolicy>({
    Name: oneOf('', 'no', 'always', 'unless-stopped', 'on-failure'),
    MaximumRetryCount: int64,
  }),
  AutoRemove: boolean,
  VolumeDriver: string,
  VolumesFrom: list(string),
  Mounts: list(mount),
  ConsoleSize: list(uint32),
  Annotations: map(string),
  CapAdd: stringOrStrings,
  CapDrop: stringOrStrings,
  CgroupnsMode: string,
  Dns: list(string),
  DnsOptions: list(string),
  DnsSearch: list(string),
  ExtraHosts: list(string),
  GroupAdd: list(string),
  IpcMode: string,
  Cgroup: string,
  Links: list(string),
  OomScoreAdj: int64,
  PidMode: string,
  Privileged: boolean,
  PublishAllPorts: boolean,
  ReadonlyRootfs: boolean,
  SecurityOpt: list(string),
  StorageOpt: map(string),
  Tmpfs: map(string),
  UTSMode: string,
  UsernsMode: string,
  ShmSize: int64,
  Sysctls: map(string),
  Runtime: string,
  Isolation: string,
  MaskedPaths: list(string),
  ReadonlyPaths: list(string),
};

/** Fields of an endpoint that the engine fills in; a client that sends them repeats what it once read. */
const ENDPOINT_STATE = [
  'EndpointID',
  'Gateway',
  'IPAddress',
  'IPPrefixLen',
  'IPv6Gateway',
  'GlobalIPv6Address',
  'GlobalIPv6PrefixLen',
  'DNSNames',
];

const endpoint = object<EndpointConfig>(
  {
    IPAMConfig: object<NonNullable<EndpointConfig['IPAMConfig']>>({
      IPv4Address: string,
      IPv6Address: string,
      LinkLocalIPs: list(string),
    }),
    Links: list(string),
    Aliases: list(string),
    MacAddress: string,
    DriverOpts: map(string),
    GwPriority: int64,
    NetworkID: string,
  },
  ENDPOINT_STATE,
);

const containerConfig: Fields<ContainerConfig> = {
  Hostname: string,
  Domainname: string,
  User: string,
  AttachStdin: boolean,
  AttachStdout: boolean,
  AttachStderr: boolean,
  ExposedPorts: setOfKeys,
  Tty: boolean,
  OpenStdin: boolean,
  StdinOnce: boolean,
  Env: list(string),
  Cmd: stringOrStrings,
  Healthcheck: health,
  ArgsEscaped: boolean,
  Image: string,
  Volumes: setOfKeys,
  WorkingDir: string,
  Entrypoint: stringOrStrings,
  NetworkDisabled: boolean,
  MacAddress: string,
  OnBuild: list(string),
  Labels: map(string),
  StopSignal: string,
  StopTimeout: int64,
  Shell: stringOrStrings,
};

/** `POST /containers/{name}/update`: a HostConfig of which most fields cannot change; which ones is decided by the engine. */
export const updateRequest: Check<HostConfig> = object<HostConfig>(hostConfig);

/** dockerode repeats the query's parameters in the body. */
const QUERY_FIELDS = ['name', 'platform'];

export const createRequest: Check<CreateRequest> = object<CreateRequest>(
  {
    ...containerConfig,
    HostConfig: object<HostConfig>(hostConfig),
    NetworkingConfig: object<NetworkingConfig>({ EndpointsConfig: map(nullable(endpoint)) }),
  },
  QUERY_FIELDS,
);
