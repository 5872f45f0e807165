import { familiarString, parseReference, withDefaultTag, withDigest } from '../distribution/reference.ts';
import { EngineError } from '../errors.ts';
import { isDigest } from '../oci/digest.ts';
import type { ImageRecord } from './record.ts';
import type { ImageStore } from './store.ts';

const HEX_ID = /^[a-f0-9]{64}$/;
const ID_PREFIX = /^(?:sha256:)?([a-f0-9]{1,64})$/;

/**
 * Finds an image as dockerd does: a full id, then a name, then the unique beginning of an id. Throws NotFound ("No such
 * image: busybox:latest"), or InvalidParameter for what is neither a name nor an id.
 */
export function findImage(store: ImageStore, nameOrId: string): ImageRecord {
  if (HEX_ID.test(nameOrId) || isDigest(nameOrId)) {
    const id = nameOrId.startsWith('sha256:') ? nameOrId : `sha256:${nameOrId}`;
    return store.get(id) ?? missing(id);
  }
  const reference = withDefaultTag(parseReference(nameOrId));
  const wanted = reference.digest === undefined ? reference : withDigest(reference, reference.digest);
  return store.byReference(wanted) ?? findByPrefix(store, nameOrId) ?? missing(familiarString(reference));
}

function findByPrefix(store: ImageStore, text: string): ImageRecord | undefined {
  const prefix = ID_PREFIX.exec(text)?.[1];
  if (prefix === undefined) return undefined;
  const found = store.all().filter(({ id }) => id.startsWith(`sha256:${prefix}`));
  return found.length === 1 ? found[0] : undefined;
}

/** Did the user name this image by (the beginning of) its id? */
export function isIdPrefix(id: string, text: string): boolean {
  return id.startsWith(text) || id.slice(id.indexOf(':') + 1).startsWith(text);
}

function missing(name: string): never {
  throw new EngineError('NotFound', `No such image: ${name}`, { code: 'ENOIMAGE' });
}
