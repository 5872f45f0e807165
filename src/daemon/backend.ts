/** Joins the engine's parts into what the API asks for. */
import type { Backend, JsonObject, NetworksBackend, SystemBackend } from '../api/backend.ts';
import { ArchiveService } from '../containers/archive/service.ts';
import { ExecService } from '../containers/exec/service.ts';
import type { Runtimes } from '../containers/runtimes/known.ts';
import type { LandlockPort } from '../containers/ports.ts';
import type { ContainerService } from '../containers/service.ts';
import { EngineError } from '../errors.ts';
import { Registries } from '../images/registries.ts';
import type { ImageService } from '../images/service.ts';
import type { BridgeNetwork } from '../networks/drivers/bridge.ts';
import type { CgroupBackend } from '../runtime/cgroups/index.ts';
import type { AppArmor } from './apparmor.ts';
import type { DaemonConfig } from './config.ts';
import { diskUsage } from './disk-usage.ts';
import type { EventBus } from './events.ts';
import { infoJson, versionJson } from './system.ts';

export interface BackendParts {
  config: DaemonConfig;
  containers: { containers: ContainerService; images: ImageService };
  events: EventBus;
  bridge: BridgeNetwork;
  engineId: string;
  cgroups: CgroupBackend;
  appArmor: AppArmor;
  runtimes: Runtimes;
  landlock: LandlockPort;
}

export function createBackend(parts: BackendParts): Backend {
  const { containers, images } = parts.containers;
  return {
    containers,
    execs: new ExecService(containers.context),
    archives: new ArchiveService(containers.context),
    images,
    system: systemBackend(parts),
    networks: networksBackend(parts),
    registries: new Registries(),
  };
}

function systemBackend(parts: BackendParts): SystemBackend {
  const { containers, images } = parts.containers;
  return {
    version: async () => versionJson(),
    info: async () => {
      const all = [...containers.context.containers.values()];
      const running = all.filter((container) => container.running).length;
      const imageList = await images.list({ all: true, digests: false, sharedSize: false, filters: new Map() });
      const paused = all.filter((container) => container.paused).length;
      const counts = { running: running - paused, paused, stopped: all.length - running, images: imageList.length };
      const facts = {
        ...parts,
        hasSelinux: containers.context.selinux !== null,
        counts,
        cgroupVersion: parts.cgroups.layout.version,
      };
      return { ...infoJson(facts), Runtimes: parts.runtimes.list(), DefaultRuntime: parts.runtimes.defaultName };
    },
    diskUsage: (types) => diskUsage(parts.containers, types),
    events: (options, signal) => parts.events.subscribe(options, signal),
  };
}

const FIXED_NETWORKS = [
  { name: 'host', driver: 'host' },
  { name: 'none', driver: 'null' },
];

/** The three networks that every engine has. Their ids are fixed, so that they mean the same after a restart. */
function networksBackend({ bridge, containers }: BackendParts): NetworksBackend {
  const describe = (name: string, driver: string, id: string, more: JsonObject): JsonObject => ({
    Name: name,
    Id: id,
    Created: bridge.created,
    Scope: 'local',
    Driver: driver,
    EnableIPv4: true,
    EnableIPv6: false,
    IPAM: { Driver: 'default', Options: null, Config: [] },
    Internal: false,
    Attachable: false,
    Ingress: false,
    ConfigFrom: { Network: '' },
    ConfigOnly: false,
    Containers: {},
    Options: {},
    Labels: {},
    ...more,
  });
  const all = (): JsonObject[] => [
    describe('bridge', 'bridge', bridge.id, {
      IPAM: {
        Driver: 'default',
        Options: null,
        Config: [{ Subnet: bridge.subnetText, Gateway: bridge.subnet.gateway }],
      },
      Containers: bridgeContainers(containers.containers),
      Options: { 'com.docker.network.bridge.name': bridge.name, 'com.docker.network.bridge.default_bridge': 'true' },
    }),
    ...FIXED_NETWORKS.map(({ name, driver }) => describe(name, driver, bridge.fixedId(name), {})),
  ];
  return {
    list: async (filters) => {
      const wanted = (network: JsonObject, key: string, field: string) =>
        (filters.get(key) ?? []).length === 0 ||
        filters.get(key)?.some((value) => String(network[field]).includes(value)) === true;
      const known = new Map([
        ['name', 'Name'],
        ['id', 'Id'],
        ['driver', 'Driver'],
        ['scope', 'Scope'],
      ]);
      for (const key of filters.keys()) {
        if (!known.has(key)) throw new EngineError('InvalidParameter', `invalid filter '${key}'`);
      }
      return all().filter((network) => [...known].every(([key, field]) => wanted(network, key, field)));
    },
    inspect: async (name) => {
      const found = all().find(
        (network) => network['Name'] === name || network['Id'] === name || String(network['Id']).startsWith(name),
      );
      if (found === undefined) throw new EngineError('NotFound', `network ${name} not found`);
      return found;
    },
  };
}

function bridgeContainers(service: ContainerService): JsonObject {
  const attached: JsonObject = {};
  for (const { record } of service.context.containers.values()) {
    if (record.endpoint === null) continue;
    const { endpointId, macAddress, address, prefixLength } = record.endpoint;
    attached[record.id] = {
      Name: record.name,
      EndpointID: endpointId,
      MacAddress: macAddress,
      IPv4Address: `${address}/${prefixLength}`,
      IPv6Address: '',
    };
  }
  return attached;
}
