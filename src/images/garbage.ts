/**
 * What no image needs any more goes: blobs, and unpacked layers. A pull leases what it is about to use before it looks
 * whether that is there, so that nothing disappears under it; what a failed pull had already got is garbage again.
 */
import type { ContentStore } from '../content/store.ts';
import { EngineError } from '../errors.ts';
import type { ImageUser, LayerStore } from './ports.ts';
import type { ImageStore } from './store.ts';

export interface GarbageOptions {
  images: ImageStore;
  content: ContentStore;
  layers: LayerStore;
  usersOf: (imageId: string) => readonly ImageUser[];
}

export interface Lease {
  /** Idempotent. */
  release(): void;
}

export class Garbage {
  readonly #options: GarbageOptions;
  readonly #leases = new Map<string, number>();
  #collection: Promise<void> = Promise.resolve();

  constructor(options: GarbageOptions) {
    this.#options = options;
  }

  /** Keeps blobs and layers (digests and diffIDs) until the lease is released. Resolves when none of them is being removed. */
  async lease(digests: readonly string[]): Promise<Lease> {
    for (const digest of digests) this.#leases.set(digest, (this.#leases.get(digest) ?? 0) + 1);
    await this.#collection;
    let held = true;
    return {
      release: () => {
        if (!held) return;
        held = false;
        for (const digest of digests) {
          const left = (this.#leases.get(digest) ?? 0) - 1;
          if (left > 0) this.#leases.set(digest, left);
          else this.#leases.delete(digest);
        }
      },
    };
  }

  /** Removes all that nobody needs. Collections run one after the other. */
  collect(): Promise<void> {
    const next = this.#collection.then(() => this.#sweep());
    // The next one goes on after a failure, which is the caller's to handle.
    this.#collection = next.catch(() => undefined);
    return next;
  }

  async #sweep(): Promise<void> {
    const { images, content, layers, usersOf } = this.#options;
    for (const { id } of images.hidden()) {
      if (usersOf(id).length === 0) images.delete(id);
    }
    // The checks stand right before each removal: a lease may come in while another removal is awaited.
    for (const { diffId } of layers.list()) {
      if (!this.#leases.has(diffId) && !images.needsLayer(diffId)) await removeUnused(layers, diffId);
    }
    for (const { digest } of content.list()) {
      if (!this.#leases.has(digest) && !images.needsBlob(digest)) await content.remove(digest);
    }
  }
}

/** A layer in the root of a container whose image is unknown stays until that container is gone. */
async function removeUnused(layers: LayerStore, diffId: string): Promise<void> {
  try {
    await layers.remove(diffId);
  } catch (thrown) {
    if (!(thrown instanceof EngineError && thrown.kind === 'Conflict')) throw thrown;
  }
}
