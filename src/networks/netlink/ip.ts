import { isIP } from 'node:net';
import { EngineError } from '../../errors.ts';

const AF_INET = 2;
export const AF_INET6 = 10;

export interface IpBytes {
  family: typeof AF_INET | typeof AF_INET6;
  bytes: Uint8Array;
}

function ipv6Bytes(text: string): Uint8Array {
  // A dotted tail (::ffff:10.0.0.1) is two more groups.
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(text);
  const group = (high: string | undefined, low: string | undefined) => (Number(high) * 256 + Number(low)).toString(16);
  const plain = dotted === null ? text : `${dotted[1]}${group(dotted[2], dotted[3])}:${group(dotted[4], dotted[5])}`;
  const [head = '', tail] = plain.split('::');
  const first = head.split(':').filter(Boolean);
  const last = (tail ?? '').split(':').filter(Boolean);
  const zeros = Array.from({ length: 8 - first.length - last.length }, () => '0');
  const groups = tail === undefined ? first : [...first, ...zeros, ...last];
  return new Uint8Array(groups.flatMap((word) => [Number.parseInt(word, 16) >> 8, Number.parseInt(word, 16) & 0xff]));
}

/** Throws InvalidParameter for what is no IP address. */
export function ipBytes(text: string): IpBytes {
  switch (isIP(text)) {
    case 4:
      return { family: AF_INET, bytes: new Uint8Array(text.split('.').map(Number)) };
    case 6:
      if (!text.includes('%')) return { family: AF_INET6, bytes: ipv6Bytes(text) };
      break;
  }
  throw new EngineError('InvalidParameter', `invalid IP address ${JSON.stringify(text)}`);
}

/** Throws InvalidParameter unless it is six hexadecimal bytes. */
export function macBytes(text: string): Uint8Array {
  if (!/^(?:[0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(text)) {
    throw new EngineError('InvalidParameter', `invalid MAC address ${JSON.stringify(text)}`, {
      hint: 'six hexadecimal bytes, such as 02:42:ac:11:00:02',
    });
  }
  return new Uint8Array(text.split(':').map((byte) => Number.parseInt(byte, 16)));
}
