/** Measures candidates in turns, so that whatever else the machine does meets all of them alike, and prints medians. */
import { setTimeout as delay } from 'node:timers/promises';

export interface Candidate {
  name: string;
  /** One whole run; what it takes is measured, unless it gives a time in ms of its own. */
  run(): Promise<number | void>;
  /** Puts things back before the next turn; not measured. */
  reset?(): Promise<void>;
}

export interface Result {
  name: string;
  /** sorted, in ms */
  timesMs: number[];
}

/** Those that can do one run here; of the others it is printed why not. The first one has to work. */
export async function thatWork(candidates: readonly Candidate[]): Promise<Candidate[]> {
  const working: Candidate[] = [];
  for (const [index, candidate] of candidates.entries()) {
    try {
      await candidate.run();
      await candidate.reset?.();
      working.push(candidate);
    } catch (thrown) {
      if (index === 0) throw thrown;
      console.log(
        `Not measured: ${candidate.name}. ${thrown instanceof Error ? thrown.message.trim() : String(thrown)}\n`,
      );
    }
  }
  return working;
}

export interface Turns {
  /** Rounds before the first one that counts. */
  unmeasured: number;
  /** Idle time behind each run, in which the kernel takes down what was used (network namespaces for one). */
  pauseMs: number;
}

/** Some unmeasured rounds first, then `rounds` rounds; within a round each candidate runs once. */
export async function inTurns(
  candidates: readonly Candidate[],
  rounds: number,
  { unmeasured, pauseMs }: Turns = { unmeasured: 1, pauseMs: 0 },
): Promise<Result[]> {
  const results = candidates.map(({ name }): Result => ({ name, timesMs: [] }));
  for (let round = -unmeasured; round < rounds; round++) {
    for (const [index, candidate] of candidates.entries()) {
      const start = performance.now();
      const own = await candidate.run();
      const timeMs = own ?? performance.now() - start;
      if (round >= 0) results[index]?.timesMs.push(timeMs);
      await candidate.reset?.();
      if (pauseMs > 0) await delay(pauseMs);
    }
  }
  for (const { timesMs } of results) timesMs.sort((a, b) => a - b);
  return results;
}

export function median(sorted: readonly number[]): number {
  const middle = sorted.length / 2;
  const upper = sorted[Math.floor(middle)] ?? Number.NaN;
  const lower = sorted[Math.ceil(middle) - 1] ?? Number.NaN;
  return (lower + upper) / 2;
}

/** A table of medians with each candidate's time as a multiple of the first one's. */
export function formatResults(title: string, results: readonly Result[]): string {
  const base = median(results[0]?.timesMs ?? []);
  const width = Math.max(...results.map(({ name }) => name.length));
  const rows = results.map(({ name, timesMs }) => {
    const middle = median(timesMs);
    const cells = [middle, timesMs[0] ?? Number.NaN, timesMs.at(-1) ?? Number.NaN].map((ms) =>
      ms.toFixed(1).padStart(10),
    );
    return `  ${name.padEnd(width)}${cells.join('')}${(middle / base).toFixed(2).padStart(10)}`;
  });
  const head = `  ${''.padEnd(width)}${['median ms', 'min', 'max', 'ratio'].map((text) => text.padStart(10)).join('')}`;
  return [`${title} (${results[0]?.timesMs.length ?? 0} rounds)`, head, ...rows, ''].join('\n');
}

/** `--name N` from the command line. */
export function numberOption(name: string, fallback: number): number {
  const at = process.argv.indexOf(`--${name}`);
  if (at === -1) return fallback;
  const value = Number(process.argv[at + 1]);
  if (!Number.isSafeInteger(value) || value < 1) throw new Error(`--${name} takes a positive number`);
  return value;
}
