/**
 * Builds everything that runs: the native programs by make, and one ESM bundle per TypeScript program by esbuild.
 * Each output is replaced by a rename, so that an isle that starts meanwhile sees the old file or the new one, never half
 * of one. `dist/.stamp` carries the time at which the build began: what was edited later is newer than it.
 */
import { spawnSync, type SpawnSyncOptions } from 'node:child_process';
import { globSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import * as esbuild from 'esbuild';

const ROOT = join(import.meta.dirname, '..');
const DIST = join(ROOT, 'dist');
const PROGRAMS = ['cli', 'daemon', 'runtime'] as const;
/** Started for every command: one file with lazily run modules starts 6 ms sooner than chunks do. */
const LAZY = new Set(['cli', 'runtime']);

/** CommonJS packages inside an ES module bundle still call require() for node's own modules. */
const BANNER =
  "import { createRequire as __createRequire } from 'node:module';const require = __createRequire(import.meta.url);";

/** A source names its worker by `new URL('./x.worker.ts', import.meta.url)`; in dist/ that file is `./x.worker.js`. */
const workerUrls: esbuild.Plugin = {
  name: 'worker-urls',
  setup(build) {
    build.onLoad({ filter: /\/src\/.*\.ts$/ }, (args) => {
      const text = readFileSync(args.path, 'utf8');
      return { loader: 'ts', contents: rewriteWorkerUrls(text) };
    });
  },
};

/**
 * Node's own modules are fetched when the module that needs them is first run, without the facade that an `import` makes:
 * that one reads every export, among them getters that load undici (node:http, 40 ms) or the stream classes (node:fs, 5 ms).
 */
const lazyBuiltins: esbuild.Plugin = {
  name: 'lazy-builtins',
  setup(build) {
    build.onResolve({ filter: /^node:/ }, ({ path }) => ({ path, namespace: 'builtin' }));
    build.onLoad({ filter: /.*/, namespace: 'builtin' }, ({ path }) => ({
      loader: 'js',
      contents: `module.exports = process.getBuiltinModule(${JSON.stringify(path)});`,
    }));
  },
};

export function rewriteWorkerUrls(text: string): string {
  return text.replaceAll(/new URL\(\s*'[^']*?([^'/]+)\.worker\.ts',\s*import\.meta\.url\s*,?\s*\)/g, (_all, name) => {
    return `new URL('./${String(name)}.worker.js', import.meta.url)`;
  });
}

interface Entry {
  in: string;
  out: string;
}

function entryPoints(): Entry[] {
  const workers = globSync('src/**/*.worker.ts', { cwd: ROOT }).map((path) => ({
    in: join(ROOT, path),
    out: basename(path, '.ts'),
  }));
  const names = new Set(workers.map((entry) => entry.out));
  if (names.size !== workers.length) throw new Error('two *.worker.ts files share a name; dist/ has room for only one');
  return [...PROGRAMS.map((name) => ({ in: join(ROOT, 'bin', `${name}.ts`), out: name })), ...workers];
}

async function bundle(entry: Entry): Promise<esbuild.OutputFile[]> {
  const isLazy = LAZY.has(entry.out);
  const result = await esbuild.build({
    entryPoints: [entry],
    outdir: DIST,
    write: false,
    bundle: true,
    // No splitting: `await import()` stays lazy inside the one file too, and opening a dozen chunks took longer.
    splitting: false,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    sourcemap: 'linked',
    minifySyntax: true,
    banner: isLazy ? {} : { js: BANNER },
    plugins: isLazy ? [workerUrls, lazyBuiltins] : [workerUrls],
    logLevel: 'error',
  });
  return result.outputFiles;
}

function writeOutputs(files: ReadonlyMap<string, Uint8Array>): void {
  mkdirSync(DIST, { recursive: true });
  for (const [name, contents] of files) {
    const temporary = join(DIST, `.${name}.tmp`);
    writeFileSync(temporary, contents);
    renameSync(temporary, join(DIST, name));
  }
  const kept = new Set([...files.keys(), '.stamp', '.compile-cache']);
  for (const name of readdirSync(DIST)) {
    if (!kept.has(name)) rmSync(join(DIST, name), { recursive: true, force: true });
  }
}

function run(command: string, args: readonly string[], options: SpawnSyncOptions = {}): void {
  const result = spawnSync(command, args, { cwd: ROOT, stdio: ['ignore', 'inherit', 'inherit'], ...options });
  if (result.error !== undefined) throw new Error(`cannot run \`${command}\``, { cause: result.error });
  if (result.status !== 0) {
    throw new Error(`\`${command} ${args.join(' ')}\` failed (exit status ${result.status ?? result.signal})`);
  }
}

async function build(): Promise<void> {
  const began = new Date();
  for (const directory of ['native', 'native/hello']) {
    run('make', ['--no-print-directory', '-s', '-j2', '-C', directory]);
  }
  const outputs = new Map<string, Uint8Array>();
  for (const files of await Promise.all(entryPoints().map(bundle))) {
    for (const file of files) outputs.set(basename(file.path), file.contents);
  }
  writeOutputs(outputs);
  // One run of each command fills the compile cache that `./isle` uses, and shows that the bundle loads at all.
  const env = { ...process.env, NODE_COMPILE_CACHE: join(DIST, '.compile-cache') };
  for (const name of LAZY) {
    run(process.execPath, [join(DIST, `${name}.js`), '--help'], { env, stdio: ['ignore', 'ignore', 'inherit'] });
  }
  const stamp = join(DIST, '.stamp');
  writeFileSync(stamp, '');
  utimesSync(stamp, began, began);
}

if (import.meta.main) await build();
