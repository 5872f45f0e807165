import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readTar, type TarHeader } from './tar.ts';
import { TAR_END, type TarEntryOut, tarHeader, tarPadding } from './tar-writer.ts';

async function readBack(entry: TarEntryOut, body = ''): Promise<TarHeader> {
  const bytes = Buffer.from(body);
  const whole = Buffer.concat([tarHeader({ ...entry, size: bytes.length }), bytes, tarPadding(bytes.length), TAR_END]);
  for await (const { header } of readTar(
    (async function* () {
      yield whole;
    })(),
  )) {
    return header;
  }
  throw new Error('no entry');
}

const FILE: TarEntryOut = {
  type: 'file',
  path: Buffer.from('a/b'),
  mode: 0o4755,
  uid: 1,
  gid: 2,
  mtimeS: 1_700_000_000,
};

describe('a tar header', () => {
  it('is read back as it was meant', async () => {
    const { type, path, mode, uid, gid, size, mtimeS } = await readBack(FILE, 'content');
    assert.deepEqual(
      { type, path: path.toString(), mode, uid, gid, size, mtimeS },
      { type: 'file', path: 'a/b', mode: 0o4755, uid: 1, gid: 2, size: 7, mtimeS: 1_700_000_000 },
    );
    assert.equal(tarHeader(FILE).length, 512);
  });

  it('keeps what does not fit into its fields: long and foreign names, large ids, fractions of seconds', async () => {
    const path = Buffer.from(`${'d/'.repeat(200)}ü`);
    const read = await readBack({
      ...FILE,
      path,
      uid: 3_000_000_000,
      gid: 2_097_152,
      mtimeS: -5,
      mtimeNs: 250_000_000,
    });
    assert.deepEqual(read.path, path);
    assert.deepEqual([read.uid, read.gid], [3_000_000_000, 2_097_152]);
    assert.equal(read.mtimeS + read.mtimeNs / 1e9, -4.75);
  });

  it('carries attributes as bytes', async () => {
    const value = Buffer.from([1, 0, 0xff, 10]);
    const read = await readBack({ ...FILE, xattrs: [['security.capability', value]] });
    assert.deepEqual(read.pax.get('SCHILY.xattr.security.capability'), value);
  });

  it('has the targets of links, and the numbers of devices', async () => {
    const link = await readBack({ ...FILE, type: 'symlink', linkPath: Buffer.from('x'.repeat(120)) });
    assert.equal(link.linkPath.toString(), 'x'.repeat(120));
    const node = await readBack({ ...FILE, type: 'block', major: 259, minor: 70_000 });
    assert.deepEqual([node.type, node.devMajor, node.devMinor], ['block', 259, 70_000]);
  });
});
