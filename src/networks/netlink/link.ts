/** Links: bridges, veth pairs, loopback (linux/if_link.h, linux/veth.h). Each function gives one request. */
import { macBytes } from './ip.ts';
import { attribute, cString, linkName, message, NLM_F_CREATE, NLM_F_EXCL, nested, u32 } from './message.ts';

const RTM_NEWLINK = 16;
const RTM_DELLINK = 17;
const IFF_UP = 1;
const AF_UNSPEC = 0;

const IFLA_ADDRESS = 1;
const IFLA_IFNAME = 3;
const IFLA_MTU = 4;
const IFLA_MASTER = 10;
const IFLA_LINKINFO = 18;
const IFLA_NET_NS_FD = 28;
const IFLA_INFO_KIND = 1;
const IFLA_INFO_DATA = 2;
const VETH_INFO_PEER = 1;

const LOOPBACK_IFINDEX = 1;

/** A link that exists, by the number that the kernel gave it, or by name. */
export type LinkRef = { ifindex: number } | { name: string };

function ifinfomsg(ifindex: number, up: boolean): Uint8Array {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, AF_UNSPEC);
  view.setInt32(4, ifindex, true);
  view.setUint32(8, up ? IFF_UP : 0, true);
  view.setUint32(12, up ? IFF_UP : 0, true);
  return bytes;
}

function existing(link: LinkRef, up: boolean): Uint8Array[] {
  if ('ifindex' in link) return [ifinfomsg(link.ifindex, up)];
  return [ifinfomsg(0, up), attribute(IFLA_IFNAME, linkName(link.name))];
}

/** EEXIST where the name is taken. Without a MAC address the bridge has the lowest of its ports', which changes. */
export function createBridge({ name, mac, mtu }: { name: string; mac?: string; mtu?: number }): Uint8Array {
  return message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, [
    ifinfomsg(0, false),
    attribute(IFLA_IFNAME, linkName(name)),
    ...(mtu === undefined ? [] : [attribute(IFLA_MTU, u32(mtu))]),
    ...(mac === undefined ? [] : [attribute(IFLA_ADDRESS, macBytes(mac))]),
    nested(IFLA_LINKINFO, [attribute(IFLA_INFO_KIND, cString('bridge'))]),
  ]);
}

export interface VethRequest {
  /** The end that stays, brought up and made a port of the bridge. */
  hostName: string;
  /**
   * Its number. The kernel honours `peerIfindex` only where this is given too; left out, the peer gets the first free
   * number of its namespace, which in a new one is 2.
   */
  hostIfindex?: number;
  hostMac?: string;
  bridgeIfindex: number;
  mtu: number;
  /** The end that goes into the namespace open at `netnsFd` in the sending process, still down. */
  peerName: string;
  peerIfindex: number;
  mac: string;
  netnsFd: number;
}

/** Both ends of a veth pair in one request: named, addressed, one of them moved, the other up and on its bridge. */
export function vethToNetns(request: VethRequest): Uint8Array {
  const { hostName, hostIfindex = 0, hostMac, bridgeIfindex, mtu, peerName, peerIfindex, mac, netnsFd } = request;
  const peer = [
    ifinfomsg(peerIfindex, false),
    attribute(IFLA_IFNAME, linkName(peerName)),
    attribute(IFLA_MTU, u32(mtu)),
    attribute(IFLA_ADDRESS, macBytes(mac)),
    attribute(IFLA_NET_NS_FD, u32(netnsFd)),
  ];
  return message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, [
    ifinfomsg(hostIfindex, true),
    attribute(IFLA_IFNAME, linkName(hostName)),
    attribute(IFLA_MTU, u32(mtu)),
    ...(hostMac === undefined ? [] : [attribute(IFLA_ADDRESS, macBytes(hostMac))]),
    attribute(IFLA_MASTER, u32(bridgeIfindex)),
    nested(IFLA_LINKINFO, [
      attribute(IFLA_INFO_KIND, cString('veth')),
      nested(IFLA_INFO_DATA, [nested(VETH_INFO_PEER, peer)]),
    ]),
  ]);
}

export function setUp(link: LinkRef): Uint8Array {
  return message(RTM_NEWLINK, 0, existing(link, true));
}

/** Loopback is the first link of every network namespace. */
export function loopbackUp(): Uint8Array {
  return setUp({ ifindex: LOOPBACK_IFINDEX });
}

/** ENODEV where it is gone already. Deleting one end of a veth pair deletes both. */
export function deleteLink(link: LinkRef): Uint8Array {
  return message(RTM_DELLINK, 0, existing(link, false));
}
