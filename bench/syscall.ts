/**
 * What system calls cost under the default seccomp policy: without a filter, with isle's, and with those that libseccomp makes
 * of the same policy, which are taken out of containers of runc and crun that run. Usage: bench/syscall.ts [--rounds N] [--calls N]
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { kernelVersion } from '../src/platform/kernel-version.ts';
import { DEFAULT_CAPABILITIES } from '../src/security/capabilities.ts';
import {
  AUDIT_ARCH_X86_64,
  DEFAULT_PROFILE,
  loadFilter,
  ociSeccomp,
  type SeccompContext,
} from '../src/security/seccomp/index.ts';
import { AUDIT_ARCH_I386, SYSCALLS } from '../src/security/seccomp/syscalls.ts';
import { run as build } from '../test/fixtures/process.ts';
import { translate } from '../test/fixtures/libseccomp.ts';
import { run } from '../test/harness/command.ts';
import { numberOption } from './measure.ts';
import { explainMissing, findProgram } from './peers/find.ts';

const SOURCES = join(import.meta.dirname, 'syscall');
const ROUNDS = numberOption('rounds', 30);
const CALLS = numberOption('calls', 2000);
const CONTEXT: SeccompContext = { caps: DEFAULT_CAPABILITIES, arch: 'x86_64', kernel: kernelVersion() };

interface Filter {
  name: string;
  /** `-` for none */
  file: string;
  bytes: Uint8Array | null;
}

async function compile(directory: string, name: string): Promise<string> {
  const program = join(directory, name);
  const flags = ['-std=gnu17', '-D_GNU_SOURCE', '-O2', '-Wall', '-Wextra', '-Werror'];
  await build('gcc', [...flags, '-o', program, join(SOURCES, `${name}.c`)]);
  return program;
}

/** The default policy as linux.seccomp of a bundle; its values are small enough for any reader of JSON. */
function policy(): unknown {
  const text = JSON.stringify(ociSeccomp(DEFAULT_PROFILE, CONTEXT), (_key, value: unknown) =>
    typeof value === 'bigint' ? Number(value) : value,
  );
  return JSON.parse(text);
}

/** The filters that runtimes have installed, read back from the kernel (PTRACE_SECCOMP_GET_FILTER). */
async function installedFilters(directory: string): Promise<Filter[]> {
  const reader = await compile(directory, 'installed');
  // Of the conformance suite, which needs both peers.
  const { RUNTIMES } = await import('../test/conformance/runtimes.ts');
  const { Box } = await import('../test/conformance/box.ts');
  const filters: Filter[] = [];
  for (const runtime of RUNTIMES) {
    await using box = await Box.make(runtime);
    const id = await box.started((config) => {
      config.linux['seccomp'] = policy();
    });
    const { pid } = await box.reaches(id, 'running');
    const file = join(directory, `${runtime.name}.bpf`);
    await build('sh', ['-c', '"$0" "$1" > "$2"', reader, String(pid), file]);
    filters.push(await filterIn(runtime.name, file));
  }
  return filters;
}

async function filterIn(name: string, file: string): Promise<Filter> {
  const { readFile } = await import('node:fs/promises');
  return { name, file, bytes: await readFile(file) };
}

/** As runc does since 1.2, with a search tree. */
async function treeFilter(directory: string): Promise<Filter> {
  const [bytes] = await translate(directory, [{ profile: DEFAULT_PROFILE, context: CONTEXT, optimize: 2 }]);
  if (bytes === undefined) throw new Error('libseccomp made no filter');
  const file = join(directory, 'tree.bpf');
  await writeFile(file, bytes);
  return { name: 'libseccomp, as a tree', file, bytes };
}

/** The best of all rounds, by case, then by filter: what else the machine does only ever adds. */
async function measure(program: string, filters: readonly Filter[]): Promise<Map<string, number[]>> {
  const args = [String(ROUNDS), String(CALLS), ...filters.map(({ file }) => file)];
  const { code, stdout, stderr } = await run(program, args, { timeoutMs: 600_000 });
  if (code !== 0) throw new Error(`measuring ended with ${code}: ${stderr}`);
  const times = new Map<string, number[][]>();
  for (const line of stdout.trim().split('\n')) {
    const [, index = '', name = '', ns = ''] = /^(\d+) (.*): ([\d.]+)$/.exec(line) ?? [];
    const row = times.get(name) ?? filters.map((): number[] => []);
    row[Number(index)]?.push(Number(ns));
    times.set(name, row);
  }
  return new Map([...times].map(([name, row]) => [name, row.map((ns) => Math.min(...ns))]));
}

/** How many instructions the kernel runs of each filter for this case. */
function instructionsOf(name: string, filters: readonly Filter[]): string[] {
  const [call = ''] = name.replace('i386 ', '').split(',');
  const isI386 = name.startsWith('i386 ');
  const table = SYSCALLS[isI386 ? 'SCMP_ARCH_X86' : 'SCMP_ARCH_X86_64'];
  const args = { personality: [0xffffffffn], socket: [1000n], clone: [0x800n] }[call] ?? [];
  const data = {
    nr: table.get(call) ?? Number(call.replace('number ', '')),
    arch: isI386 ? AUDIT_ARCH_I386 : AUDIT_ARCH_X86_64,
    args,
  };
  return filters.map(({ bytes }) => {
    if (bytes === null) return '';
    const { unfiltered, steps } = loadFilter(bytes).run(data);
    return unfiltered ? 'none' : String(steps);
  });
}

function table(title: string, filters: readonly Filter[], rows: readonly (readonly string[])[]): string {
  const all = [['', ...filters.map(({ name }) => name)], ...rows];
  const widths = all[0]?.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0))) ?? [];
  const lines = all.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  '),
  );
  return [title, ...lines.map((line) => `  ${line}`), ''].join('\n');
}

function report(filters: readonly Filter[], times: ReadonlyMap<string, readonly number[]>): void {
  const isle = filters.findIndex(({ name }) => name === 'isle-runtime');
  const cases = [...times].filter(([name]) => name !== 'load');
  const loads = times.get('load') ?? [];
  console.log(
    table('The filters', filters, [
      ['instructions', ...filters.map(({ bytes }) => (bytes === null ? '' : String(bytes.length / 8)))],
      ['seccomp(2), us', ...loads.map((ns) => (ns === 0 ? '' : (ns / 1000).toFixed(0)))],
    ]),
  );
  console.log(
    table(
      'Instructions that run for one call ("none": the kernel remembers that it allows it)',
      filters,
      cases.map(([name]) => [name, ...instructionsOf(name, filters)]),
    ),
  );
  console.log(
    table(
      `One call, ns, and as a multiple of that under isle's filter (best of ${5 * ROUNDS} batches of ${CALLS} calls)`,
      filters,
      cases.map(([name, ns]) => [
        name,
        ...ns.map((value) => `${value.toFixed(0)} ${(value / (ns[isle] ?? value)).toFixed(2)}`),
      ]),
    ),
  );
}

async function main(): Promise<void> {
  const missing = explainMissing(['runc', 'crun']);
  if (missing !== '') {
    console.log(missing);
    process.exitCode = findProgram('runc') === null ? 1 : 0;
    return;
  }
  const directory = await mkdtemp(join(tmpdir(), 'isle-bench-syscall-'));
  try {
    const none: Filter = { name: 'no filter', file: '-', bytes: null };
    const filters = [none, ...(await installedFilters(directory)), await treeFilter(directory)];
    report(filters, await measure(await compile(directory, 'measure'), filters));
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

await main();
