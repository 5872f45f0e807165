/** From a reference to the one manifest that this machine can run. */
import { EngineError } from '../errors.ts';
import { sha256Digest } from '../oci/digest.ts';
import type { Descriptor, ImageManifest, Platform } from '../oci/image-spec.ts';
import { ACCEPTED_MANIFESTS, parseManifest } from './documents.ts';
import { choosePlatform, formatPlatform } from './platform.ts';

/** An index may point to an index; deeper nesting than this is a bomb or a mistake. */
const MAX_INDEX_DEPTH = 3;

/** Where manifests come from; RegistryClient is one. */
export interface ManifestSource {
  manifest(tagOrDigest: string, signal: AbortSignal): Promise<{ bytes: Buffer; mediaType: string }>;
}

/** A document as it came, to be kept byte for byte. */
export interface ManifestDocument {
  digest: string;
  bytes: Buffer;
}

export interface ResolvedImage {
  /** Of the document that the reference names (index or manifest): the digest that people see. */
  digest: string;
  manifest: ImageManifest;
  /** What was read on the way: the index or indexes, and last the manifest itself. */
  documents: ManifestDocument[];
}

/**
 * Reads what `tagOrDigest` names and follows indexes to the entry for `platform`. Every document that is named by a
 * digest is checked against it.
 */
export async function resolveManifest(
  source: ManifestSource,
  tagOrDigest: string,
  platform: Platform,
  signal: AbortSignal,
): Promise<ResolvedImage> {
  const documents: ManifestDocument[] = [];
  let wanted = tagOrDigest;
  for (let depth = 0; depth <= MAX_INDEX_DEPTH; depth++) {
    const { bytes, mediaType } = await source.manifest(wanted, signal);
    const digest = sha256Digest(bytes);
    if (wanted.includes(':') && digest !== wanted) {
      throw new EngineError('System', `manifest verification failed for digest ${wanted}: the bytes have ${digest}`, {
        code: 'EBLOBDIGEST',
      });
    }
    documents.push({ digest, bytes });
    const parsed = parseManifest(bytes, mediaType);
    if (parsed.kind === 'manifest')
      return { digest: documents[0]?.digest ?? digest, manifest: parsed.manifest, documents };
    wanted = entryFor(parsed.index.manifests, platform).digest;
  }
  throw new EngineError('InvalidParameter', `image index nested more than ${MAX_INDEX_DEPTH} deep`, {
    code: 'EMANIFEST',
  });
}

function entryFor(entries: readonly Descriptor[], platform: Platform): Descriptor {
  const readable = entries.filter(({ mediaType }) => mediaType === '' || isManifestType(mediaType));
  const chosen = choosePlatform(readable, platform);
  if (chosen !== undefined) return chosen;
  const offered = readable.map((entry) => (entry.platform === undefined ? '' : formatPlatform(entry.platform)));
  const known = [...new Set(offered)].filter((text) => text !== '' && text !== 'unknown/unknown');
  throw new EngineError(
    'NotFound',
    `no matching manifest for ${formatPlatform(platform)} in the manifest list entries`,
    {
      code: 'EPLATFORM',
      hint: known.length === 0 ? undefined : `the image is there for ${known.join(', ')}`,
    },
  );
}

function isManifestType(mediaType: string): boolean {
  const types: readonly string[] = ACCEPTED_MANIFESTS;
  return types.includes(mediaType);
}
