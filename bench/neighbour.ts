/**
 * How a noisy container is felt by its neighbour: the neighbour makes requests of one size at fixed times, alone, beside a container
 * that takes what it can get of one resource, and beside the same one with limits. All by docker commands, each case in turns.
 * Usage: bench/neighbour.ts [--rounds N] [--requests N]
 */
import { existsSync, readFileSync, realpathSync, statSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { run as build } from '../test/fixtures/process.ts';
import { eventually } from '../test/harness/command.ts';
import { startWorld, type World } from '../test/harness/world.ts';
import { numberOption } from './measure.ts';
import { type Case, formatCases, parseLatencies } from './neighbour/latency.ts';

const ROUNDS = numberOption('rounds', 2);
const REQUESTS = numberOption('requests', 250);
/** Of both containers of the page cache's cases together: the machine's whole memory would have to be filled otherwise. */
const COMMON_MEMORY_BYTES = 256 * 1024 * 1024;

interface Kind {
  title: string;
  /** worker.c's names for what the neighbour does, how often, and what the other one does. */
  request: string;
  intervalUs: number;
  noise: string;
  /** Flags of docker run for the noisy container, by the name of the case. */
  limits: Record<string, readonly string[]>;
  /** Flags of both. */
  common?: readonly string[];
}

function kinds(world: World): Kind[] {
  const cpu = { request: 'compute', intervalUs: 5000 };
  return [
    {
      ...cpu,
      title: 'CPU: 0.3 ms of arithmetic every 5 ms, beside 8 processes that compute',
      noise: 'compute',
      limits: {
        'no limits': [],
        '--cpu-shares 2': ['--cpu-shares', '2'],
        '--cpus 0.2': ['--cpus', '0.2'],
        '--cpuset-cpus 0': ['--cpuset-cpus', '0'],
      },
    },
    {
      ...cpu,
      title: 'Processes: 0.3 ms of arithmetic every 5 ms, beside 32 processes that fork',
      noise: 'processes',
      limits: { 'no limits': [], '--pids-limit 8': ['--pids-limit', '8'] },
    },
    {
      title: 'Page cache: 64 pages of 64 MiB read every 5 ms, beside a reader of 384 MiB; 256 MiB for both',
      request: 'read',
      intervalUs: 5000,
      noise: 'cache',
      limits: { 'no limits': [], '--memory 64m': ['--memory', '64m'] },
      common: ['--cgroup-parent', `${world.daemon.cgroupParent}-small`],
    },
    {
      title: 'Disk: 4 KiB written and flushed every 10 ms, beside 4 processes that write 1 MiB at a time without end',
      request: 'write',
      intervalUs: 10_000,
      noise: 'disk',
      limits: {
        'no limits': [],
        '--device-write-bps 2mb': ['--device-write-bps', `${disk(world.daemon.dataRoot)}:2mb`],
      },
    },
  ];
}

/** The whole disk below a file: limits belong to that, not to a partition. */
function disk(path: string): string {
  const { dev } = statSync(path);
  const [major, minor] = [(dev >> 8) & 0xfff, (dev & 0xff) | ((dev >> 12) & 0xfff00)];
  const device = `/sys/dev/block/${major}:${minor}`;
  if (!existsSync(device)) throw new Error(`${path} is on no block device; the benchmark has to write to a disk`);
  const directory = realpathSync(device);
  const whole = existsSync(join(directory, 'partition')) ? dirname(directory) : directory;
  return join('/dev', basename(whole));
}

/** Gives a parent cgroup, which a container has made, the memory of a small machine. */
function limitMemory(parent: string): void {
  const v1 = `/sys/fs/cgroup/memory/${parent}/memory.limit_in_bytes`;
  const path = existsSync(v1) ? v1 : `/sys/fs/cgroup/${parent}/memory.max`;
  writeFileSync(path, String(COMMON_MEMORY_BYTES));
  if (Number(readFileSync(path, 'utf8')) !== COMMON_MEMORY_BYTES) throw new Error(`${path} did not take the limit`);
}

class Runner {
  readonly #world: World;
  readonly #program: string;

  constructor(world: World, program: string) {
    this.#world = world;
    this.#program = program;
  }

  #worker(flags: readonly string[], args: readonly string[]): string[] {
    const image = [this.#world.busybox, '/worker'];
    return ['run', '--network', 'none', '-v', `${this.#program}:/worker:ro`, ...flags, ...image, ...args];
  }

  async #noise({ noise, common = [] }: Kind, limits: readonly string[]): Promise<string> {
    const { daemon } = this.#world;
    const id = await daemon.ok(this.#worker(['-d', ...common, ...limits], ['noise', noise]));
    await eventually(
      'the noise begins',
      async () => {
        const logs = await daemon.ok(['logs', id]);
        if (logs.includes('ready')) return true;
        if ((await daemon.ok(['inspect', '-f', '{{.State.Running}}', id])) !== 'true')
          throw new Error(`no noise: ${logs}`);
        return null;
      },
      30_000,
    );
    return id;
  }

  /** The neighbour's requests, in us; `limits` null: nobody beside it. */
  async once(kind: Kind, limits: readonly string[] | null): Promise<number[]> {
    const { daemon } = this.#world;
    const { request, intervalUs, common = [] } = kind;
    // Keeps the common cgroup while its limit is set, and is the same in all cases.
    const holder = await daemon.ok(['run', '-d', '--network', 'none', ...common, this.#world.busybox, 'sleep', '600']);
    const own = [holder];
    try {
      if (common.length > 0) limitMemory(common[1] ?? '');
      if (limits !== null) own.push(await this.#noise(kind, limits));
      const args = ['request', request, String(REQUESTS), String(intervalUs)];
      return parseLatencies(await daemon.ok(this.#worker(['--rm', ...common], args)), REQUESTS);
    } finally {
      await daemon.ok(['rm', '-f', ...own]);
    }
  }
}

async function measure(runner: Runner, kind: Kind): Promise<Case[]> {
  const cases = new Map<string, { limits: readonly string[] | null; latencies: number[] }>([
    ['alone', { limits: null, latencies: [] }],
    ...Object.entries(kind.limits).map(([name, limits]) => [name, { limits, latencies: [] as number[] }] as const),
  ]);
  for (let round = 0; round < ROUNDS; round++) {
    for (const one of cases.values()) one.latencies.push(...(await runner.once(kind, one.limits)));
  }
  return [...cases].map(([name, { latencies }]) => ({ name, latencies: latencies.toSorted((a, b) => a - b) }));
}

async function main(): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), 'isle-bench-'));
  stack.defer(() => rm(directory, { recursive: true, force: true }));
  const program = join(directory, 'worker');
  const flags = ['-std=gnu17', '-D_GNU_SOURCE', '-O2', '-Wall', '-Wextra', '-Werror', '-static'];
  await build('gcc', [...flags, '-o', program, join(import.meta.dirname, 'neighbour/worker.c')]);
  const world = stack.use(await startWorld());
  const runner = new Runner(world, program);
  for (const kind of kinds(world)) console.log(formatCases(kind.title, await measure(runner, kind)));
}

await main();
