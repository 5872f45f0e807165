/** The images' tables, and the same in memory: reads never touch the disk, a change is on it before it is seen. */
import { parseConfig } from '../distribution/documents.ts';
import { formatReference, parseReference } from '../distribution/reference.ts';
import type { Reference } from '../distribution/reference.ts';
import { EngineError } from '../errors.ts';
import { migrate, readRow, transaction } from '../platform/database.ts';
import type { Database } from '../platform/database.ts';
import { type SpaceReserve, withReserve } from '../platform/reserve.ts';
import { namesOf } from './record.ts';
import type { ImageLayer, ImageRecord } from './record.ts';

const SCHEMA = [
  `CREATE TABLE images (
     id TEXT PRIMARY KEY,
     config BLOB NOT NULL,            -- byte for byte: its digest is the id
     tagged_at INTEGER,               -- ms since the epoch
     hidden INTEGER NOT NULL DEFAULT 0
   ) STRICT;
   CREATE TABLE image_layers (
     image_id TEXT NOT NULL REFERENCES images (id) ON DELETE CASCADE,
     position INTEGER NOT NULL,       -- 0 is the lowest
     diff_id TEXT NOT NULL,
     size_bytes INTEGER NOT NULL,
     PRIMARY KEY (image_id, position)
   ) STRICT;
   CREATE TABLE image_blobs (         -- what the image keeps alive in the content store
     image_id TEXT NOT NULL REFERENCES images (id) ON DELETE CASCADE,
     digest TEXT NOT NULL,
     PRIMARY KEY (image_id, digest)
   ) STRICT;
   CREATE TABLE image_references (
     reference TEXT PRIMARY KEY,      -- canonical: docker.io/library/busybox:latest
     image_id TEXT NOT NULL REFERENCES images (id) ON DELETE CASCADE
   ) STRICT;`,
];

export interface NewImage {
  id: string;
  /** exactly the bytes whose digest is `id` */
  configBytes: Uint8Array;
  layers: readonly ImageLayer[];
  blobs: readonly string[];
  references: readonly Reference[];
  atMs: number;
}

export class ImageStore {
  readonly #db: Database;
  readonly #reserve: SpaceReserve | undefined;
  #images = new Map<string, ImageRecord>();
  #byReference = new Map<string, ImageRecord>();
  #blobs = new Set<string>();

  /** `reserve`: names and images can be removed on a full disk too. */
  constructor(database: Database, reserve?: SpaceReserve) {
    this.#reserve = reserve;
    this.#db = database;
    migrate(database, 'images', SCHEMA);
    this.#load();
  }

  /** All images that their user has, in no order. */
  all(): ImageRecord[] {
    return [...this.#images.values()].filter(({ hidden }) => !hidden);
  }

  get(id: string): ImageRecord | undefined {
    const image = this.#images.get(id);
    return image?.hidden === false ? image : undefined;
  }

  byReference(reference: Reference): ImageRecord | undefined {
    return this.#byReference.get(formatReference(reference));
  }

  /** Images that were removed while a container needs them. */
  hidden(): ImageRecord[] {
    return [...this.#images.values()].filter(({ hidden }) => hidden);
  }

  /** Layers and blobs that some image needs, hidden ones included. */
  needsLayer(diffId: string): boolean {
    return [...this.#images.values()].some(({ diffIds }) => diffIds.includes(diffId));
  }

  needsBlob(digest: string): boolean {
    return this.#blobs.has(digest);
  }

  /** Adds an image, or its new names and blobs if it is there already; brings a hidden one back. One transaction. */
  put({ id, configBytes, layers, blobs, references, atMs }: NewImage): void {
    this.#change(() => {
      const insert = 'INSERT INTO images (id, config) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET hidden = 0';
      this.#db.prepare(insert).run(id, configBytes);
      const addLayer = this.#db.prepare('INSERT OR IGNORE INTO image_layers VALUES (?, ?, ?, ?)');
      for (const [position, layer] of layers.entries()) addLayer.run(id, position, layer.diffId, layer.sizeBytes);
      const addBlob = this.#db.prepare('INSERT OR IGNORE INTO image_blobs VALUES (?, ?)');
      for (const digest of blobs) addBlob.run(id, digest);
      for (const reference of references) this.#setReference(reference, id, atMs);
    });
  }

  /** Gives an image a name; the image that had it before loses it. */
  tag(reference: Reference, id: string, atMs: number): void {
    this.#change(() => this.#setReference(reference, id, atMs));
  }

  untag(references: readonly Reference[]): void {
    this.#remove(() => {
      const remove = this.#db.prepare('DELETE FROM image_references WHERE reference = ?');
      for (const reference of references) remove.run(formatReference(reference));
    });
  }

  /** Takes an image from its user, with all its names, and keeps its layers and blobs for a container. */
  hide(id: string): void {
    this.#remove(() => {
      this.#db.prepare('DELETE FROM image_references WHERE image_id = ?').run(id);
      this.#db.prepare('UPDATE images SET hidden = 1 WHERE id = ?').run(id);
    });
  }

  delete(id: string): void {
    this.#remove(() => void this.#db.prepare('DELETE FROM images WHERE id = ?').run(id));
  }

  #setReference(reference: Reference, id: string, atMs: number): void {
    const upsert =
      'INSERT INTO image_references VALUES (?, ?) ON CONFLICT (reference) DO UPDATE SET image_id = excluded.image_id';
    this.#db.prepare(upsert).run(formatReference(reference), id);
    if (reference.tag !== undefined) this.#db.prepare('UPDATE images SET tagged_at = ? WHERE id = ?').run(atMs, id);
  }

  #remove(body: () => void): void {
    if (this.#reserve === undefined) this.#change(body);
    else withReserve(this.#reserve, () => this.#change(body));
  }

  #change(body: () => void): void {
    transaction(this.#db, body);
    this.#load();
  }

  #load(): void {
    const layers = Map.groupBy(this.#rows('SELECT * FROM image_layers ORDER BY image_id, position'), (row) =>
      String(row['image_id']),
    );
    const references = Map.groupBy(this.#rows('SELECT * FROM image_references'), (row) => String(row['image_id']));
    const images = new Map<string, ImageRecord>();
    for (const row of this.#rows('SELECT * FROM images')) {
      const id = String(row['id']);
      // A configuration never changes under its id, so that an image is parsed once.
      const config =
        this.#images.get(id)?.config ?? readRow(this.#db, 'images', id, () => parseConfig(asBytes(row['config'])));
      const ownLayers = (layers.get(id) ?? []).map((layer) => ({
        diffId: String(layer['diff_id']),
        sizeBytes: Number(layer['size_bytes']),
      }));
      const ownReferences = (references.get(id) ?? []).map((reference) =>
        parseReference(String(reference['reference'])),
      );
      images.set(id, {
        id,
        config,
        layers: ownLayers,
        diffIds: ownLayers.map(({ diffId }) => diffId),
        references: ownReferences,
        ...namesOf(ownReferences),
        sizeBytes: ownLayers.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
        createdAt: config.created,
        lastTaggedAtMs: row['tagged_at'] === null ? undefined : Number(row['tagged_at']),
        hidden: Number(row['hidden']) === 1,
      });
    }
    this.#images = images;
    const named = [...images.values()].flatMap((image) =>
      image.references.map((name) => [formatReference(name), image] as const),
    );
    this.#byReference = new Map(named);
    this.#blobs = new Set(this.#rows('SELECT DISTINCT digest FROM image_blobs').map((row) => String(row['digest'])));
  }

  #rows(sql: string) {
    return this.#db.prepare(sql).all();
  }
}

function asBytes(value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value;
  throw new EngineError('System', 'the images table holds a configuration that is no blob');
}
