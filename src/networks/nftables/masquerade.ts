/**
 * The engine's own nftables table for one bridge: what its containers send to the world leaves with the host's address.
 * Encoded for nfnetlink (linux/netfilter/nf_tables.h, Linux 5.2 and up) and sent by islet in one transaction, so no
 * `nft` runs and no state in between is ever seen. Foreign tables are not touched.
 */
import { Attributes, NetfilterBatch } from './batch.ts';

const NFPROTO_IPV4 = 2;
const MSG = { newTable: 0, delTable: 2, newChain: 3, newRule: 6 };
const NLM_F_CREATE = 0x400;
const REGISTER_1 = 1;
const HOOK_POSTROUTING = 4;
const PRIORITY_SRCNAT = 100;
const PAYLOAD_NETWORK_HEADER = 1;
const IPV4_SOURCE = { offset: 12, length: 4 };
const META_OIFNAME = 7;
const COMPARE = { equal: 0, notEqual: 1 };
/** IFNAMSIZ: names are compared with all their NULs, so that isle1 does not match isle10. */
const LINK_NAME_BYTES = 16;
const CHAIN = 'postrouting';

export interface MasqueradeOptions {
  table: string;
  bridge: string;
  /** the subnet's first address as four bytes, and its prefix length */
  network: Uint8Array;
  prefixLength: number;
}

/** Makes the table anew whatever was there: create (so that the delete finds one), delete, create with its one rule. */
export function masqueradeBatch(options: MasqueradeOptions): Uint8Array {
  const { table } = options;
  const name = new Attributes().string(1, table);
  return new NetfilterBatch()
    .add(MSG.newTable, NFPROTO_IPV4, NLM_F_CREATE, name)
    .add(MSG.delTable, NFPROTO_IPV4, 0, name)
    .add(MSG.newTable, NFPROTO_IPV4, NLM_F_CREATE, name)
    .add(MSG.newChain, NFPROTO_IPV4, NLM_F_CREATE, chain(table))
    .add(MSG.newRule, NFPROTO_IPV4, NLM_F_CREATE, rule(options))
    .bytes();
}

/** Removes the table; ENOENT where there is none. */
export function removeTableBatch(table: string): Uint8Array {
  return new NetfilterBatch().add(MSG.delTable, NFPROTO_IPV4, 0, new Attributes().string(1, table)).bytes();
}

function chain(table: string): Attributes {
  const hook = new Attributes().u32(1, HOOK_POSTROUTING).u32(2, PRIORITY_SRCNAT);
  return new Attributes().string(1, table).string(3, CHAIN).nested(4, hook).string(7, 'nat');
}

/** ip saddr SUBNET oifname != BRIDGE masquerade */
function rule({ table, bridge, network, prefixLength }: MasqueradeOptions): Attributes {
  const mask = Buffer.alloc(4);
  mask.writeUInt32BE((0xffffffff << (32 - prefixLength)) >>> 0);
  const linkName = Buffer.alloc(LINK_NAME_BYTES);
  linkName.write(bridge);
  const { offset, length } = IPV4_SOURCE;
  const source = new Attributes().u32(1, REGISTER_1).u32(2, PAYLOAD_NETWORK_HEADER).u32(3, offset).u32(4, length);
  const masked = new Attributes()
    .u32(1, REGISTER_1)
    .u32(2, REGISTER_1)
    .u32(3, length)
    .nested(4, value(mask))
    .nested(5, value(Buffer.alloc(length)));
  const expressions = new Attributes()
    .nested(1, expression('payload', source))
    .nested(1, expression('bitwise', masked))
    .nested(1, expression('cmp', compare(COMPARE.equal, network)))
    .nested(1, expression('meta', new Attributes().u32(1, REGISTER_1).u32(2, META_OIFNAME)))
    .nested(1, expression('cmp', compare(COMPARE.notEqual, linkName)))
    .nested(1, expression('masq', new Attributes()));
  return new Attributes().string(1, table).string(2, CHAIN).nested(4, expressions);
}

function expression(name: string, data: Attributes): Attributes {
  return new Attributes().string(1, name).nested(2, data);
}

function compare(operation: number, bytes: Uint8Array): Attributes {
  return new Attributes().u32(1, REGISTER_1).u32(2, operation).nested(3, value(bytes));
}

function value(bytes: Uint8Array): Attributes {
  return new Attributes().bytes(1, bytes);
}
