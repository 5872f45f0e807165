/** What images need from their neighbours; `src/snapshots/` and `src/distribution/` have it. */
import type { BlobSource } from '../distribution/blob.ts';
import type { ManifestSource } from '../distribution/resolve.ts';

/** Unpacked layers by diffID: the part of SnapshotStore that images use. */
export interface LayerStore {
  has(diffId: string): boolean;
  /** bytes of the layer's files; throws NotFound */
  size(diffId: string): number;
  /**
   * Unpacks a compressed or plain tar and checks its diffID. The layer is there only whole; nothing is left on failure.
   */
  unpack(request: {
    diffId: string;
    source: AsyncIterable<Uint8Array>;
    signal: AbortSignal;
  }): Promise<{ sizeBytes: number }>;
  /** Rejects with Conflict while a container has the layer in its root. */
  remove(diffId: string): Promise<void>;
  /** all complete layers */
  list(): readonly { diffId: string }[];
}

/** Where an image comes from: a repository of a registry, or this program itself. */
export interface ImageSource extends ManifestSource, BlobSource {
  tags(signal: AbortSignal): Promise<string[]>;
  /**
   * A download may outlive the pull that began it, when another pull waits for the same layer: the source is closed when
   * all who hold it have let it go.
   */
  retain(): void;
  release(): Promise<void>;
}

/** A container that uses an image. */
export interface ImageUser {
  id: string;
  running: boolean;
}

export type ImageAction = 'pull' | 'tag' | 'untag' | 'delete';
export type ImageEvents = (action: ImageAction, id: string, attributes: Record<string, string>) => void;

/** One Docker progress message: {status, id, progressDetail}. */
export type Progress = (message: Record<string, unknown>) => void;
