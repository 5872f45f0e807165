/** Finds the module specifiers of a TypeScript source without a parser: our sources are formatted, so the forms are few. */
import { posix } from 'node:path';

export interface Import {
  /** As written: `./x.ts`, `node:fs`, `pino`. */
  specifier: string;
  /** The names taken from the module under their names there; `*` for all of it (namespace, dynamic or worker import). */
  names: string[];
  /** Does it vanish when types are stripped? */
  typeOnly: boolean;
  /** Position of the statement in the text. */
  offset: number;
}

const STATIC =
  /^(?:import|export)\s+(type\s+)?((?:[\w$]+\s*,?\s*)?(?:\{[^}]*\}|\*(?:\s+as\s+[\w$]+)?)?)\s*from\s*'([^']+)'/gm;
const BARE = /^import\s+'([^']+)'/gm;
const DYNAMIC = /\bimport\(\s*'([^']+)'\s*,?\s*\)/g;
const WORKER = /\bnew URL\(\s*'([^']+\.ts)',\s*import\.meta\.url\s*,?\s*\)/g;

function bindings(clause: string): string[] {
  const names: string[] = [];
  if (clause.includes('*')) names.push('*');
  const braces = /\{([^}]*)\}/.exec(clause)?.[1] ?? '';
  for (const part of braces.split(',')) {
    const name = part
      .trim()
      .replace(/^type\s+/, '')
      .split(/\s+as\s+/)[0];
    if (name !== undefined && name !== '') names.push(name);
  }
  if (/^[\w$]+/.test(clause.trim())) names.push('default');
  return names;
}

export function findImports(text: string): Import[] {
  const found: Import[] = [];
  for (const match of text.matchAll(STATIC)) {
    const [, type, clause = '', specifier = ''] = match;
    found.push({ specifier, names: bindings(clause), typeOnly: type !== undefined, offset: match.index });
  }
  for (const match of text.matchAll(BARE)) {
    found.push({ specifier: match[1] ?? '', names: [], typeOnly: false, offset: match.index });
  }
  for (const pattern of [DYNAMIC, WORKER]) {
    for (const match of text.matchAll(pattern)) {
      found.push({ specifier: match[1] ?? '', names: ['*'], typeOnly: false, offset: match.index });
    }
  }
  return found.toSorted((a, b) => a.offset - b.offset);
}

/** The project-relative path that a relative specifier means; null for a package or a module of Node. */
export function resolveImport(from: string, specifier: string): string | null {
  return specifier.startsWith('.') ? posix.join(posix.dirname(from), specifier) : null;
}
