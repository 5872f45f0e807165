/** The waiting between an exit and the start that a policy wants. */
const FIRST_DELAY_MS = 100;
const LONGEST_DELAY_MS = 60_000;
/** Who ran this long starts over with the first delay. */
const STEADY_S = 10;

export class RestartTimer {
  #delayMs = 0;
  #timer: NodeJS.Timeout | undefined;

  /** 100 ms, doubled with each exit in quick succession, at most a minute. */
  next(ranSeconds: number): number {
    if (ranSeconds >= STEADY_S) this.#delayMs = 0;
    this.#delayMs = this.#delayMs === 0 ? FIRST_DELAY_MS : Math.min(this.#delayMs * 2, LONGEST_DELAY_MS);
    return this.#delayMs;
  }

  arm(delayMs: number, start: () => void): void {
    this.disarm();
    this.#timer = setTimeout(start, delayMs);
    // A daemon that ends has nothing to wait for: the next one goes on by the record.
    this.#timer.unref();
  }

  disarm(): void {
    clearTimeout(this.#timer);
  }

  reset(): void {
    this.disarm();
    this.#delayMs = 0;
  }
}
