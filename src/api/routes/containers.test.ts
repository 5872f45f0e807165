import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TestApi } from '../../../test/fixtures/api-server.ts';

const JSON_TYPE = { 'Content-Type': 'application/json' };

describe('create', () => {
  it('passes name, platform and request on and answers with the id', async () => {
    await using api = await TestApi.start();
    const { status, text } = await api.post('/containers/create?name=c&platform=linux%2Famd64', { Image: 'hello' });
    assert.deepEqual([status, JSON.parse(text)], [201, { Id: api.backend.find('c').id, Warnings: [] }]);
    assert.deepEqual(api.backend.last('create'), ['c', 'linux/amd64', { Image: 'hello' }]);
  });

  it('warns of a field that it does not know', async () => {
    await using api = await TestApi.start();
    const { text } = await api.post('/containers/create', { Image: 'hello', HostConfig: { Novelty: 1 } });
    assert.deepEqual((JSON.parse(text) as { Warnings: unknown }).Warnings, [
      'The field HostConfig.Novelty of the request is not known to isle and has no effect.',
    ]);
  });

  it('refuses bad bodies in words that name the fault', async () => {
    await using api = await TestApi.start();
    const form = { 'Content-Type': 'application/x-www-form-urlencoded' };
    for (const [headers, body, words] of [
      [JSON_TYPE, '', 'invalid JSON: got EOF while reading request body'],
      [JSON_TYPE, ' \n', 'invalid JSON: got EOF while reading request body'],
      [JSON_TYPE, '{"Image":', 'invalid JSON: unexpected EOF'],
      [JSON_TYPE, '{"Image":"x"', 'invalid JSON: unexpected EOF'],
      [JSON_TYPE, '{"Image":"x"}}', 'unexpected content after JSON'],
      [JSON_TYPE, '{"Image":1}', 'invalid JSON: Image must be a string, not 1'],
      [JSON_TYPE, '{}', 'config cannot be empty in order to create a container'],
      [form, '{}', "unsupported Content-Type header (application/x-www-form-urlencoded): must be 'application/json'"],
      [{}, '{}', "malformed Content-Type header (): must be 'application/json'"],
    ] as const) {
      const { status, text } = await api.ask('POST', '/containers/create', { headers, body });
      assert.deepEqual([status, JSON.parse(text)], [400, { message: words }]);
    }
    const { text } = await api.ask('POST', '/containers/create', { headers: JSON_TYPE, body: '{Image}' });
    assert.match(text, /invalid JSON: .*position 1/);
  });

  it('takes a content type with parameters, and a chunked body', async () => {
    await using api = await TestApi.start();
    const headers = { 'Content-Type': 'Application/JSON; charset=utf-8', 'Transfer-Encoding': 'chunked' };
    const { status } = await api.ask('POST', '/containers/create', { headers, body: '{"Image":"hello"}' });
    assert.equal(status, 201);
  });

  it('refuses a body over the limit, announced or not, without reading all of it', async () => {
    await using api = await TestApi.start();
    for (const length of ['Content-Length: 100000000000', 'Transfer-Encoding: chunked']) {
      const client = await api.raw();
      client.write(
        `POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n${length}\r\n\r\n`,
      );
      const chunk = `100000\r\n${'x'.repeat(0x100000)}\r\n`;
      for (let count = 0; length.startsWith('T') && count < 9; count++) client.write(chunk);
      assert.match(
        await client.until(/limit/),
        /400 Bad Request[^]*request body is too large: the limit is 8388608 bytes/,
      );
      client.socket.destroy();
    }
  });
});

describe('lifecycle', () => {
  it('answers 204 where something happened and 304 where nothing had to', async () => {
    await using api = await TestApi.start();
    api.backend.program = () => {};
    api.backend.add('c');
    const status = async (path: string) => (await api.ask('POST', `/containers/c/${path}`)).status;
    assert.equal(await status('stop'), 304);
    assert.equal(await status('kill'), 409);
    assert.equal(await status('start?detachKeys=ctrl-a'), 204);
    assert.deepEqual(api.backend.last('start'), ['c', { detachKeys: 'ctrl-a' }]);
    assert.equal(await status('start'), 304);
    assert.equal(await status('stop?t=-1&signal=SIGUSR1'), 204);
    assert.deepEqual(api.backend.last('stop'), ['c', { signal: 'SIGUSR1', timeoutS: -1 }]);
    assert.equal(await status('restart?t=3'), 204);
    assert.equal(await status('rename?name=d'), 204);
    assert.equal(await status('rename'), 400);
    assert.equal((await api.ask('DELETE', '/containers/c?v=1&force=true')).status, 204);
    assert.deepEqual(api.backend.last('remove'), ['c', { force: true, volumes: true, link: false }]);
    assert.equal(await status('start'), 404);
  });

  it('refuses a start with a host configuration, as every engine since 1.24', async () => {
    await using api = await TestApi.start();
    api.backend.add('c');
    assert.match((await api.post('/containers/c/start', { Binds: [] })).text, /removed in v1\.24/);
    assert.equal((await api.post('/containers/c/start', {})).status, 204);
  });

  it('does not read stop’s signal before API 1.42', async () => {
    await using api = await TestApi.start();
    api.backend.program = () => {};
    api.backend.add('c').state = 'running';
    await api.ask('POST', '/v1.41/containers/c/stop?signal=9');
    assert.deepEqual(api.backend.last('stop'), ['c', { signal: undefined, timeoutS: undefined }]);
  });

  it('resizes', async () => {
    await using api = await TestApi.start();
    assert.equal((await api.ask('POST', '/containers/c/resize?h=24&w=80')).status, 200);
    assert.deepEqual(api.backend.last('resize'), ['c', { rows: 24, columns: 80 }]);
    assert.equal((await api.ask('POST', '/containers/c/resize?h=24')).status, 400);
  });
});

describe('list and prune', () => {
  it('reads options and filters, and refuses filters that nobody knows', async () => {
    await using api = await TestApi.start();
    const filters = encodeURIComponent('{"status":{"exited":true}}');
    await api.ask('GET', `/containers/json?all=1&limit=3&size=0&filters=${filters}`);
    assert.deepEqual(api.backend.last('list'), [
      { all: true, limit: 3, size: false, filters: new Map([['status', ['exited']]]) },
    ]);
    const bad = await api.ask('GET', `/containers/json?filters=${encodeURIComponent('{"statos":["x"]}')}`);
    assert.equal(bad.status, 400);
    assert.match(bad.text, /invalid filter 'statos'\. Hint: known here: ancestor, /);
    assert.equal((await api.ask('POST', `/containers/prune?filters=${filters}`)).status, 400);
    assert.equal((await api.ask('POST', '/containers/prune')).text, '{"ContainersDeleted":[],"SpaceReclaimed":0}\n');
  });
});
