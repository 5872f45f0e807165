/** Hostile layers: each ends with an error or inside its own directory, and nothing outside has changed. Root, kernel. */
import assert from 'node:assert/strict';
import { existsSync, lstatSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { inPieces } from '../fixtures/chunks.ts';
import { buildSanitized, ISLET, ISLET_ASAN } from '../fixtures/islet-box.ts';
import { digestOf, LayerBox, treeOf, xattrsOf } from '../fixtures/layer-box.ts';
import { headerBlock, longName, type RawEntry, tarBytes } from '../fixtures/tar-bytes.ts';

type Parts = (RawEntry | Buffer)[];
const BAD = { name: 'EngineError', kind: 'InvalidParameter', code: 'EBADARCHIVE' };
const UNSAFE = { name: 'EngineError', kind: 'InvalidParameter', code: 'EUNSAFEARCHIVE' };
const refused = (code: string) => ({ name: 'EngineError', kind: 'System', code });

const link = (path: string, target: string): RawEntry => ({ path, type: '2', linkPath: target });
const hard = (path: string, target: string): RawEntry => ({ path, type: '1', linkPath: target });
const dir = (path: string, mode = 0o755): RawEntry => ({ path, type: '5', mode });
const file = (path: string, body = 'hostile'): RawEntry => ({ path, body });

/** 4,000 bytes of directories: two of them exceed PATH_MAX. */
const LONG = `${'n'.repeat(199)}/`.repeat(20);

/** What must be refused. `box.outside` is given as `outside`. */
const REFUSED: [name: string, parts: (outside: string) => Parts, error: object][] = [
  ['a name that climbs out', () => [file('../../outside/secret')], UNSAFE],
  ['a name that climbs out from below', () => [dir('a'), file('a/../../x')], UNSAFE],
  ['a long GNU name that climbs out', () => [longName('L', `${'../'.repeat(40)}outside/secret`), file('x')], UNSAFE],
  ['a PAX name that climbs out', () => [{ ...file('x'), pax: { path: '../../outside/secret' } }], UNSAFE],
  ['a whiteout that climbs out', () => [file('../../outside/.wh.secret')], UNSAFE],
  ['a file through an absolute symlink', (outside) => [link('l', outside), file('l/secret')], refused('ENOENT')],
  [
    'a directory through an absolute symlink',
    (outside) => [link('l', `${outside}/dir`), dir('l/new')],
    refused('ENOENT'),
  ],
  ['a whiteout through a symlink', (outside) => [link('l', outside), file('l/.wh.secret')], refused('ENOENT')],
  ['an opaque mark through a symlink', (outside) => [link('l', outside), file('l/.wh..wh..opq')], refused('ENOENT')],
  ['a file through /proc', () => [link('l', '/proc/self/root'), file('l/x')], refused('ENOENT')],
  ['a hard link that climbs out', () => [hard('h', '../../outside/secret')], UNSAFE],
  ['a hard link to an absolute name', (outside) => [hard('h', `${outside}/secret`)], refused('ENOENT')],
  ['a hard link through a symlink', (outside) => [link('l', outside), hard('h', 'l/secret')], refused('ENOENT')],
  ['a hard link to a directory', () => [dir('d'), hard('h', 'd')], refused('EPERM')],
  ['a hard link to the root', () => [hard('h', '/')], refused('EISDIR')],
  ['a hard link to itself', () => [file('f'), hard('f', './f')], refused('ELOOP')],
  ['a file in a file', () => [file('f'), file('f/x')], refused('ENOTDIR')],
  ['a file in a loop of symlinks', () => [link('a', 'b'), link('b', 'a'), file('a/x')], refused('ELOOP')],
  [
    'a file in what was a directory and is a symlink now',
    (outside) => [dir('d'), file('d/1'), link('d', outside), file('d/secret')],
    refused('ENOENT'),
  ],
  [
    'a file below what was a symlink to a directory and points out now',
    (outside) => [dir('real/sub'), link('l', 'real'), file('l/sub/1'), link('l', outside), file('l/dir/2')],
    refused('ENOENT'),
  ],
  ['a symlink in place of the root', (outside) => [link('./', outside), file('secret')], UNSAFE],
  ['a file in place of the root', () => [file('.')], UNSAFE],
  ['whiteouts of no name', () => [file('.wh.')], UNSAFE],
  ['a whiteout of the directory itself', () => [file('d/.wh..')], UNSAFE],
  ['a whiteout of the parent directory', () => [file('d/.wh...')], UNSAFE],
  ['a size that never comes', () => [{ path: 'big', size: 2 ** 50, body: 'x' }], BAD],
  ['a size that no file has', () => [{ path: 'big', size: 2n ** 62n }], BAD],
  ['a negative size', () => [{ path: 'big', size: -512 }], BAD],
  [
    'a sparse file of absurd size',
    () => [
      {
        path: 's',
        body: 'data',
        pax: { 'GNU.sparse.map': '9007199254740000,4', 'GNU.sparse.size': '9007199254740991' },
      },
    ],
    refused('EINVAL'),
  ],
  ['a PAX bomb', () => [headerBlock({ path: 'p', type: 'x', size: 2 ** 30 })], BAD],
  ['a GNU name bomb', () => [headerBlock({ path: 'p', type: 'L', size: 2 ** 33 })], BAD],
  ['a name of 4097 bytes', () => [longName('L', 'n'.repeat(4097)), file('x')], BAD],
  ['a component of 256 bytes', () => [longName('L', 'n'.repeat(256)), file('x')], refused('ENAMETOOLONG')],
  ['a NUL byte in a PAX name', () => [{ ...file('x'), pax: { path: 'a\0b' } }], BAD],
  ['a NUL byte in a PAX link target', () => [{ ...link('x', 'y'), pax: { linkpath: 'a\0b' } }], BAD],
  ['an empty symlink', () => [link('x', '')], BAD],
  ['an unknown type', () => [{ path: 'x', type: 'Z' }], BAD],
];

for (const [program, sanitized] of [
  [ISLET, false],
  [ISLET_ASAN, true],
] as const) {
  describe(`unpacking hostile layers${sanitized ? ' with sanitizers' : ''}`, () => {
    before(() => {
      if (sanitized) buildSanitized();
    });

    for (const [name, parts, error] of REFUSED) {
      it(`refuses ${name}, leaving nothing`, async () => {
        await using box = await LayerBox.make(program, { sanitized });
        await assert.rejects(box.unpack(parts(box.outside)), error);
        assert.deepEqual(box.store.list(), []);
        box.assertClean();
        // The store works on.
        assert.equal(readFileSync(join(await box.unpack([file('fine')]), 'fine'), 'latin1'), 'hostile');
      });
    }

    it('puts absolute names inside the layer', async () => {
      await using box = await LayerBox.make(program, { sanitized });
      const layer = await box.unpack([file(`${box.outside}/secret`), file('//etc//passwd')]);
      assert.equal(readFileSync(join(layer, box.outside, 'secret'), 'latin1'), 'hostile');
      assert.equal(readFileSync(join(layer, 'etc/passwd'), 'latin1'), 'hostile');
    });

    it('resolves symlinks on the way with the layer as their root, as Docker does', async () => {
      await using box = await LayerBox.make(program, { sanitized });
      const up = `${'../'.repeat(30)}usr`;
      const layer = await box.unpack([dir('usr'), link('up', up), file('up/a'), link('abs', '/usr'), file('abs/b/c')]);
      assert.deepEqual([existsSync(join(layer, 'usr/a')), existsSync(join(layer, 'usr/b/c'))], [true, true]);
    });

    it('replaces a symlink or a hard link to one, and never writes through it', async () => {
      await using box = await LayerBox.make(program, { sanitized });
      const secret = join(box.outside, 'secret');
      const layer = await box.unpack([
        link('s', secret),
        file('s'),
        link('d', box.outside),
        dir('d', 0o777),
        file('d/secret'),
        link('t', secret),
        hard('h', 't'),
        file('h'),
        link('n', secret),
        { path: 'n', type: '3', major: 1, minor: 3, mode: 0o666 },
      ]);
      assert.ok(lstatSync(join(layer, 's')).isFile());
      assert.ok(lstatSync(join(layer, 'd')).isDirectory());
      assert.ok(lstatSync(join(layer, 'h')).isFile());
      assert.equal(readlinkSync(join(layer, 't')), secret);
      assert.ok(lstatSync(join(layer, 'n')).isCharacterDevice());
    });

    it('sets owner, mode, time and attributes of a symlink on the symlink', async () => {
      await using box = await LayerBox.make(program, { sanitized });
      const layer = await box.unpack([
        {
          ...link('s', join(box.outside, 'secret')),
          uid: 7,
          gid: 8,
          mode: 0o777,
          mtime: 5,
          pax: { 'SCHILY.xattr.user.k': 'v' },
        },
      ]);
      const { uid, gid, mtimeMs } = lstatSync(join(layer, 's'));
      assert.deepEqual([uid, gid, mtimeMs], [7, 8, 5000]);
    });

    it('takes the last of several entries with one name, whatever they are', async () => {
      await using box = await LayerBox.make(program, { sanitized });
      const layer = await box.unpack([
        file('a', '1'),
        file('a', '22'),
        dir('b'),
        dir('b/c'),
        file('b/c/d'),
        file('b', 'a file now'),
        file('e'),
        dir('e'),
        file('e/f', 'in'),
        dir('g'),
        file('g/h', 'kept'),
        dir('g', 0o700),
        dir('i/j/k'),
        link('i', 'g'),
      ]);
      const brief = treeOf(layer).map((line) => line.replace(/ (\d+) 0:0 \d+ 0 [\d.]+ /, ' $1 '));
      assert.deepEqual(brief, [
        'a 100644 "22"',
        'b 100644 "a file now"',
        'e 40755 ',
        'e/f 100644 "in"',
        'g 40700 ',
        'g/h 100644 "kept"',
        'i 120777 -> g',
      ]);
    });

    it('makes and removes a tree deeper than PATH_MAX, reached through symlinks', async () => {
      await using box = await LayerBox.make(program, { sanitized });
      const layer = await box.unpack([
        longName('L', `${LONG}x`),
        file('x'),
        longName('K', LONG),
        link('l', ''),
        longName('L', `l/${LONG}y`),
        file('y'),
        longName('K', `l/${LONG}`),
        link('m', ''),
        longName('L', `m/${LONG}z`),
        dir('z'),
        file('flat'),
      ]);
      assert.ok(existsSync(join(layer, 'flat')));
    });

    it('replaces a tree deeper than PATH_MAX, with more levels than descriptors, by a file', async () => {
      await using box = await LayerBox.make(program, { sanitized });
      const layer = await box.unpack([
        longName('L', `d/${LONG}x`),
        file('x'),
        longName('K', `d/${LONG}`),
        link('l', ''),
        longName('L', `l/${LONG}y`),
        file('y'),
        longName('L', `d/${'e/'.repeat(1200)}z`),
        file('z'),
        file('d', 'flat'),
      ]);
      assert.equal(readFileSync(join(layer, 'd'), 'latin1'), 'flat');
    });

    it('drops attributes that would steer overlayfs', async () => {
      await using box = await LayerBox.make(program, { sanitized });
      const pax = {
        'SCHILY.xattr.trusted.overlay.opaque': 'y',
        'SCHILY.xattr.trusted.overlay.redirect': '/etc',
        'SCHILY.xattr.user.k': 'v',
      };
      const layer = await box.unpack([{ ...dir('d'), pax }]);
      assert.deepEqual([...(await xattrsOf(join(layer, 'd'))).keys()], ['user.k']);
    });

    it('refuses a layer that is cut at any block', async () => {
      await using box = await LayerBox.make(program, { sanitized });
      const bytes = tarBytes([
        dir('d'),
        { ...file('d/f', 'x'.repeat(1500)), pax: { 'SCHILY.xattr.user.k': 'v' } },
        hard('h', 'd/f'),
        link('l', 'h'),
      ]);
      for (let cut = 0; cut < bytes.length; cut += 512) {
        const source = inPieces(bytes.subarray(0, cut));
        await assert.rejects(box.store.unpack({ diffId: digestOf(bytes), source }), {
          kind: 'InvalidParameter',
          code: /EDIGEST|EBADARCHIVE/,
        });
        box.assertClean();
      }
      await box.unpackBytes(bytes);
    });
  });
}
