import { EngineError } from '../errors.ts';

/** Lets a number of tasks run at a time, the others in the order in which they came. */
export class Gate {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(width: number) {
    this.#free = width;
  }

  /** Would the next task have to wait? */
  get full(): boolean {
    return this.#free === 0;
  }

  /** Runs the task when its turn comes; rejects with Cancelled, without having run it, when `signal` fires before. */
  async run<T>(task: () => Promise<T>, signal: AbortSignal): Promise<T> {
    await this.#enter(signal);
    try {
      return await task();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free += 1;
      else next();
    }
  }

  async #enter(signal: AbortSignal): Promise<void> {
    if (signal.aborted) throw cancelled(signal);
    if (this.#free > 0) {
      this.#free -= 1;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const turn = () => {
        signal.removeEventListener('abort', leave);
        resolve();
      };
      const leave = () => {
        this.#waiting.splice(this.#waiting.indexOf(turn), 1);
        reject(cancelled(signal));
      };
      signal.addEventListener('abort', leave, { once: true });
      this.#waiting.push(turn);
    });
  }
}

function cancelled(signal: AbortSignal): EngineError {
  return new EngineError('Cancelled', 'context canceled', { cause: signal.reason });
}
