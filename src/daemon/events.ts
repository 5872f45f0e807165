/** The engine's events: a short memory for `since`, and live listeners. */
import type { EventMessage, Filters } from '../api/backend.ts';
import { nowNs } from '../containers/record.ts';
import { EngineError } from '../errors.ts';

/** As many as dockerd remembers. */
const REMEMBERED = 256;
/** A listener that reads slower than this many events behind is cut off, so that it cannot fill the memory. */
const MAX_BEHIND = 10_000;

const FILTERS = new Set(['type', 'event', 'container', 'image', 'network', 'label', 'scope', 'daemon', 'volume']);

export class EventBus {
  readonly #past: EventMessage[] = [];
  readonly #listeners = new Set<(message: EventMessage) => void>();

  publish(type: string, action: string, id: string, attributes: Record<string, string>): void {
    const timeNano = nowNs();
    const message: EventMessage = {
      Type: type,
      Action: action,
      Actor: { ID: id, Attributes: attributes },
      scope: 'local',
      time: Number(timeNano / 1_000_000_000n),
      timeNano,
    };
    this.#past.push(message);
    if (this.#past.length > REMEMBERED) this.#past.shift();
    for (const listener of this.#listeners) listener(message);
  }

  /** Past events from `since` (if any), then live ones until `until` (if any) or `signal`. Subscribed at the call. */
  subscribe(
    options: { since: bigint; until: bigint; filters: Filters },
    signal: AbortSignal,
  ): AsyncIterable<EventMessage> {
    for (const key of options.filters.keys()) {
      if (!FILTERS.has(key)) throw new EngineError('InvalidParameter', `invalid filter '${key}'`);
    }
    const { since, until, filters } = options;
    const queue = since > 0n || until > 0n ? this.#past.filter((message) => message.timeNano >= since) : [];
    const stop = new AbortController();
    let wake: () => void = () => undefined;
    const listener = (message: EventMessage) => {
      queue.push(message);
      if (queue.length > MAX_BEHIND) stop.abort();
      wake();
    };
    const untilMs = until > 0n ? Math.max(0, Number((until - nowNs()) / 1_000_000n)) : null;
    const end = AbortSignal.any([signal, stop.signal]);
    if (untilMs !== 0) this.#listeners.add(listener);
    const cleanUp = () => void this.#listeners.delete(listener);
    return (async function* () {
      const timer = untilMs === null ? undefined : setTimeout(() => stop.abort(), Math.min(untilMs, 2 ** 31 - 1));
      end.addEventListener('abort', () => wake(), { once: true });
      try {
        for (;;) {
          for (let message = queue.shift(); message !== undefined; message = queue.shift()) {
            if (until > 0n && message.timeNano > until) return;
            if (matches(message, filters)) yield message;
          }
          if (end.aborted || untilMs === 0) return;
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      } finally {
        clearTimeout(timer);
        cleanUp();
      }
    })();
  }
}

function matches(message: EventMessage, filters: Filters): boolean {
  const { ID, Attributes } = message.Actor;
  const named = (type: string) => (value: string) =>
    message.Type === type && (ID === value || ID.startsWith(value) || Attributes['name'] === value);
  const tests: Record<string, (value: string) => boolean> = {
    type: (value) => message.Type === value,
    event: (value) => message.Action === value || message.Action.split(':')[0] === value,
    container: named('container'),
    image: (value) => named('image')(value) || Attributes['image'] === value,
    network: named('network'),
    volume: named('volume'),
    daemon: named('daemon'),
    scope: (value) => message.scope === value,
  };
  for (const [key, values] of filters) {
    if (key === 'label') {
      const ok = values.every((value) => {
        const split = value.indexOf('=');
        return split < 0 ? value in Attributes : Attributes[value.slice(0, split)] === value.slice(split + 1);
      });
      if (!ok) return false;
      continue;
    }
    const test = tests[key];
    if (test !== undefined && values.length > 0 && !values.some(test)) return false;
  }
  return true;
}
