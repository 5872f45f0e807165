/** Addresses and routes (linux/if_addr.h, linux/rtnetlink.h). Each function gives one request. */
import { EngineError } from '../../errors.ts';
import { AF_INET6, type IpBytes, ipBytes } from './ip.ts';
import { attribute, message, NLM_F_CREATE, NLM_F_EXCL, u32 } from './message.ts';

const RTM_NEWADDR = 20;
const RTM_NEWROUTE = 24;

const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFA_BROADCAST = 4;
/** No duplicate address detection: the address is ours by IPAM, and usable at once. */
const IFA_F_NODAD = 0x02;

const RTA_DST = 1;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;
const RT_TABLE_MAIN = 254;
const RTPROT_BOOT = 3;
const RT_SCOPE_UNIVERSE = 0;
const RT_SCOPE_LINK = 253;
const RTN_UNICAST = 1;

function parsePrefix(cidr: string): IpBytes & { prefix: number } {
  const split = cidr.lastIndexOf('/');
  const ip = ipBytes(split < 0 ? cidr : cidr.slice(0, split));
  const prefix = split < 0 ? ip.bytes.length * 8 : Number(cidr.slice(split + 1) || Number.NaN);
  if (!Number.isInteger(prefix) || prefix < 0 || prefix > ip.bytes.length * 8) {
    throw new EngineError('InvalidParameter', `invalid prefix length in ${JSON.stringify(cidr)}`);
  }
  return { ...ip, prefix };
}

/** `address` is `10.0.0.2/16`; `broadcast` goes with IPv4 only. EEXIST where the link has it already. */
export function addAddress(request: { ifindex: number; address: string; broadcast?: string }): Uint8Array {
  const { family, bytes, prefix } = parsePrefix(request.address);
  const header = new Uint8Array(8);
  const view = new DataView(header.buffer);
  view.setUint8(0, family);
  view.setUint8(1, prefix);
  view.setUint8(2, family === AF_INET6 ? IFA_F_NODAD : 0);
  view.setUint32(4, request.ifindex, true);
  return message(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, [
    header,
    attribute(IFA_LOCAL, bytes),
    attribute(IFA_ADDRESS, bytes),
    ...(request.broadcast === undefined ? [] : [attribute(IFA_BROADCAST, ipBytes(request.broadcast).bytes)]),
  ]);
}

export interface RouteRequest {
  ifindex: number;
  /** `default`, or `10.1.0.0/16` */
  destination: string;
  /** Left out: the destination is on the link itself. */
  gateway?: string;
}

/** A route of the main table. The gateway's own network has to be reachable by then. */
export function addRoute({ ifindex, destination, gateway }: RouteRequest): Uint8Array {
  const via = gateway === undefined ? null : ipBytes(gateway);
  const target = destination === 'default' ? null : parsePrefix(destination);
  const family = target?.family ?? via?.family;
  if (family === undefined) throw new EngineError('InvalidParameter', 'a default route needs a gateway');
  if (via !== null && via.family !== family) {
    throw new EngineError(
      'InvalidParameter',
      `the gateway ${gateway} and ${destination} are not of one address family`,
    );
  }
  const header = new Uint8Array(12);
  header.set([family, target?.prefix ?? 0, 0, 0, RT_TABLE_MAIN, RTPROT_BOOT]);
  header[6] = via === null ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
  header[7] = RTN_UNICAST;
  return message(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, [
    header,
    ...(target === null || target.prefix === 0 ? [] : [attribute(RTA_DST, target.bytes)]),
    ...(via === null ? [] : [attribute(RTA_GATEWAY, via.bytes)]),
    attribute(RTA_OIF, u32(ifindex)),
  ]);
}
