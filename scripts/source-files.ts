/** What the checks read: the project's own sources, and where in them something stands. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export const ROOT = join(import.meta.dirname, '..');

/** Source text by path, relative to the project's root, with forward slashes. */
export type Sources = ReadonlyMap<string, string>;

/** One complaint of a check. */
export interface Finding {
  path: string;
  /** 1-based */
  line: number;
  message: string;
}

const PATTERNS = ['{bin,src,test,bench,scripts}/**/*.ts', '{native/{src,hello,tests},bench}/**/*.{c,h}'];

export function readSources(): Sources {
  const paths = globSync(PATTERNS, { cwd: ROOT }).toSorted();
  return new Map(paths.map((path) => [path, readFileSync(join(ROOT, path), 'utf8')]));
}

export function lineAt(text: string, offset: number): number {
  let line = 1;
  for (let at = text.indexOf('\n'); at !== -1 && at < offset; at = text.indexOf('\n', at + 1)) line++;
  return line;
}

/** Prints the findings as `path:line: message` and sets the exit status. */
export function report(check: string, findings: readonly Finding[]): void {
  for (const { path, line, message } of findings) console.error(`${path}:${line}: ${message}`);
  if (findings.length === 0) return;
  console.error(`${check}: ${findings.length} ${findings.length === 1 ? 'finding' : 'findings'}`);
  process.exitCode = 1;
}
