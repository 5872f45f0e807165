/**
 * A container's start against the floor: the same system calls in straight-line C (floor/floor.c). Both work in turns on
 * the same file systems, cgroups and bridge; bare OCI runtimes run beside them.
 * Usage: bench/floor.ts [--rounds N] [--pause MS]
 */
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { startWorld, type World } from '../test/harness/world.ts';
import { apiRunner } from './api-run.ts';
import { type Floor, type FloorRound, startFloor } from './floor/program.ts';
import { compareCounts, countSyscalls } from './floor/syscalls.ts';
import { type Candidate, formatResults, inTurns, median, numberOption, type Result, thatWork } from './measure.ts';
import { explainMissing } from './peers/find.ts';
import { isleRuntimeCgroup, runtimes } from './peers/runtimes.ts';

const ROUNDS = numberOption('rounds', 60);
/** The kernel takes network namespaces down in batches, some 40 ms after their last process. */
const PAUSE_MS = numberOption('pause', 60);
/** Until the daemon's hot functions are compiled. */
const UNMEASURED_ROUNDS = 30;
const MODES = ['none', 'bridge'] as const;
const REMOVAL = ['cgroups removed', 'directories removed'];

type Mode = (typeof MODES)[number];

/** The floor's rounds are kept for their phases. */
function floorCandidate(mode: Mode, floor: Floor, rounds: FloorRound[]): Candidate {
  return {
    name: `floor, network ${mode}`,
    run: async () => {
      const round = await floor.round();
      rounds.push(round);
      return (round['total'] ?? 0) / 1e6;
    },
  };
}

function isleCandidates(mode: Mode, world: World, stack: AsyncDisposableStack): Candidate[] {
  const api = stack.use(apiRunner(world.daemon.socket, world.busybox, mode));
  let id = '';
  const kept: Candidate = {
    name: 'isle: create, start, exit seen',
    run: async () => {
      id = await api.create();
      await api.startToExit(id);
    },
    reset: () => api.remove(id),
  };
  const started: Candidate = {
    name: 'isle: start, exit seen',
    run: async () => {
      id = await api.create();
      // As a client that thinks a little between the two.
      await delay(5);
      const start = performance.now();
      await api.startToExit(id);
      return performance.now() - start;
    },
    reset: () => api.remove(id),
  };
  return [kept, started, { name: 'isle: create, start, exit, removed', run: () => api.runAndRemove() }];
}

/** Up to the container's end, as a result of its own. */
function withoutRemoval(mode: Mode, rounds: readonly FloorRound[]): Result {
  const timesMs = rounds.map((round) =>
    REMOVAL.reduce((left, phase) => left - (round[phase] ?? 0), round['total'] ?? 0),
  );
  return {
    name: `floor, network ${mode}, without the removal`,
    timesMs: timesMs.map((ns) => ns / 1e6).toSorted((a, b) => a - b),
  };
}

function formatPhases(rounds: ReadonlyMap<Mode, FloorRound[]>): string {
  const [first] = [...rounds.values()];
  const phases = Object.keys(first?.[0] ?? {});
  const cell = (mode: Mode, phase: string) => {
    const times = (rounds.get(mode) ?? []).map((round) => (round[phase] ?? 0) / 1e3).toSorted((a, b) => a - b);
    return median(times).toFixed(0).padStart(10);
  };
  const rows = phases.map((phase) => `  ${phase.padEnd(24)}${MODES.map((mode) => cell(mode, phase)).join('')}`);
  return [`the floor's parts, median us (network ${MODES.join(', ')})`, ...rows, ''].join('\n');
}

function launcherPid(world: World): number {
  const pid = world.daemon.pid();
  const [launcher = ''] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
  return Number(launcher);
}

/** The floor counts for nothing when it does something else than isle. */
async function proveFloor(mode: Mode, world: World, floor: Floor): Promise<void> {
  using api = apiRunner(world.daemon.socket, world.busybox, mode);
  // The first container of an image has its account files read.
  await api.runAndRemove();
  const ofFloor = await countSyscalls(floor.pid, async () => void (await floor.round()));
  const ofIsle = await countSyscalls(launcherPid(world), () => api.runAndRemove());
  console.log(`network ${mode}: ${compareCounts(ofFloor, ofIsle)}`);
}

async function main(): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), 'isle-bench-'));
  const removeIsleRuntimeCgroup = isleRuntimeCgroup();
  stack.defer(async () => {
    await removeIsleRuntimeCgroup();
    await rm(directory, { recursive: true, force: true });
  });
  // A tmpfs, as /run is where isled runs for good.
  const execRoot = await mkdtemp('/dev/shm/isle-bench-');
  stack.defer(() => rm(execRoot, { recursive: true, force: true }));
  const world = stack.use(await startWorld({ args: ['--exec-root', execRoot] }));
  const rounds = new Map<Mode, FloorRound[]>();
  const candidates: Candidate[] = [];
  for (const mode of MODES) {
    const floor = stack.use(await startFloor(world.daemon, mode));
    await proveFloor(mode, world, floor);
    rounds.set(mode, []);
    candidates.push(floorCandidate(mode, floor, rounds.get(mode) ?? []), ...isleCandidates(mode, world, stack));
  }
  const working = await thatWork([...candidates, ...(await runtimes(directory))]);
  const results = await inTurns(working, ROUNDS, { unmeasured: UNMEASURED_ROUNDS, pauseMs: PAUSE_MS });
  const perMode = candidates.length / MODES.length;
  for (const [index, mode] of MODES.entries()) {
    const measured = (rounds.get(mode) ?? []).slice(-ROUNDS);
    rounds.set(mode, measured);
    const own = results.slice(index * perMode, (index + 1) * perMode);
    console.log(formatResults(`create, start, exit: network ${mode}`, [...own, withoutRemoval(mode, measured)]));
  }
  const start = results.slice(2, 3);
  console.log(
    formatResults("the engine's part of a start, network none", [...start, ...results.slice(candidates.length)]),
  );
  console.log(formatPhases(rounds));
  console.log(explainMissing(['runc', 'crun']));
}

await main();
