/** Functions over the limit: TypeScript through oxlint's parser, C by its layout (a body closes with `}` in column one). */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type Finding, lineAt, ROOT, type Sources } from '../source-files.ts';

interface Diagnostic {
  filename: string;
  labels: { span: { offset: number; length: number } }[];
}

/** A suite's callback is a list of tests, not a function to be read as one. */
const SUITE_CALLBACK = /\b(?:describe|suite)\((?:'[^\n]*'|`[^\n]*`),\s*(?:\{[^}\n]*\},\s*)?(?:async\s*)?$/;

function runOxlint(directory: string, maxLines: number): Diagnostic[] {
  const config = join(directory, 'oxlintrc.json');
  const rules = { 'max-lines-per-function': ['error', { max: maxLines, IIFEs: true }] };
  writeFileSync(config, JSON.stringify({ categories: { correctness: 'off' }, rules }));
  const program = join(ROOT, 'node_modules/.bin/oxlint');
  const args = ['--config', config, '--disable-nested-config', '--no-ignore', '--format', 'json', 'sources'];
  const result = spawnSync(program, args, { cwd: directory, encoding: 'utf8', maxBuffer: 64 << 20 });
  if (result.error !== undefined) throw new Error('cannot run oxlint', { cause: result.error });
  return (JSON.parse(result.stdout) as { diagnostics: Diagnostic[] }).diagnostics;
}

function longTypeScriptFunctions(sources: Sources, maxLines: number): Finding[] {
  const directory = mkdtempSync(join(tmpdir(), 'isle-tidy-'));
  const copies = new Map<string, string>();
  try {
    for (const [path, text] of sources) {
      if (!path.endsWith('.ts')) continue;
      const copy = join('sources', path);
      mkdirSync(dirname(join(directory, copy)), { recursive: true });
      writeFileSync(join(directory, copy), text);
      copies.set(copy, path);
    }
    if (copies.size === 0) return [];
    return runOxlint(directory, maxLines).flatMap((diagnostic) => toFinding(diagnostic, copies, sources, maxLines));
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function toFinding(diagnostic: Diagnostic, copies: Map<string, string>, sources: Sources, maxLines: number): Finding[] {
  const path = copies.get(diagnostic.filename);
  const span = diagnostic.labels[0]?.span;
  // A file that oxlint cannot parse has no function to measure; the type checker reports it.
  if (path === undefined || span === undefined) return [];
  const bytes = Buffer.from(sources.get(path) ?? '');
  const before = bytes.subarray(0, span.offset).toString();
  if (SUITE_CALLBACK.test(before)) return [];
  const body = bytes.subarray(span.offset, span.offset + span.length).toString();
  const lines = body.split('\n').length;
  if (lines <= maxLines) return [];
  return [{ path, line: lineAt(bytes.toString(), before.length), message: tooLong(lines, maxLines) }];
}

function longCFunctions(sources: Sources, maxLines: number): Finding[] {
  const findings: Finding[] = [];
  for (const [path, text] of sources) {
    if (!/\.[ch]$/.test(path)) continue;
    let start: number | null = null;
    for (const [index, line] of text.split('\n').entries()) {
      if (start === null && (line === '{' || /\)\s*\{$/.test(line))) start = index;
      else if (line === '}' && start !== null) {
        const lines = index - start + 1;
        if (lines > maxLines) findings.push({ path, line: start + 1, message: tooLong(lines, maxLines) });
        start = null;
      } else if (line.startsWith('}')) start = null;
    }
  }
  return findings;
}

function tooLong(lines: number, maxLines: number): string {
  return `function of ${lines} lines; ${maxLines} is the limit`;
}

export function longFunctions(sources: Sources, maxLines: number): Finding[] {
  return [...longTypeScriptFunctions(sources, maxLines), ...longCFunctions(sources, maxLines)];
}
