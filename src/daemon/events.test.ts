import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EventBus } from './events.ts';

async function take(
  bus: EventBus,
  options: Partial<Parameters<EventBus['subscribe']>[0]>,
  during: () => void,
): Promise<string[]> {
  const stop = new AbortController();
  const stream = bus.subscribe({ since: 0n, until: 0n, filters: new Map(), ...options }, stop.signal);
  during();
  setImmediate(() => stop.abort());
  const seen: string[] = [];
  for await (const message of stream) seen.push(`${message.Type}:${message.Action}:${message.Actor.ID}`);
  return seen;
}

describe('EventBus', () => {
  it('gives a listener what happens after it subscribed, in order', async () => {
    const bus = new EventBus();
    bus.publish('container', 'create', 'before', {});
    const seen = await take(bus, {}, () => {
      bus.publish('container', 'start', 'a', {});
      bus.publish('container', 'die', 'a', {});
    });
    assert.deepEqual(seen, ['container:start:a', 'container:die:a']);
  });

  it('gives past events first when since is asked', async () => {
    const bus = new EventBus();
    bus.publish('container', 'create', 'old', {});
    const seen = await take(bus, { since: 1n }, () => bus.publish('container', 'start', 'new', {}));
    assert.deepEqual(seen, ['container:create:old', 'container:start:new']);
  });

  it('ends by itself when until is in the past', async () => {
    const bus = new EventBus();
    bus.publish('container', 'create', 'old', {});
    const seen: string[] = [];
    for await (const message of bus.subscribe(
      { since: 1n, until: 2n, filters: new Map() },
      new AbortController().signal,
    )) {
      seen.push(message.Action);
    }
    assert.deepEqual(seen, []);
  });

  it('filters by type, name prefix of the id, and label', async () => {
    const bus = new EventBus();
    const filters = new Map([
      ['type', ['container']],
      ['label', ['tier=web']],
    ]);
    const seen = await take(bus, { filters }, () => {
      bus.publish('image', 'pull', 'x', { tier: 'web' });
      bus.publish('container', 'start', 'b', { tier: 'db' });
      bus.publish('container', 'start', 'w', { tier: 'web' });
    });
    assert.deepEqual(seen, ['container:start:w']);
  });

  it('refuses a filter that it does not know', () => {
    const filters = new Map([['colour', ['red']]]);
    assert.throws(
      () => new EventBus().subscribe({ since: 0n, until: 0n, filters }, new AbortController().signal),
      /invalid filter 'colour'/,
    );
  });
});
