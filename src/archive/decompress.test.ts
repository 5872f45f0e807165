import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { describe, it } from 'node:test';
import { constants, gzipSync, zstdCompressSync } from 'node:zlib';
import { inPieces } from '../../test/fixtures/chunks.ts';
import { decompress, detectCompression } from './decompress.ts';

async function plain(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of decompress(source)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const TEXT = Buffer.concat([Buffer.from('isle '.repeat(200_000)), randomBytes(300_000)]);
const half = TEXT.length >> 1;
const SKIPPABLE = Buffer.from('502a4d180400000069736c65', 'hex');

/** One frame for every 5,000 bytes, as "zstd:chunked" has one for every file; some are empty. */
function smallFrames(bytes: Buffer): Buffer[] {
  const frames: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += 5000) {
    frames.push(zstdCompressSync(bytes.subarray(at, at + 5000)), zstdCompressSync(Buffer.alloc(0)));
  }
  return frames;
}

const BAD = { name: 'EngineError', kind: 'InvalidParameter', code: 'EBADARCHIVE' };

describe('decompress', () => {
  it('tells gzip, zstd and plain bytes apart by their magic', () => {
    assert.equal(detectCompression(gzipSync('x')), 'gzip');
    assert.equal(detectCompression(zstdCompressSync('x')), 'zstd');
    assert.equal(detectCompression(Buffer.from('502a4d1800000000', 'hex')), 'zstd');
    assert.equal(detectCompression(Buffer.from('usr/bin')), 'none');
    assert.equal(detectCompression(Buffer.alloc(0)), 'none');
  });

  for (const [name, bytes] of [
    ['gzip', gzipSync(TEXT)],
    ['zstd', zstdCompressSync(TEXT)],
    ['plain', TEXT],
    ['concatenated gzip members', Buffer.concat([gzipSync(TEXT.subarray(0, half)), gzipSync(TEXT.subarray(half))])],
    ['many small zstd frames', Buffer.concat(smallFrames(TEXT))],
    [
      'concatenated zstd frames with skippable ones',
      Buffer.concat([
        SKIPPABLE,
        SKIPPABLE,
        zstdCompressSync(TEXT.subarray(0, half)),
        SKIPPABLE,
        zstdCompressSync(TEXT.subarray(half), { params: { [constants.ZSTD_c_checksumFlag]: 1 } }),
        SKIPPABLE,
      ]),
    ],
  ] as const) {
    for (const size of [1000, 65_536, 10_000_000]) {
      it(`returns ${name} in pieces of ${size} bytes`, async () => {
        assert.ok((await plain(inPieces(bytes, size))).equals(TEXT));
      });
    }
  }

  it('takes a source that gives one byte at a time', async () => {
    assert.equal((await plain(inPieces(gzipSync('hello'), 1))).toString(), 'hello');
    assert.equal((await plain(inPieces(Buffer.from('hi'), 1))).toString(), 'hi');
    assert.equal((await plain(inPieces(Buffer.alloc(0), 1))).toString(), '');
  });

  for (const [name, bytes] of [
    ['gzip', gzipSync(TEXT)],
    ['zstd', zstdCompressSync(TEXT)],
  ] as const) {
    it(`refuses ${name} data that ends early, wherever it ends`, async () => {
      for (const cut of [4, 10, 18, 1000, bytes.length >> 1, bytes.length - 9, bytes.length - 1]) {
        await assert.rejects(plain(inPieces(bytes.subarray(0, cut))), BAD, `cut at ${cut}`);
      }
    });

    it(`refuses damaged ${name} data`, async () => {
      const damaged = Buffer.from(bytes);
      damaged.fill(0xff, 30, 60);
      await assert.rejects(plain(inPieces(damaged)), BAD);
    });
  }

  it('refuses zstd data whose second frame ends early or is none', async () => {
    const first = zstdCompressSync(TEXT);
    for (const next of [first.subarray(0, 3), first.subarray(0, 5), first.subarray(0, -1), Buffer.from('garbage')]) {
      await assert.rejects(plain(inPieces(Buffer.concat([first, next]))), BAD);
    }
  });

  it("passes the source's own error on", async () => {
    async function* failing(): AsyncGenerator<Buffer> {
      yield gzipSync(TEXT).subarray(0, 200_000);
      throw new RangeError('the network is down');
    }
    await assert.rejects(plain(failing()), { name: 'RangeError', message: 'the network is down' });
  });

  it('closes the source when the consumer stops early', async () => {
    let closed = false;
    async function* source(): AsyncGenerator<Buffer> {
      try {
        for (;;) yield Buffer.alloc(100_000, 'x');
      } finally {
        closed = true;
      }
    }
    for await (const chunk of decompress(source())) if (chunk.length > 0) break;
    await new Promise((resolve) => setImmediate(resolve));
    assert.ok(closed);
  });

  it('ends with the reason of an abort, also while the source hangs', async () => {
    for (const first of [gzipSync(TEXT).subarray(0, 100_000), Buffer.alloc(100_000)]) {
      const source = new Readable({ read: () => {} });
      source.push(first);
      const controller = new AbortController();
      const read = async (): Promise<void> => {
        for await (const chunk of decompress(source, { signal: controller.signal })) assert.ok(chunk.length > 0);
      };
      setTimeout(() => controller.abort(new RangeError('enough')), 10);
      await assert.rejects(read(), { message: 'enough' });
      assert.ok(source.destroyed, 'the source is let go of');
    }
  });
});
