/** Digests of the OCI image-spec (descriptor.md#digests). isle computes and accepts SHA-256 only. */
import { createHash } from 'node:crypto';
import { EngineError } from '../errors.ts';

/** `sha256:` and 64 lower-case hex digits. */
const SHA256 = /^sha256:([a-f0-9]{64})$/;

export function isDigest(text: string): boolean {
  return SHA256.test(text);
}

/** The 64 hex digits of a digest; anything else is refused, so that a digest can never be a path. */
export function digestHex(digest: string): string {
  const hex = SHA256.exec(digest)?.[1];
  if (hex !== undefined) return hex;
  throw new EngineError(
    'InvalidParameter',
    `invalid digest ${JSON.stringify(digest)}: not sha256 and 64 lower-case hex digits`,
  );
}

export function sha256Digest(bytes: Uint8Array | string): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/** The 12 hex digits by which people know an image, a layer or a container. */
export function shortId(id: string): string {
  return id.slice(id.indexOf(':') + 1).slice(0, 12);
}

/** Chain ids of a layer stack, lowest first (image-spec, config.md#layer-chainid). */
export function chainIds(diffIds: readonly string[]): string[] {
  const chain: string[] = [];
  for (const diffId of diffIds) {
    const parent = chain.at(-1);
    chain.push(parent === undefined ? diffId : sha256Digest(`${parent} ${diffId}`));
  }
  return chain;
}
