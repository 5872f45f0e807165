import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { breakAfter } from '../../test/fixtures/fake-registry.ts';
import { ImageEngine, layerOf } from '../../test/fixtures/image-engine.ts';
import { EngineError } from '../errors.ts';
import { sha256Digest } from '../oci/digest.ts';

describe('a pull that fails', () => {
  let engine: ImageEngine;

  beforeEach(async () => {
    engine = await ImageEngine.start();
  });
  afterEach(() => engine[Symbol.asyncDispose]());

  /** The pull is refused with this message, and leaves the stores as they were. */
  async function refuses(name: string, message: RegExp | string, status = 500): Promise<void> {
    const before = engine.contents();
    await assert.rejects(engine.pull(name), (thrown) => {
      assert.ok(thrown instanceof EngineError);
      if (typeof message === 'string') assert.equal(thrown.message, message);
      else assert.match(thrown.message, message);
      assert.equal(thrown.httpStatus, status);
      return true;
    });
    assert.deepEqual(engine.contents(), before);
    assert.throws(() => engine.service.resolve(`${engine.registry.host}/${name}`), /No such image/);
  }

  it('because of its reference says so before anything is sent', async () => {
    const signal = new AbortController().signal;
    const request = { fromImage: 'Not Valid', tag: '', platform: undefined, auth: undefined };
    const pulled = engine.service.pull(request, () => assert.fail('a message came'), signal);
    await assert.rejects(pulled, { kind: 'InvalidParameter', message: /invalid reference format/ });
  });

  it('because the image is unknown has status 404', async () => {
    const message = `manifest for ${engine.registry.host}/app:x not found: manifest unknown: manifest unknown`;
    await refuses('app:x', message, 404);
  });

  it('because a blob has other bytes than its digest', async () => {
    const layer = layerOf('a');
    engine.registry.addImage('app', 'x', { layers: [layer, layerOf('b')] });
    const digest = sha256Digest(layer.blob);
    // Another valid archive of the same length: only the digest can tell.
    const forged = Buffer.from(layer.blob);
    forged[9] = forged[9] === 3 ? 4 : 3;
    engine.registry.blobs.set(digest, forged);
    await refuses('app:x', new RegExp(`filesystem layer verification failed for digest ${digest}`));
  });

  it('because the archive is damaged blames the registry when the digest is wrong too', async () => {
    const layer = layerOf('a');
    engine.registry.addImage('app', 'x', { layers: [layer] });
    engine.registry.blobs.set(sha256Digest(layer.blob), Buffer.alloc(layer.blob.length, 0x1f));
    await refuses('app:x', /filesystem layer verification failed for digest/);
  });

  it('because the archive is damaged blames the image when the digest is right', async () => {
    const blob = Buffer.concat([gzipSync('x'.repeat(5000)).subarray(0, 20), Buffer.alloc(20, 0xff)]);
    engine.registry.addImage('app', 'x', {
      layers: [{ blob, diffId: sha256Digest('x'), mediaType: layerOf('x').mediaType }],
    });
    await refuses('app:x', /^failed to register layer: /, 400);
  });

  it('because the diffID of the configuration is not that of the layer', async () => {
    engine.registry.addImage('app', 'x', { layers: [{ ...layerOf('a'), diffId: sha256Digest('other') }] });
    await refuses('app:x', /^failed to register layer: layer sha256:[0-9a-f]{64} is damaged/, 400);
  });

  it('because manifest and configuration count different layers', async () => {
    engine.registry.addImage('app', 'x', {
      layers: [layerOf('a')],
      config: { rootfs: { type: 'layers', diff_ids: [] } },
    });
    await refuses('app:x', /layers from manifest don't match image configuration: 1 layers, 0 diff_ids/, 400);
  });

  it('because a blob is longer or shorter than its descriptor', async () => {
    const { blob, ...layer } = layerOf('a');
    engine.registry.addImage('long', 'x', { layers: [{ ...layer, blob, size: blob.length - 1 }] });
    engine.registry.addImage('short', 'x', { layers: [{ ...layer, blob, size: blob.length + 1 }] });
    await refuses('long:x', /its descriptor states/);
    await refuses('short:x', /its descriptor states/);
  });

  it('because a layer is not there, and removes those that came', async () => {
    engine.registry.addImage('app', 'x', { layers: [layerOf('a'), layerOf('b'), layerOf('c')] });
    engine.registry.blobs.delete(sha256Digest(layerOf('b').blob));
    await refuses('app:x', /blob unknown/);
  });

  it('because the configuration is damaged, too large or for another system', async () => {
    const { imageId } = engine.registry.addImage('app', 'x', { layers: [] });
    const config = engine.registry.blobs.get(imageId) ?? Buffer.alloc(0);
    engine.registry.blobs.set(imageId, Buffer.alloc(config.length, 32));
    await refuses('app:x', /error pulling image configuration: image config verification failed/);
    engine.registry.addImage('win', 'x', { layers: [], config: { os: 'windows' } });
    await refuses('win:x', /image operating system "windows" cannot be used on this platform/, 400);
  });

  it('because the registry died in the middle of a layer tries five times', async () => {
    const layer = layerOf('a');
    engine.registry.addImage('app', 'x', { layers: [layer, layerOf('b')] });
    const digest = sha256Digest(layer.blob);
    engine.registry.intercept = (_request, response, url) => {
      if (url.pathname.endsWith(digest)) breakAfter(response, layer.blob, 10);
      return url.pathname.endsWith(digest);
    };
    await refuses('app:x', new RegExp(`blob ${digest}`));
    assert.equal(engine.registry.count(digest), 5);
  });

  it('because it was cancelled leaves nothing either', async () => {
    engine.registry.addImage('app', 'x', { layers: [layerOf('a'), layerOf('b')] });
    const controller = new AbortController();
    engine.layers.beforeCommit = async (diffId) => {
      if (diffId === layerOf('b').diffId) controller.abort();
    };
    const pulled = engine.pull('app:x', { signal: controller.signal });
    await assert.rejects(pulled, (thrown) => thrown instanceof EngineError && thrown.kind === 'Cancelled');
    assert.deepEqual(engine.contents(), []);
  });

  it('keeps the layers that another image needs', async () => {
    engine.registry.addImage('app', '1', { layers: [layerOf('a')] });
    engine.registry.addImage('app', '2', { layers: [layerOf('a'), layerOf('b')] });
    engine.registry.blobs.delete(sha256Digest(layerOf('b').blob));
    await engine.pull('app:1');
    await refuses('app:2', /blob unknown/);
    assert.ok(engine.layers.has(layerOf('a').diffId));
  });

  it('does not take the layers of a pull that goes on beside it', async () => {
    engine.registry.addImage('good', 'x', { layers: [layerOf('a'), layerOf('c')] });
    engine.registry.addImage('bad', 'x', { layers: [layerOf('a'), layerOf('b')] });
    engine.registry.blobs.delete(sha256Digest(layerOf('b').blob));
    let release = () => {};
    const held = new Promise<void>((resolve) => (release = resolve));
    engine.layers.beforeCommit = async (diffId) => {
      if (diffId === layerOf('c').diffId) await held;
    };
    const good = engine.pull('good:x');
    await assert.rejects(engine.pull('bad:x'), /blob unknown/);
    release();
    await good;
    assert.deepEqual(
      [...engine.layers.layers.keys()].toSorted(),
      [layerOf('a').diffId, layerOf('c').diffId].toSorted(),
    );
  });

  it('and an engine that died in it are cleaned up at the start', async () => {
    engine.registry.addImage('app', 'x', { layers: [layerOf('a')] });
    await engine.pull('app:x');
    assert.notDeepEqual(engine.contents(), []);
    // A new database knows no image: everything is left over from a dead pull.
    await engine.open().start();
    assert.deepEqual(engine.contents(), []);
  });
});
