import { familiarString } from '../distribution/reference.ts';
import type { Reference } from '../distribution/reference.ts';
import type { ImageConfig } from '../oci/image-spec.ts';

export interface ImageLayer {
  diffId: string;
  /** bytes of the layer's files, unpacked */
  sizeBytes: number;
}

/** One image of this engine. Records are never changed: every change of the store makes new ones. */
export interface ImageRecord {
  /** `sha256:...`, the digest of the configuration */
  readonly id: string;
  readonly config: ImageConfig;
  /** lowest first */
  readonly layers: readonly ImageLayer[];
  /** lowest first */
  readonly diffIds: string[];
  readonly references: readonly Reference[];
  /** `busybox:latest` */
  readonly repoTags: string[];
  /** `busybox@sha256:...`, by the digest of the manifest or index that was pulled */
  readonly repoDigests: string[];
  /** bytes of all layers, unpacked */
  readonly sizeBytes: number;
  /** RFC 3339, as its author wrote it */
  readonly createdAt: string | undefined;
  /** ms since the epoch; undefined when no tag was ever given */
  readonly lastTaggedAtMs: number | undefined;
  /** Removed by its user while a stopped container needs it: kept for that container, seen by nobody else. */
  readonly hidden: boolean;
}

/** What all names of an image say: tags and digests apart, each in a stable order. */
export function namesOf(references: readonly Reference[]): { repoTags: string[]; repoDigests: string[] } {
  const tags = references.filter(({ digest }) => digest === undefined).map(familiarString);
  const digests = references.filter(({ digest }) => digest !== undefined).map(familiarString);
  return { repoTags: tags.toSorted(), repoDigests: digests.toSorted() };
}
