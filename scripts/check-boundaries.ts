/**
 * Import directions of docs/architecture.md, checked: every folder of src/ lists the folders that it may import from.
 * A folder that is not listed fails, so a new one has to take its place here first.
 */
import { findImports, resolveImport } from './imports.ts';
import { type Finding, lineAt, readSources, report, type Sources } from './source-files.ts';

const LOWEST = ['oci', 'mounts', 'archive', 'security', 'platform'];
const MIDDLE = ['content', 'snapshots', 'runtime', 'distribution'];

/**
 * Folder -> what it may import, beside itself and src/errors.ts. A name with a slash opens only that part of a folder.
 * Siblings on one level do not know each other: they meet in daemon/.
 */
const ALLOWED: Record<string, readonly string[]> = {
  'bin/cli.ts': ['cli'],
  'bin/daemon.ts': ['daemon'],
  'bin/runtime.ts': ['oci-runtime'],
  cli: ['client', 'api/types'],
  client: ['api/types'],
  api: ['oci'],
  daemon: ['api', 'containers', 'images', 'networks', 'volumes', 'explain', ...MIDDLE, ...LOWEST],
  containers: ['api/backend', 'api/types', 'explain', ...MIDDLE, ...LOWEST],
  images: ['api/backend', 'api/types', ...MIDDLE, ...LOWEST],
  networks: ['api/backend', 'api/types', ...MIDDLE, ...LOWEST],
  volumes: ['api/backend', 'api/types', ...MIDDLE, ...LOWEST],
  explain: ['api/types', 'runtime/plan', 'runtime/cgroups/convert', ...LOWEST],
  'oci-runtime': ['cli/format', 'api/types', 'networks/netlink', 'runtime', ...LOWEST],
  distribution: ['content', 'oci', 'platform'],
  snapshots: ['mounts', 'archive', 'platform'],
  content: ['oci', 'platform'],
  runtime: ['oci', 'mounts', 'security', 'platform'],
  oci: ['security'],
  security: [],
  archive: [],
  mounts: [],
  platform: [],
};

/** Node's own modules that only these folders (and tests) may use. Nothing on the start path starts a program from Node. */
const GUARDED: Record<string, readonly string[]> = {
  'node:child_process': ['cli', 'oci-runtime', 'runtime', 'snapshots', 'platform'],
  'node:sqlite': ['platform'],
};

/** These are not shipped and may import whatever they exercise. */
const FREE_FOLDERS = new Set(['test', 'bench', 'scripts']);

function placeOf(path: string): string {
  const parts = path.split('/');
  if (parts[0] === 'bin') return path;
  return parts[0] === 'src' ? (parts[1] ?? '') : (parts[0] ?? '');
}

function complaint(from: string, specifier: string): string | null {
  const place = placeOf(from);
  const guard = GUARDED[specifier];
  if (guard !== undefined) {
    return guard.includes(place) || from.endsWith('.test.ts')
      ? null
      : `${place} must not use ${specifier} (only ${guard.join(', ')} may)`;
  }
  const target = resolveImport(from, specifier);
  if (target === null || target === 'src/errors.ts' || target === 'package.json') return null;
  const there = placeOf(target);
  if (there === place) return null;
  if (from.endsWith('.test.ts') && target.startsWith('test/fixtures/')) return null;
  if (!target.startsWith('src/')) return `${place} must not import ${target}: product code imports only from src/`;
  const allowed = ALLOWED[place];
  if (allowed === undefined) return `${place} has no entry in scripts/check-boundaries.ts: decide what it may import`;
  const inside = target.slice('src/'.length);
  if (allowed.some((entry) => inside.startsWith(`${entry}/`) || inside === `${entry}.ts`)) return null;
  return `${place} must not import ${inside}: it may import ${allowed.length === 0 ? 'nothing' : allowed.join(', ')}`;
}

export function checkBoundaries(sources: Sources): Finding[] {
  const findings: Finding[] = [];
  for (const [path, text] of sources) {
    if (!path.endsWith('.ts') || FREE_FOLDERS.has(placeOf(path))) continue;
    for (const { specifier, offset } of findImports(text)) {
      const message = complaint(path, specifier);
      if (message !== null) findings.push({ path, line: lineAt(text, offset), message });
    }
  }
  return findings;
}

if (import.meta.main) report('boundaries', checkBoundaries(readSources()));
