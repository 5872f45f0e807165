/** How much a container takes on the disk, for `ps -s`, `inspect -s` and prune. */
import type { JsonObject } from '../api/backend.ts';
import { EngineError } from '../errors.ts';
import { treeSizeBytes } from '../platform/disk.ts';
import type { Container } from './container.ts';
import type { ContainersContext } from './context.ts';

/** Bytes in the writable layer; 0 for a container that is removed meanwhile. */
export async function writtenBytes(context: ContainersContext, container: Container): Promise<number> {
  return (await unlessGone(() => treeSizeBytes(context.snapshots.upperDir(container.record.id)))) ?? 0;
}

/** `SizeRw`, and `SizeRootFs` with the image's layers; that one is left out when the image is gone. */
export async function sizesJson(context: ContainersContext, container: Container): Promise<JsonObject> {
  const SizeRw = await writtenBytes(context, container);
  const image = await unlessGone(() => context.images.resolve(container.record.imageId));
  return image === null ? { SizeRw } : { SizeRw, SizeRootFs: image.sizeBytes + SizeRw };
}

async function unlessGone<T>(look: () => T | Promise<T>): Promise<T | null> {
  try {
    return await look();
  } catch (thrown) {
    if (thrown instanceof EngineError && thrown.kind === 'NotFound') return null;
    throw thrown;
  }
}
