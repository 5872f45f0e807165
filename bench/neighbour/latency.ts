/** What requests took, from the worker's output to a table. */

/** The times that worker.c printed, in us, ascending. Throws for output that is not all of `count` requests. */
export function parseLatencies(text: string, count: number): number[] {
  const [first, ...lines] = text.trimEnd().split('\n');
  if (first !== 'ready' || lines.some((line) => !/^\d+$/.test(line))) {
    throw new Error(`the worker printed something else than times: ${JSON.stringify(text.slice(0, 200))}`);
  }
  if (lines.length !== count) throw new Error(`the worker made ${lines.length} requests instead of ${count}`);
  return lines.map(Number).toSorted((a, b) => a - b);
}

/** The smallest value that at least `percent` of all are not above (nearest rank). */
export function percentile(sorted: readonly number[], percent: number): number {
  return sorted[Math.max(0, Math.ceil((sorted.length * percent) / 100) - 1)] ?? Number.NaN;
}

export interface Case {
  name: string;
  /** us, ascending */
  latencies: readonly number[];
}

/** Each case with its 99th percentile as a multiple of the first one's. */
export function formatCases(title: string, cases: readonly Case[]): string {
  const base = percentile(cases[0]?.latencies ?? [], 99);
  const width = Math.max(...cases.map(({ name }) => name.length));
  const ms = (us: number) => (us / 1000).toFixed(2).padStart(10);
  const rows = cases.map(({ name, latencies }) => {
    const p99 = percentile(latencies, 99);
    const cells = [percentile(latencies, 50), p99, latencies.at(-1) ?? Number.NaN].map(ms).join('');
    return `  ${name.padEnd(width)}${cells}${(p99 / base).toFixed(1).padStart(10)}`;
  });
  const head = `  ${''.padEnd(width)}${['p50 ms', 'p99 ms', 'max ms', 'p99 ratio'].map((text) => text.padStart(10)).join('')}`;
  return [`${title} (${cases[0]?.latencies.length ?? 0} requests each)`, head, ...rows, ''].join('\n');
}
