import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { eventually, TestApi } from '../../../test/fixtures/api-server.ts';
import { IMAGE_ID } from '../../../test/fixtures/fake-backend.ts';
import { EngineError } from '../../errors.ts';

function lines(text: string): unknown[] {
  return text
    .split('\r\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as unknown);
}

describe('images/create', () => {
  it('passes reference, platform and credentials on and streams the progress', async () => {
    await using api = await TestApi.start();
    const auth = { username: 'u', password: 'p', serveraddress: 'r:5000' };
    const headers = { 'X-Registry-Auth': Buffer.from(JSON.stringify(auth)).toString('base64url') };
    const answer = await api.ask('POST', '/images/create?fromImage=r:5000/a/b&tag=1&platform=linux%2Farm64', {
      headers,
    });
    assert.deepEqual(api.backend.last('pull'), [{ fromImage: 'r:5000/a/b', tag: '1', platform: 'linux/arm64', auth }]);
    assert.deepEqual([answer.status, answer.headers['content-type']], [200, 'application/json']);
    assert.deepEqual(lines(answer.text).at(-1), { status: 'Status: Downloaded newer image for r:5000/a/b:1' });
  });

  it('takes a header without credentials as none', async () => {
    await using api = await TestApi.start();
    for (const header of ['e30=', 'e30', 'bnVsbA==', Buffer.from('{"username":""}').toString('base64')]) {
      const headers = { 'X-Registry-Auth': header };
      assert.equal((await api.ask('POST', '/images/create?fromImage=x:', { headers })).status, 200, header);
      assert.deepEqual(api.backend.last('pull'), [{ fromImage: 'x', tag: '', platform: undefined, auth: undefined }]);
    }
  });

  it('refuses a broken header without repeating it', async () => {
    await using api = await TestApi.start();
    for (const text of [
      '%%%',
      Buffer.from('{"password":"secret"').toString('base64'),
      Buffer.from('[1]').toString('base64'),
    ]) {
      const answer = await api.ask('POST', '/images/create?fromImage=x', { headers: { 'X-Registry-Auth': text } });
      assert.equal(answer.status, 400);
      assert.match(answer.text, /invalid X-Registry-Auth header/);
      assert.doesNotMatch(answer.text, /secret/);
    }
  });

  it('gives a failure before the first message a status, and a later one a line', async () => {
    await using api = await TestApi.start();
    api.backend.pull = () => Promise.reject(new EngineError('NotFound', 'no such manifest'));
    assert.equal((await api.ask('POST', '/images/create?fromImage=x')).status, 404);
    api.backend.pull = async (_request, progress) => {
      progress({ status: 'Pulling', id: 'x' });
      throw new EngineError('System', 'layer is corrupt');
    };
    const { status, text } = await api.ask('POST', '/images/create?fromImage=x');
    assert.equal(status, 200);
    assert.deepEqual(lines(text).at(-1), { errorDetail: { message: 'layer is corrupt' }, error: 'layer is corrupt' });
  });

  it('names what is missing', async () => {
    await using api = await TestApi.start();
    assert.match((await api.ask('POST', '/images/create')).text, /`fromImage` is empty/);
    assert.equal((await api.ask('POST', '/images/create?fromSrc=-')).status, 501);
  });

  it('stops the pull when the client goes', async () => {
    await using api = await TestApi.start();
    let stopped = false;
    api.backend.pull = (_request, progress, signal) => {
      progress({ status: 'Pulling' });
      return new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          stopped = true;
          reject(new EngineError('Cancelled', 'pull was cancelled'));
        });
      });
    };
    const client = await api.raw();
    client.write('POST /images/create?fromImage=x HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n');
    await client.until(/Pulling/);
    client.socket.destroy();
    await eventually(() => stopped);
    assert.equal((await api.ask('GET', '/_ping')).status, 200);
  });

  it('keeps only the latest progress of a layer for a client that does not read', async () => {
    await using api = await TestApi.start();
    const count = 100_000;
    let sent: () => void = () => {};
    const allSent = new Promise<void>((resolve) => (sent = resolve));
    api.backend.pull = async (_request, progress) => {
      for (let current = 1; current <= count; current++) {
        progress({ status: 'Downloading', id: 'layer', progressDetail: { current, total: count } });
        if (current % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      sent();
    };
    const client = await api.raw();
    client.socket.pause();
    client.write('POST /images/create?fromImage=x HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n');
    await allSent;
    client.socket.resume();
    await client.until(/\r\n0\r\n\r\n$/);
    assert.match(client.received, new RegExp(`"current":${count},`));
    assert.ok(client.received.split('Downloading').length < count / 2);
    client.socket.destroy();
  });
});

describe('images', () => {
  it('lists with options, in the shape of the client’s version', async () => {
    await using api = await TestApi.start();
    const filters = encodeURIComponent('{"reference":["a*"]}');
    const list = async (version: string) =>
      JSON.parse((await api.ask('GET', `/v${version}/images/json?all=1&filters=${filters}`)).text) as object[];
    const [now] = await list('1.51');
    assert.ok(now !== undefined && 'Descriptor' in now && !('VirtualSize' in now));
    assert.deepEqual(api.backend.last('images.list'), [
      { all: true, digests: false, sharedSize: false, filters: new Map([['reference', ['a*']]]) },
    ]);
    const [old] = await list('1.40');
    assert.ok(old !== undefined && !('Descriptor' in old) && 'VirtualSize' in old && old.VirtualSize === 4242);
  });

  it('tags, shows history, removes', async () => {
    await using api = await TestApi.start();
    assert.equal((await api.ask('POST', '/images/hello/tag?repo=r/x&tag=2')).status, 201);
    assert.deepEqual(api.backend.last('images.tag'), ['hello', 'r/x', '2']);
    assert.equal((await api.ask('POST', '/images/hello/tag')).status, 400);
    assert.match((await api.ask('GET', '/images/a/b/history')).text, /"CreatedBy":"\/hello"/);
    const { text } = await api.ask('DELETE', '/images/a/b?noprune=1');
    assert.deepEqual(JSON.parse(text), [{ Untagged: 'a/b' }, { Deleted: IMAGE_ID }]);
    assert.deepEqual(api.backend.last('images.remove'), ['a/b', { force: false, noprune: true }]);
  });
});
