/** Probes a running container, over and over, until it ends or is paused. */
import type { Container } from '../container.ts';
import type { ContainersContext } from '../context.ts';
import { publish } from '../publish.ts';
import { parseTimeNs } from '../record.ts';
import { onUnhealthy } from './action.ts';
import { probe } from './probe.ts';
import { HealthState } from './state.ts';
import { type HealthTest, healthTest } from './test.ts';

export class HealthMonitor {
  readonly state: HealthState;
  readonly #context: ContainersContext;
  readonly #container: Container;
  readonly #test: HealthTest;
  #timer: NodeJS.Timeout | undefined;
  /** Counts starts and stops: a probe that outlives its own, as one that a pause froze, is not followed by another. */
  #term = 0;
  /** One that was frozen may still run when probing goes on: the next waits for its end. */
  #inFlight: Promise<void> = Promise.resolve();

  constructor(context: ContainersContext, container: Container, test: HealthTest) {
    this.#context = context;
    this.#container = container;
    this.#test = test;
    this.state = new HealthState(test);
  }

  /** `soon`: the container has run for a while already, under an earlier daemon. */
  start(soon: boolean): void {
    this.stop();
    this.#schedule(soon ? 0 : this.state.pauseMs(this.#sinceStartMs()));
  }

  /** No probe is begun any more; what the last ones found stays. */
  stop(): void {
    this.#term++;
    clearTimeout(this.#timer);
  }

  #schedule(delayMs: number): void {
    const term = this.#term;
    this.#timer = setTimeout(() => {
      this.#inFlight = this.#inFlight
        .then(() => this.#run(term))
        .catch((err: unknown) => {
          this.#context.log.error({ container: this.#container.record.id, err }, 'a health check failed to run');
        });
    }, delayMs);
    this.#timer.unref();
  }

  #sinceStartMs(): number {
    return Date.now() - Number(parseTimeNs(this.#container.record.state.startedAt) / 1_000_000n);
  }

  async #run(term: number): Promise<void> {
    if (this.#term !== term) return;
    const begunMs = this.#sinceStartMs();
    const result = await probe(this.#context, this.#container, this.#test);
    // The container ended or was paused meanwhile: that its probe died with it says nothing.
    if (this.#term !== term) return;
    const changed = this.state.take(result, begunMs);
    if (changed !== null) publish(this.#context, this.#container, `health_status: ${changed}`);
    this.#schedule(this.state.pauseMs(this.#sinceStartMs()));
    if (changed === 'unhealthy') await onUnhealthy(this.#context, this.#container);
  }
}

/** With the start of a container, or of a daemon that finds it running. */
export function watchHealth(context: ContainersContext, container: Container, restored = false): void {
  container.health?.stop();
  const test = healthTest(container.record.config);
  container.health = test === null ? null : new HealthMonitor(context, container, test);
  if (!container.paused) container.health?.start(restored);
}
