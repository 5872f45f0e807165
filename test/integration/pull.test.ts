/** Root. Pulls real images from Debian's docker-registry into the real stores, by way of islet, without a daemon. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ContentStore } from '../../src/content/store.ts';
import { EngineError } from '../../src/errors.ts';
import { ImageService } from '../../src/images/service.ts';
import { openDatabase } from '../../src/platform/database.ts';
import { SnapshotStore } from '../../src/snapshots/store.ts';
import { busyboxImage, debianImage } from '../fixtures/images.ts';
import { tar, writeLayout } from '../fixtures/layout.ts';
import { type Registry, startRegistry } from '../fixtures/registry.ts';

const BUILD_DIR = fileURLToPath(new URL('../../native/build/', import.meta.url));

interface Engine {
  service: ImageService;
  content: ContentStore;
  snapshots: SnapshotStore;
  close(): void;
}

/** The engine's image side on `root`; opened again it is the engine after a restart. */
async function openEngine(root: string): Promise<Engine> {
  const content = new ContentStore({ root: join(root, 'content') });
  content.init();
  const snapshots = new SnapshotStore({ root: join(root, 'snapshots'), isletPath: join(BUILD_DIR, 'islet') });
  await snapshots.init();
  const database = openDatabase(join(root, 'isle.db'));
  const helloPath = join(BUILD_DIR, 'hello');
  const service = new ImageService({ database, content, snapshots, helloPath, usersOf: () => [], retryDelayMs: 1 });
  await service.start();
  return { service, content, snapshots, close: () => database.close() };
}

describe('pulling from a real registry', () => {
  const root = mkdtempSync(join(tmpdir(), 'isle-pull-'));
  let registry: Registry;
  let engine: Engine;

  before(async () => {
    registry = await startRegistry();
    engine = await openEngine(root);
  });
  after(async () => {
    engine.close();
    await registry[Symbol.asyncDispose]();
    rmSync(root, { recursive: true, force: true });
  });

  async function pull(name: string, tag: string): Promise<string> {
    const statuses: string[] = [];
    const request = { fromImage: name, tag, platform: undefined, auth: undefined };
    const progress = ({ status }: Record<string, unknown>) => statuses.push(String(status));
    await engine.service.pull(request, progress, new AbortController().signal);
    return statuses.at(-1) ?? '';
  }

  /** The directory with the files of an image's lowest layer. */
  function files(name: string): string {
    return engine.snapshots.layerDir(engine.service.resolve(name).diffIds[0] ?? '');
  }

  const leftovers = () =>
    ['content/ingest', 'snapshots/ingest', 'snapshots/trash'].flatMap((dir) => readdirSync(join(root, dir)));

  it('unpacks gzip, zstd and plain layers to the same image', async () => {
    const ids = new Set<string>();
    for (const compression of ['gzip', 'zstd', 'none'] as const) {
      await registry.push(await busyboxImage(compression), `busybox:${compression}`);
      assert.match(await pull(`${registry.host}/busybox`, compression), /^Status: Downloaded newer image/);
      const name = `${registry.host}/busybox:${compression}`;
      ids.add(engine.service.resolve(name).id);
      const program = statSync(join(files(name), 'bin/busybox'));
      assert.ok(program.nlink > 200, 'the applets are hard links');
      assert.equal(program.mode & 0o7777, 0o755);
      assert.equal(statSync(join(files(name), 'tmp')).mode & 0o7777, 0o1777);
      if (compression !== 'none') await engine.service.remove(name, { force: false });
    }
    assert.equal(ids.size, 1);
    assert.deepEqual(leftovers(), []);
  });

  it('unpacks Debian, and knows it again after a restart', async () => {
    await registry.push(await debianImage(), 'debian:12');
    await pull(`${registry.host}/debian`, '12');
    const name = `${registry.host}/debian:12`;
    assert.match(readFileSync(join(files(name), 'etc/os-release'), 'utf8'), /bookworm/);
    assert.equal(statSync(join(files(name), 'usr/bin/passwd')).mode & 0o7777, 0o4755);
    const before = await engine.service.inspect(name);
    engine.close();
    engine = await openEngine(root);
    assert.deepEqual(await engine.service.inspect(name), before);
    assert.match(await pull(`${registry.host}/debian`, '12'), /^Status: Image is up to date/);
  });

  it('has the embedded image with its program', async () => {
    await pull('hello', 'latest');
    assert.deepEqual(readFileSync(join(files('hello'), 'hello')), readFileSync(join(BUILD_DIR, 'hello')));
    assert.equal(statSync(join(files('hello'), 'hello')).mode & 0o7777, 0o755);
  });

  it('tells an unknown image as dockerd does', async () => {
    const message = `manifest for ${registry.host}/nothing:x not found: manifest unknown: manifest unknown`;
    await assert.rejects(pull(`${registry.host}/nothing`, 'x'), { kind: 'NotFound', message });
  });

  it('refuses a layer that was damaged in the registry, and leaves nothing', async () => {
    const layout = join(root, 'layout-damaged');
    const content = Buffer.from('x'.repeat(100_000));
    await writeLayout(layout, { layers: [await tar([{ name: 'file', content }])], compression: 'none', config: {} });
    await registry.push(layout, 'damaged:1');
    const [blob = ''] = blobFiles(registry.root).filter(
      (path) => statSync(path).size > 100_000 && readFileSync(path).includes('xxxxx'),
    );
    const bytes = readFileSync(blob);
    bytes[50_000] = 'y'.charCodeAt(0);
    writeFileSync(blob, bytes);
    const before = [engine.content.list(), engine.snapshots.list()];
    await assert.rejects(pull(`${registry.host}/damaged`, '1'), /filesystem layer verification failed for digest/);
    assert.deepEqual([engine.content.list(), engine.snapshots.list()], before);
    assert.deepEqual(leftovers(), []);
  });

  it('speaks TLS to a registry on loopback, whoever signed its certificate', async () => {
    await using secure = await startRegistry({ tls: true });
    await secure.push(await busyboxImage(), 'secure:1');
    assert.match(await pull(`${secure.host}/secure`, '1'), /^Status: Downloaded newer image/);
  });

  it('removes an image with all its files', async () => {
    const directory = files(`${registry.host}/debian:12`);
    await engine.service.remove(`${registry.host}/debian:12`, { force: false });
    assert.equal(existsSync(directory), false);
    assert.deepEqual(leftovers(), []);
  });

  it('says that the registry is down', async () => {
    await registry.kill();
    const message = `Get "http://${registry.host}/v2/": dial tcp ${registry.host}: connect: connection refused`;
    await assert.rejects(pull(`${registry.host}/busybox`, 'gzip'), (thrown) => {
      assert.ok(thrown instanceof EngineError);
      assert.deepEqual([thrown.message, thrown.httpStatus], [message, 500]);
      return true;
    });
  });
});

function blobFiles(registryRoot: string): string[] {
  const blobs = join(registryRoot, 'data/docker/registry/v2/blobs/sha256');
  return readdirSync(blobs, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('/data'))
    .map((path) => join(blobs, path));
}
