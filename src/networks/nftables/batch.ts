/** nfnetlink's framing: attributes (u32 values are big-endian here, unlike rtnetlink's) and one atomic batch of messages. */

const NLA_F_NESTED = 0x8000;
const NLM_F_REQUEST = 1;
const NLM_F_ACK = 4;
const BATCH_BEGIN = 0x10;
const BATCH_END = 0x11;
const SUBSYSTEM_NFTABLES = 10;

export class Attributes {
  readonly #parts: Buffer[] = [];

  u32(type: number, value: number): this {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(value);
    return this.bytes(type, bytes);
  }

  /** With its NUL, as nf_tables' NLA_STRING names are sent by libnftnl. */
  string(type: number, value: string): this {
    return this.bytes(type, Buffer.from(`${value}\0`));
  }

  nested(type: number, attributes: Attributes): this {
    return this.bytes(type | NLA_F_NESTED, attributes.encoded());
  }

  bytes(type: number, value: Uint8Array): this {
    const header = Buffer.alloc(4);
    header.writeUInt16LE(4 + value.length, 0);
    header.writeUInt16LE(type, 2);
    this.#parts.push(header, Buffer.from(value), Buffer.alloc(-value.length & 3));
    return this;
  }

  encoded(): Buffer {
    return Buffer.concat(this.#parts);
  }
}

export class NetfilterBatch {
  readonly #messages: Buffer[] = [];
  #sequence = 1;

  constructor() {
    this.#push(BATCH_BEGIN, NLM_F_REQUEST, 0, SUBSYSTEM_NFTABLES, Buffer.alloc(0));
  }

  /** One nf_tables message that is to be acknowledged. */
  add(type: number, family: number, flags: number, attributes: Attributes): this {
    this.#push((SUBSYSTEM_NFTABLES << 8) | type, NLM_F_REQUEST | NLM_F_ACK | flags, family, 0, attributes.encoded());
    return this;
  }

  /** The whole batch: the kernel does all of it or nothing. */
  bytes(): Uint8Array {
    this.#push(BATCH_END, NLM_F_REQUEST, 0, SUBSYSTEM_NFTABLES, Buffer.alloc(0));
    return Buffer.concat(this.#messages);
  }

  #push(type: number, flags: number, family: number, resource: number, body: Buffer): void {
    const header = Buffer.alloc(20);
    header.writeUInt32LE(20 + body.length, 0);
    header.writeUInt16LE(type, 4);
    header.writeUInt16LE(flags, 6);
    header.writeUInt32LE(this.#sequence++, 8);
    header.writeUInt8(family, 16);
    header.writeUInt16BE(resource, 18);
    this.#messages.push(header, body);
  }
}
