/** What the container life cycle needs from its siblings; `src/daemon/` connects the real ones. */
import type { ImageConfig } from '../oci/image-spec.ts';
import type { IdMap } from '../oci/spec/namespaces.ts';
import type { EndpointRecord } from './record.ts';

export interface ContainerImage {
  /** sha256:... */
  id: string;
  config: ImageConfig;
  diffIds: string[];
  repoTags: string[];
  /** bytes of all layers, unpacked */
  sizeBytes: number;
}

export interface ImageSource {
  /** Throws NotFound with Docker's words. */
  resolve(nameOrId: string): ContainerImage;
}

export interface BridgePort {
  readonly id: string;
  readonly name: string;
  /** The id of one of the networks that every engine has beside this one: host, none. */
  fixedId(name: string): string;
  /** Reserves an address; pure bookkeeping, the kernel does its part when the plan runs. */
  connect(): EndpointRecord;
  /** Netlink bytes for a start plan: of the host's side, and of the inside. */
  batches(endpoint: EndpointRecord): { parent: Uint8Array; child: Uint8Array };
  release(endpoint: EndpointRecord): void;
  /** A running container found at start-up keeps what it has. */
  adopt(endpoint: EndpointRecord): void;
  /** The inside batch of a container without network: its loopback comes up. */
  loopbackOnly(): Uint8Array;
}

export interface IdPool {
  /**
   * `size` ids of the host, from 0 on inside, of which `taken` has none. Nothing is kept of it. `reserve`: a pool that this
   * host does not have yet is made. Throws Unavailable when there is no room.
   */
  allocate(size: number, taken: readonly IdMap[], options: { reserve: boolean }): IdMap;
  /** Throws Conflict when another isled of this host gives out the ids of the pool. */
  claim(): void;
}

/** AppArmor, as the daemon found it at its start. */
export interface AppArmorPort {
  readonly enabled: boolean;
  /** Has the kernel isle's default profile? */
  readonly hasDefault: boolean;
  /** Below /proc/self: takes the profile of the next program. */
  readonly execFile: string;
  /** Loads the default profile again, which something may have removed. Rejects with EngineError. */
  loadDefault(): Promise<void>;
}

/** Landlock on this kernel, and in this daemon's flags. */
export interface LandlockPort {
  /** version of the kernel's interface; 0: none */
  readonly abi: number;
  /** Are containers fenced that do not ask? */
  readonly byDefault: boolean;
}

export interface ContainerEvents {
  publish(action: string, id: string, attributes: Record<string, string>): void;
}
