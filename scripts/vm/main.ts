/**
 * The VM lane: runs tests as root in a virtual machine with Debian's kernel and a pure cgroup v2 hierarchy, which the
 * machine that develops isle may not have.
 *
 *   node scripts/vm/main.ts [--boot=NAME] [--deadline=SECONDS] [--command=LINE] [TEST-FILE...]
 *
 * `--command` runs something else than tests there, such as a shell line that looks at the guest's kernel.
 */
import { globSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { ROOT } from '../source-files.ts';
import { CACHE, machineFiles, makeInitramfs } from './files.ts';
import { makeJob } from './job.ts';
import { BOOTS, runMachine } from './machine.ts';

const TESTS = 'test/vm/*.test.ts';
const DEADLINE_SECONDS = 240;
/** Of one test file in the guest: below the machine's own deadline, so that a hanging test is named. */
const TEST_TIMEOUT_MS = 200_000;

/** Emulation is slow: waiting is longer, and what was compiled for one test file is kept for the next. */
const ENVIRONMENT = ['ISLE_TEST_PATIENCE=10', 'NODE_COMPILE_CACHE=/tmp/node-compile-cache'];

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

function testCommand(files: readonly string[]): string {
  const paths = files.length > 0 ? files.map((file) => relative(ROOT, resolve(file))) : globSync(TESTS, { cwd: ROOT });
  const limits = ['--test-concurrency=1', `--test-timeout=${TEST_TIMEOUT_MS}`];
  return ['env', ...ENVIRONMENT, 'node', '--test', '--test-reporter=spec', ...limits, ...paths.toSorted()]
    .map(quoted)
    .join(' ');
}

/** Of runs whose process is gone: a killed one cannot remove its own. */
function removeStale(): void {
  const alive = new Set(readdirSync('/proc'));
  for (const name of readdirSync(CACHE)) {
    const pid = /^run-(\d+)-/.exec(name)?.[1];
    if (pid !== undefined && !alive.has(pid)) rmSync(join(CACHE, name), { recursive: true, force: true });
  }
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    options: { boot: { type: 'string' }, deadline: { type: 'string' }, command: { type: 'string' } },
    allowPositionals: true,
  });
  const name = values.boot ?? 'apparmor';
  const boot = BOOTS[name];
  if (boot === undefined) throw new Error(`no boot \`${name}\`; there are: ${Object.keys(BOOTS).join(', ')}`);
  const deadlineMs = 1000 * Number(values.deadline ?? DEADLINE_SECONDS);
  const files = await machineFiles();
  removeStale();
  const directory = mkdtempSync(join(CACHE, `run-${process.pid}-`));
  try {
    const job = join(directory, 'job.tar');
    const initramfs = join(directory, 'initramfs');
    await makeInitramfs(files.modules, initramfs);
    await makeJob(job, values.command ?? testCommand(positionals));
    console.log(`vm: booting (${boot.kernelArguments})`);
    const began = Date.now();
    const code = await runMachine({ ...boot, files, initramfs, job, deadlineMs });
    console.log(`vm: ended with ${code} after ${((Date.now() - began) / 1000).toFixed(0)} s`);
    return code;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

process.exitCode = await main();
