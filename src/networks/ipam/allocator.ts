/** IPv4 addresses of one subnet, handed out in turn so that one just freed is not met again at once. Pure. */
import { EngineError } from '../../errors.ts';

/** "10.1.2.3" -> its 32-bit number; throws InvalidParameter where it is no IPv4 address. */
export function parseAddress(text: string): number {
  const parts = text.split('.');
  const valid = parts.length === 4 && parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) <= 255);
  if (!valid) throw new EngineError('InvalidParameter', `"${text}" is not an IPv4 address`);
  return parts.reduce((sum, part) => sum * 256 + Number(part), 0);
}

export function formatAddress(value: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.');
}

export interface Subnet {
  /** the engine's own address in it */
  gateway: string;
  prefixLength: number;
  /** the subnet's first address, such as 172.17.0.0 */
  base: number;
  /** number of addresses, network and broadcast included */
  size: number;
}

/** "172.17.0.1/16" -> the subnet around that gateway address. */
export function parseSubnet(cidr: string): Subnet {
  const [address = '', length = ''] = cidr.split('/');
  const prefixLength = Number(length);
  if (!/^\d{1,2}$/.test(length) || prefixLength < 8 || prefixLength > 30) {
    throw new EngineError(
      'InvalidParameter',
      `"${cidr}" is not an address with a prefix length from 8 to 30, such as 172.17.0.1/16`,
    );
  }
  const size = 2 ** (32 - prefixLength);
  const gateway = parseAddress(address);
  const base = gateway - (gateway % size);
  if (gateway === base || gateway === base + size - 1) {
    throw new EngineError(
      'InvalidParameter',
      `"${cidr}": ${address} is the network's own or its broadcast address; give one between them`,
    );
  }
  return { gateway: formatAddress(gateway), prefixLength, base, size };
}

type AddressRange = Pick<Subnet, 'base' | 'size'>;

export function overlaps(a: AddressRange, b: AddressRange): boolean {
  return a.base < b.base + b.size && b.base < a.base + a.size;
}

export class AddressAllocator {
  readonly #subnet: Subnet;
  readonly #used = new Set<number>();
  #next: number;

  constructor(subnet: Subnet) {
    this.#subnet = subnet;
    this.#used.add(parseAddress(subnet.gateway));
    this.#next = subnet.base + 1;
  }

  /** The next free address; Unavailable when there is none. */
  allocate(): string {
    const { base, size } = this.#subnet;
    for (let tried = 0; tried < size - 2; tried++) {
      const candidate = this.#next;
      this.#next = candidate + 1 >= base + size - 1 ? base + 1 : candidate + 1;
      if (this.#used.has(candidate)) continue;
      this.#used.add(candidate);
      return formatAddress(candidate);
    }
    throw new EngineError('Unavailable', `no free address in ${formatAddress(base)}/${this.#subnet.prefixLength}`, {
      hint: 'stop containers, or start the daemon with a larger --bip',
    });
  }

  /** Marks an address that is in use already. */
  claim(address: string): void {
    this.#used.add(parseAddress(address));
  }

  release(address: string): void {
    if (address !== this.#subnet.gateway) this.#used.delete(parseAddress(address));
  }
}
