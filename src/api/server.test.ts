import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { TestApi } from '../../test/fixtures/api-server.ts';
import { EngineError } from '../errors.ts';

function messageOf(text: string): unknown {
  return (JSON.parse(text) as { message: unknown }).message;
}

describe('every answer', () => {
  it('carries the API version, the engine and the operating system, errors too', async () => {
    await using api = await TestApi.start();
    for (const path of ['/version', '/nowhere', '/v1.99/info', '/_ping']) {
      const { headers } = await api.ask('GET', path);
      assert.equal(headers['api-version'], '1.55', path);
      assert.equal(headers['ostype'], 'linux');
      assert.equal(headers['server'], 'isle/0.1.0 (linux)');
      assert.equal(headers['docker-experimental'], 'false');
    }
  });

  it('keeps the connection open for the next request, after errors too', async () => {
    await using api = await TestApi.start();
    const client = await api.raw();
    client.write('POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}');
    client.write('GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n');
    await client.until(/404 Not Found[^]*200 OK[^]*OK$/);
    client.socket.destroy();
  });
});

describe('a refused upload', () => {
  it('is told why, also when it goes on long after the answer', async () => {
    await using api = await TestApi.start();
    const client = await api.raw();
    client.write('POST /v1.50/build HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n');
    await client.until(/501 Not Implemented[^]*cannot build an image yet/);
    const chunk = `100000\r\n${'x'.repeat(0x100000)}\r\n`;
    for (let count = 0; count < 8; count++) {
      if (!client.socket.write(chunk)) await once(client.socket, 'drain');
    }
    client.write('0\r\n\r\nGET /_ping HTTP/1.1\r\nHost: x\r\n\r\n');
    await client.until(/200 OK[^]*OK$/);
    client.socket.destroy();
  });
});

describe('_ping', () => {
  it('says OK and what the CLI wants to know, and must not be cached', async () => {
    await using api = await TestApi.start();
    const { status, text, headers } = await api.ask('GET', '/_ping');
    assert.deepEqual([status, text], [200, 'OK']);
    assert.equal(headers['swarm'], 'inactive');
    assert.equal(headers['builder-version'], '1');
    assert.match(headers['cache-control'] ?? '', /no-cache/);
    const head = await api.ask('HEAD', '/v1.44/_ping');
    assert.deepEqual([head.status, head.text, head.headers['content-length']], [200, '', '0']);
  });
});

describe('versions', () => {
  it('takes every version from 1.24 to the newest, and none', async () => {
    await using api = await TestApi.start();
    for (const prefix of ['', '/v1.24', '/v1.40', '/v1.51', '/v1.55']) {
      assert.equal((await api.ask('GET', `${prefix}/version`)).status, 200, prefix);
    }
  });

  it('refuses older and newer ones in words that clients know', async () => {
    await using api = await TestApi.start();
    const old = await api.ask('GET', '/v1.23/version');
    assert.equal(old.status, 400);
    assert.match(old.text, /client version 1\.23 is too old\. Minimum supported API version is 1\.24/);
    const young = await api.ask('GET', '/v1.56/version');
    assert.equal(young.status, 400);
    assert.match(young.text, /client version 1\.56 is too new\. Maximum supported API version is 1\.55/);
    assert.equal((await api.ask('GET', '/v2.0/version')).status, 400);
  });
});

describe('routing', () => {
  it('answers page not found for unknown paths, methods and broken versions', async () => {
    await using api = await TestApi.start();
    for (const [method, path] of [
      ['GET', '/'],
      ['GET', '/containers'],
      ['PUT', '/version'],
      ['HEAD', '/info'],
      ['GET', '/vx/info'],
      ['GET', '/v1.44'],
      ['GET', '/images//json'],
    ] as const) {
      const { status, text } = await api.ask(method, path);
      assert.equal(status, 404, `${method} ${path}`);
      if (method !== 'HEAD') assert.equal(text, '{"message":"page not found"}\n');
    }
  });

  it('takes image names with slashes, ports and escapes', async () => {
    await using api = await TestApi.start();
    for (const [path, name] of [
      ['/images/a/b:1/json', 'a/b:1'],
      ['/images/localhost:5000/a/json/json', 'localhost:5000/a/json'],
      ['/images/a%2Fb%40sha256:1/json', 'a/b@sha256:1'],
    ] as const) {
      await api.ask('GET', path);
      assert.deepEqual(api.backend.last('images.inspect'), [name]);
    }
    await api.ask('DELETE', '/images/a/b');
    assert.equal(api.backend.last('images.remove')?.[0], 'a/b');
  });

  it('refuses a name with a broken escape', async () => {
    await using api = await TestApi.start();
    const { status, text } = await api.ask('GET', '/containers/%zz/json');
    assert.equal(status, 400);
    assert.match(text, /invalid URL escape/);
  });

  it('takes absolute request targets', async () => {
    await using api = await TestApi.start();
    assert.equal((await api.ask('GET', 'http://docker/v1.44/_ping')).status, 200);
  });

  it('answers OPTIONS anywhere', async () => {
    await using api = await TestApi.start();
    assert.equal((await api.ask('OPTIONS', '/anything')).status, 200);
  });

  it('ignores an Upgrade on a route that does not take over the connection, as with Java clients', async () => {
    await using api = await TestApi.start();
    const headers = { Connection: 'Upgrade, HTTP2-Settings', Upgrade: 'h2c', 'HTTP2-Settings': 'AAMAAABk' };
    const answer = await api.ask('GET', '/version', { headers });
    assert.equal(answer.status, 200);
  });
});

describe('errors', () => {
  it('answers bytes that are no HTTP with 400', async () => {
    await using api = await TestApi.start();
    const client = await api.raw();
    client.write('hello\r\n\r\n');
    assert.match(await client.until('end'), /^HTTP\/1\.1 400 Bad Request[^]*"message":"bad HTTP request/);
  });

  it('adds the way out to the message, and keeps it apart for isle’s own client', async () => {
    await using api = await TestApi.start();
    api.backend.images.inspect = () =>
      Promise.reject(new EngineError('NotFound', 'no x.', { hint: 'try y', code: 'ENOX' }));
    assert.deepEqual(JSON.parse((await api.ask('GET', '/images/x/json')).text), {
      message: 'no x. Hint: try y',
      code: 'ENOX',
    });
    const own = await api.ask('GET', '/images/x/json', { headers: { 'User-Agent': 'isle' } });
    assert.deepEqual(JSON.parse(own.text), { message: 'no x.', hint: 'try y', code: 'ENOX' });
  });

  it('reports what is the engine’s fault, and only that', async () => {
    await using api = await TestApi.start();
    await api.ask('GET', '/containers/none/json');
    assert.equal(api.reported.length, 0);
    api.backend.system.info = () => Promise.reject(new Error('disk on fire'));
    const { status, text } = await api.ask('GET', '/v1.44/info?x=1');
    assert.deepEqual([status, messageOf(text)], [500, 'disk on fire']);
    assert.equal(api.reported[0]?.request, 'GET /v1.44/info');
  });

  it('names operations that isle knows but cannot do', async () => {
    await using api = await TestApi.start();
    for (const [method, path, words] of [
      ['POST', '/build?t=x', /cannot build an image yet \(POST \/build\)/],
      ['POST', '/commit', /make an image of a container/],
      ['POST', '/images/a/b/push', /push an image/],
      ['POST', '/build', /build an image/],
      ['GET', '/volumes', /list volumes/],
      ['POST', '/session', /BuildKit/],
    ] as const) {
      const { status, text } = await api.ask(method, path);
      assert.equal(status, 501, path);
      assert.match(text, words);
    }
  });

  it('answers for swarm and plugins as an engine without them', async () => {
    await using api = await TestApi.start();
    for (const path of ['/swarm', '/nodes', '/services', '/tasks/x/logs', '/secrets/x', '/configs']) {
      const { status, text } = await api.ask('GET', path);
      assert.equal(status, 503, path);
      assert.match(text, /This node is not a swarm manager\. Use \\"docker swarm init\\"/);
    }
    assert.equal((await api.ask('GET', '/plugins')).text, '[]\n');
    assert.equal((await api.ask('GET', '/plugins/x/json')).status, 404);
  });
});
