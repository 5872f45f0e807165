/** From v1's units, which the OCI spec speaks, to v2's. */

/**
 * cpu.weight for cpu.shares: a curve through (2, 1), (1024, 100) and (262144, 10000), as runc and crun use since 2025.
 * 0 means "not set" and stays 0.
 */
export function cpuWeight(shares: number): number {
  if (shares === 0) return 0;
  if (shares <= 2) return 1;
  if (shares >= 262144) return 10000;
  const log = Math.log2(shares);
  return Math.ceil(10 ** ((log * log + 125 * log) / 612 - 7 / 34));
}

/** memory.swap.max: v1 and Docker count memory and swap together, v2 swap alone. Negative is no limit. */
export function swapMax(limit: number, memoryAndSwap: number): string {
  return memoryAndSwap < 0 || limit < 0 ? 'max' : String(Math.max(0, memoryAndSwap - limit));
}

/** cpu.max; v2's own default period is 100 ms too. */
export function cpuMax(quota: number | undefined, period: number | undefined): string {
  return `${quota !== undefined && quota > 0 ? quota : 'max'} ${period ?? 100_000}`;
}

/** `isle/4bd1`, however many slashes it was written with. */
export function pathParts(path: string): string[] {
  return path.split('/').filter((part) => part !== '' && part !== '.');
}

/** io.weight (1 to 10000) for blkio's weight (10 to 1000). */
export function ioWeight(weight: number): number {
  return weight === 0 ? 0 : Math.trunc(1 + ((weight - 10) * 9999) / 990);
}

/** The levels above a path, from the top: of `a/b/c` they are `a` and `a/b`. */
export function ancestors(path: string): string[] {
  const parts = pathParts(path);
  return parts.slice(0, -1).map((_, index) => parts.slice(0, index + 1).join('/'));
}
