/** What is kept on disk about one container. Everything else (cgroup path, directories, link names) follows from it. */
import type { ContainerConfig, HostConfig } from '../oci/container-config.ts';
import type { LandlockMode } from '../security/landlock.ts';
import type { IdMap } from '../oci/spec/namespaces.ts';
import type { ContainerLabels } from '../security/selinux/index.ts';

/**
 * created -> running -> exited -> running ...; running <-> paused; running -> restarting -> running, by a restart policy;
 * any but those with processes -> removing -> gone.
 * `dead` is a container whose removal failed half-way: only removal is possible.
 */
export type Status = 'created' | 'running' | 'paused' | 'restarting' | 'exited' | 'removing' | 'dead';

export interface ContainerState {
  status: Status;
  /** host pid of the container's init; 0 when it does not run */
  pid: number;
  exitCode: number;
  /** why the last start failed; '' when it did not */
  error: string;
  oomKilled: boolean;
  /** RFC 3339 with nanoseconds; Docker's zero time when it never happened */
  startedAt: string;
  finishedAt: string;
}

/** An address of the container on a bridge; present while it runs. */
export interface EndpointRecord {
  networkId: string;
  endpointId: string;
  address: string;
  prefixLength: number;
  gateway: string;
  macAddress: string;
  /** the host's end of the veth pair: new for every start, so that a dying one is never met */
  hostLink: string;
}

export interface UserRecord {
  uid: number;
  gid: number;
  additionalGids: number[];
  home: string;
}

export interface ContainerRecord {
  id: string;
  /** without the leading slash */
  name: string;
  /** RFC 3339 with nanoseconds */
  created: string;
  imageId: string;
  diffIds: string[];
  /** Merged with the image's config; Image is what the user wrote. */
  config: ContainerConfig;
  hostConfig: HostConfig;
  argv: string[];
  state: ContainerState;
  restartCount: number;
  /** A user asked for its last end: `unless-stopped` holds to it. */
  manuallyStopped?: boolean;
  endpoint: EndpointRecord | null;
  /** resolved at the last start, from the container's own passwd and group files */
  user: UserRecord | null;
  /** The Landlock domain that its last start entered; left out or null: none. The kernel does not tell it. */
  landlock?: LandlockMode | null;
  /** Chosen at its creation, for life: the files it writes have their owners by it. null: the host's ids. */
  idMap?: IdMap | null;
  /** Whose range that is, if it is nobody else's: this container's id, or that of the one whose namespaces it joined. */
  idOwner?: string;
  /** SELinux; given at its creation, for life. Left out: none. */
  labels?: ContainerLabels | undefined;
}

export const ZERO_TIME = '0001-01-01T00:00:00Z';

/** Nanoseconds since the epoch -> RFC 3339 as Go prints it (fraction without trailing zeros, UTC). */
export function formatTimeNs(timeNs: bigint): string {
  const seconds = timeNs / 1_000_000_000n;
  const fraction = (timeNs % 1_000_000_000n).toString().padStart(9, '0').replace(/0+$/, '');
  const whole = new Date(Number(seconds) * 1000).toISOString().slice(0, 19);
  return fraction === '' ? `${whole}Z` : `${whole}.${fraction}Z`;
}

/** RFC 3339 -> nanoseconds since the epoch; Docker's zero time gives 0. */
export function parseTimeNs(text: string): bigint {
  if (text === ZERO_TIME) return 0n;
  const match = /^(.{19})(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/.exec(text);
  if (match === null) return 0n;
  const ms = Date.parse(`${match[1]}${match[3]}`);
  return BigInt(ms) * 1_000_000n + BigInt((match[2] ?? '0').padEnd(9, '0'));
}

const WALL_MINUS_MONOTONIC_NS = BigInt(Date.now()) * 1_000_000n - process.hrtime.bigint();

/** Now, in nanoseconds since the epoch; finer than Date.now() so that ordering by time is ordering by event. */
export function nowNs(): bigint {
  const fine = WALL_MINUS_MONOTONIC_NS + process.hrtime.bigint();
  const coarse = BigInt(Date.now()) * 1_000_000n;
  const drift = fine > coarse ? fine - coarse : coarse - fine;
  return drift < 50_000_000n ? fine : coarse;
}
