/**
 * Pulling an image. Nothing is visible before the last step, one database transaction that adds the image with its names:
 * a pull that fails or is cancelled, or an engine that dies, leaves blobs and layers that nobody needs, and these are
 * removed at once, or when the engine starts again. Layers that other images or pulls share stay.
 */
import type { ContentStore } from '../content/store.ts';
import { readBlob } from '../distribution/blob.ts';
import { MAX_CONFIG_BYTES, parseConfig } from '../distribution/documents.ts';
import { pullError } from '../distribution/errors.ts';
import { formatPlatform, matchesPlatform } from '../distribution/platform.ts';
import { familiarString, withDigest } from '../distribution/reference.ts';
import type { Reference } from '../distribution/reference.ts';
import { resolveManifest } from '../distribution/resolve.ts';
import type { ResolvedImage } from '../distribution/resolve.ts';
import { EngineError, toEngineError } from '../errors.ts';
import { sha256Digest, shortId } from '../oci/digest.ts';
import type { Descriptor, ImageConfig, Platform } from '../oci/image-spec.ts';
import type { Garbage } from './garbage.ts';
import type { ImageSource, LayerStore, Progress } from './ports.ts';
import { layerMessage, layerProgress, statusMessage } from './progress.ts';
import type { ImageLayer } from './record.ts';
import type { ImageStore } from './store.ts';
import type { LayerTransfers } from './transfers.ts';

export interface PullContext {
  readonly images: ImageStore;
  readonly content: ContentStore;
  readonly layers: LayerStore;
  readonly transfers: LayerTransfers;
  readonly garbage: Garbage;
  readonly nowMs: () => number;
  readonly retryDelayMs?: number | undefined;
}

export interface PullRequest {
  /** with tag or digest */
  reference: Reference;
  platform: Platform;
  source: ImageSource;
  progress: Progress;
  signal: AbortSignal;
}

/** Pulls one reference; true when the name means another image than before. */
export async function pullReference(context: PullContext, request: PullRequest): Promise<boolean> {
  const { reference, platform, source, progress, signal } = request;
  const wanted = reference.digest ?? reference.tag ?? 'latest';
  try {
    const resolved = await resolveManifest(source, wanted, platform, signal);
    progress(statusMessage(`Pulling from ${reference.path}`, wanted));
    const before = context.images.byReference(nameFor(reference));
    await pullManifest(context, request, resolved);
    progress(statusMessage(`Digest: ${resolved.digest}`));
    return before?.id !== resolved.manifest.config.digest;
  } catch (thrown) {
    if (signal.aborted) throw new EngineError('Cancelled', 'context canceled', { cause: thrown });
    throw pullError(thrown, reference);
  }
}

/** A pull by digest gives the image that digest as its only name, whatever tag stands beside it. */
function nameFor(reference: Reference): Reference {
  return reference.digest === undefined ? reference : withDigest(reference, reference.digest);
}

async function pullManifest(context: PullContext, request: PullRequest, resolved: ResolvedImage): Promise<void> {
  const { manifest, documents } = resolved;
  const imageId = manifest.config.digest;
  const known = context.images.get(imageId);
  const layerBlobs = manifest.layers.map(({ digest }) => digest);
  const documentDigests = documents.map(({ digest }) => digest);
  const leases = [await context.garbage.lease([imageId, ...documentDigests, ...layerBlobs, ...(known?.diffIds ?? [])])];
  try {
    const configBytes = await fetchConfig(context, request, manifest.config);
    const config = parseConfig(configBytes);
    leases.push(await context.garbage.lease(config.rootfs.diff_ids));
    const layers = known?.layers ?? (await fetchImage(context, request, resolved, config));
    for (const { digest, bytes } of documents) await context.content.ingest(digest, bytes.length, [bytes]);
    await context.content.ingest(imageId, configBytes.length, [configBytes]);
    if (request.signal.aborted) throw new EngineError('Cancelled', 'context canceled');
    context.images.put({
      id: imageId,
      configBytes,
      layers,
      blobs: [imageId, ...documentDigests, ...layerBlobs].filter((digest) => context.content.has(digest)),
      references: namesAfter(request.reference, resolved.digest),
      atMs: context.nowMs(),
    });
  } catch (thrown) {
    for (const lease of leases) lease.release();
    await context.garbage.collect();
    throw thrown;
  } finally {
    for (const lease of leases) lease.release();
  }
}

function namesAfter(reference: Reference, digest: string): Reference[] {
  const byDigest = withDigest(reference, digest);
  return reference.digest === undefined ? [reference, byDigest] : [nameFor(reference)];
}

async function fetchConfig(
  { content, retryDelayMs }: PullContext,
  request: PullRequest,
  config: Descriptor,
): Promise<Buffer> {
  if (content.has(config.digest)) return content.readAll(config.digest, MAX_CONFIG_BYTES);
  try {
    const chunks = await Array.fromAsync(readBlob(request.source, config, { signal: request.signal, retryDelayMs }));
    const bytes = Buffer.concat(chunks);
    if (sha256Digest(bytes) === config.digest) return bytes;
    throw new EngineError('System', `image config verification failed for digest ${config.digest}`, {
      code: 'EBLOBDIGEST',
    });
  } catch (thrown) {
    const { kind, message, code, hint } = toEngineError(thrown);
    throw new EngineError(kind, `error pulling image configuration: ${message}`, { code, hint, cause: thrown });
  }
}

async function fetchImage(
  context: PullContext,
  request: PullRequest,
  resolved: ResolvedImage,
  config: ImageConfig,
): Promise<ImageLayer[]> {
  const { layers } = resolved.manifest;
  const diffIds = config.rootfs.diff_ids;
  if (config.os !== '' && config.os !== 'linux') {
    throw new EngineError(
      'InvalidParameter',
      `image operating system ${JSON.stringify(config.os)} cannot be used on this platform`,
    );
  }
  if (layers.length !== diffIds.length) {
    throw new EngineError(
      'InvalidParameter',
      `layers from manifest don't match image configuration: ${layers.length} layers, ${diffIds.length} diff_ids`,
    );
  }
  const unique = new Map(
    layers.map((descriptor, index) => [
      `${descriptor.digest} ${diffIds[index]}`,
      { descriptor, diffId: diffIds[index] ?? '' },
    ]),
  );
  await fetchLayers(context, request, [...unique.values()]);
  return diffIds.map((diffId) => ({ diffId, sizeBytes: context.layers.size(diffId) }));
}

/** All layers at once, as far as the transfers let them; the first failure ends the others and is reported when they ended. */
async function fetchLayers(
  context: PullContext,
  { source, progress, signal }: PullRequest,
  requests: { descriptor: Descriptor; diffId: string }[],
): Promise<void> {
  const controller = new AbortController();
  const abort = () => controller.abort(signal.reason);
  if (signal.aborted) abort();
  signal.addEventListener('abort', abort, { once: true });
  let failure: EngineError | undefined;
  try {
    for (const { descriptor, diffId } of requests) {
      if (!context.layers.has(diffId))
        progress(layerMessage(shortId(descriptor.digest), { status: 'Pulling fs layer' }));
    }
    const fetches = requests.map(async (request) => {
      try {
        const listener = layerProgress(progress, shortId(request.descriptor.digest));
        await context.transfers.fetch(request, source, listener, controller.signal);
      } catch (thrown) {
        failure ??= toEngineError(thrown);
        controller.abort(thrown);
      }
    });
    await Promise.all(fetches);
  } finally {
    signal.removeEventListener('abort', abort);
  }
  if (failure !== undefined) throw failure;
}

/** dockerd's warning when the one image that a name has is for another platform than was asked for. */
export function platformWarning(reference: Reference, wanted: Platform, config: ImageConfig): string | undefined {
  const actual: Platform = {
    os: config.os,
    architecture: config.architecture,
    ...(config.variant === undefined ? {} : { variant: config.variant }),
  };
  if (matchesPlatform(wanted, actual)) return undefined;
  const found = `image with reference ${familiarString(reference)} was found but does not match the specified platform`;
  return `WARNING: ${found}: wanted ${formatPlatform(wanted)}, actual: ${formatPlatform(actual)}`;
}
