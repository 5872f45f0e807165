/** What runs inside a virtual machine: the project as it is here, with the packages that its tests import, and a command. */
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { run } from '../../test/fixtures/process.ts';
import { ROOT } from '../source-files.ts';

/** Paths of the project that a job has. Compiled code too: nothing is built in the guest. */
const PROJECT = [
  'package.json',
  'bin',
  'isle-runtime',
  'bench/peers/find.ts',
  'src',
  'test',
  'scripts',
  'dist',
  'native/build/islet',
  'native/build/hello',
];
/** What only builds and debuggers read. */
const EXCLUDED = ['--exclude=*.map', '--exclude=native/build/obj*'];
/** Packages that sources and test fixtures import; with what these depend on. */
const PACKAGES = ['pino', 'undici', 'zod', 'tar-stream'];

/** Writes the job's tar; `command` is a line of shell, run in the project's directory. */
export async function makeJob(tar: string, command: string): Promise<void> {
  const script = join(dirname(tar), 'command');
  writeFileSync(script, `${command}\n`);
  const packages = [...closure(PACKAGES)].map((name) => `node_modules/${name}`);
  const files = ['-C', ROOT, ...EXCLUDED, ...PROJECT, ...packages];
  await run('tar', ['-cf', tar, '-C', dirname(script), 'command', ...files]);
}

function closure(names: readonly string[], found = new Set<string>()): Set<string> {
  for (const name of names) {
    if (found.has(name)) continue;
    found.add(name);
    const manifest = readFileSync(join(ROOT, 'node_modules', name, 'package.json'), 'utf8');
    const { dependencies = {} } = JSON.parse(manifest) as { dependencies?: Record<string, string> };
    closure(Object.keys(dependencies), found);
  }
  return found;
}
