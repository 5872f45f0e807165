/** What probes have found: Docker's rules of when a container is healthy, as a pure state machine. */
import type { HealthTest } from './test.ts';

export type HealthStatus = 'starting' | 'healthy' | 'unhealthy';

export interface ProbeResult {
  /** RFC 3339 with nanoseconds */
  Start: string;
  End: string;
  /** -1: it did not end within its time */
  ExitCode: number;
  Output: string;
}

const KEPT_RESULTS = 5;

export class HealthState {
  status: HealthStatus = 'starting';
  failingStreak = 0;
  readonly log: ProbeResult[] = [];
  readonly #test: HealthTest;

  constructor(test: HealthTest) {
    this.#test = test;
  }

  /** `sinceStartMs`: from the container's start to the probe's. Gives the new status when it has changed. */
  take(result: ProbeResult, sinceStartMs: number): HealthStatus | null {
    const before = this.status;
    this.log.push(result);
    if (this.log.length > KEPT_RESULTS) this.log.shift();
    if (result.ExitCode === 0) {
      this.failingStreak = 0;
      this.status = 'healthy';
    } else if (before !== 'starting' || sinceStartMs >= this.#test.startPeriodMs) {
      this.failingStreak++;
      if (this.failingStreak >= this.#test.retries) this.status = 'unhealthy';
    }
    return this.status === before ? null : this.status;
  }

  /** How long to wait before the next probe. */
  pauseMs(sinceStartMs: number): number {
    const isStarting = this.status === 'starting' && sinceStartMs < this.#test.startPeriodMs;
    return isStarting ? Math.min(this.#test.startIntervalMs, this.#test.intervalMs) : this.#test.intervalMs;
  }
}
