import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { breakAfter, FakeRegistry, refuse } from '../../test/fixtures/fake-registry.ts';
import { EngineError } from '../errors.ts';
import type { Descriptor } from '../oci/image-spec.ts';
import { readBlob } from './blob.ts';
import { RegistryClient } from './registry.ts';

describe('reading a blob', () => {
  const bytes = Buffer.from(Array.from({ length: 200_000 }, (_, index) => (index * 7) % 251));
  let registry = new FakeRegistry();
  let client = new RegistryClient({ domain: 'localhost', path: 'app' });
  let descriptor: Descriptor = { mediaType: '', digest: '', size: 0 };

  beforeEach(async () => {
    registry = await FakeRegistry.start();
    client = new RegistryClient({ domain: registry.host, path: 'app' });
    descriptor = { mediaType: 'x', digest: registry.addBlob(bytes), size: bytes.length };
  });
  afterEach(async () => {
    await client.close();
    await registry[Symbol.asyncDispose]();
  });

  async function read(
    wanted = descriptor,
    signal = new AbortController().signal,
    onRetry?: (seconds: number) => void,
  ): Promise<Buffer> {
    return Buffer.concat(await Array.fromAsync(readBlob(client, wanted, { signal, retryDelayMs: 1, onRetry })));
  }

  /** Breaks the first `times` answers after `sent` bytes, whatever range was asked for. */
  function breaking(times: number, sent: number): string[] {
    const ranges: string[] = [];
    registry.intercept = (request, response, url) => {
      if (!url.pathname.includes('/blobs/')) return false;
      ranges.push(request.headers.range ?? 'all');
      if (ranges.length > times) return false;
      const from = Number(/\d+/.exec(request.headers.range ?? '0')?.[0]);
      const rest = bytes.subarray(from);
      const range = `bytes ${from}-${bytes.length - 1}/${bytes.length}`;
      breakAfter(response, rest, sent, from === 0 ? {} : { 'content-range': range });
      return true;
    };
    return ranges;
  }

  it('gives all bytes in order', async () => {
    assert.deepEqual(await read(), bytes);
  });

  it('goes on after a broken connection where it had stopped', async () => {
    const ranges = breaking(2, 70_000);
    assert.deepEqual(await read(), bytes);
    assert.deepEqual(ranges, ['all', 'bytes=70000-', 'bytes=140000-']);
  });

  it('starts over in silence when the registry knows no ranges', async () => {
    let answers = 0;
    registry.intercept = (_request, response, url) => {
      if (!url.pathname.includes('/blobs/')) return false;
      answers += 1;
      if (answers === 1) breakAfter(response, bytes, 70_000);
      else response.end(bytes);
      return true;
    };
    assert.deepEqual(await read(), bytes);
  });

  it('gives up after five tries', async () => {
    const ranges = breaking(100, 1000);
    const pauses: number[] = [];
    await assert.rejects(
      read(descriptor, undefined, (seconds) => pauses.push(seconds)),
      EngineError,
    );
    assert.equal(ranges.length, 5);
    assert.equal(pauses.length, 4);
  });

  it('refuses a blob that is longer or shorter than its descriptor, without another try', async () => {
    const wrong = (size: number) => read({ ...descriptor, size });
    await assert.rejects(wrong(bytes.length - 1), /has 200000 bytes; its descriptor states 199999/);
    await assert.rejects(wrong(bytes.length + 1), /has 200000 bytes; its descriptor states 200001/);
    assert.equal(registry.count(descriptor.digest), 2);
    registry.intercept = (_request, response, url) => {
      if (url.pathname.includes('/blobs/')) response.write(bytes, () => response.end(bytes)); // no Content-Length
      return url.pathname.includes('/blobs/');
    };
    await assert.rejects(read(), /has more than 200000 bytes/);
  });

  it('waits as long as Retry-After says, but not for ever', async () => {
    let refusals = 1;
    let wait = '1';
    registry.intercept = (_request, response, url) => {
      if (!url.pathname.includes('/blobs/') || refusals-- <= 0) return false;
      refuse(response, 429, 'TOOMANYREQUESTS', 'slow down', { 'retry-after': wait });
      return true;
    };
    assert.deepEqual(await read(), bytes);
    [refusals, wait] = [100, '3600'];
    await assert.rejects(read(), { message: 'toomanyrequests: slow down' });
  });

  it('does not ask again for a blob that is not there, nor when access is denied', async () => {
    await assert.rejects(read({ ...descriptor, digest: `sha256:${'0'.repeat(64)}` }), /blob unknown/);
    registry.intercept = (_request, response, url) => {
      if (url.pathname.includes('/blobs/')) refuse(response, 403, 'DENIED', 'no');
      return url.pathname.includes('/blobs/');
    };
    await assert.rejects(read(), { message: 'denied: no' });
    assert.equal(registry.count(descriptor.digest), 1);
  });

  it('tries again when the registry has an inner failure', async () => {
    let failures = 3;
    registry.intercept = (_request, response, url) => {
      if (!url.pathname.includes('/blobs/') || failures-- <= 0) return false;
      response.writeHead(503).end();
      return true;
    };
    assert.deepEqual(await read(), bytes);
  });

  it('can be cancelled during a pause', async () => {
    breaking(100, 10);
    const controller = new AbortController();
    const stopped = read(descriptor, controller.signal, () => controller.abort());
    await assert.rejects(stopped, (thrown) => thrown instanceof EngineError && thrown.kind === 'Cancelled');
  });
});
