import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TestApi } from '../../../test/fixtures/api-server.ts';

async function apiWithContainer(): Promise<TestApi> {
  const api = await TestApi.start();
  api.backend.add('c').state = 'running';
  return api;
}

describe('update', () => {
  it('passes the limits on and answers with the warnings', async () => {
    await using api = await apiWithContainer();
    const { status, text } = await api.post('/containers/c/update', { Memory: 1 << 27, MemorySwappiness: null });
    assert.deepEqual([status, JSON.parse(text)], [200, { Warnings: ['a warning'] }]);
    assert.deepEqual(api.backend.last('update'), ['c', { Memory: 1 << 27 }]);
  });

  it('warns of a field that it does not know, and refuses one of a wrong type', async () => {
    await using api = await apiWithContainer();
    const { text } = await api.post('/containers/c/update', { Novelty: 1 });
    assert.match(text, /The field Novelty of the request is not known to isle/);
    assert.equal((await api.post('/containers/c/update', { Memory: 'much' })).status, 400);
  });
});

describe('stats', () => {
  it('sends one sample a line, or a single one', async () => {
    await using api = await apiWithContainer();
    const stream = await api.ask('GET', '/containers/c/stats');
    assert.equal(stream.text.trim().split('\n').length, 2);
    assert.deepEqual(api.backend.last('stats'), ['c', { stream: true, oneShot: false }]);
    const once = await api.ask('GET', '/containers/c/stats?stream=false&one-shot=1');
    assert.equal((JSON.parse(once.text) as { name: string }).name, '/c');
    assert.deepEqual(api.backend.last('stats'), ['c', { stream: false, oneShot: true }]);
  });

  it('refuses a stream of one shot', async () => {
    await using api = await apiWithContainer();
    const { status, text } = await api.ask('GET', '/containers/c/stats?stream=1&one-shot=1');
    assert.deepEqual([status, JSON.parse(text)], [400, { message: 'cannot have stream=true and one-shot=true' }]);
  });

  it('answers 404 for a container that is not there', async () => {
    await using api = await apiWithContainer();
    assert.equal((await api.ask('GET', '/containers/none/stats')).status, 404);
  });
});

describe('top, pause and unpause', () => {
  it('take the arguments of ps, with those of Docker where none are given', async () => {
    await using api = await apiWithContainer();
    await api.ask('GET', '/containers/c/top?ps_args=aux');
    assert.deepEqual(api.backend.last('top'), ['c', 'aux']);
    const { text } = await api.ask('GET', '/containers/c/top');
    assert.deepEqual(api.backend.last('top'), ['c', '-ef']);
    assert.deepEqual(JSON.parse(text), { Titles: ['PID', 'CMD'], Processes: [['4711', 'sleep 100']] });
  });

  it('answer without a body', async () => {
    await using api = await apiWithContainer();
    for (const verb of ['pause', 'unpause']) {
      assert.equal((await api.ask('POST', `/containers/c/${verb}`)).status, 204);
      assert.deepEqual(api.backend.last(verb), ['c']);
    }
  });
});
