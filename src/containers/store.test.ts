import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { containerRecord } from '../../test/fixtures/container-record.ts';
import { openDatabase } from '../platform/database.ts';
import { GroupFlush } from '../platform/group-flush.ts';
import type { ContainerRecord } from './record.ts';
import { ContainerStore } from './store.ts';

describe('the container store', () => {
  let store: ContainerStore;
  let failures: string[];
  let record: ContainerRecord;

  beforeEach(() => {
    failures = [];
    const flush = new GroupFlush('/dev/null', { delayMs: 1e6, onError: () => undefined });
    const reserve = { spend: () => false, refill: () => undefined };
    store = new ContainerStore(openDatabase(':memory:'), reserve, flush, ({ id }) => void failures.push(id));
    record = containerRecord({ id: 'a'.repeat(64), name: 'a' });
    store.insert(record);
  });

  const stored = () => store.loadAll().map(({ state }) => state.status);

  it('writes what may come soon a moment later, as it is then', async () => {
    record.state.status = 'running';
    store.updateSoon(record);
    assert.deepEqual(stored(), ['created']);
    record.state.status = 'paused';
    while (stored()[0] === 'created') await setTimeout(1);
    assert.deepEqual(stored(), ['paused']);
  });

  it('writes it before it tells that all is on disk, and at its close', () => {
    record.state.status = 'running';
    store.updateSoon(record);
    void store.durable().catch(() => undefined);
    assert.deepEqual(stored(), ['running']);
    record.state.status = 'paused';
    store.updateSoon(record);
    store.close();
    assert.deepEqual(stored(), ['paused']);
  });

  it('forgets it when the record is written or deleted before', () => {
    store.updateSoon(record);
    record.state.status = 'exited';
    store.update(record);
    store.updateSoon(record);
    store.delete(record.id);
    store.close();
    assert.deepEqual([stored(), failures], [[], []]);
  });

  it('tells of a record that could not be written', () => {
    store.updateSoon({ ...record, id: 'unknown' });
    store.close();
    assert.deepEqual(failures, ['unknown']);
  });
});
