import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, it } from 'node:test';
import { TestApi } from '../../test/fixtures/api-server.ts';
import { ROUTES } from './routes/index.ts';

const CASES = 1500;
const NAMES = ['c', 'none', 'a/b', '%2F', '%zz', '', '//', '../..', '%00', 'ü'];
const PREFIXES = ['', '/v1.55', '/v1.24', '/v1.', '/v9.9.9', '/v'];
const QUERIES = [
  '',
  '?',
  '?%',
  '?all=1&filters=%7B',
  '?filters={"a":["b"]}',
  '?h=1&w=2',
  '?stdout=1&follow=1',
  '?since=-99999999999999&until=x',
  '?condition=removed',
  '?stream=1&stdin=1&stdout=1&detachKeys=ctrl-a',
  '?fromImage=a&tag=b',
];
const HEADERS = [
  '',
  'Connection: Upgrade\r\nUpgrade: tcp\r\n',
  'Connection: Upgrade\r\nUpgrade: h2c\r\n',
  'Content-Type: application/json\r\n',
  'Transfer-Encoding: chunked\r\n',
  'X-Registry-Auth: %%%\r\n',
  'Expect: 100-continue\r\n',
  'Connection: close\r\n',
  'Content-Length: 5\r\n',
  'Content-Length: -1\r\n',
];
const BODIES = [
  '',
  '{}',
  '{"Image":"hello"}',
  '{"Image":',
  '\0\0',
  '{"HostConfig":{"Memory":"x"}}',
  '['.repeat(50_000),
];

/** A linear congruential generator: the same cases in each run. */
function seeded(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (state * 1_103_515_245 + 12_345) & 0x7fffffff;
    return (state >>> 8) % limit;
  };
}

function makeRequest(random: (limit: number) => number): Buffer {
  const pick = <T>(values: readonly T[]): T | undefined => values[random(values.length)];
  const route = pick(ROUTES);
  const path = `${pick(PREFIXES)}${route?.pattern.replace('{name}', pick(NAMES) ?? '')}${pick(QUERIES)}`;
  const body = pick(BODIES) ?? '';
  const length = random(3) > 0 ? `Content-Length: ${body.length}\r\n` : '';
  const text = `${route?.method} ${path} HTTP/1.1\r\nHost: x\r\n${pick(HEADERS)}${pick(HEADERS)}${length}\r\n${body}`;
  const bytes = Buffer.from(text, 'latin1');
  for (let flips = random(4) === 0 ? random(6) : 0; flips > 0; flips--) bytes[random(bytes.length)] = random(256);
  return bytes;
}

describe('hostile requests', () => {
  it('never stop the server, wherever they are cut, mangled or abandoned', async () => {
    await using api = await TestApi.start();
    api.backend.program = () => {};
    const random = seeded(1);
    for (let count = 0; count < CASES; count++) {
      if (api.backend.byName.size === 0) api.backend.add('c', { Image: 'hello', Tty: true, OpenStdin: true });
      const bytes = makeRequest(random);
      const client = connect({ path: api.socketPath, allowHalfOpen: true });
      client.on('error', () => {});
      client.resume();
      await once(client, 'connect');
      const cut = random(bytes.length + 1);
      client.write(bytes.subarray(0, cut));
      if (random(2) === 0) await new Promise((resolve) => setImmediate(resolve));
      client.write(bytes.subarray(cut));
      if (random(2) === 0) client.end();
      await new Promise((resolve) => setImmediate(resolve));
      client.destroy();
    }
    assert.equal((await api.ask('GET', '/_ping')).text, 'OK');
    assert.deepEqual(
      api.reported.filter(({ error }) => error.kind === 'System' && !error.message.includes('Premature close')),
      [],
    );
  });
});
