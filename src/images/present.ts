/** Images as the Engine API shows them: ImageSummary, ImageInspect, ImageHistoryResponseItem. */
import { chainIds } from '../oci/digest.ts';
import { createdMs, imageFilter } from './filters.ts';
import type { Filters } from './filters.ts';
import { namesOf } from './record.ts';
import type { ImageRecord } from './record.ts';

type JsonObject = Record<string, unknown>;

export interface ListOptions {
  filters: Filters;
  /** Compute SharedSize and Containers, which are -1 otherwise. */
  sharedSize: boolean;
}

/** Newest first. `containersOf` counts the containers of an image. */
export function listImages(
  images: readonly ImageRecord[],
  { filters, sharedSize }: ListOptions,
  find: (name: string) => ImageRecord,
  containersOf: (id: string) => number,
): JsonObject[] {
  const filter = imageFilter(filters, find);
  const holders = countChains(images);
  return images
    .filter((image) => filter.accepts(image))
    .toSorted((a, b) => createdMs(b) - createdMs(a) || (a.id < b.id ? -1 : 1))
    .map((image) => {
      const { repoTags, repoDigests } = namesOf(filter.names(image));
      return {
        Id: image.id,
        ParentId: '',
        RepoTags: repoTags,
        RepoDigests: repoDigests,
        Created: Math.floor(createdMs(image) / 1000),
        Size: image.sizeBytes,
        SharedSize: sharedSize ? sharedBytes(image, holders) : -1,
        Labels: image.config.config?.Labels ?? null,
        Containers: sharedSize ? containersOf(image.id) : -1,
      };
    });
}

function countChains(images: readonly ImageRecord[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const chain of images.flatMap(({ diffIds }) => chainIds(diffIds)))
    counts.set(chain, (counts.get(chain) ?? 0) + 1);
  return counts;
}

function sharedBytes(image: ImageRecord, holders: ReadonlyMap<string, number>): number {
  const chains = chainIds(image.diffIds);
  return image.layers.reduce(
    (sum, { sizeBytes }, index) => sum + ((holders.get(chains[index] ?? '') ?? 0) > 1 ? sizeBytes : 0),
    0,
  );
}

export function inspectImage(image: ImageRecord): JsonObject {
  const { config } = image;
  return {
    Id: image.id,
    RepoTags: image.repoTags,
    RepoDigests: image.repoDigests,
    Parent: '',
    Comment: config.history?.at(-1)?.comment ?? '',
    ...(config.created === undefined ? {} : { Created: config.created }),
    DockerVersion: '',
    Author: config.author ?? '',
    Config: presentConfig(image),
    Architecture: config.architecture,
    ...(config.variant === undefined ? {} : { Variant: config.variant }),
    Os: config.os,
    ...(config['os.version'] === undefined ? {} : { OsVersion: config['os.version'] }),
    Size: image.sizeBytes,
    GraphDriver: { Name: 'overlay2', Data: {} },
    RootFS: image.diffIds.length === 0 ? { Type: 'layers' } : { Type: 'layers', Layers: image.diffIds },
    Metadata: {
      LastTagTime:
        image.lastTaggedAtMs === undefined ? '0001-01-01T00:00:00Z' : new Date(image.lastTaggedAtMs).toISOString(),
    },
  };
}

/** The run configuration with the fields that clients read without asking whether they are there. */
function presentConfig({ config }: ImageRecord): JsonObject {
  return {
    User: '',
    Env: null,
    Cmd: null,
    Volumes: null,
    WorkingDir: '',
    Entrypoint: null,
    OnBuild: null,
    Labels: null,
    ...config.config,
  };
}

/** Newest first; only the first entry knows its image, as since Docker 1.10. */
export function imageHistory(image: ImageRecord): JsonObject[] {
  let layer = 0;
  const entries = (image.config.history ?? []).map((entry) => ({
    Id: '<missing>',
    Created: Math.floor((Date.parse(entry.created ?? '') || -62_135_596_800_000) / 1000),
    CreatedBy: entry.created_by ?? '',
    Tags: null as string[] | null,
    Size: entry.empty_layer === true ? 0 : (image.layers[layer++]?.sizeBytes ?? 0),
    Comment: entry.comment ?? '',
  }));
  const newest = entries.at(-1);
  if (newest !== undefined)
    Object.assign(newest, { Id: image.id, Tags: image.repoTags.length === 0 ? null : image.repoTags });
  return entries.toReversed();
}
