import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { eventually, type RawClient, TestApi } from '../../test/fixtures/api-server.ts';
import type { FakeContainer } from '../../test/fixtures/fake-backend.ts';
import { encodeFrame } from './types/frames.ts';

const UPGRADE = 'Connection: Upgrade\r\nUpgrade: tcp\r\n';
const ATTACH = 'attach?stream=1&stdin=1&stdout=1&stderr=1';

function request(headers: string, path = `/v1.51/containers/c/${ATTACH}`): string {
  return `POST ${path} HTTP/1.1\r\nHost: docker\r\n${headers}\r\n`;
}

function frame(text: string): string {
  return Buffer.from(encodeFrame(1, Buffer.from(text))).toString('latin1');
}

/** A server with a container `c` and a client that has just connected. */
async function setUp(options: { tty?: boolean } = {}) {
  const api = await TestApi.start();
  const container = api.backend.add('c', { Image: 'hello', OpenStdin: true, Tty: options.tty === true });
  container.input.setEncoding('latin1');
  let input = '';
  container.input.on('data', (chunk: string) => (input += chunk));
  return {
    api,
    container,
    client: await api.raw(),
    input: () => input,
    [Symbol.asyncDispose]: () => api[Symbol.asyncDispose](),
  };
}

/** Lets the server read what was written before, so that what comes next is a packet of its own. */
function separately(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 5));
}

async function finish(client: RawClient, container: FakeContainer): Promise<void> {
  container.exit(0);
  await client.until('end');
  client.socket.destroy();
  await eventually(() => container.closed !== undefined);
}

describe('attach with Upgrade', () => {
  it('answers 101 UPGRADED and carries both directions', async () => {
    await using test = await setUp();
    const { client, container } = test;
    client.write(request(UPGRADE));
    const head = await client.until(/\r\n\r\n/);
    assert.match(head, /^HTTP\/1\.1 101 UPGRADED\r\n/);
    assert.match(
      head,
      /\r\nContent-Type: application\/vnd\.docker\.multiplexed-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n/,
    );
    client.write('ping');
    await eventually(() => test.input() === 'ping');
    container.say('pong');
    await client.until(/pong/);
    await finish(client, container);
    assert.ok(client.received.endsWith(`\r\n\r\n${frame('pong')}`));
  });

  it('passes on input that came with the request', async () => {
    await using test = await setUp();
    test.client.write(`${request(UPGRADE)}first`);
    await test.client.until(/101/);
    test.client.write(' second');
    await eventually(() => test.input() === 'first second');
    await finish(test.client, test.container);
  });

  it('keeps a request body out of the input, whole or in pieces', async () => {
    for (const pieces of [['{}first'], ['', '{', '}first']]) {
      await using test = await setUp();
      const [withHead = '', ...later] = pieces;
      test.client.write(`${request(`${UPGRADE}Content-Length: 2\r\n`)}${withHead}`);
      for (const piece of later) {
        await separately();
        test.client.write(piece);
      }
      await test.client.until(/101/);
      await eventually(() => test.input() === 'first');
      await finish(test.client, test.container);
    }
  });

  it('takes the older API’s content type for frames, and raw for a terminal', async () => {
    for (const [version, tty, type] of [
      ['1.41', false, 'raw'],
      ['1.42', false, 'multiplexed'],
      ['1.51', true, 'raw'],
    ] as const) {
      await using test = await setUp({ tty });
      test.client.write(request(UPGRADE, `/v${version}/containers/c/${ATTACH}`));
      assert.match(await test.client.until(/\r\n\r\n/), new RegExp(`docker\\.${type}-stream`), version);
      await finish(test.client, test.container);
    }
  });
});

describe('attach without Upgrade', () => {
  it('answers a raw 200 without length, and carries both directions', async () => {
    await using test = await setUp();
    test.client.write(request('Content-Type: text/plain\r\n'));
    const head = await test.client.until(/\r\n\r\n/);
    assert.match(head, /^HTTP\/1\.1 200 OK\r\n/);
    assert.match(head, /\r\nContent-Type: application\/vnd\.docker\.raw-stream\r\n/);
    assert.doesNotMatch(head, /Content-Length|Transfer-Encoding|101/);
    test.client.write('ping');
    await eventually(() => test.input() === 'ping');
    test.container.say('pong');
    await test.client.until(/pong/);
    await finish(test.client, test.container);
  });

  it('passes on input in the same packet as the head, even if it looks like HTTP', async () => {
    for (const input of [
      'hello',
      'GET',
      'GET / HTTP/1.1\r\nHost: x\r\n\r\n',
      request('').repeat(2),
      '\r\n\r\nx',
      '\0\xff',
    ]) {
      await using test = await setUp();
      test.client.write(`${request('')}${input}`);
      await test.client.until(/200 OK/);
      test.client.write('!');
      await eventually(() => test.input() === `${input}!`);
      await finish(test.client, test.container);
      assert.equal(test.api.backend.calls.length, 1);
    }
  });

  it('finds the input wherever the head was cut into packets', async () => {
    const whole = request('X-Last: value\r\n');
    for (const cut of [
      4,
      20,
      whole.length - 6,
      whole.length - 4,
      whole.length - 3,
      whole.length - 2,
      whole.length - 1,
    ]) {
      await using test = await setUp();
      test.client.write(whole.slice(0, cut));
      await separately();
      test.client.write(`${whole.slice(cut)}GET it`);
      await test.client.until(/200 OK/);
      await eventually(() => test.input() === 'GET it');
      await finish(test.client, test.container);
    }
  });

  it('works on a connection that served a request before', async () => {
    await using test = await setUp();
    test.client.write('GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n');
    await test.client.until(/OK$/);
    test.client.write(`${request('')}hi`);
    await test.client.until(/raw-stream/);
    await eventually(() => test.input() === 'hi');
    await finish(test.client, test.container);
  });
});

describe('the end of an attachment', () => {
  it('goes on with the output after the client half-closed its input', async () => {
    for (const headers of [UPGRADE, '']) {
      await using test = await setUp();
      const { client, container } = test;
      client.socket.end(`${request(headers)}last words`, 'latin1');
      await eventually(() => container.input.readableEnded);
      assert.equal(test.input(), 'last words');
      assert.equal(container.closed, undefined);
      container.say('still here');
      await client.until(/still here/);
      await finish(client, container);
    }
  });

  it('closes the attachment when the client disconnects', async () => {
    for (const headers of [UPGRADE, '']) {
      await using test = await setUp();
      test.client.write(request(headers));
      await test.client.until(/\r\n\r\n/);
      test.client.socket.destroy();
      await eventually(() => test.container.input.readableEnded);
      // A half-close looks the same until something is written.
      test.container.say('anyone?');
      await eventually(() => test.container.closed === 'left');
    }
  });

  it('closes the attachment when the client has gone before the container could be attached', async () => {
    await using test = await setUp();
    const { containers } = test.api.backend;
    const attach = containers.attach.bind(containers);
    containers.attach = async (name, options) => {
      test.client.socket.destroy();
      await once(test.client.socket, 'close');
      return attach(name, options);
    };
    test.client.write(request(UPGRADE));
    await eventually(() => test.api.backend.last('attach') !== undefined);
    test.container.say('x'.repeat(1000));
    await eventually(() => test.container.closed === 'left');
  });

  it('detaches from a terminal by the keys and leaves the container running', async () => {
    for (const [query, keys] of [
      ['', '\x10\x11'],
      ['&detachKeys=ctrl-a,x', '\x01x'],
    ]) {
      await using test = await setUp({ tty: true });
      test.client.write(request(UPGRADE, `/containers/c/${ATTACH}${query}`));
      await test.client.until(/\r\n\r\n/);
      test.client.write(`ls${keys}rest`);
      await test.client.until('end');
      assert.equal(test.input(), 'ls');
      assert.equal(test.container.closed, 'detached');
    }
  });

  it('lets the keys through where there is no terminal', async () => {
    await using test = await setUp();
    test.client.write(`${request(UPGRADE)}\x10\x11`);
    await eventually(() => test.input() === '\x10\x11');
    await finish(test.client, test.container);
  });

  it('goes on with the output when the container takes no more input', async () => {
    await using test = await setUp();
    test.client.write(`${request(UPGRADE)}x`);
    await eventually(() => test.input() === 'x');
    test.container.input.destroy(new Error('EPIPE'));
    test.client.write('more');
    test.container.say('bye');
    await test.client.until(/bye/);
    await finish(test.client, test.container);
  });
});

describe('an attach that cannot be', () => {
  it('is refused as plain text with the real status', async () => {
    for (const headers of [UPGRADE, '']) {
      await using test = await setUp();
      test.client.write(request(headers, `/containers/none/${ATTACH}`));
      const answer = await test.client.until('end');
      assert.match(
        answer,
        /^HTTP\/1\.1 404 Not Found\r\n[^]*Content-Type: text\/plain[^]*\r\n\r\nNo such container: none\r\n$/,
      );
    }
  });

  it('names bad detach keys and bad versions', async () => {
    for (const [path, words] of [
      [`/containers/c/${ATTACH}&detachKeys=ctrl-1`, /400 Bad Request[^]*Invalid detach keys \(ctrl-1\) provided/],
      [`/v1.99/containers/c/${ATTACH}`, /400 Bad Request[^]*client version 1\.99 is too new/],
    ] as const) {
      await using test = await setUp();
      test.client.write(request(UPGRADE, path));
      assert.match(await test.client.until('end'), words);
    }
  });

  it('refuses a chunked body, whose end it could not tell from input', async () => {
    await using test = await setUp();
    test.client.write(`${request(`${UPGRADE}Transfer-Encoding: chunked\r\n`)}0\r\n\r\n`);
    assert.match(await test.client.until('end'), /400 Bad Request[^]*needs a Content-Length/);
  });
});
