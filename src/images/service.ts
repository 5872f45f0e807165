/** The images of this engine, as the API and the containers ask for them. */
import type { Explanation } from '../api/types/explain.ts';
import type { ContentStore } from '../content/store.ts';
import type { RegistryCredentials } from '../distribution/auth.ts';
import { pullError } from '../distribution/errors.ts';
import { hostPlatform, parsePlatform } from '../distribution/platform.ts';
import {
  familiarName,
  familiarString,
  isNameOnly,
  parsePullReference,
  parseReference,
  withDefaultTag,
  withTag,
} from '../distribution/reference.ts';
import type { Reference } from '../distribution/reference.ts';
import { EngineError } from '../errors.ts';
import type { Platform } from '../oci/image-spec.ts';
import type { Database } from '../platform/database.ts';
import type { SpaceReserve } from '../platform/reserve.ts';
import { embeddedSource, isEmbedded } from './embedded.ts';
import type { Filters } from './filters.ts';
import { Garbage } from './garbage.ts';
import { findImage } from './lookup.ts';
import type { ImageEvents, ImageSource, ImageUser, LayerStore, Progress } from './ports.ts';
import { imageHistory, inspectImage, listImages } from './present.ts';
import { pulledMessage, statusMessage } from './progress.ts';
import { platformWarning, pullReference } from './pull.ts';
import type { PullContext } from './pull.ts';
import type { ImageRecord } from './record.ts';
import { RegistrySource } from './registry-source.ts';
import { eventAttributes, removeImage } from './remove.ts';
import type { RemovedItem } from './remove.ts';
import { ImageStore } from './store.ts';
import { LayerTransfers } from './transfers.ts';

type JsonObject = Record<string, unknown>;

export interface ImageServiceOptions {
  database: Database;
  content: ContentStore;
  /** Space for the removals of a full disk. */
  reserve?: SpaceReserve | undefined;
  /** The SnapshotStore. */
  snapshots: LayerStore;
  /** The static program that the embedded image `hello` runs. */
  helloPath: string;
  /** Containers of an image; asked only after `start`. */
  usersOf: (imageId: string) => readonly ImageUser[];
  onEvent?: ImageEvents | undefined;
  /** Puts an image into words; the engine's `src/explain/`. */
  explain?: ((image: ImageRecord) => Explanation) | undefined;
  /** Pause before a broken download is taken up again, doubled each time; 1000 when not given. */
  retryDelayMs?: number | undefined;
}

export interface PullOptions {
  fromImage: string;
  /** a tag or a digest; '' when `fromImage` has it, or for all tags */
  tag: string;
  platform: string | undefined;
  auth: RegistryCredentials | undefined;
}

export class ImageService {
  readonly #store: ImageStore;
  readonly #garbage: Garbage;
  readonly #pull: PullContext;
  readonly #options: ImageServiceOptions;
  readonly #onEvent: ImageEvents;

  constructor(options: ImageServiceOptions) {
    const { database, content, snapshots: layers, usersOf, retryDelayMs } = options;
    this.#options = options;
    this.#onEvent = options.onEvent ?? (() => undefined);
    this.#store = new ImageStore(database, options.reserve);
    this.#garbage = new Garbage({ images: this.#store, content, layers, usersOf });
    const transfers = new LayerTransfers({ content, layers, retryDelayMs });
    this.#pull = {
      images: this.#store,
      content,
      layers,
      transfers,
      garbage: this.#garbage,
      nowMs: () => Date.now(),
      retryDelayMs,
    };
  }

  /** Removes what dead pulls left behind. To be called once, when the stores are ready and the containers are known. */
  start(): Promise<void> {
    return this.#garbage.collect();
  }

  /** The image of a name, an id or the unique beginning of one; throws NotFound: "No such image: busybox:latest". */
  resolve(nameOrId: string): ImageRecord {
    return findImage(this.#store, nameOrId);
  }

  /**
   * `POST /images/create?fromImage=...`. The first message comes only when the reference is valid and its manifest has been
   * found: what fails before has an HTTP status of its own.
   */
  async pull(request: PullOptions, progress: Progress, signal: AbortSignal): Promise<void> {
    const asked =
      request.platform === undefined || request.platform === '' ? undefined : parsePlatform(request.platform);
    const named = parsePullReference(request.fromImage, request.tag);
    const source = await this.#sourceOf(named, request.auth);
    try {
      const references = isNameOnly(named) ? await this.#allTags(named, source, signal) : [named];
      let newer = false;
      for (const reference of references) {
        newer = (await this.#pullOne(reference, asked, { source, progress, signal })) || newer;
      }
      progress(pulledMessage(familiarString(named), newer));
      this.#warnOfPlatform(references, asked, progress);
    } finally {
      await source.release();
    }
  }

  async #sourceOf(reference: Reference, credentials: RegistryCredentials | undefined): Promise<ImageSource> {
    if (isEmbedded(reference)) return embeddedSource(this.#options.helloPath);
    return new RegistrySource({ domain: reference.domain, path: reference.path, credentials });
  }

  async #allTags(name: Reference, source: ImageSource, signal: AbortSignal): Promise<Reference[]> {
    try {
      return (await source.tags(signal)).map((tag) => withTag(name, tag));
    } catch (thrown) {
      throw pullError(thrown, name);
    }
  }

  async #pullOne(
    reference: Reference,
    asked: Platform | undefined,
    how: { source: ImageSource; progress: Progress; signal: AbortSignal },
  ): Promise<boolean> {
    const newer = await pullReference(this.#pull, { reference, platform: asked ?? hostPlatform(), ...how });
    this.#onEvent('pull', familiarString(reference), { name: familiarName(reference) });
    return newer;
  }

  #warnOfPlatform(references: readonly Reference[], asked: Platform | undefined, progress: Progress): void {
    if (asked === undefined) return;
    for (const reference of references) {
      const warning = platformWarning(reference, asked, this.resolve(familiarString(reference)).config);
      if (warning !== undefined) progress(statusMessage(warning));
    }
  }

  async list(options: {
    all?: boolean;
    digests?: boolean;
    sharedSize: boolean;
    filters: Filters;
  }): Promise<JsonObject[]> {
    const find = (name: string) => this.resolve(name);
    return listImages(this.#store.all(), options, find, (id) => this.#options.usersOf(id).length);
  }

  async inspect(name: string): Promise<JsonObject> {
    return inspectImage(this.resolve(name));
  }

  async history(name: string): Promise<JsonObject[]> {
    return imageHistory(this.resolve(name));
  }

  async explain(name: string): Promise<Explanation> {
    const image = this.resolve(name);
    if (this.#options.explain === undefined)
      throw new EngineError('NotImplemented', 'this engine does not explain images');
    return this.#options.explain(image);
  }

  /** Gives an image one more name; an image that had it loses it. */
  async tag(name: string, repo: string, tag: string): Promise<void> {
    const image = this.resolve(name);
    const target = parseReference(repo);
    if (target.digest !== undefined)
      throw new EngineError('InvalidParameter', 'refusing to create a tag with a digest reference');
    if (familiarName(target) === 'sha256') {
      throw new EngineError('InvalidParameter', 'refusing to create an ambiguous tag using digest algorithm as name');
    }
    const reference = tag === '' ? withDefaultTag(target) : withTag(target, tag);
    this.#store.tag(reference, image.id, Date.now());
    this.#onEvent('tag', image.id, eventAttributes(image, familiarString(reference)));
  }

  /** Untags, and deletes what has no name and no user any more; layers and blobs that nobody needs go with it. */
  async remove(name: string, { force }: { force: boolean; noprune?: boolean }): Promise<RemovedItem[]> {
    const context = { images: this.#store, usersOf: this.#options.usersOf, onEvent: this.#onEvent };
    const removed = removeImage(context, name, force);
    await this.#garbage.collect();
    return removed;
  }
}
