import assert from 'node:assert/strict';
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { LOCAL } from './local.ts';

/** As dockerd 20.10 wrote them: `echo err >&2`, `echo hi`, and the last piece of a line that had no newline. */
const DOCKERD = Buffer.from(
  [
    '000000170a0673746465727210f692ece2a6bbc5f5181a0365727200000017',
    '000000160a067374646f757410d5c6f6e2a6bbc5f5181a02686900000016',
    '0000005f0a067374646f757410ff81aff8a6bbc5f5181a03656e6420012a4412403730383532653337326635383166663033626366',
    '65373231323736653962656432386164376235643539303562643531616130343039366563346263366631391801',
    '0000005f',
  ].join(''),
  'hex',
);

const TEXTS = ['err\n', 'hi\n', 'end'];

describe('the decoder of local', () => {
  it('reads what dockerd writes, wherever the pieces are cut', () => {
    for (const size of [1, 5, DOCKERD.length]) {
      const push = LOCAL.decoder();
      const chunk = Buffer.alloc(size);
      const seen: [string, string][] = [];
      for (let at = 0; at < DOCKERD.length; at += size) {
        const count = DOCKERD.copy(chunk, 0, at);
        for (const { text, stream } of push(chunk.subarray(0, count))) seen.push([text.toString(), stream]);
      }
      assert.deepEqual(seen, [
        ['err\n', 'stderr'],
        ['hi\n', 'stdout'],
        ['end', 'stdout'],
      ]);
    }
  });

  it('keeps all digits of the time', () => {
    const [first] = LOCAL.decoder()(DOCKERD);
    assert.equal(first?.time, 1_795_552_904_302_233_974n);
  });
});

describe('the tail of a local log', () => {
  let directory: string;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'isle-local-'));
  });
  after(() => rm(directory, { recursive: true }));

  const written = async (bytes: Uint8Array) => {
    const path = join(directory, 'log');
    await writeFile(path, bytes);
    return open(path);
  };

  it('is found by the lengths behind the entries', async () => {
    await using file = await written(DOCKERD);
    for (const [count, found] of [
      [0, 0],
      [2, 2],
      [3, 3],
      [9, 3],
    ] as const) {
      const tail = await LOCAL.tail(file, DOCKERD.length, count);
      assert.equal(tail?.found, found);
      const texts = LOCAL.decoder()(DOCKERD.subarray(tail.offset)).map(({ text }) => text.toString());
      assert.deepEqual(texts, TEXTS.slice(TEXTS.length - found));
    }
  });

  it('is not guessed in an entry that is not whole, which is told from what is', async () => {
    const cut = DOCKERD.subarray(0, DOCKERD.length - 10);
    await using file = await written(cut);
    assert.equal(await LOCAL.tail(file, cut.length, 1), null);
    assert.equal(await LOCAL.whole(file, cut.length), 61);
    await using all = await written(DOCKERD);
    assert.equal(await LOCAL.whole(all, DOCKERD.length), DOCKERD.length);
  });
});
