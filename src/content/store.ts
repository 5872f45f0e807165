/**
 * Blobs by digest on disk, in the layout of an OCI image: `blobs/sha256/<hex>`. A blob is visible there only whole: it is
 * written to `ingest/`, checked against its digest and size, flushed to the disk and then renamed. What lies in `ingest/`
 * when the engine starts is a dead download and is removed.
 */
import { existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { EngineError } from '../errors.ts';
import { digestHex } from '../oci/digest.ts';
import { DiskRoom } from '../platform/disk-room.ts';
import { Ingest } from './ingest.ts';

export interface BlobInfo {
  digest: string;
  /** bytes */
  size: number;
}

export class ContentStore {
  readonly #blobs: string;
  readonly #ingests: string;
  readonly #room: DiskRoom;
  #sequence = 0;

  /** `root` is made by `init`. `room`: what blobs must leave free. */
  constructor({ root, room = new DiskRoom() }: { root: string; room?: DiskRoom | undefined }) {
    this.#room = room;
    this.#blobs = join(root, 'blobs', 'sha256');
    this.#ingests = join(root, 'ingest');
  }

  /** Makes the directories and removes what an earlier life left half-made. Call it before anything else, once. */
  init(): void {
    rmSync(this.#ingests, { recursive: true, force: true });
    mkdirSync(this.#ingests, { recursive: true, mode: 0o700 });
    mkdirSync(this.#blobs, { recursive: true, mode: 0o700 });
  }

  has(digest: string): boolean {
    return existsSync(this.#path(digest));
  }

  /** bytes; null when there is no such blob */
  size(digest: string): number | null {
    return statSync(this.#path(digest), { throwIfNoEntry: false })?.size ?? null;
  }

  /** The blob's bytes from `start`; rejects with NotFound. */
  async read(digest: string, start = 0): Promise<Readable> {
    return (await this.#open(digest)).createReadStream({ start });
  }

  /** A whole small blob (config, manifest); one larger than `limitBytes` is refused. */
  async readAll(digest: string, limitBytes: number): Promise<Buffer> {
    const file = await this.#open(digest);
    try {
      const { size } = await file.stat();
      if (size > limitBytes) {
        throw new EngineError(
          'System',
          `the blob ${digest} has ${size} bytes, more than the ${limitBytes} allowed for its kind`,
        );
      }
      return await file.readFile();
    } finally {
      await file.close();
    }
  }

  async #open(digest: string) {
    const path = this.#path(digest);
    try {
      return await open(path, 'r');
    } catch (cause) {
      if (!existsSync(path)) throw new EngineError('NotFound', `no blob ${digest} in the content store`, { cause });
      throw cause;
    }
  }

  /**
   * Begins to take in a blob. The caller writes its bytes in order and then commits, or aborts; several ingests of one
   * digest may run, the first to commit wins. `size` (bytes), when given, is enforced while writing. Rejects with ENOSPC
   * when the disk has no room for it.
   */
  async openIngest(digest: string, size?: number): Promise<Ingest> {
    const hex = digestHex(digest);
    const what = `cannot take in blob ${digest}`;
    await this.#room.require(this.#ingests, size ?? 0, size === undefined ? what : `${what} of ${size} bytes`);
    const fits = this.#room.meter(this.#ingests, (total) => `${what} beyond its first ${total} bytes`);
    this.#sequence += 1;
    const partialPath = join(this.#ingests, `${hex}.${this.#sequence}`);
    const file = await open(partialPath, 'wx', 0o600);
    return new Ingest({ digest, size, fits, file, partialPath, finalPath: join(this.#blobs, hex) });
  }

  /** Takes in a whole blob from `source`; nothing is left when it fails. A blob that is there already is not read again. */
  async ingest(
    digest: string,
    size: number | undefined,
    source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  ): Promise<void> {
    if (this.has(digest)) return;
    const ingest = await this.openIngest(digest, size);
    try {
      for await (const chunk of source) await ingest.write(chunk);
      await ingest.commit();
    } catch (thrown) {
      await ingest.abort();
      throw thrown;
    }
  }

  /** Removes a blob; one that is not there is no error. Open readers keep their bytes. */
  async remove(digest: string): Promise<void> {
    await rm(this.#path(digest), { force: true });
  }

  list(): BlobInfo[] {
    return readdirSync(this.#blobs).map((hex) => ({
      digest: `sha256:${hex}`,
      size: statSync(join(this.#blobs, hex)).size,
    }));
  }

  #path(digest: string): string {
    return join(this.#blobs, digestHex(digest));
  }
}
