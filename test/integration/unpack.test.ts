/** What a layer holds arrives exactly: owners, modes, times, attributes, links, devices, whiteouts. Root, kernel. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  createReadStream,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { inPieces, seeded } from '../fixtures/chunks.ts';
import { ISLET } from '../fixtures/islet-box.ts';
import { digestOf, LayerBox, treeOf, xattrsOf } from '../fixtures/layer-box.ts';
import { tarBytes } from '../fixtures/tar-bytes.ts';

/** cap_net_bind_service+ep, revision 2: full of zero bytes and one above 0x7f. */
const CAPABILITY = Buffer.from('0100000200040000000000000000000000000080', 'hex').subarray(0, 20);

describe('unpacking a layer', () => {
  it('keeps owner, mode with setuid, and time with nanoseconds', async () => {
    await using box = await LayerBox.make(ISLET);
    const layer = await box.unpack([
      {
        path: 'su',
        body: 'x',
        mode: 0o4755,
        uid: 1000,
        gid: 1001,
        mtime: 1_234_567_890,
        pax: { mtime: '1234567890.123456789' },
      },
      { path: 'sg', body: 'x', mode: 0o2711, uid: 0, gid: 42 },
      { path: 'tmp', type: '5', mode: 0o1777 },
      { path: 'none', body: 'x', mode: 0 },
      { path: 'big-id', body: '', uid: 4_000_000_000, gid: 4_000_000_001 },
      { path: 'old', body: '', pax: { mtime: '-1.5' } },
    ]);
    const stat = (name: string) => lstatSync(join(layer, name), { bigint: true });
    const su = stat('su');
    assert.deepEqual(
      [su.mode & 0o7777n, su.uid, su.gid, su.mtimeNs],
      [0o4755n, 1000n, 1001n, 1_234_567_890_123_456_789n],
    );
    assert.deepEqual([stat('sg').mode & 0o7777n, stat('sg').gid], [0o2711n, 42n]);
    assert.equal(stat('tmp').mode & 0o7777n, 0o1777n);
    assert.equal(stat('none').mode & 0o7777n, 0n);
    assert.deepEqual([stat('big-id').uid, stat('big-id').gid], [4_000_000_000n, 4_000_000_001n]);
    assert.equal(stat('old').mtimeNs, -1_500_000_000n);
  });

  it('sets the times of directories after everything was made in them, the root too', async () => {
    await using box = await LayerBox.make(ISLET);
    const layer = await box.unpack([
      { path: './', type: '5', mode: 0o750, uid: 5, gid: 6, mtime: 1000 },
      { path: 'a/', type: '5', mtime: 2000 },
      { path: 'a/b/', type: '5', mtime: 3000 },
      { path: 'a/b/c', body: 'x', mtime: 4000 },
      { path: 'd', body: 'x' },
    ]);
    const times = ['', 'a', 'a/b', 'a/b/c'].map((name) => lstatSync(join(layer, name)).mtimeMs / 1000);
    assert.deepEqual(times, [1000, 2000, 3000, 4000]);
    const root = statSync(layer);
    assert.deepEqual([root.mode & 0o7777, root.uid, root.gid], [0o750, 5, 6]);
  });

  it('is not misled by a set-group-id directory about the owner of what is in it', async () => {
    await using box = await LayerBox.make(ISLET);
    const layer = await box.unpack([
      { path: 'd', type: '5', mode: 0o2775, gid: 50 },
      { path: 'd/file', body: 'x', mode: 0o644 },
      { path: 'd/dir', type: '5', mode: 0o755 },
      { path: 'd/link', type: '2', linkPath: 'file' },
    ]);
    for (const name of ['file', 'dir', 'link']) assert.equal(lstatSync(join(layer, 'd', name)).gid, 0, name);
    assert.equal(lstatSync(join(layer, 'd/dir')).mode & 0o7777, 0o755);
  });

  it('keeps extended attributes byte for byte: security.capability on a file that is chowned and has content', async () => {
    await using box = await LayerBox.make(ISLET);
    const binary = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
    const layer = await box.unpack([
      {
        path: 'ping',
        body: 'x'.repeat(100_000),
        mode: 0o755,
        uid: 3,
        pax: { 'SCHILY.xattr.security.capability': CAPABILITY, 'SCHILY.xattr.user.bin': binary },
      },
      { path: 'd', type: '5', pax: { 'SCHILY.xattr.user.empty': Buffer.from('v'), 'SCHILY.xattr.user.ü': 'ü' } },
    ]);
    const found = await xattrsOf(join(layer, 'ping'));
    assert.deepEqual(found.get('security.capability'), CAPABILITY);
    assert.deepEqual(found.get('user.bin'), binary);
    assert.equal((await xattrsOf(join(layer, 'd'))).get('user.ü')?.toString(), 'ü');
  });

  it('makes hard links one file, and a link keeps the capabilities of what it links', async () => {
    await using box = await LayerBox.make(ISLET);
    const layer = await box.unpack([
      { path: 'a', body: 'one', mode: 0o4755, uid: 9, pax: { 'SCHILY.xattr.security.capability': CAPABILITY } },
      { path: 'd/b', type: '1', linkPath: 'a', mode: 0o4755, uid: 9 },
      { path: 's', type: '2', linkPath: 'a' },
      { path: 't', type: '1', linkPath: 's' },
      { path: 'c', type: '1', linkPath: './d/b', mode: 0o4755, uid: 9 },
    ]);
    const [a, b, c] = ['a', 'd/b', 'c'].map((name) => lstatSync(join(layer, name)));
    assert.deepEqual([b?.ino, c?.ino, a?.nlink], [a?.ino, a?.ino, 3]);
    assert.equal((a?.mode ?? 0) & 0o7777, 0o4755);
    assert.deepEqual((await xattrsOf(join(layer, 'c'))).get('security.capability'), CAPABILITY);
    assert.ok(lstatSync(join(layer, 't')).isSymbolicLink(), 'a hard link to a symlink links the symlink');
  });

  it('makes devices and pipes', async () => {
    await using box = await LayerBox.make(ISLET);
    const layer = await box.unpack([
      { path: 'dev/null', type: '3', mode: 0o666, major: 1, minor: 3 },
      { path: 'dev/sdz', type: '4', mode: 0o660, gid: 6, major: 4095, minor: 1_048_575 },
      { path: 'fifo', type: '6', mode: 0o600, mtime: 77 },
    ]);
    const [null_, sdz, fifo] = ['dev/null', 'dev/sdz', 'fifo'].map((name) => lstatSync(join(layer, name)));
    assert.ok(null_?.isCharacterDevice() && null_.rdev === 0x103 && (null_.mode & 0o7777) === 0o666);
    assert.ok(sdz?.isBlockDevice() && sdz.gid === 6);
    assert.deepEqual(execFileSync('stat', ['-c', '%Hr:%Lr', join(layer, 'dev/sdz')]).toString(), '4095:1048575\n');
    assert.ok(fifo?.isFIFO() && fifo.mtimeMs === 77_000);
  });

  it('makes whiteouts and opaque directories for overlayfs', async () => {
    await using box = await LayerBox.make(ISLET);
    const opaque = async (name: string) =>
      (await xattrsOf(join(layer, name))).get('trusted.overlay.opaque')?.toString();
    const layer = await box.unpack([
      { path: 'd/.wh.gone' },
      { path: 'o/.wh..wh..opq' },
      { path: 'o/kept', body: 'x' },
      // Of this layer itself: stays, only what lower layers have under the name is hidden.
      { path: 'own', body: 'x' },
      { path: '.wh.own' },
      { path: 'owndir/f', body: 'x' },
      { path: '.wh.owndir' },
      // Deleted, then made anew.
      { path: '.wh.new' },
      { path: 'new', type: '5' },
      { path: '.wh.implied' },
      { path: 'implied/f', body: 'x' },
      { path: '.wh.again' },
      { path: 'again', body: 'file' },
    ]);
    const gone = lstatSync(join(layer, 'd/gone'));
    assert.ok(gone.isCharacterDevice() && gone.rdev === 0);
    assert.equal(await opaque('o'), 'y');
    assert.ok(lstatSync(join(layer, 'own')).isFile());
    for (const name of ['owndir', 'new', 'implied']) assert.equal(await opaque(name), 'y', name);
    assert.equal(await opaque('d'), undefined);
    assert.equal(readFileSync(join(layer, 'again'), 'latin1'), 'file');
  });

  it('makes missing parents 0755 and root-owned, whatever the umask', async () => {
    await using box = await LayerBox.make(ISLET);
    const before = process.umask(0o077);
    try {
      const layer = await box.unpack([{ path: 'a/b/c', body: 'x', uid: 5, gid: 5, mode: 0o666 }]);
      const stats = ['', 'a', 'a/b', 'a/b/c'].map((name) => statSync(join(layer, name)));
      assert.deepEqual(
        stats.map(({ mode, uid }) => [mode & 0o7777, uid]),
        [
          [0o755, 0],
          [0o755, 0],
          [0o755, 0],
          [0o666, 5],
        ],
      );
    } finally {
      process.umask(before);
    }
  });

  it('writes sparse files with their holes', async () => {
    await using box = await LayerBox.make(ISLET);
    const size = 50_000_000;
    const layer = await box.unpack([
      { path: 's', body: 'headtail', pax: { 'GNU.sparse.map': `0,4,30000000,4`, 'GNU.sparse.size': String(size) } },
    ]);
    const st = statSync(join(layer, 's'));
    assert.ok(st.size === size && st.blocks * 512 < 1_000_000, `${st.size} bytes in ${st.blocks} blocks`);
    const content = readFileSync(join(layer, 's'));
    assert.deepEqual(
      [content.toString('latin1', 0, 5), content.toString('latin1', 29_999_999, 30_000_005)],
      ['head\0', '\0tail\0'],
    );
  });

  it('gives for gzip, zstd and plain the tree that GNU tar gives', async () => {
    await using box = await LayerBox.make(ISLET);
    const reference = mkdtempSync(join(tmpdir(), 'isle-reference-'));
    try {
      const source = join(reference, 'source');
      const random = seeded(7);
      for (let i = 0; i < 300; i++) {
        const directory = join(source, `dir-${i % 17}`, `sub-${i % 5}`);
        mkdirSync(directory, { recursive: true });
        writeFileSync(join(directory, `file-${i}`), Buffer.alloc(Math.floor(random() ** 6 * 2_000_000), i), {
          mode: 0o600 + (i % 64),
        });
      }
      const bytes = execFileSync('tar', ['--format=posix', '--numeric-owner', '-C', source, '-cf', '-', '.'], {
        maxBuffer: 1 << 30,
      });
      const expected = treeOf(source);
      for (const packed of [gzipSync(bytes, { level: 1 }), zstdCompressSync(bytes), bytes]) {
        const archive = join(reference, 'layer');
        writeFileSync(archive, packed);
        const { diffId } = await box.store.unpack({ diffId: digestOf(bytes), source: createReadStream(archive) });
        assert.deepEqual(treeOf(box.store.layerDir(diffId)), expected);
        await box.store.remove(diffId);
      }
    } finally {
      rmSync(reference, { recursive: true });
    }
  });

  it('counts the bytes of regular files, hard links once', async () => {
    await using box = await LayerBox.make(ISLET);
    const { sizeBytes } = await box.unpackBytes(
      tarBytes([
        { path: 'a', body: 'x'.repeat(1000) },
        { path: 'b', type: '1', linkPath: 'a', size: 1000 },
        { path: 'c', body: 'yy' },
        { path: 'd', type: '5' },
      ]),
    );
    assert.equal(sizeBytes, 1002);
  });

  it('tells of an attribute that is too large for the file system in those words', async () => {
    await using box = await LayerBox.make(ISLET);
    const pax = { 'SCHILY.xattr.user.big': 'v'.repeat(70_000) };
    await assert.rejects(box.unpack([{ path: 'x', body: 'x', pax }]), {
      kind: 'System',
      code: 'E2BIG',
      message:
        /cannot unpack layer sha256:[0-9a-f]{64}: set an extended attribute `x`: E2BIG \(argument list too long\)/,
      hint: /no room for attributes/,
    });
  });

  it('takes a source that gives tiny pieces', async () => {
    await using box = await LayerBox.make(ISLET);
    const bytes = tarBytes([{ path: 'a', body: 'x'.repeat(3000) }]);
    const { diffId } = await box.store.unpack({ diffId: digestOf(bytes), source: inPieces(gzipSync(bytes), 3) });
    assert.equal(readFileSync(join(box.store.layerDir(diffId), 'a')).length, 3000);
  });
});
