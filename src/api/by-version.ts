/**
 * What differs between API versions. The engine speaks the newest one, with what older clients still read; here each
 * client gets the answer of its version, and its request the meaning that it had. Source: the Engine API's version
 * history; minor numbers as in versions.ts.
 */
import { EngineError } from '../errors.ts';
import type { CreateRequest, HostConfig } from '../oci/container-config.ts';
import type { JsonObject } from './backend.ts';

function objectOf(value: unknown): JsonObject {
  return typeof value === 'object' && value !== null ? (value as JsonObject) : {};
}

function without(object: JsonObject, names: readonly string[]): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([name]) => !names.includes(name)));
}

const isEmpty = (value: unknown): boolean =>
  value === undefined || value === '' || (typeof value === 'object' && Object.keys(value ?? {}).length === 0);

function withoutEmpty(object: JsonObject, names: readonly string[]): JsonObject {
  return without(
    object,
    names.filter((name) => isEmpty(object[name])),
  );
}

/** Of the default network, from before a container could have several. */
const DEFAULT_NETWORK_FIELDS = [
  'Bridge',
  'HairpinMode',
  'LinkLocalIPv6Address',
  'LinkLocalIPv6PrefixLen',
  'SecondaryIPAddresses',
  'SecondaryIPv6Addresses',
  'EndpointID',
  'Gateway',
  'GlobalIPv6Address',
  'GlobalIPv6PrefixLen',
  'IPAddress',
  'IPPrefixLen',
  'IPv6Gateway',
  'MacAddress',
];

/** `GET /containers/{id}/json` */
export function inspectFor(apiMinor: number, container: JsonObject): JsonObject {
  const { HostConfig, NetworkSettings, Config } = container;
  const hostConfig = objectOf(HostConfig);
  if (apiMinor < 42) {
    return { ...container, HostConfig: { KernelMemory: 0, KernelMemoryTCP: 0, ...hostConfig } };
  }
  const now = { ...container, HostConfig: without(hostConfig, ['KernelMemory']) };
  if (apiMinor < 52) return now;
  return {
    ...container,
    HostConfig: without(hostConfig, ['KernelMemory', 'KernelMemoryTCP']),
    Config: withoutEmpty(objectOf(Config), ['OnBuild']),
    NetworkSettings: without(objectOf(NetworkSettings), DEFAULT_NETWORK_FIELDS),
  };
}

/** An element of `GET /containers/json` */
export function summaryFor(apiMinor: number, container: JsonObject): JsonObject {
  if (apiMinor >= 52) return container;
  const { Health: _later, ...summary } = container;
  if (apiMinor >= 46) return summary;
  return { ...summary, HostConfig: without(objectOf(summary['HostConfig']), ['Annotations']) };
}

/** `GET /info` */
export function infoFor(apiMinor: number, info: JsonObject): JsonObject {
  let answer = info;
  if (apiMinor < 50) {
    answer = { ...without(answer, ['DiscoveredDevices']), BridgeNfIptables: false, BridgeNfIp6tables: false };
  }
  if (apiMinor < 49) {
    const expected = (name: string) => ({ ...objectOf(info[name]), Expected: objectOf(info[name])['ID'] ?? '' });
    const commits = ['ContainerdCommit', 'RuncCommit', 'InitCommit'].map((name) => [name, expected(name)]);
    answer = { ...without(answer, ['FirewallBackend']), ...Object.fromEntries(commits) };
  }
  if (apiMinor < 48) {
    const none = { AllowNondistributableArtifactsCIDRs: null, AllowNondistributableArtifactsHostnames: null };
    answer = { ...answer, RegistryConfig: { ...none, ...objectOf(info['RegistryConfig']) } };
  }
  if (apiMinor < 44) {
    const runtimes = Object.entries(objectOf(info['Runtimes'])).map(([name, runtime]) => [
      name,
      without(objectOf(runtime), ['status']),
    ]);
    answer = { ...without(answer, ['CDISpecDirs']), Runtimes: Object.fromEntries(runtimes) };
  }
  if (apiMinor < 39) answer = without(answer, ['Warnings']);
  return apiMinor < 25 ? { ...answer, SecurityOptions: plainNames(info['SecurityOptions']) } : answer;
}

/** `name=seccomp,profile=builtin` was `seccomp`. */
function plainNames(options: unknown): string[] {
  const list: unknown[] = Array.isArray(options) ? options : [];
  return list.map((option) => String(option).replace(/^name=([^,]*).*$/, '$1'));
}

/** One answer of `GET /containers/{id}/stats` */
export function statsFor(apiMinor: number, stats: JsonObject): JsonObject {
  return apiMinor < 52 ? without(stats, ['os_type']) : stats;
}

/** Fields of a container that an image's configuration was shown with. */
const CONTAINER_ONLY = {
  Hostname: '',
  Domainname: '',
  AttachStdin: false,
  AttachStdout: false,
  AttachStderr: false,
  Tty: false,
  OpenStdin: false,
  StdinOnce: false,
  Image: '',
};
const IMAGE_CONFIG = ['Cmd', 'Entrypoint', 'Env', 'Labels', 'OnBuild', 'User', 'Volumes', 'WorkingDir'];

/** `GET /images/{name}/json` */
export function imageFor(apiMinor: number, image: JsonObject): JsonObject {
  const config = objectOf(image['Config']);
  const names = Object.keys(CONTAINER_ONLY);
  if (apiMinor >= 52) {
    const Config = withoutEmpty(without(config, names), IMAGE_CONFIG);
    return { ...withoutEmpty(image, ['Parent', 'Comment', 'DockerVersion', 'Author']), Config };
  }
  if (apiMinor >= 50) return { ...image, Config: without(config, names) };
  const legacy = { ...image, Config: { ...CONTAINER_ONLY, ...config } };
  return apiMinor < 44 ? { ...legacy, VirtualSize: image['Size'] } : legacy;
}

/** An element of `GET /networks`: who is in it is told by an inspect only, since 1.28. */
export function listedNetworkFor(apiMinor: number, network: JsonObject): JsonObject {
  if (apiMinor < 28) return network;
  return apiMinor < 52 ? { ...network, Containers: {} } : without(network, ['Containers']);
}

/** The fields of a create that its version did not have, or understood in another way. Throws InvalidParameter. */
export function createOf(apiMinor: number, request: CreateRequest): CreateRequest {
  const hostConfig: HostConfig = { ...request.HostConfig };
  if (apiMinor < 25) delete hostConfig.AutoRemove;
  if (apiMinor < 40) {
    delete hostConfig.KernelMemoryTCP;
    hostConfig.IpcMode ||= 'shareable';
  }
  if (apiMinor < 42) delete hostConfig.ConsoleSize;
  if (apiMinor < 43) delete hostConfig.Annotations;
  if (apiMinor >= 42) checkMountOptions(hostConfig);
  if (apiMinor < 44) checkSingleEndpoint(request);
  const olderHealth = apiMinor < 44 && request.Healthcheck ? { ...request.Healthcheck, StartInterval: 0 } : null;
  return {
    ...request,
    ...(request.HostConfig || apiMinor < 40 ? { HostConfig: hostConfig } : {}),
    ...(olderHealth === null ? {} : { Healthcheck: olderHealth }),
  };
}

/** Options of another type of mount would have no effect. dockerd's words. */
function checkMountOptions({ Mounts }: HostConfig): void {
  for (const mount of Mounts ?? []) {
    for (const type of ['bind', 'volume', 'tmpfs', 'image'] as const) {
      const field = OPTIONS_OF[type];
      // Empty for a client that always sends them.
      if (mount.Type === type || isEmpty(mount[field] ?? undefined)) continue;
      const words = `${field} must not be specified on mount type ${JSON.stringify(mount.Type)}`;
      throw new EngineError('InvalidParameter', words, { hint: `leave it out, or make it a mount of type ${type}` });
    }
  }
}

const OPTIONS_OF = {
  bind: 'BindOptions',
  volume: 'VolumeOptions',
  tmpfs: 'TmpfsOptions',
  image: 'ImageOptions',
} as const;

function checkSingleEndpoint({ NetworkingConfig }: CreateRequest): void {
  const names = Object.keys(NetworkingConfig?.EndpointsConfig ?? {});
  if (names.length < 2) return;
  const words = `Container cannot be created with multiple network endpoints: ${names.join(', ')}`;
  throw new EngineError('InvalidParameter', words, { hint: 'API versions from 1.44 on can' });
}
