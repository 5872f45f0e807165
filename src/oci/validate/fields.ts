/**
 * One decision for every field that a client may send: honoured, refused by name, or warned about. The tables are
 * complete by type, so a field added to the request types does not compile until it is decided here.
 */
import { EngineError } from '../../errors.ts';
import type { ContainerConfig, EndpointConfig, HostConfig } from '../container-config.ts';

type Shape = 'int' | 'bool' | 'string' | 'strings' | 'list' | 'map' | 'object';

interface Rule {
  shape: Shape;
  /** Present: asking for this is refused, with this way out. */
  refuse?: string;
  /** Present: asking for this gives this warning. */
  warn?: string;
}

const honoured = (shape: Shape): Rule => ({ shape });
const refused = (shape: Shape, wayOut: string): Rule => ({ shape, refuse: wayOut });
const warned = (shape: Shape, warning: string): Rule => ({ shape, warn: warning });

const NO_VOLUMES = 'copy the data into the image; isle has no volumes yet';
const NO_PORTS = 'reach the container at its own address from this host; isle publishes no ports yet';
const WINDOWS = 'it exists on Windows only and was ignored';
const NO_KMEM = 'kernels since 5.4 ignore limits of kernel memory, so it has no effect; use the memory limit';

export const HOST_CONFIG_RULES: Record<keyof HostConfig, Rule> = {
  CpuShares: honoured('int'),
  Memory: honoured('int'),
  CgroupParent: honoured('string'),
  BlkioWeight: honoured('int'),
  BlkioWeightDevice: honoured('list'),
  BlkioDeviceReadBps: honoured('list'),
  BlkioDeviceWriteBps: honoured('list'),
  BlkioDeviceReadIOps: honoured('list'),
  BlkioDeviceWriteIOps: honoured('list'),
  CpuPeriod: honoured('int'),
  CpuQuota: honoured('int'),
  CpuRealtimePeriod: honoured('int'),
  CpuRealtimeRuntime: honoured('int'),
  CpusetCpus: honoured('string'),
  CpusetMems: honoured('string'),
  Devices: honoured('list'),
  DeviceCgroupRules: honoured('strings'),
  DeviceRequests: refused('list', 'name the device nodes with --device; isle has no device drivers'),
  KernelMemory: warned('int', NO_KMEM),
  KernelMemoryTCP: warned('int', NO_KMEM),
  MemoryReservation: honoured('int'),
  MemorySwap: honoured('int'),
  MemorySwappiness: honoured('int'),
  NanoCpus: honoured('int'),
  OomKillDisable: honoured('bool'),
  Init: honoured('bool'),
  PidsLimit: honoured('int'),
  Ulimits: honoured('list'),
  CpuCount: warned('int', WINDOWS),
  CpuPercent: warned('int', WINDOWS),
  IOMaximumIOps: honoured('int'),
  IOMaximumBandwidth: honoured('int'),
  Binds: honoured('strings'),
  ContainerIDFile: honoured('string'),
  LogConfig: honoured('object'),
  NetworkMode: honoured('string'),
  PortBindings: refused('object', NO_PORTS),
  RestartPolicy: honoured('object'),
  AutoRemove: honoured('bool'),
  VolumeDriver: refused('string', NO_VOLUMES),
  VolumesFrom: refused('strings', NO_VOLUMES),
  Mounts: honoured('list'),
  ConsoleSize: honoured('list'),
  Annotations: honoured('map'),
  CapAdd: honoured('strings'),
  CapDrop: honoured('strings'),
  CgroupnsMode: honoured('string'),
  Dns: honoured('strings'),
  DnsOptions: honoured('strings'),
  DnsSearch: honoured('strings'),
  ExtraHosts: honoured('strings'),
  GroupAdd: honoured('strings'),
  IpcMode: honoured('string'),
  Cgroup: refused('string', 'leave it out; every container has a cgroup of its own'),
  Links: refused('strings', 'use the address that `inspect` shows; isle has no links yet'),
  OomScoreAdj: honoured('int'),
  PidMode: honoured('string'),
  Privileged: honoured('bool'),
  PublishAllPorts: refused('bool', NO_PORTS),
  ReadonlyRootfs: honoured('bool'),
  SecurityOpt: honoured('strings'),
  StorageOpt: refused('map', 'leave it out; isle sets no size for a writable layer yet'),
  Tmpfs: honoured('map'),
  UTSMode: honoured('string'),
  UsernsMode: honoured('string'),
  ShmSize: honoured('int'),
  Sysctls: honoured('map'),
  Runtime: honoured('string'),
  Isolation: honoured('string'),
  MaskedPaths: honoured('strings'),
  ReadonlyPaths: honoured('strings'),
};

export const CONFIG_RULES: Record<keyof ContainerConfig, Rule> = {
  Hostname: honoured('string'),
  Domainname: honoured('string'),
  User: honoured('string'),
  AttachStdin: honoured('bool'),
  AttachStdout: honoured('bool'),
  AttachStderr: honoured('bool'),
  ExposedPorts: honoured('object'),
  Tty: honoured('bool'),
  OpenStdin: honoured('bool'),
  StdinOnce: honoured('bool'),
  Env: honoured('strings'),
  Cmd: honoured('strings'),
  Healthcheck: honoured('object'),
  ArgsEscaped: honoured('bool'),
  Image: honoured('string'),
  Volumes: refused('object', NO_VOLUMES),
  WorkingDir: honoured('string'),
  Entrypoint: honoured('strings'),
  NetworkDisabled: honoured('bool'),
  MacAddress: refused('string', 'leave it out; isle derives the MAC address from the IP address'),
  OnBuild: honoured('strings'),
  Labels: honoured('map'),
  StopSignal: honoured('string'),
  StopTimeout: honoured('int'),
  Shell: honoured('strings'),
};

const ONLY_DEFAULT_NETWORK = 'leave it out; isle has the default networks bridge, host and none only';

export const ENDPOINT_RULES: Record<keyof EndpointConfig, Rule> = {
  IPAMConfig: honoured('object'),
  Links: refused('strings', 'use the address that `inspect` shows; isle has no links yet'),
  Aliases: honoured('strings'),
  MacAddress: refused('string', 'leave it out; isle derives the MAC address from the IP address'),
  DriverOpts: refused('map', ONLY_DEFAULT_NETWORK),
  GwPriority: refused('int', ONLY_DEFAULT_NETWORK),
  NetworkID: refused('string', ONLY_DEFAULT_NETWORK),
};

/** Go clients send these for "not asked". */
export function isUnset(value: unknown): boolean {
  if (value === undefined || value === null || value === '' || value === 0 || value === false) return true;
  return typeof value === 'object' && Object.keys(value).length === 0;
}

const isObject = (value: unknown) => typeof value === 'object' && value !== null && !Array.isArray(value);
const isStrings = (value: unknown[]) => value.every((entry) => typeof entry === 'string');

const SHAPES: Record<Shape, { words: string; matches(value: unknown): boolean }> = {
  int: { words: 'an integer', matches: Number.isSafeInteger },
  bool: { words: 'true or false', matches: (value) => typeof value === 'boolean' },
  string: { words: 'a string', matches: (value) => typeof value === 'string' },
  strings: { words: 'a list of strings', matches: (value) => Array.isArray(value) && isStrings(value) },
  list: { words: 'a list', matches: Array.isArray },
  map: {
    words: 'an object of strings',
    matches: (value) => isObject(value) && isStrings(Object.values(value as object)),
  },
  object: { words: 'an object', matches: isObject },
};

/**
 * Applies a table to what the client sent: shapes first, then the rules. `where` names the object in messages
 * ('HostConfig'), `passOver` fields that are looked at elsewhere. Throws InvalidParameter or NotImplemented.
 */
export function applyRules(
  rules: Record<string, Rule>,
  sent: object,
  where: string,
  passOver: readonly string[] = [],
): string[] {
  const warnings: string[] = [];
  for (const [name, value] of Object.entries(sent)) {
    if (value === null || value === undefined || passOver.includes(name)) continue;
    const field = `${where}.${name}`;
    const rule = Object.hasOwn(rules, name) ? rules[name] : undefined;
    if (rule === undefined) {
      if (!isUnset(value)) warnings.push(`${field} is not a field that isle knows: it was ignored.`);
      continue;
    }
    const shape = SHAPES[rule.shape];
    if (!shape.matches(value)) throw new EngineError('InvalidParameter', `invalid ${field}: must be ${shape.words}`);
    if (isUnset(value)) continue;
    if (rule.refuse !== undefined) {
      throw new EngineError('NotImplemented', `${field} is not supported by isle yet`, { hint: rule.refuse });
    }
    if (rule.warn !== undefined) warnings.push(`${field}: ${rule.warn}.`);
  }
  return warnings;
}
