import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inPieces } from '../../test/fixtures/chunks.ts';
import { headerBlock, longName, padded, paxHeader, type RawEntry, tarBytes } from '../../test/fixtures/tar-bytes.ts';
import { readTar, type TarHeader } from './tar.ts';
import type { TarParserOptions } from './tar-parser.ts';

interface Found {
  header: TarHeader;
  content: Buffer;
}

async function read(bytes: Buffer, options: TarParserOptions = {}, piece = 64 * 1024): Promise<Found[]> {
  const found: Found[] = [];
  for await (const { header, body } of readTar(inPieces(bytes, piece), options)) {
    const chunks: Buffer[] = [];
    for await (const chunk of body) chunks.push(chunk);
    found.push({ header, content: Buffer.concat(chunks) });
  }
  return found;
}

async function only(parts: (RawEntry | Buffer)[]): Promise<Found> {
  const found = await read(tarBytes(parts));
  assert.equal(found.length, 1);
  return found[0] as Found;
}

const refuses = async (parts: (RawEntry | Buffer)[], message: RegExp, options: TarParserOptions = {}) =>
  await assert.rejects(read(tarBytes(parts), options), {
    name: 'EngineError',
    kind: 'InvalidParameter',
    code: 'EBADARCHIVE',
    message,
  });

describe('TarParser', () => {
  it('lets GNU long names and long link targets replace those of the header', async () => {
    const path = `${'d/'.repeat(200)}file`;
    const target = 't'.repeat(300);
    const { header } = await only([
      longName('K', target),
      longName('L', path),
      { path: 'short', type: '2', format: 'gnu' },
    ]);
    assert.equal(header.path.toString(), path);
    assert.equal(header.linkPath.toString(), target);
    assert.equal(header.type, 'symlink');
  });

  it('lets local PAX records replace path, link target, size, owner and time, for one entry only', async () => {
    const pax = { path: 'long/päth', size: '5', uid: '3000000', gid: '3000001', mtime: '1234567890.5' };
    const found = await read(
      tarBytes([{ path: 'x', size: 0, pax }, padded(Buffer.from('hello')), { path: 'next', body: 'abc' }]),
    );
    const [first, second] = found;
    assert.equal(first?.header.path.toString(), 'long/päth');
    assert.equal(first.content.toString(), 'hello');
    assert.deepEqual([first.header.uid, first.header.gid], [3_000_000, 3_000_001]);
    assert.deepEqual([first.header.mtimeS, first.header.mtimeNs], [1_234_567_890, 500_000_000]);
    assert.equal(second?.header.path.toString(), 'next');
    assert.deepEqual([second.header.uid, second.header.mtimeNs, second.content.toString()], [0, 0, 'abc']);
  });

  it('applies global PAX records to all later entries, under the local ones, and an empty value cancels', async () => {
    const found = await read(
      tarBytes([
        { path: 'a' },
        paxHeader('g', { uid: '7', comment: 'c' }),
        { path: 'b', uid: 1 },
        { path: 'c', pax: { uid: '8' } },
        { path: 'd', uid: 9, pax: { uid: '' } },
      ]),
    );
    assert.deepEqual(
      found.map(({ header }) => header.uid),
      [0, 7, 8, 9],
    );
  });

  it('knows a directory by its slash in V7 archives', async () => {
    const { header } = await only([{ path: 'dir/', type: '\0', format: 'v7' }]);
    assert.equal(header.type, 'directory');
  });

  it('ignores the size of entries without content', async () => {
    for (const type of ['1', '2', '3', '4', '5', '6']) {
      const found = await read(
        tarBytes([
          { path: 'x', type, linkPath: 'y', size: 700 },
          { path: 'next', body: 'abc' },
        ]),
      );
      assert.deepEqual([found.length, found[0]?.header.size, found[1]?.content.toString()], [2, 0, 'abc'], type);
    }
  });

  it('finds the same entries however the bytes are cut', async () => {
    const bytes = tarBytes([
      { path: 'a', body: 'x'.repeat(1000), pax: { 'SCHILY.xattr.user.k': Buffer.from([0, 255, 10]) } },
      longName('L', 'n'.repeat(500)),
      { path: 'b', body: 'y'.repeat(512), format: 'gnu' },
      { path: 'dir', type: '5' },
      { path: 'c', body: 'z' },
    ]);
    const whole = await read(bytes, {}, bytes.length);
    assert.equal(whole.length, 4);
    for (const piece of [1, 7, 100, 511, 512, 513, 1024, 1500])
      assert.deepEqual(await read(bytes, {}, piece), whole, String(piece));
  });

  it('skips the content that is not read', async () => {
    const names: string[] = [];
    for await (const { header } of readTar(
      inPieces(tarBytes([{ path: 'a', body: 'x'.repeat(5000) }, { path: 'b' }]), 700),
    )) {
      names.push(header.path.toString());
    }
    assert.deepEqual(names, ['a', 'b']);
  });

  it('takes nothing after the two zero blocks', async () => {
    const bytes = Buffer.concat([tarBytes([{ path: 'a' }]), Buffer.from('garbage'), tarBytes([{ path: 'b' }])]);
    assert.equal((await read(bytes)).length, 1);
    assert.equal((await read(tarBytes([]))).length, 0);
  });

  it('calls every archive that is cut anywhere truncated, but for the end between entries where that is allowed', async () => {
    const entries: RawEntry[] = [
      { path: 'a', body: 'x'.repeat(1500), pax: { path: 'b' } },
      { path: 'd', type: '5' },
    ];
    const bytes = tarBytes(entries, { end: false });
    const boundaries = new Set([0, bytes.length - 512, bytes.length]);
    for (let cut = 0; cut <= bytes.length; cut += 128) {
      await assert.rejects(
        read(bytes.subarray(0, cut)),
        { code: 'EBADARCHIVE', message: /ends early/ },
        `cut at ${cut}`,
      );
      const optional = read(bytes.subarray(0, cut), { endMarker: 'optional' });
      if (boundaries.has(cut)) await optional;
      else await assert.rejects(optional, { code: 'EBADARCHIVE' }, `cut at ${cut}`);
    }
  });

  it('refuses a lone zero block, an end after an extended header, and unknown types', async () => {
    await refuses([Buffer.alloc(512), { path: 'a' }], /lone zero block/);
    await refuses([{ path: 'a' }, paxHeader('x', { path: 'b' })], /ends after an extended header/);
    await refuses([{ path: 'vol', type: 'V' }], /entry 1 \(`vol`\): it has the unsupported type `V`/);
    await refuses([{ path: 'x', type: '\u001b' }], /unsupported type `\\x1b`/);
  });

  it('refuses a wrong checksum, naming the entry', async () => {
    const block = headerBlock({ path: 'b' });
    block[0] = 0x63;
    await refuses([{ path: 'a' }, block], /entry 2.*checksum/);
  });

  it('bounds extended headers, their number, names and global records', async () => {
    await refuses([headerBlock({ path: 'p', type: 'x', size: 1024 * 1024 + 1 })], /extended header of 1048577 bytes/);
    await refuses([headerBlock({ path: 'p', type: 'L', size: 2 ** 40 })], /extended header/);
    await refuses([headerBlock({ path: 'p', type: 'g', size: -5 })], /extended header/);
    await refuses([longName('L', 'n'.repeat(4097)), { path: 'x' }], /name has 4097 bytes/);
    await refuses([{ path: 'x', pax: { path: 'n'.repeat(4097) } }], /name has 4097 bytes/);
    await refuses([{ path: 'x', type: '2', pax: { linkpath: 'n'.repeat(4097) } }], /link target has 4097 bytes/);
    await refuses(
      Array.from({ length: 11 }, () => ({ path: 'x' })),
      /more than 10 entries/,
      { limits: { entries: 10 } },
    );
    await refuses(
      Array.from({ length: 11 }, () => paxHeader('x', {})),
      /more than 10 entries/,
      { limits: { entries: 10 } },
    );
    const many = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`k${i}`, 'v']));
    await refuses([paxHeader('g', many), { path: 'x' }], /too many global PAX records/);
  });

  it('refuses sizes, owners and devices that are absurd', async () => {
    await refuses([{ path: 'x', size: -1 }], /size is negative/);
    await refuses([{ path: 'x', size: 2n ** 62n }], /size is too large/);
    await refuses([{ path: 'x', pax: { size: '99999999999999999999' } }], /PAX size/);
    await refuses([{ path: 'x', uid: -1 }], /user id -1/);
    await refuses([{ path: 'x', pax: { gid: String(2 ** 32 - 1) } }], /group id 4294967295/);
    await refuses([{ path: 'x', type: '3', major: 1 << 12 }], /device number 4096:0/);
    await refuses([{ path: 'x', size: 2 ** 50 }], /ends early, in `x`/);
  });

  it('shows control characters of a hostile name as text', async () => {
    await refuses([{ path: '\u001b[2Jx', type: 'V' }], /`\\x1b\[2Jx`/);
  });
});
