import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { eventually, TestApi } from '../../../test/fixtures/api-server.ts';
import type { EventMessage } from '../backend.ts';
import { encodeJson } from '../json.ts';
import { legacyEvent } from './system.ts';

const EVENT: EventMessage = {
  Type: 'container',
  Action: 'start',
  Actor: { ID: 'c1', Attributes: { image: 'hello', name: 'c' } },
  scope: 'local',
  time: 1_700_000_000,
  timeNano: 1_700_000_000_123_456_789n,
};

describe('events', () => {
  it('sends headers at once and one event a line, with every digit of timeNano', async () => {
    await using api = await TestApi.start();
    const client = await api.raw();
    client.write('GET /v1.51/events HTTP/1.1\r\nHost: x\r\n\r\n');
    await client.until(/\r\n\r\n$/);
    api.backend.eventsSource.write(EVENT);
    const received = await client.until(/\}\n/);
    assert.ok(received.includes('"timeNano":1700000000123456789}\n'));
    assert.ok(received.includes('{"status":"start","id":"c1","from":"hello","Type":"container","Action":"start"'));
    client.socket.destroy();
    await eventually(() => api.backend.eventsSource.destroyed);
  });

  it('leaves the fields of the first API out since 1.52', async () => {
    await using api = await TestApi.start();
    api.backend.eventsSource.end(EVENT);
    const { text, headers } = await api.ask('GET', '/v1.52/events');
    assert.deepEqual(Object.keys(JSON.parse(text) as object), Object.keys(EVENT));
    assert.equal(headers['content-type'], 'application/json');
  });

  it('writes JSON lines, or a JSON sequence, for who accepts it', async () => {
    for (const [accept, type, start] of [
      ['application/jsonl', 'application/jsonl', '{'],
      ['text/html, application/x-ndjson;q=0.9', 'application/x-ndjson', '{'],
      ['application/json-seq', 'application/json-seq', '\u001e{'],
      ['*/*', 'application/json', '{'],
    ] as const) {
      await using api = await TestApi.start();
      api.backend.eventsSource.end(EVENT);
      const { text, headers } = await api.ask('GET', '/events', { headers: { accept } });
      assert.equal(headers['content-type'], type, accept);
      assert.equal(text.slice(0, start.length), start, accept);
      assert.equal(text.at(-1), '\n');
    }
  });

  it('reads bounds and filters, and refuses bounds the wrong way round', async () => {
    await using api = await TestApi.start();
    api.backend.eventsSource.end();
    const filters = encodeURIComponent('{"type":["container"]}');
    await api.ask('GET', `/events?since=1&until=2.5&filters=${filters}`);
    assert.deepEqual(api.backend.last('events'), [
      { since: 1_000_000_000n, until: 2_500_000_000n, filters: new Map([['type', ['container']]]) },
    ]);
    const bad = await api.ask('GET', '/events?since=3&until=2');
    assert.equal(bad.status, 400);
    assert.match(bad.text, /`since` \(3\) cannot be after `until` \(2\)/);
  });

  it('gives image events a status and id, and others neither', () => {
    assert.deepEqual(Object.keys(legacyEvent({ ...EVENT, Type: 'image' })).slice(0, 3), ['status', 'id', 'Type']);
    assert.equal(Object.keys(legacyEvent({ ...EVENT, Type: 'network' }))[0], 'Type');
  });
});

describe('encodeJson', () => {
  it('prints bigints as numbers, at any depth', () => {
    assert.equal(encodeJson({ a: [{ b: 2n ** 63n - 1n }], c: 'x' }), '{"a":[{"b":9223372036854775807}],"c":"x"}');
  });
});

describe('networks and explain', () => {
  it('lists with and without a slash, and inspects', async () => {
    await using api = await TestApi.start();
    for (const path of ['/networks', '/networks/', '/v1.44/networks']) {
      assert.match((await api.ask('GET', path)).text, /"Name":"bridge"/);
    }
    assert.equal((await api.ask('GET', '/networks/bridge')).status, 200);
    assert.equal((await api.ask('GET', '/networks/none')).status, 404);
  });

  it('explains containers and images, names with slashes too', async () => {
    await using api = await TestApi.start();
    api.backend.add('c');
    assert.match((await api.ask('GET', '/isle/v1/explain/containers/c')).text, /"kind":"container"/);
    assert.match((await api.ask('GET', '/isle/v1/explain/images/r:5000/a/b')).text, /"name":"r:5000\/a\/b"/);
  });
});
