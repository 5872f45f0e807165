/** Seeded mutations of valid archives: whatever the bytes, the parser ends with entries or with its own error. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { seeded } from '../../test/fixtures/chunks.ts';
import { entryBytes, headerBlock, longName, paxHeader, seal, tarBytes } from '../../test/fixtures/tar-bytes.ts';
import { EngineError } from '../errors.ts';
import { LayerSink } from './layer.ts';
import { TarParser } from './tar-parser.ts';
import { BLOCK_BYTES } from './tar-header.ts';
import { UnpackEncoder } from './unpack-ops.ts';

const CASES = 6000;

function oldSparse(): Buffer {
  const block = headerBlock({ path: 'sparse', type: 'S', size: 4, format: 'gnu' });
  block.write('00000001000\u000000000000004\0', 386, 'latin1');
  block.write('00000002000\0', 483, 'latin1');
  return Buffer.concat([seal(block), Buffer.from('data'), Buffer.alloc(508)]);
}

const SAMPLES = [
  tarBytes([
    { path: './', type: '5' },
    {
      path: 'usr/bin/x',
      body: 'x'.repeat(700),
      mode: 0o4755,
      pax: { 'SCHILY.xattr.security.capability': Buffer.from([1, 0, 0, 2, 255]) },
    },
    { path: 'usr/lib', type: '2', linkPath: 'lib64' },
    { path: 'usr/bin/y', type: '1', linkPath: 'usr/bin/x' },
    { path: 'dev/null', type: '3', major: 1, minor: 3 },
    { path: 'a/.wh.b' },
    { path: 'a/.wh..wh..opq' },
  ]),
  tarBytes([
    paxHeader('g', { comment: 'c', mtime: '1.5' }),
    longName('L', 'd/'.repeat(100)),
    { path: 'd', type: '5', format: 'gnu' },
    longName('K', 't'.repeat(200)),
    { path: 'l', type: '2', format: 'gnu' },
    { path: 'big', size: 2 ** 34, body: '' },
  ]),
  tarBytes([
    oldSparse(),
    entryBytes({
      path: 'p',
      body: '1\n512\n4\n'.padEnd(512, '\0') + 'data',
      pax: { 'GNU.sparse.major': '1', 'GNU.sparse.minor': '0', 'GNU.sparse.realsize': '2000' },
    }),
    entryBytes({ path: 'q', body: 'data', pax: { 'GNU.sparse.map': '512,4', 'GNU.sparse.size': '2000' } }),
    { path: 'end' },
  ]),
];

const PIECES = [
  '..',
  '/',
  '.wh.',
  '.wh..wh..opq',
  '\0',
  '7777777',
  '\u0080',
  '\u00ff\u00ff\u00ff',
  ' ',
  '9'.repeat(20),
  '=',
  '\n',
];

/** One to four changes; most of the time the touched headers get a right checksum, or nothing beyond it would be tried. */
function mutate(sample: Buffer, random: () => number): Buffer {
  let bytes = Buffer.from(sample);
  const below = (limit: number): number => Math.floor(random() * limit);
  for (let changes = 1 + below(4); changes > 0 && bytes.length > 0; changes--) {
    const at = below(bytes.length);
    const kind = below(7);
    if (kind <= 2) bytes[at] = below(256);
    else if (kind === 3) bytes.write(PIECES[below(PIECES.length)] ?? '', at, 'latin1');
    else if (kind === 4) bytes = bytes.subarray(0, at);
    else if (kind === 5) bytes.copy(bytes, at, below(bytes.length), bytes.length);
    else bytes = Buffer.concat([bytes.subarray(0, at), Buffer.alloc(BLOCK_BYTES * below(3)), bytes.subarray(at)]);
    const block = bytes.subarray(at - (at % BLOCK_BYTES), at - (at % BLOCK_BYTES) + BLOCK_BYTES);
    if (block.length === BLOCK_BYTES && random() < 0.8 && block.subarray(257, 262).toString() === 'ustar') seal(block);
  }
  return bytes;
}

/** The op stream, or the error; the bytes come in pieces of `piece`. */
function run(bytes: Buffer, piece: number): Buffer | EngineError {
  const encoder = new UnpackEncoder();
  const parser = new TarParser(new LayerSink(encoder), { limits: { entries: 1000 } });
  try {
    for (let at = 0; at < bytes.length; at += piece) parser.write(bytes.subarray(at, at + piece));
    parser.end();
  } catch (error) {
    if (error instanceof EngineError) return error;
    throw error;
  }
  return Buffer.concat(encoder.take());
}

describe('the tar parser under seeded mutations', () => {
  it(`ends in ${CASES} cases with an op stream or its own error, the same however the bytes are cut`, () => {
    let refused = 0;
    for (let seed = 1; seed <= CASES; seed++) {
      const random = seeded(seed);
      const bytes = mutate(SAMPLES[seed % SAMPLES.length] ?? Buffer.alloc(0), random);
      const whole = run(bytes, bytes.length + 1);
      const cut = run(bytes, 100 + Math.floor(random() * 1000));
      if (whole instanceof EngineError) {
        refused++;
        assert.equal(whole.kind, 'InvalidParameter', `seed ${seed}`);
        assert.match(whole.code ?? '', /^(EBADARCHIVE|EUNSAFEARCHIVE)$/, `seed ${seed}`);
        assert.ok(whole.message.length < 700, `seed ${seed}: ${whole.message.length} characters`);
        assert.equal(cut instanceof EngineError ? cut.message : 'accepted', whole.message, `seed ${seed}`);
      } else assert.ok(!(cut instanceof EngineError), `seed ${seed}`);
    }
    assert.ok(refused > CASES / 4 && refused < CASES, `${refused} of ${CASES} refused`);
  });
});
