/** The JSON documents of a registry, checked at the boundary: what passes has the shape of its type and sane sizes. */
import * as z from 'zod/mini';
import { EngineError } from '../errors.ts';
import { isDigest } from '../oci/digest.ts';
import type { ImageConfig, ImageIndex, ImageManifest } from '../oci/image-spec.ts';

export const MEDIA_TYPE = {
  ociIndex: 'application/vnd.oci.image.index.v1+json',
  ociManifest: 'application/vnd.oci.image.manifest.v1+json',
  ociConfig: 'application/vnd.oci.image.config.v1+json',
  ociLayer: 'application/vnd.oci.image.layer.v1.tar',
  dockerList: 'application/vnd.docker.distribution.manifest.list.v2+json',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerConfig: 'application/vnd.docker.container.image.v1+json',
} as const;

export const ACCEPTED_MANIFESTS = [
  MEDIA_TYPE.ociIndex,
  MEDIA_TYPE.dockerList,
  MEDIA_TYPE.ociManifest,
  MEDIA_TYPE.dockerManifest,
];

/** bytes; the size that registries cap manifests at */
export const MAX_MANIFEST_BYTES = 4 << 20;
/** bytes; real configurations have a few kilobytes */
export const MAX_CONFIG_BYTES = 8 << 20;
/** Docker's limit of layers, from what overlayfs can stack. */
export const MAX_LAYERS = 127;
/** Levels of brackets in a document; real ones have less than ten. */
const MAX_DEPTH = 100;
/** Entries of one index; the largest public ones have a few dozen. */
const MAX_INDEX_ENTRIES = 1000;

const LAYER_TYPES = new Set([
  MEDIA_TYPE.ociLayer,
  `${MEDIA_TYPE.ociLayer}+gzip`,
  `${MEDIA_TYPE.ociLayer}+zstd`,
  'application/vnd.docker.image.rootfs.diff.tar',
  'application/vnd.docker.image.rootfs.diff.tar.gzip',
  'application/vnd.docker.image.rootfs.diff.tar.zstd',
]);
/** '' and octet-stream: what old registries and clients wrote (dockerd accepts them too). */
const CONFIG_TYPES = new Set<string>([MEDIA_TYPE.ociConfig, MEDIA_TYPE.dockerConfig, 'application/octet-stream', '']);

const bytes = z.number().check(z.int(), z.gte(0), z.lte(Number.MAX_SAFE_INTEGER));
const digest = z.string().check(z.refine(isDigest, 'not a sha256 digest'));
const platform = z.object({
  os: z.string(),
  architecture: z.string(),
  variant: z.exactOptional(z.string()),
  'os.version': z.exactOptional(z.string()),
});
const descriptor = z.object({
  mediaType: z._default(z.string(), ''),
  digest,
  size: bytes,
  urls: z.exactOptional(z.array(z.string())),
  annotations: z.exactOptional(z.record(z.string(), z.string())),
  platform: z.exactOptional(platform),
  artifactType: z.exactOptional(z.string()),
});
const manifestSchema = z.object({
  schemaVersion: z.literal(2),
  mediaType: z.exactOptional(z.string()),
  config: descriptor,
  layers: z.array(descriptor),
});
const indexSchema = z.object({
  schemaVersion: z.literal(2),
  mediaType: z.exactOptional(z.string()),
  manifests: z.array(descriptor),
});

const nullableStrings = z.exactOptional(z.nullable(z.array(z.string())));
const configSchema = z.looseObject({
  created: z.exactOptional(z.nullable(z.string())),
  author: z.exactOptional(z.string()),
  architecture: z._default(z.string(), ''),
  os: z._default(z.string(), ''),
  variant: z.exactOptional(z.string()),
  config: z.exactOptional(
    z.nullable(
      z.looseObject({
        User: z.exactOptional(z.string()),
        Env: nullableStrings,
        Cmd: nullableStrings,
        Entrypoint: nullableStrings,
        Volumes: z.exactOptional(z.nullable(z.record(z.string(), z.unknown()))),
        ExposedPorts: z.exactOptional(z.nullable(z.record(z.string(), z.unknown()))),
        Labels: z.exactOptional(z.nullable(z.record(z.string(), z.string()))),
        WorkingDir: z.exactOptional(z.string()),
        StopSignal: z.exactOptional(z.string()),
      }),
    ),
  ),
  rootfs: z.object({ type: z.string(), diff_ids: z._default(z.nullable(z.array(digest)), []) }),
  history: z.exactOptional(z.nullable(z.array(z.looseObject({ empty_layer: z.exactOptional(z.boolean()) })))),
});

/** Parses a manifest or an index; `mediaType` is the registry's Content-Type, used when the document has none of its own. */
export function parseManifest(
  document: Uint8Array,
  mediaType: string,
): { kind: 'index'; index: ImageIndex } | { kind: 'manifest'; manifest: ImageManifest } {
  const json = parseJson(document, 'manifest');
  if (has(json, 'manifests') && has(json, 'layers')) {
    // CVE-2021-41190: such a document means one image to one client and another image to the next.
    throw invalid('manifest with both `manifests` and `layers`: it can be read in two ways');
  }
  if (has(json, 'fsLayers') || mediaType.startsWith('application/vnd.docker.distribution.manifest.v1')) {
    throw invalid(
      'unsupported manifest format: Docker image manifest version 2, schema 1; ask its author to publish it as schema 2 or OCI',
    );
  }
  if (has(json, 'manifests')) return { kind: 'index', index: checkIndex(check(indexSchema, json, 'image index')) };
  return { kind: 'manifest', manifest: checkManifest(check(manifestSchema, json, 'manifest')) };
}

function checkIndex(index: ImageIndex): ImageIndex {
  if (index.manifests.length > MAX_INDEX_ENTRIES) {
    throw invalid(`image index with ${index.manifests.length} entries; at most ${MAX_INDEX_ENTRIES} are read`);
  }
  return index;
}

function checkManifest(manifest: ImageManifest): ImageManifest {
  const { config, layers } = manifest;
  if (!CONFIG_TYPES.has(config.mediaType)) {
    const kind = config.mediaType === 'application/vnd.docker.plugin.v1+json' ? 'plugin' : 'unknown';
    throw invalid(`Encountered remote ${JSON.stringify(config.mediaType)}(${kind}) when fetching`);
  }
  if (config.size > MAX_CONFIG_BYTES) {
    throw invalid(`image configuration ${config.digest} of ${config.size} bytes; at most ${MAX_CONFIG_BYTES} are read`);
  }
  if (layers.length > MAX_LAYERS)
    throw invalid(`image with ${layers.length} layers: max depth exceeded (${MAX_LAYERS})`);
  for (const layer of layers) {
    if (LAYER_TYPES.has(layer.mediaType)) continue;
    const foreign = /foreign|nondistributable/.test(layer.mediaType);
    const why = foreign
      ? 'a foreign layer, whose bytes the registry does not hold'
      : 'not a layer type of OCI or Docker images';
    throw invalid(
      `unsupported media type ${layer.mediaType === '' ? '(none)' : layer.mediaType} of layer ${layer.digest}: ${why}`,
    );
  }
  return manifest;
}

/** Parses an image configuration; unknown fields are kept. */
export function parseConfig(document: Uint8Array): ImageConfig {
  const config = check(configSchema, parseJson(document, 'image configuration'), 'image configuration');
  if (config.rootfs.type !== 'layers')
    throw invalid(`invalid rootfs in image configuration: type ${JSON.stringify(config.rootfs.type)}`);
  // Null and "not there" mean the same in these documents; the types know only the latter.
  return { ...stripNulls(config), rootfs: { type: 'layers', diff_ids: config.rootfs.diff_ids ?? [] } } as ImageConfig;
}

function stripNulls(value: object): object {
  const entries = Object.entries(value).filter(([, field]) => field !== null && field !== undefined);
  return Object.fromEntries(
    entries.map(([name, field]) => [name, name === 'config' ? stripNulls(Object(field)) : field]),
  );
}

function parseJson(document: Uint8Array, what: string): unknown {
  if (isDeeperThan(MAX_DEPTH, document)) {
    throw invalid(`the registry's ${what} nests deeper than the ${MAX_DEPTH} levels that are read`);
  }
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(document));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new EngineError('InvalidParameter', `the registry's ${what} is not JSON: ${reason}`, {
      code: 'EMANIFEST',
      cause,
    });
  }
}

/** Looks at brackets outside of strings only: a level costs the parser a hundred times the byte that it costs the sender. */
function isDeeperThan(limit: number, json: Uint8Array): boolean {
  let depth = 0;
  let inString = false;
  for (let at = 0; at < json.length; at++) {
    const byte = json[at];
    if (byte === 0x22) inString = !inString;
    else if (inString && byte === 0x5c) at++;
    else if (!inString && (byte === 0x5b || byte === 0x7b) && ++depth > limit) return true;
    else if (!inString && (byte === 0x5d || byte === 0x7d)) depth--;
  }
  return false;
}

function check<T>(schema: z.ZodMiniType<T>, json: unknown, what: string): T {
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw invalid(`invalid ${what}: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'unknown'}`);
}

function has(json: unknown, name: string): boolean {
  return typeof json === 'object' && json !== null && Object.hasOwn(json, name);
}

function invalid(message: string): EngineError {
  return new EngineError('InvalidParameter', message, { code: 'EMANIFEST' });
}
