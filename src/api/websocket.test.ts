import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { Duplex, duplexPair } from 'node:stream';
import { text } from 'node:stream/consumers';
import { describe, it } from 'node:test';
import { webSocketAccept, WebSocketStream } from './websocket.ts';

const MASK = Buffer.from([1, 2, 3, 4]);

/** A frame as a client sends it. */
function clientFrame(first: number, payload: string | Buffer, length = payload.length): Buffer {
  const bytes = Buffer.from(payload);
  for (let index = 0; index < bytes.length; index++) bytes[index] = (bytes[index] ?? 0) ^ (MASK[index % 4] ?? 0);
  const head =
    length <= 125
      ? [first, 0x80 | length]
      : length <= 0xffff
        ? [first, 0x80 | 126, length >> 8, length & 255]
        : [first, 0x80 | 127, 0, 0, 0, 0, 0, length >> 16, (length >> 8) & 255, length & 255];
  return Buffer.concat([Buffer.from(head), MASK, bytes]);
}

function open(kind: 'binary' | 'text' = 'binary'): { stream: WebSocketStream; client: Duplex; server: Duplex } {
  const [client, server] = duplexPair();
  return { stream: new WebSocketStream(server, kind), client, server };
}

describe('webSocketAccept', () => {
  const headers = {
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
  };
  const accept = (more: object) => webSocketAccept({ headers: { ...headers, ...more } } as unknown as IncomingMessage);

  it("answers with the RFC's own example", () => {
    assert.equal(accept({}), 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
  });

  it('refuses what is no handshake', () => {
    for (const more of [{ upgrade: 'tcp' }, { 'sec-websocket-version': '8' }, { 'sec-websocket-key': 'x' }]) {
      assert.throws(() => accept(more), { kind: 'InvalidParameter' });
    }
  });
});

describe('WebSocketStream', () => {
  it('takes frames of all kinds and sizes, wherever they are cut', async () => {
    const long = 'y'.repeat(300);
    const longer = 'z'.repeat(70_000);
    const bytes = Buffer.concat([
      clientFrame(0x81, 'text '),
      clientFrame(0x02, 'in '),
      clientFrame(0x89, 'ping'),
      clientFrame(0x80, 'pieces '),
      clientFrame(0x82, ''),
      clientFrame(0x82, long),
      clientFrame(0x82, longer),
      clientFrame(0x88, Buffer.from([0x03, 0xe8])),
      clientFrame(0x82, 'behind the end'),
    ]);
    for (const size of [1, 7, bytes.length]) {
      const { stream, client } = open();
      client.resume();
      for (let at = 0; at < bytes.length; at += size) client.write(bytes.subarray(at, at + size));
      assert.equal(await text(stream), `text in pieces ${long}${longer}`);
    }
  });

  it('sends one unmasked frame a piece, and its end as a closing frame', async () => {
    const { stream, client } = open();
    stream.write('hi');
    stream.write('x'.repeat(200));
    stream.write('y'.repeat(70_000));
    stream.end();
    const seen = Buffer.concat(await client.toArray());
    const expected = Buffer.concat([
      Buffer.from([0x82, 2]),
      Buffer.from('hi'),
      Buffer.from([0x82, 126, 0, 200]),
      Buffer.alloc(200, 'x'),
      Buffer.from([0x82, 127, 0, 0, 0, 0, 0, 1, 0x11, 0x70]),
      Buffer.alloc(70_000, 'y'),
      Buffer.from([0x88, 2, 0x03, 0xe8]),
    ]);
    assert.ok(seen.equals(expected));
  });

  it('answers a ping, and a closing frame with its code', async () => {
    const { stream, client } = open('text');
    stream.resume();
    client.write(Buffer.concat([clientFrame(0x89, 'abc'), clientFrame(0x88, Buffer.from([0x0f, 0xa0, 0x78]))]));
    const seen = Buffer.concat(await client.toArray());
    assert.deepEqual([...seen], [0x8a, 3, 0x61, 0x62, 0x63, 0x88, 2, 0x0f, 0xa0]);
  });

  it('closes on what no client sends', async () => {
    const bad = {
      unmasked: Buffer.from([0x82, 1, 0x61]),
      'reserved bits': clientFrame(0xc2, 'a'),
      'an unknown kind': clientFrame(0x83, 'a'),
      'a control frame in pieces': clientFrame(0x09, 'a'),
      'a control frame that is too long': clientFrame(0x89, 'a'.repeat(126)),
    };
    for (const [what, bytes] of Object.entries(bad)) {
      const { stream, client } = open();
      client.write(Buffer.concat([clientFrame(0x82, 'good'), bytes, clientFrame(0x82, 'late')]));
      assert.equal(await text(stream), 'good', what);
      assert.equal(Buffer.concat(await client.toArray()).toString('hex'), '880203ea', what);
    }
  });

  it('closes over a connection that is destroyed already, or whose writes fail, with nobody to hear of an error', async () => {
    const { client, server } = open();
    client.resume();
    server.destroy();
    await once(new WebSocketStream(server, 'binary'), 'close');

    const reset = new Duplex({
      read: () => undefined,
      write: (_chunk, _encoding, done) => done(new Error('write ECONNRESET')),
    });
    const stream = new WebSocketStream(reset, 'binary');
    const closed = new Promise((resolve) => void stream.once('close', resolve));
    stream.write('lost');
    await closed;
  });

  it('keeps no answers for a client that pings and reads nothing', () => {
    const socket = new Duplex({ highWaterMark: 64, read: () => undefined, write: () => undefined });
    const stream = new WebSocketStream(socket, 'binary');
    for (let index = 0; index < 1000; index++) socket.emit('data', clientFrame(0x89, 'ping'));
    assert.ok(socket.writableLength > 0 && socket.writableLength < 200, String(socket.writableLength));
    stream.destroy();
  });

  it('ends its input with the half of a connection, and is destroyed with it', async () => {
    const { stream, client, server } = open();
    client.end(clientFrame(0x82, 'last'));
    assert.equal(await text(stream), 'last');
    stream.write('more');
    const [chunk] = (await once(client, 'data')) as [Buffer];
    assert.equal(chunk[0], 0x82);
    server.destroy();
    await once(stream, 'close');
  });
});
