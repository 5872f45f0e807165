import assert from 'node:assert/strict';
import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { formatLine, formatLines, type LineFormat, type LogLine, readLines } from './json-file.ts';

const line = (log: string, stream: 'stdout' | 'stderr' = 'stdout'): string =>
  `${JSON.stringify({ log, stream, time: '2026-01-02T03:04:05.6Z' })}\n`;
const PLAIN: LineFormat = {
  stdout: true,
  stderr: true,
  since: 0n,
  until: 0n,
  timestamps: false,
  details: false,
  raw: true,
};

describe('readLines', () => {
  let directory: string;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'isle-json-file-'));
  });
  after(() => rm(directory, { recursive: true }));

  const read = async (
    text: string,
    tail?: number,
    more: () => Promise<boolean> = async () => false,
  ): Promise<string[]> => {
    const path = join(directory, 'log');
    await writeFile(path, text);
    const seen: string[] = [];
    for await (const some of readLines(path, tail, more)) seen.push(...some.map(({ log }) => log));
    return seen;
  };

  it('gives every line in order, also those longer than a chunk', async () => {
    const long = `${'x'.repeat(200_000)}\n`;
    assert.deepEqual(await read(line('a\n') + line(long) + line('b\n')), ['a\n', long, 'b\n']);
  });

  it('gives the last lines only, wherever the chunks end', async () => {
    const text = Array.from({ length: 5000 }, (_, index) => line(`${index}\n`)).join('');
    assert.deepEqual(await read(text, 2), ['4998\n', '4999\n']);
    assert.equal((await read(text, 4000)).length, 4000);
    assert.equal((await read(text, 9999)).length, 5000);
    assert.deepEqual(await read(text, 0), []);
  });

  it('waits for the rest of a line that is still being written', async () => {
    const whole = line('late\n');
    let asked = 0;
    const more = async () => {
      asked++;
      if (asked === 1) await appendFile(join(directory, 'log'), whole.slice(20));
      return asked < 3;
    };
    assert.deepEqual(await read(line('first\n') + whole.slice(0, 20), undefined, more), ['first\n', 'late\n']);
  });
});

describe('formatLine', () => {
  const logged: LogLine = { log: 'hi\n', stream: 'stderr', time: '2026-01-02T03:04:05.6Z' };

  it('frames the text by its stream, or leaves it raw for a terminal', () => {
    assert.equal(Buffer.from(formatLine(logged, PLAIN) ?? '').toString(), 'hi\n');
    const framed = Buffer.from(formatLine(logged, { ...PLAIN, raw: false }) ?? '');
    assert.deepEqual([...framed.subarray(0, 8)], [2, 0, 0, 0, 0, 0, 0, 3]);
  });

  it('puts the time before the text with all nine digits', () => {
    const text = Buffer.from(formatLine(logged, { ...PLAIN, timestamps: true }) ?? '').toString();
    assert.equal(text, '2026-01-02T03:04:05.600000000Z hi\n');
  });

  it('leaves out the other stream, what is before since, and ends after until', () => {
    const timeNs = BigInt(Date.parse('2026-01-02T03:04:05Z')) * 1_000_000n;
    assert.equal(formatLine(logged, { ...PLAIN, stderr: false }), null);
    assert.equal(formatLine(logged, { ...PLAIN, since: timeNs + 700_000_000n }), null);
    assert.equal(formatLine(logged, { ...PLAIN, until: timeNs }), 'end');
    assert.notEqual(formatLine(logged, { ...PLAIN, since: timeNs }), null);
  });

  it('puts a blank before the text for details', () => {
    assert.equal(Buffer.from(formatLine(logged, { ...PLAIN, details: true }) ?? '').toString(), ' hi\n');
  });

  it('makes one piece of many lines, up to the first that is too late', () => {
    const until = BigInt(Date.parse('2026-01-02T03:04:06Z')) * 1_000_000n;
    const late: LogLine = { ...logged, time: '2026-01-02T03:04:07Z' };
    const { bytes, ended } = formatLines([logged, logged, late, logged], { ...PLAIN, until });
    assert.deepEqual([Buffer.from(bytes).toString(), ended], ['hi\nhi\n', true]);
    assert.equal(formatLines([logged], PLAIN).ended, false);
  });
});
