/** rtnetlink's building blocks (rtnetlink(7), linux/netlink.h): headers and nested attributes, in host byte order. */
import { EngineError } from '../../errors.ts';

const NLM_F_REQUEST = 0x001;
const NLM_F_ACK = 0x004;
export const NLM_F_EXCL = 0x200;
export const NLM_F_CREATE = 0x400;

const HEADER_BYTES = 16;
const ATTRIBUTE_HEADER_BYTES = 4;
/** NLA_F_NESTED; the kernel checks it for new attributes and ignores it for old ones. */
const NESTED = 0x8000;

const aligned = (length: number) => (length + 3) & ~3;

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const result = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    result.set(part, offset);
    offset += part.length;
  }
  return result;
}

/** A DataView for each of the many small pieces would cost more than all else here. */
function put(bytes: Uint8Array, offset: number, width: 2 | 4, value: number): void {
  for (let index = 0; index < width; index++) bytes[offset + index] = value >>> (8 * index);
}

export function u32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  put(bytes, 0, 4, value);
  return bytes;
}

const encoder = new TextEncoder();

/** A name that the kernel reads as a C string. */
export function cString(text: string): Uint8Array {
  return encoder.encode(`${text}\0`);
}

/** A link's name: at most 15 bytes (IFNAMSIZ), no slash and no white space (dev_valid_name in net/core/dev.c). */
export function linkName(name: string): Uint8Array {
  const bytes = cString(name);
  if (!/^[^\s/:\0]+$/.test(name) || bytes.length > 16 || name === '.' || name === '..') {
    throw new EngineError('InvalidParameter', `invalid link name ${JSON.stringify(name)}`, {
      hint: 'a link name has 1 to 15 bytes, without spaces, slashes and colons',
    });
  }
  return bytes;
}

export function attribute(type: number, payload: Uint8Array): Uint8Array {
  const length = ATTRIBUTE_HEADER_BYTES + payload.length;
  const bytes = new Uint8Array(aligned(length));
  put(bytes, 0, 2, length);
  put(bytes, 2, 2, type);
  bytes.set(payload, ATTRIBUTE_HEADER_BYTES);
  return bytes;
}

export function nested(type: number, attributes: readonly Uint8Array[]): Uint8Array {
  return attribute(type | NESTED, concat(attributes));
}

/** One request. The sequence number stays 0 until `batch` counts it. */
export function message(type: number, flags: number, body: readonly Uint8Array[]): Uint8Array {
  const payload = concat(body);
  const bytes = new Uint8Array(HEADER_BYTES + payload.length);
  put(bytes, 0, 4, bytes.length);
  put(bytes, 4, 2, type);
  put(bytes, 6, 2, flags | NLM_F_REQUEST | NLM_F_ACK);
  bytes.set(payload, HEADER_BYTES);
  return bytes;
}

/** Requests to be sent in order, numbered from 1, so that each answer can be told apart. */
export function batch(...messages: readonly Uint8Array[]): Uint8Array {
  const bytes = concat(messages);
  let offset = 0;
  messages.forEach((part, index) => {
    put(bytes, offset + 8, 4, index + 1);
    offset += part.length;
  });
  return bytes;
}
