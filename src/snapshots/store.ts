import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { chmod, mkdir, readdir, readFile, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { closeSource } from '../archive/decompress.ts';
import { EngineError, toEngineError } from '../errors.ts';
import { type OverlayMount, overlayMount } from '../mounts/mount.ts';
import { randomHex } from '../platform/random.ts';
import { DiskRoom } from '../platform/disk-room.ts';
import { Spares } from '../platform/spares.ts';
import { orAborted } from './abort.ts';
import { emptyDirectory } from './islet.ts';
import { type UnpackedLayer, type UnpackRequest, unpackLayer } from './unpack.ts';

export interface LayerRecord {
  diffId: string;
  /** Sum of the sizes of the layer's regular files. */
  sizeBytes: number;
}

interface Owner {
  uid: number;
  gid: number;
}

interface IndexedLayer extends LayerRecord {
  rootOpaque: boolean;
}

export interface SnapshotStoreOptions {
  /** What layers must leave free; a default without it. */
  room?: DiskRoom | undefined;
  /** Directory of the store; made by `init`. */
  root: string;
  isletPath: string;
  /** Removes a directory with all that is below, however deep. Left out, it is done here, by a process for each. */
  removeTree?: (path: string) => Promise<void>;
}

const DIFF_ID = /^sha256:[0-9a-f]{64}$/;
const CONTAINER_ID = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;
/** The lower layer of a container whose image has none: overlayfs needs one. */
const EMPTY_LAYER = 'empty';

/** The directory name of a layer: enough of the digest to be unique in one store, short for the mount's options. */
function layerKey(diffId: string): string {
  if (!DIFF_ID.test(diffId)) {
    throw new EngineError('InvalidParameter', `\`${diffId}\` is not a layer digest (sha256:<64 hex digits>)`);
  }
  return diffId.slice(7, 31);
}

/** What overlayfs needs beside the layers, in one directory of mode 0700. Throws what mkdir says. */
function makeWritable(directory: string): void {
  mkdirSync(directory, { mode: 0o700 });
  for (const name of ['upper', 'work', 'merged']) mkdirSync(join(directory, name), { mode: 0o755 });
}

function notFound(what: string): EngineError {
  return new EngineError('NotFound', `no such ${what}`);
}

/**
 * Unpacked layers by diffID, and the writable directories of containers:
 *
 *     layers/<24 hex digits>/{fs,diffid,size[,opaque]}   visible only when complete and verified
 *     containers/<id>/{upper,work,merged,layers}
 *     ingest/, trash/, spare/                            half-made, half-removed, for containers to come; emptied by init
 *
 * Layers do not depend on each other. One process owns a store; `init` must have been awaited before anything else.
 */
export class SnapshotStore {
  readonly #root: string;
  readonly #isletPath: string;
  readonly #room: DiskRoom;
  readonly #removeTree: (path: string) => Promise<void>;
  readonly #spares: Spares;
  readonly #layers = new Map<string, IndexedLayer>();
  /** Containers by id with the keys of their layers, topmost first. */
  readonly #containers = new Map<string, string[]>();
  readonly #running = new Map<string, Promise<unknown>>();

  constructor(options: SnapshotStoreOptions) {
    this.#root = options.root;
    this.#spares = new Spares(join(options.root, 'spare'), makeWritable);
    this.#isletPath = options.isletPath;
    this.#room = options.room ?? new DiskRoom();
    this.#removeTree = options.removeTree ?? ((path) => this.#removeHere(path));
  }

  /** Makes the directories, removes what a crash left half-made or half-removed, reads the index. Repeatable. */
  async init(): Promise<void> {
    await mkdir(this.#root, { recursive: true, mode: 0o700 });
    for (const name of [
      'layers',
      'containers',
      'ingest',
      'trash',
      'spare',
      `layers/${EMPTY_LAYER}`,
      `layers/${EMPTY_LAYER}/fs`,
    ]) {
      await mkdir(this.#path(name), { recursive: true, mode: name.endsWith('/fs') ? 0o755 : 0o700 });
    }
    this.#spares.forget();
    for (const parent of ['ingest', 'trash', 'spare']) {
      for (const name of await readdir(this.#path(parent))) await this.#purge(this.#path(parent, name));
    }
    this.#layers.clear();
    this.#containers.clear();
    for (const name of await readdir(this.#path('layers'))) if (name !== EMPTY_LAYER) await this.#indexLayer(name);
    for (const name of await readdir(this.#path('containers'))) await this.#indexContainer(name);
  }

  /**
   * Unpacks a layer unless it is there already (then `source` is not read, only closed). Two unpacks of one diffID run
   * one after the other. On failure nothing is left; see `unpackLayer` for the errors.
   */
  async unpack(request: UnpackRequest): Promise<LayerRecord> {
    const key = layerKey(request.diffId);
    try {
      for (let other = this.#running.get(key); other !== undefined; other = this.#running.get(key)) {
        await orAborted(other, request.signal);
      }
      request.signal?.throwIfAborted();
    } catch (error) {
      closeSource(request.source);
      throw error;
    }
    const mine = this.#unpackAlone(key, request);
    this.#running.set(
      key,
      mine.then(
        () => this.#running.delete(key),
        () => this.#running.delete(key),
      ),
    );
    return await mine;
  }

  has(diffId: string): boolean {
    return this.#find(diffId) !== undefined;
  }

  /** Bytes of the layer's regular files. Throws NotFound. */
  size(diffId: string): number {
    const layer = this.#find(diffId);
    if (layer === undefined) throw notFound(`layer: ${diffId}`);
    return layer.sizeBytes;
  }

  list(): LayerRecord[] {
    return [...this.#layers.values()].map(({ diffId, sizeBytes }) => ({ diffId, sizeBytes }));
  }

  /** The directory with the layer's files. Throws NotFound. */
  layerDir(diffId: string): string {
    if (!this.has(diffId)) throw notFound(`layer: ${diffId}`);
    return this.#path('layers', layerKey(diffId), 'fs');
  }

  /** Removes a layer. Rejects with NotFound, or with Conflict while a container has it in its root. */
  async remove(diffId: string): Promise<void> {
    const key = layerKey(diffId);
    if (!this.has(diffId)) throw notFound(`layer: ${diffId}`);
    for (const [id, keys] of this.#containers) {
      if (keys.includes(key)) {
        throw new EngineError('Conflict', `layer ${diffId} is in use by container ${id}`, {
          hint: 'Remove the container first.',
        });
      }
    }
    this.#layers.delete(key);
    await this.#discard(this.#path('layers', key));
  }

  /**
   * Makes the writable directories of a container on top of these layers, the base layer first as in an image's
   * config. Rejects with NotFound for a missing layer and Conflict when the container has a snapshot. Synchronous
   * inside: a few directories cost less than trips through the thread pool. `ownerOnDisk` maps owners of the container to
   * owners of its writable directory, for a container with a user namespace.
   */
  async prepare(
    containerId: string,
    diffIds: readonly string[],
    ownerOnDisk: (owner: Owner) => Owner = (owner) => owner,
  ): Promise<OverlayMount> {
    const directory = this.#containerPath(containerId);
    if (this.#containers.has(containerId))
      throw new EngineError('Conflict', `container ${containerId} has a snapshot already`);
    const keys = this.#lowerKeys(diffIds);
    const mount = this.#overlay(containerId, keys);
    const top = statSync(this.#path('layers', keys[0] ?? EMPTY_LAYER, 'fs'));
    try {
      this.#spares.take(directory);
      // The root directory that the container sees is the upper one.
      const { uid, gid } = ownerOnDisk(top);
      if (uid !== 0 || gid !== 0) chownSync(join(directory, 'upper'), uid, gid);
      chmodSync(join(directory, 'upper'), top.mode & 0o7777);
      writeFileSync(join(directory, 'layers'), `${keys.join('\n')}\n`);
    } catch (error) {
      await rm(directory, { recursive: true, force: true });
      throw error;
    }
    this.#containers.set(containerId, keys);
    return mount;
  }

  /** The mount that `prepare` returned, also after a restart. Throws NotFound for the snapshot or one of its layers. */
  container(containerId: string): OverlayMount {
    const keys = this.#keysOf(containerId);
    for (const key of keys) {
      if (key !== EMPTY_LAYER && !this.#layers.has(key))
        throw notFound(`layer: sha256:${key}..., needed by container ${containerId}`);
    }
    return this.#overlay(containerId, keys);
  }

  /** What the container has written: the upper directory. Throws NotFound. */
  upperDir(containerId: string): string {
    this.#keysOf(containerId);
    return join(this.#containerPath(containerId), 'upper');
  }

  /** Ids of the containers that have a snapshot, for reconciling at start-up. */
  listContainers(): string[] {
    return [...this.#containers.keys()];
  }

  /** Removes the container's directories; without any it does nothing. Its mount namespace should be gone. */
  async removeContainer(containerId: string): Promise<void> {
    const directory = this.containerDirectory(containerId);
    this.forgetContainer(containerId);
    if (directory !== null) await this.#discard(directory);
  }

  /**
   * For who removes the directory himself, and forgets the container once it is gone. null when there is none. The next
   * `init` finds what is left of it.
   */
  containerDirectory(containerId: string): string | null {
    return this.#containers.has(containerId) ? this.#containerPath(containerId) : null;
  }

  forgetContainer(containerId: string): void {
    this.#containers.delete(containerId);
  }

  #path(...parts: string[]): string {
    return join(this.#root, ...parts);
  }

  #containerPath(containerId: string): string {
    if (!CONTAINER_ID.test(containerId))
      throw new EngineError('InvalidParameter', `\`${containerId}\` is not a container id`);
    return this.#path('containers', containerId);
  }

  #keysOf(containerId: string): string[] {
    const keys = this.#containers.get(containerId);
    if (keys === undefined) throw notFound(`container snapshot: ${containerId}`);
    return keys;
  }

  /** Throws when another layer has the same key: digests that agree in 96 bits do not happen by chance. */
  #find(diffId: string): IndexedLayer | undefined {
    const layer = this.#layers.get(layerKey(diffId));
    if (layer !== undefined && layer.diffId !== diffId) {
      throw new EngineError('Conflict', `layer ${diffId} collides with ${layer.diffId}`);
    }
    return layer;
  }

  /** Topmost first; what lies below a layer with an opaque root is left out, since overlayfs would still show it. */
  #lowerKeys(diffIds: readonly string[]): string[] {
    const keys: string[] = [];
    for (const diffId of diffIds.toReversed()) {
      const layer = this.#find(diffId);
      if (layer === undefined) throw notFound(`layer: ${diffId}`);
      const key = layerKey(diffId);
      // overlayfs refuses a directory twice; the lower one of two equal layers has nothing of its own to show.
      if (!keys.includes(key)) keys.push(key);
      if (layer.rootOpaque) break;
    }
    return keys.length === 0 ? [EMPTY_LAYER] : keys;
  }

  #overlay(containerId: string, keys: string[]): OverlayMount {
    const directory = this.#containerPath(containerId);
    return overlayMount({
      cwd: this.#path('layers'),
      lower: keys.map((key) => `${key}/fs`),
      upper: join(directory, 'upper'),
      work: join(directory, 'work'),
      target: join(directory, 'merged'),
    });
  }

  async #unpackAlone(key: string, request: UnpackRequest): Promise<LayerRecord> {
    const present = this.#find(request.diffId);
    if (present !== undefined) {
      closeSource(request.source);
      return { diffId: present.diffId, sizeBytes: present.sizeBytes };
    }
    try {
      const layer = await this.#ingest(key, request);
      this.#layers.set(key, layer);
      return { diffId: layer.diffId, sizeBytes: layer.sizeBytes };
    } finally {
      closeSource(request.source);
    }
  }

  async #ingest(key: string, request: UnpackRequest): Promise<IndexedLayer> {
    const { diffId } = request;
    const temporary = this.#path('ingest', `${key}-${randomHex(6)}`);
    try {
      await mkdir(temporary, { mode: 0o700 });
      await mkdir(join(temporary, 'fs'));
      // Not through mkdir: the umask would take part.
      await chmod(join(temporary, 'fs'), 0o755);
      const place = { isletPath: this.#isletPath, directory: join(temporary, 'fs'), room: this.#room };
      const layer = await unpackLayer(place, request);
      await this.#describe(temporary, diffId, layer);
      await rename(temporary, this.#path('layers', key));
      return { diffId, sizeBytes: layer.sizeBytes, rootOpaque: layer.rootOpaque };
    } catch (error) {
      await this.#purge(temporary).catch((removal: unknown) => {
        const { kind, message, hint } = toEngineError(error);
        const cause = new AggregateError([error, removal]);
        throw new EngineError(kind, `${message}; and \`${temporary}\` cannot be removed`, { cause, hint });
      });
      throw error;
    }
  }

  async #describe(directory: string, diffId: string, layer: UnpackedLayer): Promise<void> {
    await writeFile(join(directory, 'size'), `${layer.sizeBytes}\n`);
    if (layer.rootOpaque) await writeFile(join(directory, 'opaque'), '');
    await writeFile(join(directory, 'diffid'), `${diffId}\n`);
  }

  async #indexLayer(name: string): Promise<void> {
    const directory = this.#path('layers', name);
    const names = await readdir(directory);
    const diffId = names.includes('diffid') ? (await readFile(join(directory, 'diffid'), 'latin1')).trim() : '';
    const size = names.includes('size') ? (await readFile(join(directory, 'size'), 'latin1')).trim() : '';
    // Only a crash of the machine leaves such a layer: it is unpacked again when it is needed.
    const whole = names.includes('fs') && DIFF_ID.test(diffId) && layerKey(diffId) === name && /^[0-9]+$/.test(size);
    if (!whole) await this.#discard(directory);
    else this.#layers.set(name, { diffId, sizeBytes: Number(size), rootOpaque: names.includes('opaque') });
  }

  async #indexContainer(id: string): Promise<void> {
    const directory = this.#path('containers', id);
    // Written last by prepare.
    const whole = (await readdir(directory)).includes('layers');
    if (!whole) return await this.#discard(directory);
    this.#containers.set(id, readFileSync(join(directory, 'layers'), 'latin1').trim().split('\n'));
  }

  /** Moves a directory out of sight at once, then removes it: a crash in between leaves it to the next `init`. */
  async #discard(directory: string): Promise<void> {
    const trash = this.#path('trash', randomHex(9));
    try {
      renameSync(directory, trash);
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return;
      throw error;
    }
    await this.#purge(trash);
  }

  async #purge(directory: string): Promise<void> {
    if (existsSync(directory)) await this.#removeTree(directory);
  }

  /** Small trees are removed from here; large or hostile ones, deeper than PATH_MAX, by islet. */
  async #removeHere(directory: string): Promise<void> {
    if (existsSync(join(directory, 'upper'))) {
      try {
        return await rm(directory, { recursive: true, force: true });
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'ENAMETOOLONG')) throw error;
      }
    }
    await emptyDirectory(this.#isletPath, directory);
    await rmdir(directory);
  }
}
