/** The parser against two others: tar-stream for seeded random archives, GNU tar for its own formats and sparse files. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeSync,
  closeSync,
  ftruncateSync,
  writeFileSync,
  symlinkSync,
  mkdirSync,
  linkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { describe, it } from 'node:test';
import { extract, type Header, pack as packTar } from 'tar-stream';
import { inPieces, seeded } from '../../test/fixtures/chunks.ts';
import { readTar, type TarEntryType } from './tar.ts';

interface Entry {
  path: string;
  type: string;
  link: string;
  mode: number;
  uid: number;
  gid: number;
  mtimeMs: number;
  content: string;
}

const TYPE_NAMES: Record<TarEntryType, string> = {
  file: 'file',
  hardlink: 'link',
  symlink: 'symlink',
  character: 'character-device',
  block: 'block-device',
  directory: 'directory',
  fifo: 'fifo',
};

async function ours(bytes: Buffer, piece: number): Promise<Entry[]> {
  const entries: Entry[] = [];
  for await (const { header, body } of readTar(inPieces(bytes, piece))) {
    const chunks: Buffer[] = [];
    for await (const chunk of body) chunks.push(chunk);
    entries.push({
      // tar-stream leaves the slash of a directory out.
      path: header.path.toString().replace(/\/$/, ''),
      type: TYPE_NAMES[header.type],
      link: header.linkPath.toString(),
      mode: header.mode,
      uid: header.uid,
      gid: header.gid,
      mtimeMs: header.mtimeS * 1000,
      content: Buffer.concat(chunks).toString('latin1'),
    });
  }
  return entries;
}

async function theirs(bytes: Buffer): Promise<Entry[]> {
  const entries: Entry[] = [];
  for await (const entry of Readable.from([bytes]).pipe(extract())) {
    const { header } = entry;
    const chunks: Buffer[] = [];
    for await (const chunk of entry as AsyncIterable<Buffer>) chunks.push(chunk);
    entries.push({
      path: header.name.replace(/\/$/, ''),
      type: header.type === 'contiguous-file' ? 'file' : (header.type ?? ''),
      link: header.linkname ?? '',
      mode: header.mode ?? 0,
      uid: header.uid ?? 0,
      gid: header.gid ?? 0,
      mtimeMs: header.mtime?.getTime() ?? 0,
      content: Buffer.concat(chunks).toString('latin1'),
    });
  }
  return entries;
}

function randomName(random: () => number): string {
  const alphabet = ['a', 'b', 'usr', 'ä', '日本', ' ', '.x', 'long-component-'.repeat(1 + Math.floor(random() * 8))];
  const parts = Array.from(
    { length: 1 + Math.floor(random() * 8) },
    () => alphabet[Math.floor(random() * alphabet.length)] ?? 'a',
  );
  return parts.join(random() < 0.5 ? '/' : '-');
}

async function randomArchive(seed: number): Promise<Buffer> {
  const random = seeded(seed);
  const pack = packTar();
  const types = [
    'file',
    'file',
    'file',
    'directory',
    'symlink',
    'link',
    'fifo',
    'character-device',
    'block-device',
  ] as const;
  for (let i = 0; i < 20; i++) {
    const type = types[Math.floor(random() * types.length)] ?? 'file';
    const header: Partial<Header> & Pick<Header, 'name'> = {
      name: randomName(random),
      type,
      mode: Math.floor(random() * 0o10000),
      uid: Math.floor(random() * 2_097_151),
      gid: Math.floor(random() * 2_097_151),
      mtime: new Date(Math.floor(random() * 2_000_000_000) * 1000),
      ...(type === 'symlink' || type === 'link' ? { linkname: randomName(random) } : {}),
      ...(type.endsWith('device') ? { devmajor: 1, devminor: 3 } : {}),
    };
    if (type === 'file') pack.entry(header, Buffer.alloc(Math.floor(random() * 3000), Math.floor(random() * 256)));
    else pack.entry(header);
  }
  pack.finalize();
  return Buffer.concat(await Array.fromAsync(pack as AsyncIterable<Buffer>));
}

describe('the tar parser', () => {
  it('finds in 200 seeded random archives what tar-stream finds', async () => {
    for (let seed = 1; seed <= 200; seed++) {
      const bytes = await randomArchive(seed);
      const expected = await theirs(bytes);
      assert.equal(expected.length, 20);
      assert.deepEqual(await ours(bytes, seed % 3 === 0 ? 300 : 65_536), expected, `seed ${seed}`);
    }
  });

  for (const format of ['v7', 'ustar', 'gnu', 'posix']) {
    it(`reads what GNU tar writes in the format ${format}`, async () => {
      const directory = mkdtempSync(join(tmpdir(), 'isle-tar-'));
      try {
        mkdirSync(join(directory, 'd'));
        writeFileSync(join(directory, 'd/file'), 'content');
        linkSync(join(directory, 'd/file'), join(directory, 'd/hard'));
        symlinkSync('file', join(directory, 'd/soft'));
        const long = `${'n'.repeat(60)}/${'m'.repeat(60)}`;
        if (format !== 'v7') {
          mkdirSync(join(directory, 'd', 'n'.repeat(60)));
          writeFileSync(join(directory, 'd', long), 'long');
        }
        const bytes = execFileSync('tar', [`--format=${format}`, '--sort=name', '-C', directory, '-cf', '-', 'd']);
        const entries = await ours(bytes, 65_536);
        const brief = entries.map(({ path, type, link, content }) => [path, type, link, content]);
        const longEntries = [
          [`d/${'n'.repeat(60)}`, 'directory', '', ''],
          [`d/${long}`, 'file', '', 'long'],
        ];
        assert.deepEqual(brief, [
          ['d', 'directory', '', ''],
          ['d/file', 'file', '', 'content'],
          ['d/hard', 'link', 'd/file', ''],
          ...(format === 'v7' ? [] : longEntries),
          ['d/soft', 'symlink', 'file', ''],
        ]);
      } finally {
        rmSync(directory, { recursive: true });
      }
    });
  }

  for (const args of [
    ['--format=gnu'],
    ['--format=posix', '--sparse-version=0.1'],
    ['--format=posix', '--sparse-version=1.0'],
  ]) {
    it(`reads sparse files as GNU tar writes them with ${args.join(' ')}`, async () => {
      const directory = mkdtempSync(join(tmpdir(), 'isle-tar-'));
      try {
        const path = join(directory, 'sparse');
        const fd = openSync(path, 'w');
        // Enough pieces for the extension blocks of the old format and several blocks of a 1.0 map.
        for (let i = 0; i < 120; i++) writeSync(fd, Buffer.from(`piece ${i}`), 0, null, i * 65_536);
        ftruncateSync(fd, 121 * 65_536 + 77);
        closeSync(fd);
        const bytes = execFileSync('tar', [
          '--sparse',
          '--hole-detection=raw',
          ...args,
          '-C',
          directory,
          '-cf',
          '-',
          'sparse',
        ]);
        assert.ok(bytes.length < 2_000_000, 'the archive is sparse');
        for (const piece of [512, 700, 1_000_000]) {
          const [entry, ...rest] = await ours(bytes, piece);
          assert.deepEqual([entry?.path, entry?.type, rest.length], ['sparse', 'file', 0]);
          assert.ok(Buffer.from(entry?.content ?? '', 'latin1').equals(readFileSync(path)));
        }
      } finally {
        rmSync(directory, { recursive: true });
      }
    });
  }

  it('refuses the sparse format 0.0 with its name', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'isle-tar-'));
    try {
      const fd = openSync(join(directory, 'sparse'), 'w');
      writeSync(fd, Buffer.from('x'), 0, null, 1_000_000);
      closeSync(fd);
      const args = ['--sparse', '--hole-detection=raw', '--format=posix', '--sparse-version=0.0'];
      const bytes = execFileSync('tar', [...args, '-C', directory, '-cf', '-', 'sparse']);
      await assert.rejects(ours(bytes, 65_536), { code: 'EBADARCHIVE', message: /`sparse`.*PAX format 0\.0/ });
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});
