import assert from 'node:assert/strict';
import { appendFile, link, mkdir, mkdtemp, rename, rm, stat, truncate, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { openFilesIn } from '../../../test/fixtures/open-files.ts';
import { originMember } from './gzip-origin.ts';
import { readLines } from './read.ts';

const MAX_FILES = 4;
const lines = (from: number, to: number): string =>
  Array.from({ length: to - from + 1 }, (_, index) => `${JSON.stringify({ log: `${from + index}\n` })}\n`).join('');
const numbers = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i);

describe('readLines', () => {
  let directory: string;
  let path: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'isle-read-log-'));
    path = join(directory, 'log');
  });
  afterEach(() => rm(directory, { recursive: true }));

  /** As the monitor does it. */
  const rotate = async (next: string): Promise<void> => {
    await writeFile(`${path}.next`, next);
    for (let number = MAX_FILES - 2; number > 0; number--) {
      for (const suffix of ['', '.gz']) {
        await rename(`${path}.${number}${suffix}`, `${path}.${number + 1}${suffix}`).catch(() => undefined);
      }
    }
    await unlink(`${path}.1`).catch(() => undefined);
    await link(path, `${path}.1`);
    await rename(`${path}.next`, path);
  };
  /** As the daemon does it. */
  const compress = async (number: number, text: string): Promise<void> => {
    const { ino } = await stat(`${path}.${number}`, { bigint: true });
    await writeFile(`${path}.gz-part`, Buffer.concat([originMember(ino), gzipSync(text)]));
    await rename(`${path}.gz-part`, `${path}.${number}.gz`);
    await unlink(`${path}.${number}`);
  };

  let lost = 0;
  const read = async (tail?: number, more: () => Promise<boolean> = async () => false): Promise<number[]> => {
    lost = 0;
    const seen: number[] = [];
    const files = { path, maxFiles: MAX_FILES, format: 'json' } as const;
    for await (const some of readLines(files, { tail, more, onLoss: () => lost++ })) {
      seen.push(...some.map(({ text }) => Number(text)));
    }
    return seen;
  };
  const steps = (...bodies: (() => Promise<unknown>)[]) => {
    let at = 0;
    return async () => {
      const body = bodies[at++];
      await body?.();
      return body !== undefined;
    };
  };

  it('joins all files, plain and compressed, from the oldest to the newest', async () => {
    await writeFile(path, lines(1, 10));
    await rotate(lines(11, 20));
    await compress(1, lines(1, 10));
    await rotate(lines(21, 30));
    assert.deepEqual(await read(), numbers(1, 30));
  });

  it('gives the last lines over several files', async () => {
    await writeFile(path, lines(1, 10));
    await rotate(lines(11, 20));
    await compress(1, lines(1, 10));
    await rotate(lines(21, 30));
    for (const count of [0, 3, 10, 11, 20, 25, 30, 99]) {
      assert.deepEqual(await read(count), numbers(Math.max(1, 31 - count), 30), `the last ${count}`);
    }
  });

  it('goes on where the current file is rotated, and loses and doubles nothing', async () => {
    await writeFile(path, lines(1, 3));
    const more = steps(
      () => appendFile(path, lines(4, 5)),
      async () => {
        await appendFile(path, lines(6, 6));
        await rotate(lines(7, 8));
      },
      async () => {
        await rotate(lines(9, 9));
        await rotate(lines(10, 10));
      },
      async () => {
        await rotate(lines(11, 11));
        await compress(1, lines(10, 10));
        await appendFile(path, lines(12, 12));
      },
    );
    assert.deepEqual(await read(undefined, more), numbers(1, 12));
    assert.equal(lost, 0);
  });

  it('tells when files came and went unseen', async () => {
    await writeFile(path, lines(1, 1));
    const more = steps(async () => {
      for (let number = 2; number <= 7; number++) await rotate(lines(number, number));
    });
    const seen = await read(undefined, more);
    assert.deepEqual([seen.at(0), seen.at(-1), lost], [1, 7, 1]);
  });

  it('counts a file once that a rotation was about to rename', async () => {
    await writeFile(path, lines(1, 2));
    await link(path, `${path}.1`);
    assert.deepEqual(await read(), [1, 2]);
  });

  it('keeps every file that somebody else has compressed, which do not tell of what they were made', async () => {
    await writeFile(`${path}.2.gz`, gzipSync(lines(1, 2)));
    await writeFile(`${path}.1.gz`, gzipSync(lines(3, 4)));
    await writeFile(path, lines(5, 6));
    assert.deepEqual(await read(), numbers(1, 6));
  });

  it('gives what there is of a compressed file that was cut, and tells of the loss', async () => {
    await writeFile(path, lines(1, 5000));
    await rotate(lines(5001, 5001));
    await compress(1, lines(1, 5000));
    const { size } = await stat(`${path}.1.gz`);
    for (const bytes of [size - 1, size - 9, Math.floor(size / 2), originMember(1n).length, 30]) {
      await truncate(`${path}.1.gz`, bytes);
      const seen = await read();
      assert.deepEqual(seen.slice(0, -1), numbers(1, seen.length - 1), `${bytes} bytes`);
      assert.ok(bytes < size / 4 || seen.length > 1000, `${bytes} bytes give ${seen.length} lines`);
      assert.deepEqual([seen.at(-1), lost], [5001, 1]);
      assert.deepEqual((await read(seen.length - 1)).length, seen.length - 1);
    }
  });

  it('leaves no file open when one cannot be opened', async () => {
    await writeFile(path, lines(1, 2));
    await writeFile(`${path}.1`, lines(1, 2));
    await mkdir(`${path}.2.gz`);
    await assert.rejects(read(), { code: 'EISDIR' });
    assert.deepEqual(await openFilesIn(directory), []);
  });

  it('begins anew in a file that somebody has cut', async () => {
    await writeFile(path, lines(1, 5));
    const more = steps(
      () => truncate(path, 0),
      () => appendFile(path, lines(6, 6)),
    );
    assert.deepEqual(await read(undefined, more), numbers(1, 6));
  });

  it('gives nothing of a container that was never started', async () => {
    assert.deepEqual(await read(), []);
  });
});
