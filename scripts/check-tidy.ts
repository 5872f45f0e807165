/**
 * Style as a test: long files and functions, exports that nobody imports, words that mark unfinished work, and a lock
 * file that names the addresses packages were fetched from.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { findImports, resolveImport } from './imports.ts';
import { type Finding, lineAt, ROOT, readSources, report, type Sources } from './source-files.ts';
import { longFunctions } from './tidy/long-functions.ts';

const MAX_FILE_LINES = 400;
const MAX_FUNCTION_LINES = 70;

const BANNED: readonly { pattern: RegExp; why: string }[] = [
  { pattern: /\b(?:TODO|FIXME|XXX|HACK)\b/g, why: 'unfinished' },
  { pattern: /\bas any\b|@ts-ignore|@ts-nocheck/g, why: 'gives the type checker up' },
  { pattern: /\.only\(/g, why: 'leaves the other tests out' },
  { pattern: /\.skip\(/g, why: 'leaves this test out' },
];
/** This check and its test have to write the words down. */
const MAY_SAY_THEM = /^scripts\/check-tidy\b/;

export function longFiles(sources: Sources, maxLines = MAX_FILE_LINES): Finding[] {
  const findings: Finding[] = [];
  for (const [path, text] of sources) {
    const lines = text.split('\n').length - (text.endsWith('\n') ? 1 : 0);
    if (lines > maxLines)
      findings.push({ path, line: maxLines + 1, message: `${lines} lines; ${maxLines} is the limit` });
  }
  return findings;
}

export function bannedWords(sources: Sources): Finding[] {
  const findings: Finding[] = [];
  for (const [path, text] of sources) {
    if (MAY_SAY_THEM.test(path)) continue;
    for (const { pattern, why } of BANNED) {
      for (const match of text.matchAll(pattern)) {
        findings.push({ path, line: lineAt(text, match.index), message: `\`${match[0]}\`: ${why}` });
      }
    }
  }
  return findings;
}

interface Export {
  path: string;
  name: string;
  isType: boolean;
  offset: number;
}

const EXPORTED =
  /^export (?:declare )?(?:default )?(?:abstract )?(?:async )?(const|let|function\*?|class|interface|type) ([\w$]+)/gm;
const EXPORT_LIST = /^export (type )?\{([^}]*)\}(?!\s*from)/gm;

function findExports(path: string, text: string): Export[] {
  const exports: Export[] = [];
  for (const match of text.matchAll(EXPORTED)) {
    const isType = match[1] === 'interface' || match[1] === 'type';
    exports.push({ path, name: match[2] ?? '', isType, offset: match.index });
  }
  for (const match of text.matchAll(EXPORT_LIST)) {
    for (const part of (match[2] ?? '').split(',')) {
      const name = part
        .trim()
        .split(/\s+as\s+/)
        .at(-1);
      if (name !== undefined && name !== '')
        exports.push({ path, name, isType: match[1] !== undefined, offset: match.index });
    }
  }
  return exports;
}

/** Every `path#name` that some other file imports; `path#*` when it takes the whole module. */
function importedNames(sources: Sources): Set<string> {
  const used = new Set<string>();
  for (const [path, text] of sources) {
    for (const { specifier, names } of findImports(text)) {
      const target = resolveImport(path, specifier);
      if (target !== null) for (const name of names) used.add(`${target}#${name}`);
    }
  }
  return used;
}

/**
 * Exports that no other file imports. A type lives also by being part of another export's signature in its own file,
 * which is taken for granted when its name occurs there a second time.
 */
export function deadExports(sources: Sources): Finding[] {
  const used = importedNames(sources);
  const findings: Finding[] = [];
  for (const [path, text] of sources) {
    if (!path.endsWith('.ts') || used.has(`${path}#*`)) continue;
    for (const { name, isType, offset } of findExports(path, text)) {
      if (used.has(`${path}#${name}`)) continue;
      if (isType && (text.match(new RegExp(`\\b${name.replaceAll('$', '\\$')}\\b`, 'g')) ?? []).length > 1) continue;
      findings.push({
        path,
        line: lineAt(text, offset),
        message: `nobody imports \`${name}\`: remove it or its \`export\``,
      });
    }
  }
  return findings;
}

export function lockAddresses(lockFile: string): Finding[] {
  const findings: Finding[] = [];
  for (const match of lockFile.matchAll(/^\s*"resolved":.*$/gm)) {
    const message = 'names an address: run npm with omit-lockfile-registry-resolved=true';
    findings.push({ path: 'package-lock.json', line: lineAt(lockFile, match.index + match[0].indexOf('"')), message });
  }
  return findings;
}

if (import.meta.main) {
  const sources = readSources();
  report('tidy', [
    ...longFiles(sources),
    ...longFunctions(sources, MAX_FUNCTION_LINES),
    ...bannedWords(sources),
    ...deadExports(sources),
    ...lockAddresses(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')),
  ]);
}
