import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { describe, it } from 'node:test';
import { eventually, TestApi } from '../../../test/fixtures/api-server.ts';
import { EngineError } from '../../errors.ts';
import { encodeFrame } from '../types/frames.ts';

function get(path: string): string {
  return `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;
}

function post(path: string): string {
  return `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n`;
}

describe('wait', () => {
  it('sends its headers before the condition is met and its result after', async () => {
    await using api = await TestApi.start();
    const container = api.backend.add('c');
    const client = await api.raw();
    client.write(post('/v1.51/containers/c/wait?condition=removed'));
    const head = await client.until(/\r\n\r\n/);
    assert.match(head, /^HTTP\/1\.1 200 OK/);
    assert.ok(head.endsWith('\r\n\r\n'));
    assert.deepEqual(api.backend.last('wait'), ['c', 'removed']);
    container.exit(7);
    await client.until(/\{"StatusCode":7\}/);
    client.socket.destroy();
  });

  it('gives the wait up when the client goes', async () => {
    await using api = await TestApi.start();
    api.backend.add('c');
    const client = await api.raw();
    client.write(post('/containers/c/wait'));
    await client.until(/\r\n\r\n/);
    client.socket.destroy();
    await eventually(() => api.backend.cancelledWaits === 1);
    api.backend.find('c').exit(0);
    assert.equal((await api.ask('GET', '/_ping')).status, 200);
  });

  it('refuses unknown conditions and containers with a status', async () => {
    await using api = await TestApi.start();
    api.backend.add('c');
    const bad = await api.ask('POST', '/containers/c/wait?condition=bored');
    assert.equal(bad.status, 400);
    assert.match(bad.text, /invalid condition: \\"bored\\"/);
    assert.equal((await api.ask('POST', '/containers/none/wait')).status, 404);
  });

  it('has no conditions and late headers before API 1.30', async () => {
    await using api = await TestApi.start();
    api.backend.add('c').exit(3);
    const { headers, text } = await api.ask('POST', '/v1.29/containers/c/wait?condition=bored');
    assert.equal(text, '{"StatusCode":3}\n');
    assert.equal(headers['content-length'], '17');
  });
});

describe('logs', () => {
  it('reads its options and sends frames', async () => {
    await using api = await TestApi.start();
    api.backend.add('c');
    const path = '/containers/c/logs?stdout=1&follow=1&since=1700000000.5&tail=10&timestamps=1';
    const { headers, text } = await api.ask('GET', path);
    assert.equal(headers['content-type'], 'application/vnd.docker.multiplexed-stream');
    assert.equal(text, `\u0001\0\0\0\0\0\0\u0007a line\n`);
    assert.deepEqual(api.backend.last('logs')?.[1], {
      follow: true,
      stdout: true,
      stderr: false,
      since: 1_700_000_000_500_000_000n,
      until: 0n,
      timestamps: true,
      details: false,
      tail: 10,
    });
  });

  it('takes "all", nothing and nonsense as all lines, as dockerd does', async () => {
    await using api = await TestApi.start();
    api.backend.add('c');
    for (const tail of ['all', '', '-1', 'x']) {
      await api.ask('GET', `/containers/c/logs?stderr=1&tail=${tail}`);
      assert.equal(api.backend.lastLogs?.tail, undefined, tail);
    }
  });

  it('wants a stream to be chosen', async () => {
    await using api = await TestApi.start();
    const { status, text } = await api.ask('GET', '/containers/c/logs?follow=1');
    assert.equal(status, 400);
    assert.match(text, /you must choose at least one stream/);
  });

  it('sends headers before the first line, and the lines as they come', async () => {
    await using api = await TestApi.start();
    api.backend.add('c', { Tty: true });
    const source = new PassThrough();
    api.backend.logs = () => source;
    const client = await api.raw();
    client.write(get('/containers/c/logs?stdout=1&follow=1'));
    assert.match(await client.until(/\r\n\r\n$/), /raw-stream/);
    source.write('one\n');
    await client.until(/one\n/);
    source.end('two\n');
    await client.until(/two\n\r\n0\r\n\r\n$/);
    client.socket.destroy();
  });

  it('tells a failure in the stream, once the stream has begun', async () => {
    await using api = await TestApi.start();
    api.backend.add('c');
    const source = new PassThrough();
    api.backend.logs = () => source;
    const client = await api.raw();
    client.write(get('/containers/c/logs?stdout=1'));
    await client.until(/\r\n\r\n/);
    source.destroy(new EngineError('System', 'disk on fire'));
    const frame = encodeFrame(3, Buffer.from('Error grabbing logs: disk on fire\n'));
    assert.ok((await client.until(/on fire/)).includes(Buffer.from(frame).toString('latin1')));
    client.socket.destroy();
  });

  it('frees the source when the client goes, and waits for a client that reads slowly', async () => {
    await using api = await TestApi.start();
    api.backend.add('c');
    const source = new PassThrough();
    api.backend.logs = () => source;
    const client = await api.raw();
    client.socket.pause();
    client.write(get('/containers/c/logs?stdout=1&follow=1'));
    const block = Buffer.alloc(64 * 1024);
    let written = 0;
    // Well over what the kernel's socket buffers hold: only back-pressure makes this end.
    while (source.write(block) && written++ < 1000) await new Promise((resolve) => setImmediate(resolve));
    assert.ok(written < 100, `${written} blocks were taken from the source of a client that does not read`);
    client.socket.destroy();
    await eventually(() => source.destroyed);
  });
});
