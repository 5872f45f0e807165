/** The default network: a Linux bridge on the host, a veth pair and an address for each container. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { EngineError } from '../../errors.ts';
import { type Database, migrate } from '../../platform/database.ts';
import { randomHex } from '../../platform/random.ts';
import type { Launcher } from '../../runtime/executor.ts';
import { NETNS_FD } from '../../runtime/plan/compile.ts';
import type { Plan, PlanOp } from '../../runtime/plan/table.ts';
import { hostAddresses, hostNetworks } from '../host-addresses.ts';
import {
  AddressAllocator,
  formatAddress,
  overlaps,
  parseAddress,
  parseSubnet,
  type Subnet,
} from '../ipam/allocator.ts';
import {
  addAddress,
  addRoute,
  batch,
  createBridge,
  deleteLink,
  loopbackUp,
  setUp,
  vethToNetns,
} from '../netlink/index.ts';
import { masqueradeBatch, removeTableBatch } from '../nftables/masquerade.ts';

const PROTOCOL_ROUTE = 0;
const PROTOCOL_NETFILTER = 12;
const DEFAULT_MTU = 1500;
/** The container's end is the second link of its namespace, behind the loopback. */
const CONTAINER_IFINDEX = 2;
const IP_FORWARD = '/proc/sys/net/ipv4/ip_forward';
const MIGRATIONS = ['CREATE TABLE networks (name TEXT PRIMARY KEY, id TEXT NOT NULL, created TEXT NOT NULL) STRICT'];

export interface BridgeOptions {
  name: string;
  /** address/prefix length of the bridge; undefined: chosen */
  bip: string | undefined;
  launcher: Launcher;
  database: Database;
}

export interface BridgeEndpoint {
  networkId: string;
  endpointId: string;
  address: string;
  prefixLength: number;
  gateway: string;
  macAddress: string;
  hostLink: string;
}

export class BridgeNetwork {
  readonly id: string;
  readonly name: string;
  readonly created: string;
  readonly subnet: Subnet;
  readonly #ifindex: number;
  readonly #addresses: AddressAllocator;

  private constructor(name: string, identity: { id: string; created: string }, subnet: Subnet, ifindex: number) {
    this.name = name;
    this.id = identity.id;
    this.created = identity.created;
    this.subnet = subnet;
    this.#ifindex = ifindex;
    this.#addresses = new AddressAllocator(subnet);
  }

  /** Finds the bridge or makes it, with its address, its masquerading and IPv4 forwarding. Repeating it changes nothing. */
  static async open({ name, bip, launcher, database }: BridgeOptions): Promise<BridgeNetwork> {
    migrate(database, 'networks', MIGRATIONS);
    const run = (messages: Uint8Array) => launcher.run({ ops: [routeOp(messages)] });
    const exists = existsSync(linkFile(name, ''));
    // A daemon that died at this point has left it without its address; or somebody has set it down.
    const isBare = exists && isOwnBareBridge(name, bip);
    if (isBare) await run(setUp({ ifindex: ifindexOf(name) }));
    const isComplete = exists && !(isBare && heldSubnet(name) === undefined);
    const subnet = isComplete ? existingSubnet(name, bip) : chooseSubnet(bip);
    if (!exists) await run(createBridge({ name, mac: macOf(subnet.gateway), mtu: DEFAULT_MTU }));
    const ifindex = ifindexOf(name);
    if (!isComplete) {
      refuseRouters(name);
      const address = `${subnet.gateway}/${subnet.prefixLength}`;
      const broadcast = formatAddress(subnet.base + subnet.size - 1);
      await run(batch(addAddress({ ifindex, address, broadcast }), setUp({ ifindex })));
    }
    await launcher.run({ ops: [masqueradeOp(name, subnet)] });
    if (readFileSync(IP_FORWARD, 'utf8').trim() !== '1') writeFileSync(IP_FORWARD, '1');
    return new BridgeNetwork(name, identity(database, 'bridge'), subnet, ifindex);
  }

  get subnetText(): string {
    return `${formatAddress(this.subnet.base)}/${this.subnet.prefixLength}`;
  }

  /** The id of one of the networks without links: the same on every host and after every restart. */
  fixedId(name: string): string {
    return createHash('sha256').update(`isle network ${name}`).digest('hex');
  }

  /** Reserves an address and names the link; the kernel does its part when the batches run. Unavailable when full. */
  connect(): BridgeEndpoint {
    const { gateway, prefixLength } = this.subnet;
    const address = this.#addresses.allocate();
    return {
      networkId: this.id,
      endpointId: randomHex(32),
      address,
      prefixLength,
      gateway,
      macAddress: macOf(address),
      hostLink: `veth${randomHex(4).slice(0, 7)}`,
    };
  }

  /** The netlink bytes that make an endpoint: `parent` runs in the host's network namespace, `child` in the container's. */
  batches(record: BridgeEndpoint): { parent: Uint8Array; child: Uint8Array } {
    const { address, prefixLength, gateway } = record;
    const parent = batch(
      vethToNetns({
        hostName: record.hostLink,
        bridgeIfindex: this.#ifindex,
        mtu: DEFAULT_MTU,
        peerName: 'eth0',
        peerIfindex: CONTAINER_IFINDEX,
        mac: record.macAddress,
        netnsFd: NETNS_FD,
      }),
    );
    const ifindex = CONTAINER_IFINDEX;
    const broadcast = formatAddress(this.subnet.base + this.subnet.size - 1);
    const child = batch(
      loopbackUp(),
      addAddress({ ifindex, address: `${address}/${prefixLength}`, broadcast }),
      setUp({ ifindex }),
      addRoute({ ifindex, destination: 'default', gateway }),
    );
    return { parent, child };
  }

  release(endpoint: BridgeEndpoint): void {
    this.#addresses.release(endpoint.address);
  }

  adopt(endpoint: BridgeEndpoint): void {
    this.#addresses.claim(endpoint.address);
  }

  loopbackOnly(): Uint8Array {
    return batch(loopbackUp());
  }
}

/**
 * Takes a bridge of ours away again, with its nftables table; a bridge that the engine was given, or that has links, is
 * left. Gives a line for each. `run` executes a run plan.
 */
export async function removeBridge(name: string, run: (plan: Plan) => Promise<unknown>): Promise<string[]> {
  const done: string[] = [];
  const reason = reasonToLeave(name);
  if (reason === null) {
    await run({ ops: [routeOp(deleteLink({ ifindex: ifindexOf(name) }))] });
    done.push(`removed the bridge ${name}`);
  } else if (reason !== '') done.push(`left the link ${name}: ${reason}`);
  const table = tableOf(name);
  try {
    await run({ ops: [netfilterOp(removeTableBatch(table))] });
    done.push(`removed the nftables table ${table}`);
  } catch (thrown) {
    if (!(thrown instanceof EngineError) || thrown.code !== 'ENOENT') throw thrown;
  }
  return done;
}

/** null: it is ours alone; '': there is none. */
function reasonToLeave(name: string): string | null {
  if (!existsSync(linkFile(name, ''))) return '';
  const subnet = existsSync(linkFile(name, 'bridge')) ? heldSubnet(name) : undefined;
  const address = readFileSync(linkFile(name, 'address'), 'utf8').trim();
  if (subnet === undefined || address !== macOf(subnet.gateway)) return 'isled did not make it';
  const ports = readdirSync(linkFile(name, 'brif'));
  return ports.length === 0 ? null : `${ports.join(', ')} ${ports.length === 1 ? 'is' : 'are'} connected to it`;
}

/**
 * The host believes no container that says it is an IPv6 router (CVE-2020-13401). Only on a bridge of isle's own: on one
 * that the user brings there may be a router. A host without IPv6 has no such file.
 */
function refuseRouters(name: string): void {
  const path = `/proc/sys/net/ipv6/conf/${name}/accept_ra`;
  if (existsSync(path)) writeFileSync(path, '0');
}

function linkFile(name: string, file: string): string {
  return `/sys/class/net/${name}/${file}`;
}

function ifindexOf(name: string): number {
  return Number(readFileSync(linkFile(name, 'ifindex'), 'utf8'));
}

/** A bridge without an address, with the one hardware address that only we would have given it. */
function isOwnBareBridge(name: string, bip: string | undefined): boolean {
  if (heldSubnet(name) !== undefined || !existsSync(linkFile(name, 'bridge'))) return false;
  return readFileSync(linkFile(name, 'address'), 'utf8').trim() === macOf(chooseSubnet(bip).gateway);
}

function routeOp(messages: Uint8Array): PlanOp {
  return { op: 'netlink', section: 'setup', step: 'network', args: { protocol: PROTOCOL_ROUTE, messages } };
}

const tableOf = (bridge: string) => `isle-${bridge}`;

function netfilterOp(messages: Uint8Array): PlanOp {
  return { op: 'netlink', section: 'setup', step: 'network', args: { protocol: PROTOCOL_NETFILTER, messages } };
}

function masqueradeOp(bridge: string, subnet: Subnet): PlanOp {
  const network = Buffer.alloc(4);
  network.writeUInt32BE(subnet.base);
  const messages = masqueradeBatch({ table: tableOf(bridge), bridge, network, prefixLength: subnet.prefixLength });
  return netfilterOp(messages);
}

/** 02:42 and the address, as Docker made them: unique on the bridge because the address is. */
function macOf(address: string): string {
  const bytes = [0x02, 0x42, ...address.split('.').map(Number)];
  return bytes.map((byte) => byte.toString(16).padStart(2, '0')).join(':');
}

function existingSubnet(name: string, bip: string | undefined): Subnet {
  const subnet = heldSubnet(name);
  if (subnet === undefined) {
    throw new EngineError('Conflict', `the link ${name} exists on this host and has no IPv4 address`, {
      hint: 'give it one, delete it, or choose another name with --bridge',
    });
  }
  const asked = bip === undefined ? subnet : parseSubnet(bip);
  if (asked.gateway !== subnet.gateway || asked.prefixLength !== subnet.prefixLength) {
    throw new EngineError(
      'Conflict',
      `the bridge ${name} has the address ${subnet.gateway}/${subnet.prefixLength}, not ${bip}`,
      {
        hint: 'start with that --bip, or delete the bridge when no container uses it',
      },
    );
  }
  return subnet;
}

/** The subnet of an existing link: its connected network, and which of the host's addresses lies in that. */
function heldSubnet(name: string): Subnet | undefined {
  const addresses = hostAddresses();
  for (const { base, size } of hostNetworks().filter(({ link }) => link === name)) {
    const address = addresses.find((text) => parseAddress(text) >= base && parseAddress(text) < base + size);
    if (address !== undefined) return parseSubnet(`${address}/${32 - Math.log2(size)}`);
  }
  return undefined;
}

/** What was asked for, or the first of Docker's private subnets that overlaps no network of this host. */
function chooseSubnet(bip: string | undefined): Subnet {
  if (bip !== undefined) return parseSubnet(bip);
  const held = hostNetworks();
  const candidates = [
    ...Array.from({ length: 15 }, (_, index) => `172.${17 + index}.0.1/16`),
    ...Array.from({ length: 16 }, (_, index) => `192.168.${16 * index}.1/20`),
  ];
  const free = candidates
    .map((cidr) => parseSubnet(cidr))
    .find((candidate) => !held.some((network) => overlaps(network, candidate)));
  if (free === undefined) {
    throw new EngineError('Unavailable', 'every private subnet overlaps a network of this host', {
      hint: 'choose one with --bip',
    });
  }
  return free;
}

function identity(database: Database, name: string): { id: string; created: string } {
  const row = database.prepare('SELECT id, created FROM networks WHERE name = ?').get(name);
  if (row !== undefined) return { id: String(row['id']), created: String(row['created']) };
  const made = { id: randomHex(32), created: new Date().toISOString() };
  database.prepare('INSERT INTO networks VALUES (?, ?, ?)').run(name, made.id, made.created);
  return made;
}
