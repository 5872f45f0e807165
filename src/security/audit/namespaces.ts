/** Namespaces that are not the container's own. */
import { hasUserNamespace, isKeptFromProcesses, isPrivileged } from './subject.ts';
import type { AuditedHostConfig, AuditInput, Finding, Rule, Severity } from './types.ts';

type Shared = 'pid' | 'network' | 'ipc' | 'uts' | 'cgroup';

interface HostNamespace {
  readonly id: string;
  readonly field: 'PidMode' | 'NetworkMode' | 'IpcMode' | 'UTSMode' | 'CgroupnsMode';
  readonly flag: string;
  readonly severity: (input: AuditInput) => Severity;
  readonly attack: string;
  readonly reference: string;
}

const hasSysAdmin = ({ spec }: AuditInput): boolean =>
  spec.process?.capabilities?.bounding?.includes('CAP_SYS_ADMIN') === true;

const NAMESPACES: Readonly<Record<Shared, HostNamespace>> = {
  pid: {
    id: 'host-pid',
    field: 'PidMode',
    flag: '--pid host',
    severity: (input) => (isKeptFromProcesses(input) ? 'medium' : 'high'),
    attack:
      "Root inside takes the uid of a user of the host and walks through /proc/PID/root of one of its processes into the host's files, or kills any process, unless Landlock or AppArmor's default profile keeps it from that; arguments of all programs, passwords among them, can be read in any case.",
    reference: 'pid_namespaces(7); ptrace(2)',
  },
  network: {
    id: 'host-network',
    field: 'NetworkMode',
    flag: '--network host',
    severity: () => 'high',
    attack:
      "Connects to what listens on the host's 127.0.0.1 without a password, and to abstract unix sockets, over which root in a container could once order containerd-shim to start programs on the host.",
    reference: 'CVE-2020-15257; network_namespaces(7)',
  },
  ipc: {
    id: 'host-ipc',
    field: 'IpcMode',
    flag: '--ipc host',
    severity: () => 'high',
    attack:
      "Reads and overwrites shared memory of the host's programs (databases, browsers, audio servers) in /dev/shm and by shmat(2).",
    reference: 'ipc_namespaces(7)',
  },
  uts: {
    id: 'host-uts',
    field: 'UTSMode',
    flag: '--uts host',
    severity: (input) => (hasSysAdmin(input) || isPrivileged(input) ? 'medium' : 'low'),
    attack:
      'With SYS_ADMIN it renames the host by sethostname(2), by which other programs and machines know it; without, it only sees the name.',
    reference: 'uts_namespaces(7)',
  },
  cgroup: {
    id: 'host-cgroup',
    field: 'CgroupnsMode',
    flag: '--cgroupns host',
    severity: () => 'low',
    attack:
      "Reads the host's cgroup paths in /proc/self/cgroup: names of services and other containers, and the path that a release_agent escape needs once a cgroup file system can be written.",
    reference: 'cgroup_namespaces(7)',
  },
};

const TITLES: Readonly<Record<Shared, string>> = {
  pid: "Sees the host's processes",
  network: "Is on the host's network",
  ipc: "Shares the host's memory segments and queues",
  uts: "Shares the host's name",
  cgroup: "Sees the host's cgroup tree",
};

/** A path into init's namespaces is the host's namespace by another name. */
const INIT_NAMESPACE = /^\/proc\/1\/(task\/1\/)?ns\//;

const fieldOf = (hostConfig: AuditedHostConfig, kind: Shared): string => hostConfig[NAMESPACES[kind].field] ?? '';

/** Is this namespace the host's? */
export function usesHost({ hostConfig, spec }: AuditInput, kind: Shared): boolean {
  if (fieldOf(hostConfig, kind) === 'host') return true;
  const found = spec.linux?.namespaces?.find(({ type }) => type === kind);
  if (found !== undefined) return found.path !== undefined && INIT_NAMESPACE.test(found.path);
  // `container:X` is resolved when the container starts; until then the spec may say nothing of it.
  return !fieldOf(hostConfig, kind).startsWith('container:');
}

function hostFinding(input: AuditInput, kind: Shared): Finding {
  const { id, field, flag, severity, attack, reference } = NAMESPACES[kind];
  const asked = fieldOf(input.hostConfig, kind);
  return {
    id,
    title: TITLES[kind],
    severity: severity(input),
    what: asked === '' ? `no ${kind} namespace of its own in the spec` : `HostConfig.${field} = ${asked}`,
    attack,
    fix: `Leave ${flag} out: the container gets a namespace of its own${kind === 'network' ? '; publish the ports it needs' : ''}.`,
    reference,
    origin: 'asked',
  };
}

function joinedFinding(kind: Shared, mode: string): Finding {
  return {
    id: 'joined-namespace',
    title: `Shares its ${kind} namespace with another container`,
    severity: 'low',
    what: `HostConfig.${NAMESPACES[kind].field} = ${mode}`,
    attack: `Who breaks into either container is in the other's ${kind} namespace at once: there it reaches ${REACHED[kind]}.`,
    fix: 'Give each its own namespace, and let them talk over a network, unless both are one service.',
    reference: 'namespaces(7)',
    origin: 'asked',
  };
}

const REACHED: Readonly<Record<Shared, string>> = {
  pid: 'its processes, their memory (for the same user) and their files by /proc/PID/root',
  network: 'what listens on its loopback address only',
  ipc: 'its shared memory and message queues',
  uts: 'its name',
  cgroup: 'the names of its cgroups',
};

export const namespaceFindings: Rule = (input) => {
  const findings: Finding[] = [];
  for (const kind of Object.keys(NAMESPACES) as Shared[]) {
    const asked = fieldOf(input.hostConfig, kind);
    if (usesHost(input, kind)) findings.push(hostFinding(input, kind));
    else if (asked.startsWith('container:')) findings.push(joinedFinding(kind, asked));
  }
  return findings;
};

const SHARED_IDS: Finding = {
  id: 'shared-user-ids',
  title: 'Has the same ids on the host as other containers',
  severity: 'info',
  what: 'one range of --userns-remap for all',
  attack:
    "Who breaks out, or finds another container's files in a directory that both have, reads and writes them as their owner, and kills its processes.",
  fix: 'Give it ids of its own: --userns auto, or isled --userns-remap auto for all.',
  reference: 'user_namespaces(7)',
  origin: 'default',
};

/** In the host's eyes the holder of this id is root, although without a capability. */
function mapsHostRoot({ spec }: AuditInput): Finding[] {
  const map = spec.linux?.uidMappings?.find(({ hostID, size }) => hostID === 0 && size > 0);
  if (map === undefined) return [];
  return [
    {
      id: 'maps-host-root',
      title: "The user namespace has the host's root in it",
      severity: 'medium',
      what: `linux.uidMappings: ${map.containerID} inside is 0 on the host`,
      attack:
        'Becomes that id and is the owner of every file of root that comes within reach (a mounted directory, a descriptor left open): it writes them as on the host itself.',
      fix: 'Map ids that nobody else on the host has, from /etc/subuid.',
      reference: 'user_namespaces(7)',
      origin: 'asked',
    },
  ];
}

export const userNamespaceFindings: Rule = (input) => {
  if (hasUserNamespace(input)) return [...mapsHostRoot(input), ...(input.sharesIds === true ? [SHARED_IDS] : [])];
  const asked = input.hostConfig.UsernsMode === 'host';
  return [
    {
      id: 'no-user-namespace',
      title: "Root inside is root's uid on the host",
      severity: 'info',
      what: asked ? 'HostConfig.UsernsMode = host' : 'no user namespace in the spec',
      attack:
        'Any other way out of the container (a kernel bug, a writable host directory) ends as uid 0 on the host; with a user namespace it would end as a user without rights.',
      fix: 'Give it --userns auto, run the daemon with --userns-remap auto (and the container without --userns host), or the program as another user with -u.',
      reference: 'user_namespaces(7)',
      origin: asked ? 'asked' : 'default',
    },
  ];
};
