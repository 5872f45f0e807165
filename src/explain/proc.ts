/** Parsers of /proc texts (proc(5)). Pure. */

/** One line of /proc/PID/mountinfo. */
export interface MountEntry {
  /** path of the mount's root inside its file system */
  root: string;
  mountPoint: string;
  /** per-mount options: ro, nosuid ... */
  options: string[];
  /** shared:N, master:N ... */
  propagation: string[];
  fsType: string;
  source: string;
  /** options of the file system itself */
  superOptions: string[];
}

/** Undoes the octal escapes of mountinfo: blank, tab, newline, backslash. */
function unescape(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}

/** Lines that are not of the known form are left out. */
export function parseMountinfo(text: string): MountEntry[] {
  return text.split('\n').flatMap((line) => {
    const [left = '', right] = line.split(' - ', 2);
    const [, , , root, mountPoint, options, ...propagation] = left.split(' ');
    const [fsType, source, superOptions] = (right ?? '').split(' ');
    if (
      root === undefined ||
      mountPoint === undefined ||
      options === undefined ||
      fsType === undefined ||
      fsType === ''
    )
      return [];
    return [
      {
        root: unescape(root),
        mountPoint: unescape(mountPoint),
        options: options.split(','),
        propagation: propagation.filter((field) => field !== ''),
        fsType,
        source: unescape(source ?? ''),
        superOptions: unescape(superOptions ?? '').split(','),
      },
    ];
  });
}

/** Where a path of the host lies within its file system, as a bind mount of it shows in the mount table. */
export function rootOf(entries: readonly MountEntry[], path: string): string | undefined {
  const covers = entries.filter(
    ({ mountPoint }) => mountPoint === '/' || path === mountPoint || path.startsWith(`${mountPoint}/`),
  );
  const depth = Math.max(...covers.map(({ mountPoint }) => mountPoint.length));
  const entry = covers.findLast(({ mountPoint }) => mountPoint.length === depth);
  if (entry === undefined) return undefined;
  const below = entry.mountPoint === '/' ? path : path.slice(entry.mountPoint.length);
  return below === '' || below === '/' ? entry.root : `${entry.root === '/' ? '' : entry.root}${below}`;
}

/** The mount that is seen at a path: the last one made there. */
export function mountAt(entries: readonly MountEntry[], path: string): MountEntry | undefined {
  return entries.findLast((entry) => entry.mountPoint === path);
}

/** /proc/PID/status: field -> value, trimmed. */
export function parseStatus(text: string): Map<string, string> {
  const fields = new Map<string, string>();
  for (const line of text.split('\n')) {
    const colon = line.indexOf(':');
    if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  return fields;
}

/** Names of /proc/PID/limits for the resource limits of the OCI spec. */
const LIMIT_ROWS: Readonly<Record<string, string>> = {
  RLIMIT_CPU: 'Max cpu time',
  RLIMIT_FSIZE: 'Max file size',
  RLIMIT_DATA: 'Max data size',
  RLIMIT_STACK: 'Max stack size',
  RLIMIT_CORE: 'Max core file size',
  RLIMIT_RSS: 'Max resident set',
  RLIMIT_NPROC: 'Max processes',
  RLIMIT_NOFILE: 'Max open files',
  RLIMIT_MEMLOCK: 'Max locked memory',
  RLIMIT_AS: 'Max address space',
  RLIMIT_LOCKS: 'Max file locks',
  RLIMIT_SIGPENDING: 'Max pending signals',
  RLIMIT_MSGQUEUE: 'Max msgqueue size',
  RLIMIT_NICE: 'Max nice priority',
  RLIMIT_RTPRIO: 'Max realtime priority',
  RLIMIT_RTTIME: 'Max realtime timeout',
};

/** "soft hard" of one limit, each a number or "unlimited"; null if the text does not have it. */
export function limitOf(text: string, type: string): { soft: string; hard: string } | null {
  const row = LIMIT_ROWS[type];
  const line = row === undefined ? undefined : text.split('\n').find((candidate) => candidate.startsWith(`${row} `));
  const [soft, hard] = line === undefined ? [] : line.slice(row?.length).trim().split(/\s+/);
  return soft === undefined || hard === undefined ? null : { soft, hard };
}

/** /proc/PID/cgroup: "4:memory:/isle/4bd1". */
export function parseCgroups(text: string): { controllers: string; path: string }[] {
  return text.split('\n').flatMap((line) => {
    const match = /^\d+:([^:]*):(.*)$/.exec(line);
    return match === null ? [] : [{ controllers: match[1] ?? '', path: match[2] ?? '' }];
  });
}

/** Names in /proc/net/dev, sorted. */
export function interfaceNames(text: string): string[] {
  return text
    .split('\n')
    .slice(2)
    .flatMap((line) => /^\s*([^:\s]+):/.exec(line)?.[1] ?? [])
    .toSorted();
}

/** The IPv4 addresses of this network namespace, without loopback: the leaves of /proc/net/fib_trie that are local. */
export function localAddresses(text: string): string[] {
  const found = new Set<string>();
  let leaf: string | undefined;
  for (const line of text.split('\n')) {
    const address = /\|--\s+(\d+\.\d+\.\d+\.\d+)/.exec(line)?.[1];
    if (address !== undefined) leaf = address;
    else if (leaf !== undefined && /\/32 host LOCAL/.test(line) && !leaf.startsWith('127.')) found.add(leaf);
  }
  return [...found];
}

/** Prefix lengths of connected networks in /proc/net/route that hold `address`; the longest one, or null. */
export function connectedPrefix(text: string, address: string): number | null {
  const wanted = ipToNumber(address);
  const prefixes = routes(text)
    .filter(({ gateway, mask, destination }) => gateway === 0 && mask !== 0 && (wanted & mask) >>> 0 === destination)
    .map(({ mask }) => 32 - Math.log2(2 ** 32 - mask));
  return prefixes.length === 0 ? null : Math.max(...prefixes);
}

/** The gateway of the default route in /proc/net/route; null without one. */
export function defaultGateway(text: string): string | null {
  const route = routes(text).find(({ destination, mask, gateway }) => destination === 0 && mask === 0 && gateway !== 0);
  return route === undefined ? null : [24, 16, 8, 0].map((shift) => (route.gateway >>> shift) & 0xff).join('.');
}

/** Numbers in /proc/net/route are the bytes of the address as the machine's (little-endian) word. */
function routes(text: string): { destination: number; gateway: number; mask: number }[] {
  const swap = (hex: string): number => Buffer.from(hex.padStart(8, '0'), 'hex').readUInt32LE(0);
  return text
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const [, destination, gateway, , , , , mask] = line.split(/\s+/);
      if (destination === undefined || gateway === undefined || mask === undefined) return [];
      return [{ destination: swap(destination), gateway: swap(gateway), mask: swap(mask) }];
    });
}

function ipToNumber(address: string): number {
  return address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
}

/** Addresses of a link in /proc/net/if_inet6, in groups of four digits as it has them. */
export function ipv6Addresses(text: string, link: string): string[] {
  return text.split('\n').flatMap((line) => {
    const [address = '', , , , , name] = line.trim().split(/\s+/);
    return name === link ? [address.replace(/(.{4})(?=.)/g, '$1:')] : [];
  });
}
