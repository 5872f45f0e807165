/**
 * `DELETE /images/{name}` with dockerd's rules. A name is taken off first; with its last name the image itself goes. An id
 * takes all names, if they are of one repository. Containers hold an image: a running one always, a stopped one unless
 * forced.
 */
import {
  familiarString,
  parseReference,
  repositoryName,
  withDefaultTag,
  withDigest,
} from '../distribution/reference.ts';
import type { Reference } from '../distribution/reference.ts';
import { EngineError } from '../errors.ts';
import { chainIds, shortId } from '../oci/digest.ts';
import { findImage, isIdPrefix } from './lookup.ts';
import type { ImageEvents, ImageUser } from './ports.ts';
import type { ImageRecord } from './record.ts';
import type { ImageStore } from './store.ts';

export interface RemoveContext {
  readonly images: ImageStore;
  readonly usersOf: (imageId: string) => readonly ImageUser[];
  readonly onEvent: ImageEvents;
}

export type RemovedItem = { Untagged: string } | { Deleted: string };

/** Changes the tables only; the caller collects the garbage afterwards. */
export function removeImage(context: RemoveContext, nameOrId: string, force: boolean): RemovedItem[] {
  const image = findImage(context.images, nameOrId);
  const removed: RemovedItem[] = [];
  if (isIdPrefix(image.id, nameOrId)) {
    if (isSingle(image.references)) {
      const conflict = userConflict(context, image, force);
      if (conflict !== undefined) throw conflict;
      untag(context, image, image.references, removed);
    }
    deleteImage(context, image.id, { force, quiet: false }, removed);
    return removed;
  }
  const user = context.usersOf(image.id)[0];
  if (!force && isSingle(image.references) && user !== undefined) {
    const reference = `conflict: unable to remove repository reference ${JSON.stringify(nameOrId)} (must force)`;
    throw conflictError(
      `${reference} - container ${shortId(user.id)} is using its referenced image ${shortId(image.id)}`,
    );
  }
  untagName(context, image, nameOrId, removed);
  if ((context.images.get(image.id)?.references.length ?? 0) > 0) return removed;
  deleteImage(context, image.id, { force, quiet: true }, removed);
  return removed;
}

/** One tag at most, and all digests of the same repository. */
function isSingle(references: readonly Reference[]): boolean {
  const tags = references.filter(({ digest }) => digest === undefined);
  const repositories = new Set(references.map(repositoryName));
  return references.length > 0 && tags.length <= 1 && repositories.size === 1;
}

/** Takes off the name, and the digests of its repository when no tag of it is left. */
function untagName(context: RemoveContext, image: ImageRecord, name: string, removed: RemovedItem[]): void {
  const parsed = withDefaultTag(parseReference(name));
  const reference = parsed.digest === undefined ? parsed : withDigest(parsed, parsed.digest);
  const goes = [reference];
  if (reference.digest === undefined) {
    const siblings = image.references.filter((other) => repositoryName(other) === repositoryName(reference));
    const otherTag = siblings.some(({ tag }) => tag !== undefined && tag !== reference.tag);
    if (!otherTag) goes.push(...siblings.filter(({ digest }) => digest !== undefined));
  }
  untag(context, image, goes, removed);
}

function untag(
  context: RemoveContext,
  image: ImageRecord,
  references: readonly Reference[],
  removed: RemovedItem[],
): void {
  context.images.untag(references);
  for (const reference of references) {
    removed.push({ Untagged: familiarString(reference) });
    context.onEvent('untag', image.id, eventAttributes(image));
  }
}

function deleteImage(
  context: RemoveContext,
  id: string,
  { force, quiet }: { force: boolean; quiet: boolean },
  removed: RemovedItem[],
): void {
  const image = context.images.get(id);
  if (image === undefined) return;
  // In dockerd's order: what cannot be forced first.
  const conflict =
    runningConflict(context, image) ?? namesConflict(image, force) ?? userConflict(context, image, force);
  if (conflict !== undefined) {
    // The name is gone; that the image stays for its containers is no failure.
    if (quiet) return;
    throw conflict;
  }
  untag(context, image, image.references, removed);
  const others = new Set(context.images.all().flatMap((other) => (other.id === id ? [] : chainIds(other.diffIds))));
  if (context.usersOf(id).length > 0) context.images.hide(id);
  else context.images.delete(id);
  context.onEvent('delete', id, eventAttributes(image));
  removed.push({ Deleted: id });
  const gone = chainIds(image.diffIds).filter((chain) => !others.has(chain));
  for (const chain of gone.toReversed()) removed.push({ Deleted: chain });
}

function runningConflict({ usersOf }: RemoveContext, image: ImageRecord): EngineError | undefined {
  const running = usersOf(image.id).find((user) => user.running);
  if (running === undefined) return undefined;
  const unable = `conflict: unable to delete ${shortId(image.id)} (cannot be forced)`;
  return conflictError(`${unable} - image is being used by running container ${shortId(running.id)}`);
}

function userConflict(context: RemoveContext, image: ImageRecord, force: boolean): EngineError | undefined {
  const running = runningConflict(context, image);
  const [stopped] = context.usersOf(image.id);
  if (running !== undefined || force || stopped === undefined) return running;
  const unable = `conflict: unable to delete ${shortId(image.id)} (must be forced)`;
  return conflictError(`${unable} - image is being used by stopped container ${shortId(stopped.id)}`);
}

function namesConflict(image: ImageRecord, force: boolean): EngineError | undefined {
  if (force || image.references.length === 0) return undefined;
  return conflictError(
    `conflict: unable to delete ${shortId(image.id)} (must be forced) - image is referenced in multiple repositories`,
  );
}

function conflictError(message: string): EngineError {
  return new EngineError('Conflict', message, { code: 'EIMAGEINUSE' });
}

/** What dockerd says of an image in its events: its labels, and its id as the name. */
export function eventAttributes(image: ImageRecord, name: string = image.id): Record<string, string> {
  return { ...image.config.config?.Labels, name };
}
