/** What explanations are made of: what was asked for (spec, plan, network, image) and what the kernel says (raw /proc texts). */
import type { Spec } from '../oci/runtime-spec.ts';
import type { LandlockAbsence, LandlockMode } from '../security/landlock.ts';
import type { Plan } from '../runtime/plan/table.ts';

/** Namespace file names of /proc/PID/ns. */
export const NAMESPACE_FILES = ['pid', 'net', 'mnt', 'uts', 'ipc', 'cgroup', 'user', 'time'] as const;
export type NamespaceFile = (typeof NAMESPACE_FILES)[number];

/** A kernel file and its text; null when it cannot be read. */
export interface KernelText {
  readonly path: string;
  readonly text: string | null;
}

/** The state of one running container, as text, so that it can be recorded. Paths are the host's. */
export interface KernelFacts {
  readonly pid: number;
  /** "pid:[4026532201]"; missing when it cannot be read */
  readonly namespaces: Readonly<Partial<Record<NamespaceFile, string>>>;
  /** the engine's own, for comparison */
  readonly hostNamespaces: Readonly<Partial<Record<NamespaceFile, string>>>;
  /** /proc/PID/status */
  readonly status: string;
  readonly mountinfo: KernelText;
  /** the engine's own mount table, by which a path of the host is found in its file system; null text if unknown */
  readonly hostMountinfo: KernelText;
  readonly uidMap: KernelText;
  readonly gidMap: KernelText;
  readonly timeOffsets: KernelText;
  readonly limits: KernelText;
  readonly cgroup: KernelText;
  readonly cmdline: KernelText;
  readonly oomScoreAdj: KernelText;
  /** the label of AppArmor or SELinux; null text where no such module is active */
  readonly label: KernelText;
  /** limits and counters by the names of src/runtime/cgroups (CgroupFile) */
  readonly cgroupFiles: Readonly<Record<string, KernelText>>;
  /** /proc/PID/net/... */
  readonly fibTrie: KernelText;
  readonly route: KernelText;
  readonly interfaces: KernelText;
  readonly inet6: KernelText;
  /** bridge of the host's end of the veth pair; text null without one */
  readonly linkMaster: KernelText;
  /** hardware address of the other end, inside */
  readonly linkAddress: KernelText;
  /** values inside, by their names in the spec */
  readonly sysctls: Readonly<Record<string, KernelText>>;
  /** those of the masked and read-only paths that this kernel has; null if nobody asked */
  readonly presentPaths: readonly string[] | null;
}

/** What the engine gave the container; null in host and none mode. */
export interface NetworkFacts {
  readonly ip: string;
  readonly prefixLength?: number | undefined;
  readonly gateway: string;
  readonly mac: string;
  readonly bridge: string;
  /** name of the veth's host end */
  readonly hostLink: string;
}

/** Another OCI runtime set up what the spec asks for. */
export interface DelegationFacts {
  readonly runtime: string;
  readonly program: string;
  /** What isle makes of the same seccomp policy; null: none */
  readonly filter: Uint8Array | null;
  /** Socket of the process that decides on some calls; null: none */
  readonly listener: string | null;
}

export interface ImageFacts {
  readonly reference: string;
  readonly id: string;
  /** diffIDs, lowest first */
  readonly layers: readonly string[];
}

/** Who else has ids of the host of its own, running now; whether any other container was meant to have the same ones. */
export interface IdFacts {
  readonly isShared: boolean;
  readonly others: readonly { readonly name: string; readonly uidMap: KernelText }[];
}

export interface LandlockFacts {
  /** What a start now would give it. */
  readonly asked: LandlockMode | { absent: LandlockAbsence };
  /** version of the kernel's interface; 0: none */
  readonly abi: number;
  /** What its last start entered. */
  readonly entered: LandlockMode | null;
}

export interface ContainerExplainInput {
  readonly id: string;
  readonly name: string;
  /** "running", "exited", "created" ... */
  readonly state: string;
  readonly pid: number | null;
  readonly spec: Spec;
  readonly plan: Plan;
  /** active security modules of the host, such as "apparmor" */
  readonly modules: readonly string[];
  readonly landlock: LandlockFacts;
  /** null when it does not run */
  readonly kernel: KernelFacts | null;
  readonly network: NetworkFacts | null;
  /** Left out: isle's own runtime. */
  readonly delegated?: DelegationFacts | undefined;
  readonly image: ImageFacts;
  /** left out without a user namespace */
  readonly ids?: IdFacts | undefined;
}

/** What each layer's facts are made from. */
export type LayerInput = Omit<ContainerExplainInput, 'id' | 'name' | 'state' | 'pid'>;
