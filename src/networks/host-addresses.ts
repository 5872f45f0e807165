/**
 * Which IPv4 networks this host is in, from /proc/net. (`os.networkInterfaces()` leaves out a bridge that no container
 * is on: it has no carrier.)
 */
import { readFileSync } from 'node:fs';

export interface LinkNetwork {
  link: string;
  /** the network's first address as a number */
  base: number;
  /** number of its addresses */
  size: number;
}

/** The directly connected networks in the text of /proc/net/route (proc(5): little-endian hexadecimal columns). */
export function parseRoutes(text: string): LinkNetwork[] {
  const rows = text.trim().split('\n').slice(1);
  const networks = rows.map((row) => {
    const [link = '', destination = '', gateway = '', , , , , mask = ''] = row.trim().split(/\s+/);
    return { link, gateway, base: swapped(destination), size: 2 ** 32 - swapped(mask) };
  });
  return networks
    .filter(({ gateway, size }) => gateway === '00000000' && size < 2 ** 32)
    .map(({ link, base, size }) => ({ link, base, size }));
}

/** The host's own addresses in the text of /proc/net/fib_trie. */
export function parseLocalAddresses(text: string): string[] {
  const found = [...text.matchAll(/^ *\|-- (\S+)\n(?: *\/\d+ .*\n)*? *\/32 host LOCAL$/gm)].map(
    ([, address = '']) => address,
  );
  return [...new Set(found)];
}

export function hostNetworks(): LinkNetwork[] {
  return parseRoutes(readFileSync('/proc/net/route', 'utf8'));
}

export function hostAddresses(): string[] {
  return parseLocalAddresses(readFileSync('/proc/net/fib_trie', 'utf8'));
}

function swapped(hex: string): number {
  return Buffer.from(hex, 'hex').readUInt32LE();
}
