import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { buffer } from 'node:stream/consumers';
import { EngineError } from '../errors.ts';
import { sha256Digest } from '../oci/digest.ts';
import { ContentStore } from './store.ts';

describe('the content store', () => {
  let root = '';
  let store = new ContentStore({ root: '' });
  const bytes = Buffer.from('blob bytes');
  const digest = sha256Digest(bytes);

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'isle-content-'));
    store = new ContentStore({ root });
    store.init();
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  const ingests = () => readdirSync(join(root, 'ingest'));

  it('takes a blob in, gives it back and forgets it', async () => {
    await store.ingest(digest, bytes.length, [bytes.subarray(0, 4), bytes.subarray(4)]);
    assert.equal(store.size(digest), bytes.length);
    assert.deepEqual(await buffer(await store.read(digest)), bytes);
    assert.deepEqual(await buffer(await store.read(digest, 5)), bytes.subarray(5));
    assert.deepEqual(await store.readAll(digest, 100), bytes);
    assert.deepEqual(store.list(), [{ digest, size: bytes.length }]);
    assert.deepEqual(ingests(), []);
    await store.remove(digest);
    await store.remove(digest);
    assert.equal(store.has(digest), false);
  });

  it('shows nothing before the commit', async () => {
    const ingest = await store.openIngest(digest, bytes.length);
    await ingest.write(bytes);
    assert.equal(store.has(digest), false);
    await ingest.commit();
    assert.equal(store.has(digest), true);
  });

  it('refuses wrong bytes, a short blob and a long blob, and leaves nothing of them', async () => {
    const code = (expected: string) => (thrown: unknown) => thrown instanceof EngineError && thrown.code === expected;
    await assert.rejects(store.ingest(digest, undefined, [Buffer.from('other bytes')]), code('EBLOBDIGEST'));
    await assert.rejects(store.ingest(digest, bytes.length, [bytes.subarray(1)]), code('EBLOBSIZE'));
    await assert.rejects(store.ingest(digest, 4, [bytes]), code('EBLOBSIZE'));
    assert.deepEqual(store.list(), []);
    assert.deepEqual(ingests(), []);
  });

  it('leaves nothing when the source breaks', async () => {
    async function* broken() {
      yield bytes;
      throw new Error('connection lost');
    }
    await assert.rejects(store.ingest(digest, undefined, broken()), /connection lost/);
    assert.deepEqual(ingests(), []);
  });

  it('writes blobs larger than its batch', async () => {
    const chunk = Buffer.alloc(300_000, 7);
    const whole = Buffer.concat(Array.from({ length: 10 }, () => chunk));
    await store.ingest(
      sha256Digest(whole),
      whole.length,
      Array.from({ length: 10 }, () => Buffer.from(chunk)),
    );
    assert.deepEqual(await store.readAll(sha256Digest(whole), whole.length), whole);
  });

  it('removes at its start what an earlier life left half-made', async () => {
    const ingest = await store.openIngest(digest);
    await ingest.write(bytes);
    writeFileSync(join(root, 'ingest', 'left-over'), 'x');
    new ContentStore({ root }).init();
    assert.deepEqual(ingests(), []);
    await ingest.abort();
  });

  it('never takes a digest for a path', () => {
    assert.throws(() => store.has('sha256:../../../etc/passwd'), /invalid digest/);
    assert.throws(() => store.has(`sha256:${'A'.repeat(64)}`), /invalid digest/);
  });

  it('refuses to load a large blob as a document', async () => {
    await store.ingest(digest, undefined, [bytes]);
    await assert.rejects(store.readAll(digest, 3), /more than the 3 allowed/);
    await assert.rejects(store.readAll(sha256Digest('absent'), 3), /no blob sha256:/);
  });
});
