/** Kernels that are older than the fix of a known way out of containers. */
import { canHold, hasUserNamespace, isPrivileged, kernelVersion } from './subject.ts';
import type { AuditInput, Finding, Rule, Severity } from './types.ts';

type Version = readonly [major: number, minor: number, patch: number];

interface KnownEscape {
  readonly cve: string;
  readonly title: string;
  /** the first release that has the flaw */
  readonly since: Version;
  /** the first without it */
  readonly fixed: Version;
  /** long-term branches that got the fix, each with the release that has it */
  readonly backports: readonly Version[];
  readonly severity: Severity;
  /** Can a process of this container reach it? */
  readonly reachable: (input: AuditInput) => boolean;
  readonly attack: string;
  readonly fix: string;
}

/** All capabilities in a namespace of its own, because it has them or because nothing stops it from making one. */
const canMakeNamespaces = (input: AuditInput): boolean =>
  isPrivileged(input) || input.seccomp.kind === 'unconfined' || canHold(input, 'CAP_SYS_ADMIN');

const hasNetAdmin = (input: AuditInput): boolean => canMakeNamespaces(input) || canHold(input, 'CAP_NET_ADMIN');

/** Affected and fixed releases from the kernel's stable branches. */
const KNOWN: readonly KnownEscape[] = [
  {
    cve: 'CVE-2016-5195',
    title: 'Dirty COW',
    since: [2, 6, 22],
    fixed: [4, 9, 0],
    backports: [
      [4, 8, 3],
      [4, 7, 9],
      [4, 4, 26],
    ],
    severity: 'high',
    reachable: () => true,
    attack:
      'Writes to read-only files by a race of copy-on-write, the vDSO that all processes of the host share among them: their next call of the clock runs its code.',
    fix: 'Update the kernel.',
  },
  {
    cve: 'CVE-2022-0847',
    title: 'Dirty Pipe',
    since: [5, 8, 0],
    fixed: [5, 17, 0],
    backports: [
      [5, 16, 11],
      [5, 15, 25],
      [5, 10, 102],
    ],
    severity: 'high',
    reachable: () => true,
    attack:
      "Writes into the page cache of any file that it may read: files of image layers that other containers share, and the engine's program where it can be opened.",
    fix: 'Update the kernel; no setting of the container prevents it.',
  },
  {
    cve: 'CVE-2020-14386',
    title: 'Memory corruption in packet sockets',
    since: [4, 6, 0],
    fixed: [5, 9, 0],
    backports: [
      [5, 8, 8],
      [5, 4, 64],
      [4, 19, 150],
      [4, 14, 201],
      [4, 9, 239],
    ],
    severity: 'high',
    reachable: (input) => canHold(input, 'CAP_NET_RAW') || canMakeNamespaces(input),
    attack:
      'Opens a packet socket, for which the default NET_RAW is enough, and writes past the end of its ring in kernel memory.',
    fix: 'Update the kernel; until then --cap-drop NET_RAW.',
  },
  {
    cve: 'CVE-2022-0492',
    title: 'release_agent without a check',
    since: [2, 6, 24],
    fixed: [5, 17, 0],
    backports: [
      [5, 16, 6],
      [5, 15, 20],
      [5, 10, 97],
      [5, 4, 177],
      [4, 19, 229],
      [4, 14, 266],
      [4, 9, 301],
    ],
    severity: 'high',
    reachable: canMakeNamespaces,
    attack:
      'Makes a user namespace, mounts a cgroup v1 hierarchy in it and sets release_agent: the kernel starts that program as root on the host.',
    fix: 'Update the kernel; keep the default seccomp profile, which refuses unshare and mount.',
  },
  {
    cve: 'CVE-2022-0185',
    title: 'Overflow in fsconfig',
    since: [5, 1, 0],
    fixed: [5, 17, 0],
    backports: [
      [5, 16, 2],
      [5, 15, 16],
      [5, 10, 93],
      [5, 4, 173],
    ],
    severity: 'high',
    reachable: canMakeNamespaces,
    attack: 'Calls fsconfig(2) with a parameter that is too long in a user namespace and writes past a kernel buffer.',
    fix: 'Update the kernel; keep the default seccomp profile, which refuses unshare and fsconfig.',
  },
  {
    cve: 'CVE-2021-22555',
    title: 'Heap write in netfilter',
    since: [2, 6, 19],
    fixed: [5, 12, 0],
    backports: [
      [5, 11, 15],
      [5, 10, 31],
      [5, 4, 113],
      [4, 19, 188],
      [4, 14, 231],
      [4, 9, 267],
      [4, 4, 267],
    ],
    severity: 'high',
    reachable: hasNetAdmin,
    attack:
      'Sets an iptables rule of a crafted size by setsockopt(2), which writes zeros past its end in kernel memory.',
    fix: 'Update the kernel; leave NET_ADMIN out and keep the default seccomp profile.',
  },
  {
    cve: 'CVE-2024-1086',
    title: 'Use after free in nf_tables',
    since: [3, 15, 0],
    fixed: [6, 8, 0],
    backports: [
      [6, 7, 3],
      [6, 6, 15],
      [6, 1, 76],
      [5, 15, 149],
    ],
    severity: 'high',
    reachable: hasNetAdmin,
    attack: 'Adds an nftables rule with a crafted verdict and uses the packet after it was freed to write page tables.',
    fix: 'Update the kernel; leave NET_ADMIN out and keep the default seccomp profile.',
  },
];

function compare(a: Version, b: Version): number {
  return a[0] - b[0] || a[1] - b[1] || a[2] - b[2];
}

function isAffected(version: Version, { since, fixed, backports }: KnownEscape): boolean {
  if (compare(version, since) < 0 || compare(version, fixed) >= 0) return false;
  const branch = backports.find(([major, minor]) => major === version[0] && minor === version[1]);
  return branch === undefined || compare(version, branch) < 0;
}

export const kernelFindings: Rule = (input) => {
  const version = kernelVersion(input.host.kernel);
  if (version === null) return [];
  return KNOWN.filter((known) => isAffected(version, known) && known.reachable(input)).map(
    (known): Finding => ({
      id: 'kernel-older-than-fix',
      title: `The kernel may have ${known.cve} (${known.title})`,
      severity: hasUserNamespace(input) && known.severity === 'high' ? 'medium' : known.severity,
      what: `kernel ${input.host.kernel}, fixed in ${[known.fixed, ...known.backports].map(showVersion).join(', ')}`,
      attack: known.attack,
      fix: `${known.fix} (A distribution may have mended it under an older number: look its advisory up.)`,
      reference: known.cve,
      origin: 'host',
    }),
  );
};

/** "5.17", "5.16.11" */
function showVersion([major, minor, patch]: Version): string {
  return patch === 0 ? `${major}.${minor}` : `${major}.${minor}.${patch}`;
}
