import assert from 'node:assert/strict';
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { JSON_FILE } from './json-file.ts';

const line = (log: string, more: object = {}): string =>
  `${JSON.stringify({ log, stream: 'stdout', ...more, time: '2026-01-02T03:04:05.6Z' })}\n`;

describe('the decoder of json-file', () => {
  const decode = (...pieces: string[]) => {
    const push = JSON_FILE.decoder();
    return pieces.flatMap((piece) => push(Buffer.from(piece))).map(({ text }) => text);
  };

  it('gives whole lines, wherever the pieces are cut', () => {
    const text = line('a\n') + line('ünd "b"\n') + line(`${'x'.repeat(20_000)}\n`);
    const bytes = Buffer.from(text);
    const push = JSON_FILE.decoder();
    // One piece of memory for all of them, as a reader has.
    const chunk = Buffer.alloc(7);
    const seen: unknown[] = [];
    for (let at = 0; at < bytes.length; at += chunk.length) {
      const count = bytes.copy(chunk, 0, at);
      seen.push(...push(chunk.subarray(0, count)).map((read) => read.text));
    }
    assert.deepEqual(seen, ['a\n', 'ünd "b"\n', `${'x'.repeat(20_000)}\n`]);
  });

  it('keeps back a line that is not whole, and passes over what is none', () => {
    assert.deepEqual(decode(line('a\n'), line('b\n').slice(0, 20)), ['a\n']);
    assert.deepEqual(decode(`${line('x\n').slice(0, 20)}${line('a\n')}`, 'null\n', line('b\n')), ['b\n']);
  });

  it('gives stream, time and attributes', () => {
    const [read] = JSON_FILE.decoder()(Buffer.from(line('a\n', { stream: 'stderr', attrs: { tag: 't' } })));
    assert.deepEqual(read, { text: 'a\n', stream: 'stderr', time: '2026-01-02T03:04:05.6Z', attrs: { tag: 't' } });
  });
});

describe('the tail of a json-file', () => {
  let directory: string;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'isle-json-file-'));
  });
  after(() => rm(directory, { recursive: true }));

  it('is found from the end, over many chunks, and without a line that is being written', async () => {
    const path = join(directory, 'log');
    const whole = Array.from({ length: 5000 }, (_, index) => line(`${index}\n`)).join('');
    await writeFile(path, `${whole}{"log":"not who`);
    await using file = await open(path);
    const { size } = await file.stat();
    const tail = async (count: number) => {
      const { offset, found } = (await JSON_FILE.tail(file, size, count)) ?? assert.fail();
      return [whole.slice(offset).split('\n').length - 1, found];
    };
    assert.deepEqual(await tail(0), [0, 0]);
    assert.deepEqual(await tail(2), [2, 2]);
    assert.deepEqual(await tail(4000), [4000, 4000]);
    assert.deepEqual(await tail(5000), [5000, 5000]);
    assert.deepEqual(await tail(9999), [5000, 5000]);
    assert.equal(await JSON_FILE.whole(file, size), whole.length);
  });
});
