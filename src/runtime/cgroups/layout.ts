/** Which cgroup hierarchies the host has mounted where: read off /proc/self/mountinfo (proc(5)), nothing assumed. */
import { EngineError } from '../../errors.ts';

/** A cgroup v1 hierarchy. */
export interface V1Hierarchy {
  mountPoint: string;
  /** `cpu`, `memory` ...; empty for a hierarchy that has only a name. */
  controllers: readonly string[];
  /** `systemd` for `name=systemd`. */
  name: string | null;
}

export interface CgroupLayout {
  /** 1: limits are set on v1 hierarchies (a hybrid host too); 2: on the unified one. */
  version: 1 | 2;
  v1: readonly V1Hierarchy[];
  /** The cgroup2 mount: the whole of version 2; on a hybrid host beside v1, for freezing, killing and pressure. */
  unified: { mountPoint: string; controllers: readonly string[] } | null;
  /** What the root cpuset holds; a new v1 cpuset is empty and refuses its first process (ENOSPC) until it is filled. */
  cpuset: { cpus: string; mems: string } | null;
  /** Is swap counted, so that memory and swap can be limited together? */
  swapAccounting: boolean;
  /** The files that a container's cgroups will have, whatever their hierarchy; left out: all that are asked for. */
  files?: ReadonlySet<string> | undefined;
  /** How much real-time scheduling v1's root allows; left out where the kernel has none. */
  realtimeRuntimeUs?: number | undefined;
  /** Does any disk share out its time by weight (the BFQ scheduler, or io.cost on v2)? Left out: not known. */
  weighsBlockIO?: boolean | undefined;
}

/** What the mount table does not tell, from the hierarchies' own files. */
export interface CgroupFacts {
  /** cgroup.controllers of the cgroup2 mount */
  unifiedControllers?: string | undefined;
  cpusetCpus?: string | undefined;
  cpusetMems?: string | undefined;
  swapAccounting?: boolean | undefined;
  files?: ReadonlySet<string> | undefined;
  realtimeRuntimeUs?: number | undefined;
  weighsBlockIO?: boolean | undefined;
}

const V1_CONTROLLERS = new Set([
  'cpu',
  'cpuacct',
  'cpuset',
  'memory',
  'devices',
  'freezer',
  'blkio',
  'pids',
  'net_cls',
  'net_prio',
  'perf_event',
  'hugetlb',
  'rdma',
  'misc',
]);
const V2_DEFAULT = ['cpuset', 'cpu', 'io', 'memory', 'pids'];

interface MountInfo {
  mountPoint: string;
  fsType: string;
  superOptions: string[];
}

/** The kernel writes space, tab, newline and backslash in paths as three octal digits. */
const unescapeOctal = (path: string) =>
  path.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));

function parseMountInfo(mountinfo: string): MountInfo[] {
  return mountinfo.split('\n').flatMap((line) => {
    const [before = '', after] = line.split(' - ');
    const mountPoint = before.split(' ')[4];
    const [fsType, , superOptions] = after?.split(' ') ?? [];
    if (mountPoint === undefined || fsType === undefined) return [];
    return [{ mountPoint: unescapeOctal(mountPoint), fsType, superOptions: (superOptions ?? '').split(',') }];
  });
}

/** Controllers that /proc/cgroups lists as free for the unified hierarchy (hierarchy 0, enabled), by their v2 names. */
function freeControllers(procCgroups: string): string[] {
  const names = procCgroups.split('\n').flatMap((line) => {
    const [name = '', hierarchy, , enabled] = line.split('\t');
    return !name.startsWith('#') && hierarchy === '0' && enabled === '1' ? [name === 'blkio' ? 'io' : name] : [];
  });
  return V2_DEFAULT.filter((name) => names.includes(name));
}

function toHierarchy({ mountPoint, superOptions }: MountInfo): V1Hierarchy {
  const name = superOptions.find((option) => option.startsWith('name='))?.slice('name='.length) ?? null;
  return { mountPoint, controllers: superOptions.filter((option) => V1_CONTROLLERS.has(option)), name };
}

function unifiedControllers(procCgroups: string | undefined, facts: CgroupFacts): string[] {
  if (facts.unifiedControllers !== undefined) return facts.unifiedControllers.split(/\s+/).filter(Boolean);
  return procCgroups === undefined ? V2_DEFAULT : freeControllers(procCgroups);
}

/**
 * `mountinfo` is the text of /proc/self/mountinfo, `procCgroups` of /proc/cgroups. A hierarchy mounted twice counts
 * once, where it was mounted first. Throws Unavailable on a host without cgroups.
 */
export function detectCgroups(mountinfo: string, procCgroups?: string, facts: CgroupFacts = {}): CgroupLayout {
  const mounts = parseMountInfo(mountinfo);
  const seen = new Set<string>();
  const v1 = mounts
    .filter(({ fsType }) => fsType === 'cgroup')
    .map(toHierarchy)
    .filter(({ controllers, name }) => {
      const key = `${controllers.join()}/${name ?? ''}`;
      return !seen.has(key) && seen.add(key);
    });
  const unifiedMount = mounts.find(({ fsType }) => fsType === 'cgroup2');
  if (v1.length === 0 && unifiedMount === undefined) {
    throw new EngineError('Unavailable', 'no cgroup hierarchy is mounted on this host', {
      hint: 'mount one: mount -t cgroup2 cgroup2 /sys/fs/cgroup',
    });
  }
  const unified =
    unifiedMount === undefined
      ? null
      : { mountPoint: unifiedMount.mountPoint, controllers: unifiedControllers(procCgroups, facts) };
  const { cpusetCpus, cpusetMems } = facts;
  const cpuset = cpusetCpus && cpusetMems ? { cpus: cpusetCpus.trim(), mems: cpusetMems.trim() } : null;
  // A hybrid host may have nothing but name=systemd on v1: then every controller is on the unified hierarchy.
  const version = v1.some(({ controllers }) => controllers.length > 0) ? 1 : 2;
  const { files, realtimeRuntimeUs, weighsBlockIO } = facts;
  return {
    version,
    v1,
    unified,
    cpuset,
    swapAccounting: facts.swapAccounting ?? true,
    ...(files === undefined ? {} : { files }),
    ...(realtimeRuntimeUs === undefined ? {} : { realtimeRuntimeUs }),
    ...(weighsBlockIO === undefined ? {} : { weighsBlockIO }),
  };
}
