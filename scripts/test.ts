/**
 * `npm test` after everything is installed and built: the checks, the unit tests, the integration tests,
 * those that need another kernel, in a virtual machine.
 * A stage that fails does not keep the next from running; the summary at the end tells which did.
 */
import { spawnSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './source-files.ts';

interface Stage {
  name: string;
  command: string;
  args: string[];
  needsRoot?: boolean;
}

const UNIT = '{src,scripts,bench}/**/*.test.ts';
const INTEGRATION = 'test/!(vm)/**/*.test.ts';
const VM_LANE = 'scripts/vm/main.ts';
/** Of one file. A test that hangs must not hang CI; debootstrap, once, takes minutes. */
const TIMEOUT_MS = 900_000;

function nodeTest(name: string, files: string[], concurrency: number): Stage {
  const limits = [`--test-concurrency=${concurrency}`, `--test-timeout=${TIMEOUT_MS}`];
  const args = ['--test', '--test-reporter=spec', ...limits, ...files];
  return { name, command: process.execPath, args };
}

function files(pattern: string): string[] {
  return globSync(pattern, { cwd: ROOT }).toSorted();
}

function stages(chosen: string[]): Stage[] {
  if (chosen.length > 0) return [nodeTest('chosen tests', chosen, 1)];
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { scripts: { check: string } };
  const all: Stage[] = [
    { name: 'checks', command: 'sh', args: ['-c', scripts.check] },
    nodeTest('unit tests', files(UNIT), 2),
  ];
  // One file at a time: each starts daemons of its own and measures time and memory.
  all.push({ ...nodeTest('integration tests', files(INTEGRATION), 1), needsRoot: true });
  all.push({ name: 'tests in a virtual machine', command: process.execPath, args: [VM_LANE], needsRoot: true });
  return all;
}

function main(): void {
  const failed: string[] = [];
  const isRoot = process.getuid?.() === 0;
  for (const stage of stages(process.argv.slice(2))) {
    if (stage.needsRoot === true && !isRoot) {
      console.error(`The ${stage.name} make namespaces, mounts and links, and so need root: run \`sudo npm test\`.`);
      failed.push(`${stage.name} (not run)`);
      continue;
    }
    console.log(`\n# ${stage.name}`);
    const result = spawnSync(stage.command, stage.args, { cwd: ROOT, stdio: 'inherit' });
    if (result.error !== undefined) throw new Error(`cannot run \`${stage.command}\``, { cause: result.error });
    if (result.status !== 0) failed.push(stage.name);
  }
  if (failed.length > 0) {
    console.error(`\nnpm test: failed: ${failed.join(', ')}`);
    process.exitCode = 1;
  } else {
    console.log('\nnpm test: all passed');
  }
}

main();
