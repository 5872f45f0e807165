import type { ExplainLayer, Fact } from '../../api/types/explain.ts';
import type { Namespace, NamespaceType } from '../../oci/runtime-spec.ts';
import { type Enforced, fact, said, same } from '../fact.ts';
import { parseStatus } from '../proc.ts';
import type { KernelFacts, LayerInput, NamespaceFile } from '../types.ts';

const KINDS: readonly { type: NamespaceType; file: NamespaceFile; what: string; why: string }[] = [
  {
    type: 'pid',
    file: 'pid',
    what: 'pid namespace',
    why: 'A process inside can only see, signal and trace processes of this namespace. Its first one is number 1 there; when that ends, the kernel kills the rest.',
  },
  {
    type: 'network',
    file: 'net',
    what: 'network namespace',
    why: 'Own interfaces, addresses, routes, ports and firewall. A server inside may listen on port 80 while another one does outside.',
  },
  {
    type: 'mount',
    file: 'mnt',
    what: 'mount namespace',
    why: 'An own table of what is mounted where. Nothing of the host can be reached that is not mounted in here, and no mount made inside shows outside.',
  },
  { type: 'uts', file: 'uts', what: 'UTS namespace', why: 'An own host name and domain name.' },
  {
    type: 'ipc',
    file: 'ipc',
    what: 'IPC namespace',
    why: 'Own System V shared memory, semaphores and message queues: two containers cannot meet there by using the same key.',
  },
  {
    type: 'cgroup',
    file: 'cgroup',
    what: 'cgroup namespace',
    why: "The container's cgroup looks like the root of the tree, so the host's structure and neighbours stay unknown.",
  },
  {
    type: 'user',
    file: 'user',
    what: 'user namespace',
    why: "Maps user ids: with an own one, root inside is nobody outside. Without, root inside is the host's root, and only capabilities, seccomp and the other layers hold it.",
  },
  {
    type: 'time',
    file: 'time',
    what: 'time namespace',
    why: "Says what the clocks since boot show; the time of day is the same everywhere. With an own one the host's age is not told.",
  },
];

/** Of time_namespaces(7); only clocks that were asked for. */
function clockFacts({ spec, kernel }: LayerInput): Fact[] {
  return Object.entries(spec.linux?.timeOffsets ?? {}).map(([clock, { secs = 0, nanosecs = 0 }]) => {
    const asked = secondsWords(BigInt(secs), BigInt(nanosecs));
    const line =
      kernel && said(kernel.timeOffsets, (text) => new RegExp(`^${clock}\\s+(-?\\d+)\\s+(\\d+)$`, 'm').exec(text));
    const now = line && secondsWords(BigInt(line[1] ?? 0), BigInt(line[2] ?? 0));
    return fact(
      `${clock} clock`,
      asked,
      kernel && same(asked, now, kernel.timeOffsets.path),
      "Added to what the host's clock shows: how long the machine seems to be up. The time of day is the same everywhere.",
    );
  });
}

/** -2 s and 500000000 ns are "-1.5 s". */
function secondsWords(secs: bigint, nanosecs: bigint): string {
  const total = secs * 1_000_000_000n + nanosecs;
  const digits = String(total < 0n ? -total : total).padStart(10, '0');
  const fraction = digits.slice(-9).replace(/0+$/, '');
  return `${total < 0n ? '-' : '+'}${digits.slice(0, -9)}${fraction === '' ? '' : `.${fraction}`} s`;
}

const inodeOf = (link: string): string => /\[(\d+)\]/.exec(link)?.[1] ?? link;

function enforced(kernel: KernelFacts, file: NamespaceFile, wantsOwn: boolean): Enforced {
  const source = `/proc/${kernel.pid}/ns/${file}`;
  const own = kernel.namespaces[file];
  const host = kernel.hostNamespaces[file];
  if (own === undefined || host === undefined) return { text: null, source, holds: null };
  const isOwn = own !== host;
  return { text: `${isOwn ? 'own' : "the host's"}, ${inodeOf(own)}`, source, holds: isOwn === wantsOwn };
}

function namespaceFact(kind: (typeof KINDS)[number], asked: Namespace | undefined, kernel: KernelFacts | null): Fact {
  const words = asked === undefined ? "the host's" : asked.path === undefined ? 'own' : `joined: ${asked.path}`;
  return fact(kind.what, words, kernel && enforced(kernel, kind.file, asked !== undefined), kind.why);
}

function firstProcess(kernel: KernelFacts | null, ownPid: boolean): Fact[] {
  if (!ownPid) return [];
  const inside = kernel && (parseStatus(kernel.status).get('NSpid')?.split(/\s+/).at(-1) ?? null);
  return [
    fact(
      'number of the first process inside',
      '1',
      kernel && same('1', inside, `/proc/${kernel.pid}/status: NSpid`),
      'Number 1 adopts orphans and ignores signals that it does not handle, which is why some programs want --init.',
    ),
  ];
}

/** The kernel shows a host name only to those inside, so it stays untold here. */
function hostName({ spec, kernel }: LayerInput): Fact[] {
  if (!spec.hostname) return [];
  const untold: Enforced = { text: null, source: 'only visible inside: uname -n', holds: null };
  return [
    fact('host name', spec.hostname, kernel && untold, 'What the programs inside take for the name of their machine.'),
  ];
}

export function namespacesLayer(input: LayerInput): ExplainLayer {
  const asked = new Map((input.spec.linux?.namespaces ?? []).map((namespace) => [namespace.type, namespace]));
  const pid = asked.get('pid');
  return {
    name: 'namespaces',
    title: 'Namespaces: what the container can see',
    summary:
      'The kernel keeps several copies of what normally exists once on a machine: the table of processes, of mounts, the network. A container is a process that was given its own copies.',
    facts: [
      ...KINDS.map((kind) => namespaceFact(kind, asked.get(kind.type), input.kernel)),
      ...clockFacts(input),
      ...firstProcess(input.kernel, pid !== undefined && pid.path === undefined),
      ...hostName(input),
    ],
  };
}
