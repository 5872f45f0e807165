/**
 * The VM lane: runs tests as root in a virtual machine with Debian's kernel and a pure cgroup v2 hierarchy, which the
 * machine that develops isle may not have. Each folder of tests has a boot of its own.
 *
 *   node scripts/vm/main.ts [--boot=NAME] [--deadline=SECONDS] [--command=LINE] [TEST-FILE...]
 *
 * `--command` runs something else than tests there, such as a shell line that looks at the guest's kernel.
 * `--boot` alone runs the tests of that boot.
 */
import { globSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { ROOT } from '../source-files.ts';
import { CACHE, type MachineFiles, machineFiles, makeInitramfs } from './files.ts';
import { makeJob } from './job.ts';
import { type Boot, BOOTS, runMachine } from './machine.ts';

const DEADLINE_SECONDS = 600;
/** Of one test file in the guest: below the machine's own deadline, so that a hanging test is named. */
const TEST_TIMEOUT_MS = 400_000;

/** Emulation is slow: waiting is longer, and what was compiled for one test file is kept for the next. */
const ENVIRONMENT = ['ISLE_TEST_PATIENCE=10', 'NODE_COMPILE_CACHE=/tmp/node-compile-cache'];

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

/** The boots that are asked for, each with its line of shell: by name, by the folders of test files, or all. */
function plannedRuns(
  name: string | undefined,
  command: string | undefined,
  files: readonly string[],
): [Boot, string][] {
  if (command !== undefined) return [[bootOf(name ?? 'apparmor'), command]];
  const asked = files.map((file) => relative(ROOT, resolve(file)));
  const boots = name === undefined ? Object.values(BOOTS) : [bootOf(name)];
  return boots.flatMap((boot): [Boot, string][] => {
    const paths = asked.filter((path) => name !== undefined || dirname(path) === boot.tests);
    if (files.length === 0) paths.push(...globSync(`${boot.tests}/*.test.ts`, { cwd: ROOT }));
    return paths.length === 0 ? [] : [[boot, testCommand(paths)]];
  });
}

function bootOf(name: string): Boot {
  const boot = BOOTS[name];
  if (boot === undefined) throw new Error(`no boot \`${name}\`; there are: ${Object.keys(BOOTS).join(', ')}`);
  return boot;
}

function testCommand(paths: readonly string[]): string {
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

async function runOne(
  files: MachineFiles,
  { kernelArguments }: Boot,
  command: string,
  deadlineMs: number,
): Promise<number> {
  const directory = mkdtempSync(join(CACHE, `run-${process.pid}-`));
  try {
    const job = join(directory, 'job.tar');
    const initramfs = join(directory, 'initramfs');
    await makeInitramfs(files.modules, initramfs);
    await makeJob(job, command);
    console.log(`vm: booting (${kernelArguments})`);
    const began = Date.now();
    const code = await runMachine({ kernelArguments, files, initramfs, job, deadlineMs });
    console.log(`vm: ended with ${code} after ${((Date.now() - began) / 1000).toFixed(0)} s`);
    return code;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Every boot is run, whatever becomes of the one before it. */
async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    options: { boot: { type: 'string' }, deadline: { type: 'string' }, command: { type: 'string' } },
    allowPositionals: true,
  });
  const deadlineMs = 1000 * Number(values.deadline ?? DEADLINE_SECONDS);
  const runs = plannedRuns(values.boot, values.command, positionals);
  if (runs.length === 0) throw new Error(`no boot runs ${positionals.join(', ')}: name one with --boot`);
  const files = await machineFiles();
  removeStale();
  const codes: number[] = [];
  for (const [boot, command] of runs) codes.push(await runOne(files, boot, command, deadlineMs));
  return codes.find((code) => code !== 0) ?? 0;
}

process.exitCode = await main();
