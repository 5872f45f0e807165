import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { breakAfter } from '../../test/fixtures/fake-registry.ts';
import { ImageEngine, layerOf } from '../../test/fixtures/image-engine.ts';
import { EngineError } from '../errors.ts';
import { sha256Digest, shortId } from '../oci/digest.ts';

type Message = Record<string, unknown>;

/** `id status` lines without the byte counts. */
function lines(messages: Message[]): string[] {
  return messages
    .filter(({ status }) => status !== 'Downloading')
    .map(({ id, status }) => `${typeof id === 'string' ? id : '-'} ${String(status)}`);
}

describe('pulling an image', () => {
  let engine: ImageEngine;

  beforeEach(async () => {
    engine = await ImageEngine.start();
  });
  afterEach(() => engine[Symbol.asyncDispose]());

  it("says what it does in dockerd's words and order", async () => {
    const layer = layerOf('a');
    const { manifest, imageId } = engine.registry.addImage('app', '1', { layers: [layer] });
    const id = shortId(sha256Digest(layer.blob));
    const size = layer.blob.length;
    const name = `${engine.registry.host}/app:1`;
    assert.deepEqual(await engine.pull('app:1'), [
      { status: 'Pulling from app', id: '1' },
      { status: 'Pulling fs layer', progressDetail: {}, id },
      { status: 'Downloading', progressDetail: { current: size, total: size }, id },
      { status: 'Verifying Checksum', progressDetail: {}, id },
      { status: 'Download complete', progressDetail: {}, id },
      { status: 'Extracting', progressDetail: { current: size, total: size }, id },
      { status: 'Pull complete', progressDetail: {}, id },
      { status: `Digest: ${manifest.digest}` },
      { status: `Status: Downloaded newer image for ${name}` },
    ]);
    assert.deepEqual(lines(await engine.pull('app:1')).at(-1), `- Status: Image is up to date for ${name}`);
    const image = engine.service.resolve(name);
    assert.equal(image.id, imageId);
    assert.deepEqual(image.diffIds, [layer.diffId]);
    assert.deepEqual(image.repoDigests, [`${engine.registry.host}/app@${manifest.digest}`]);
    const event = `pull ${name.slice(0, 19)} ${engine.registry.host}/app`;
    assert.deepEqual(engine.events, [event, event]);
  });

  it('takes layers that are there from the store', async () => {
    engine.registry.addImage('app', '1', { layers: [layerOf('a')] });
    engine.registry.addImage('app', '2', { layers: [layerOf('a'), layerOf('b')] });
    await engine.pull('app:1');
    const id = shortId(sha256Digest(layerOf('a').blob));
    const second = lines(await engine.pull('app:2'));
    assert.ok(second.includes(`${id} Already exists`), second.join('\n'));
    assert.ok(!second.includes(`${id} Pulling fs layer`));
    assert.equal(engine.registry.count(sha256Digest(layerOf('a').blob)), 1);
  });

  it('downloads three layers at a time and lets the others wait', async () => {
    const layers = ['a', 'b', 'c', 'd', 'e'].map(layerOf);
    engine.registry.addImage('app', '1', { layers });
    const messages = lines(await engine.pull('app:1'));
    assert.equal(messages.filter((line) => line.endsWith(' Waiting')).length, 2);
    assert.equal(messages.filter((line) => line.endsWith(' Pull complete')).length, 5);
  });

  it('downloads a layer once for two pulls at the same time, and both see it', async () => {
    engine.registry.addImage('one', 'x', { layers: [layerOf('a'), layerOf('b')] });
    engine.registry.addImage('two', 'x', { layers: [layerOf('a'), layerOf('c')], config: { author: 'other' } });
    const [one, two] = await Promise.all([engine.pull('one:x'), engine.pull('two:x')]);
    const id = shortId(sha256Digest(layerOf('a').blob));
    assert.ok(lines(one).includes(`${id} Pull complete`));
    assert.ok(lines(two).includes(`${id} Pull complete`));
    assert.equal(engine.registry.count(sha256Digest(layerOf('a').blob)), 1);
  });

  it('goes on for the second pull when the first is cancelled', async () => {
    engine.registry.addImage('one', 'x', { layers: [layerOf('a')] });
    engine.registry.addImage('two', 'x', { layers: [layerOf('a')], config: { author: 'other' } });
    let release = () => {};
    const held = new Promise<void>((resolve) => (release = resolve));
    let joined = () => {};
    const bothWait = new Promise<void>((resolve) => (joined = resolve));
    engine.layers.beforeCommit = () => held;
    const controller = new AbortController();
    const first = engine.pull('one:x', { signal: controller.signal });
    const second = engine.pull('two:x', { onMessage: ({ status }) => status === 'Extracting' && joined() });
    await bothWait;
    controller.abort();
    await assert.rejects(first, (thrown) => thrown instanceof EngineError && thrown.kind === 'Cancelled');
    release();
    await second;
    assert.equal(engine.service.resolve(`${engine.registry.host}/two:x`).diffIds.length, 1);
    assert.throws(() => engine.service.resolve(`${engine.registry.host}/one:x`), /No such image/);
  });

  it('stores the index, the manifest, the configuration and the layers as they came', async () => {
    const { manifest, imageId } = engine.registry.addImage('app', undefined, { layers: [layerOf('a')] });
    const index = engine.registry.addIndex('app', 'x', [
      { ...manifest, platform: { os: 'linux', architecture: 'amd64' } },
    ]);
    await engine.pull('app:x', { platform: 'linux/amd64' });
    for (const digest of [index.digest, manifest.digest, imageId, sha256Digest(layerOf('a').blob)]) {
      assert.ok(engine.content.has(digest), digest);
    }
    assert.deepEqual(engine.service.resolve(imageId).repoDigests, [`${engine.registry.host}/app@${index.digest}`]);
  });

  it('pulls by digest, and gives the image that digest as its only name', async () => {
    const { manifest } = engine.registry.addImage('app', 'x', { layers: [] });
    const messages = await engine.pull('app', { tag: manifest.digest });
    const name = `${engine.registry.host}/app@${manifest.digest}`;
    assert.deepEqual(messages[0], { status: 'Pulling from app', id: manifest.digest });
    assert.deepEqual(messages.at(-1), { status: `Status: Downloaded newer image for ${name}` });
    const image = engine.service.resolve(name);
    assert.deepEqual([image.repoTags, image.repoDigests], [[], [name]]);
  });

  it('pulls all tags when none is given', async () => {
    engine.registry.addImage('app', '1', { layers: [layerOf('a')] });
    engine.registry.addImage('app', '2', { layers: [layerOf('b')] });
    await engine.pull('app');
    assert.deepEqual(
      ['1', '2'].map((tag) => engine.service.resolve(`${engine.registry.host}/app:${tag}`).diffIds.length),
      [1, 1],
    );
  });

  it('warns of an image for another machine when a platform was asked for', async () => {
    engine.registry.addImage('app', 'x', { layers: [] });
    const name = `${engine.registry.host}/app:x`;
    const found = `image with reference ${name} was found but does not match the specified platform`;
    const warning = { status: `WARNING: ${found}: wanted linux/s390x, actual: linux/amd64` };
    assert.deepEqual((await engine.pull('app:x', { platform: 'linux/s390x' })).at(-1), warning);
    assert.ok(!lines(await engine.pull('app:x')).some((line) => line.includes('WARNING')));
  });

  it('serves the embedded image without a network', async () => {
    const messages: Message[] = [];
    const request = { fromImage: 'hello', tag: 'latest', platform: undefined, auth: undefined };
    await engine.service.pull(request, (message) => messages.push(message), new AbortController().signal);
    assert.deepEqual(lines(messages)[0], 'latest Pulling from library/hello');
    assert.deepEqual(lines(messages).at(-1), '- Status: Downloaded newer image for hello:latest');
    const image = engine.service.resolve('hello');
    assert.deepEqual(image.config.config?.Cmd, ['/hello']);
    assert.deepEqual(engine.registry.requests, []);
  });

  it('goes on after a connection that broke in the middle of a layer', async () => {
    const layer = layerOf('a');
    engine.registry.addImage('app', 'x', { layers: [layer] });
    let broken = 0;
    engine.registry.intercept = (request, response, url) => {
      if (!url.pathname.endsWith(sha256Digest(layer.blob)) || request.headers.range !== undefined) return false;
      broken += 1;
      breakAfter(response, layer.blob, 20);
      return true;
    };
    const messages = lines(await engine.pull('app:x'));
    assert.ok(
      messages.some((line) => line.endsWith('Retrying in 1 second')),
      messages.join('\n'),
    );
    assert.equal(broken, 1);
  });

  it('uses a blob that is there, and fetches it again when the disk has damaged it', async () => {
    const layer = layerOf('a');
    const digest = sha256Digest(layer.blob);
    engine.registry.addImage('app', 'x', { layers: [layer] });
    await engine.pull('app:x');
    engine.registry.addImage('app', 'y', { layers: [layer], config: { author: 'other' } });
    await engine.layers.remove(layer.diffId);
    assert.ok(!lines(await engine.pull('app:y')).some((line) => line.endsWith('Verifying Checksum')));
    assert.equal(engine.registry.count(digest), 1);
    engine.registry.addImage('app', 'z', { layers: [layer], config: { author: 'third' } });
    await engine.layers.remove(layer.diffId);
    writeFileSync(join(engine.root, 'content/blobs/sha256', digest.slice(7)), 'damaged');
    await engine.pull('app:z');
    assert.equal(engine.registry.count(digest), 2);
    assert.deepEqual(await engine.content.readAll(digest, 1 << 20), layer.blob);
  });
});
