/** Ranges of ids for a daemon under test, in /etc/subuid and /etc/subgid of this machine, where several tests may be at work. */
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exclusively } from '../fixtures/process.ts';

const FILES = ['/etc/subuid', '/etc/subgid'];
const LOCK = join(tmpdir(), 'isle-test-subids.lock');

/** Gives `name` these ranges of user and group ids. Disposing of it takes every range of that name away. */
export async function giveIds(name: string, ...ranges: { first: number; count: number }[]): Promise<AsyncDisposable> {
  const lines = ranges.map(({ first, count }) => `${name}:${first}:${count}\n`).join('');
  await exclusively(LOCK, async () => FILES.forEach((path) => appendFileSync(path, lines)));
  return { [Symbol.asyncDispose]: () => takeIds(name) };
}

/** Also the ranges that a daemon has reserved under that name. */
export function takeIds(name: string): Promise<void> {
  return exclusively(LOCK, async () => {
    for (const path of FILES.filter((file) => existsSync(file))) {
      const lines = readFileSync(path, 'utf8').split('\n');
      writeFileSync(path, lines.filter((line) => !line.startsWith(`${name}:`)).join('\n'));
    }
  });
}

/** The lines of a name, in both files. */
export function idLines(name: string): string[] {
  return FILES.filter((path) => existsSync(path)).flatMap((path) =>
    readFileSync(path, 'utf8')
      .split('\n')
      .filter((line) => line.startsWith(`${name}:`)),
  );
}
