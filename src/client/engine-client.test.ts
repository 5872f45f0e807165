import assert from 'node:assert/strict';
import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { describe, it } from 'node:test';
import { encodeFrame, FRAME_STREAM, MULTIPLEXED_STREAM, RAW_STREAM } from '../api/types/frames.ts';
import { EngineError } from '../errors.ts';
import { copyOutput } from './demux.ts';
import { EngineClient } from './engine-client.ts';
import { FakeEngine, json, switchProtocols } from './testing/fake-engine.ts';

const isError =
  (kind: string, message: RegExp | string) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof EngineError);
    assert.equal(error.kind, kind);
    if (typeof message === 'string') assert.equal(error.message, message);
    else assert.match(error.message, message);
    return true;
  };

describe('requests', () => {
  it('sends the query without its false and undefined parts and the body as JSON', async () => {
    await using engine = await FakeEngine.start((_request, response) => json(response, 201, { Id: 'x', Warnings: [] }));
    using client = new EngineClient({ host: engine.host });
    assert.deepEqual(await client.containers.create({ Image: 'busybox' }, { name: 'web' }), { Id: 'x', Warnings: [] });
    const [request] = engine.seen;
    assert.deepEqual(request?.query, { name: 'web' });
    assert.equal(request?.headers['content-type'], 'application/json');
    assert.deepEqual(JSON.parse(request?.body ?? ''), { Image: 'busybox' });
  });

  it('keeps slashes and colons of an image name and escapes the rest', async () => {
    await using engine = await FakeEngine.start((_request, response) => json(response, 200, {}));
    using client = new EngineClient({ host: engine.host });
    await client.images.inspect('localhost:5000/a/b:c d');
    await client.containers.inspect('a/b');
    assert.deepEqual(engine.calls, ['GET /images/localhost:5000/a/b:c%20d/json', 'GET /containers/a%2Fb/json']);
  });

  it('uses one connection for requests that follow each other', async () => {
    await using engine = await FakeEngine.start((_request, response) => json(response, 200, {}));
    using client = new EngineClient({ host: engine.host });
    for (let count = 0; count < 3; count += 1) await client.system.version();
    assert.equal(engine.connectionCount, 1);
  });

  it('reads whole numbers beyond 2^53 exactly', async () => {
    await using engine = await FakeEngine.start((_request, response) => {
      response.end('{"Memory":9223372036854771712,"Small":12,"Fraction":0.1234567890123456789}');
    });
    using client = new EngineClient({ host: engine.host });
    const answer: unknown = await client.images.inspect('x');
    assert.deepEqual(answer, { Memory: 9223372036854771712n, Small: 12, Fraction: 0.12345678901234568 });
  });
});

describe('failures', () => {
  it('turns an error answer into an EngineError with the message, hint and code of its body', async () => {
    await using engine = await FakeEngine.start((_request, response) => {
      json(response, 409, { message: 'name taken', hint: 'choose another', code: 'ENAMEINUSE' });
    });
    using client = new EngineClient({ host: engine.host });
    await assert.rejects(client.containers.create({}), (error: unknown) => {
      assert.ok(isError('Conflict', 'name taken')(error) && error instanceof EngineError);
      assert.equal(error.hint, 'choose another');
      assert.equal(error.code, 'ENAMEINUSE');
      return true;
    });
  });

  it('takes a plain-text body as the message', async () => {
    await using engine = await FakeEngine.start(
      (_request, response) => json(response, 200),
      (socket) => socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\nno such container: x\n'),
    );
    using client = new EngineClient({ host: engine.host });
    const attached = client.containers.attach('x', { stdin: false, stdout: true, stderr: true });
    await assert.rejects(attached, isError('NotFound', 'no such container: x'));
  });

  it('makes up a message when the body has none', async () => {
    await using engine = await FakeEngine.start((_request, response) => response.writeHead(502).end());
    using client = new EngineClient({ host: engine.host });
    await assert.rejects(client.system.info(), isError('System', 'the engine answered 502 Bad Gateway'));
  });

  it('takes "already started" and "already stopped" for success', async () => {
    await using engine = await FakeEngine.start((_request, response) => response.writeHead(304).end());
    using client = new EngineClient({ host: engine.host });
    await client.containers.start('x');
    await client.containers.stop('x');
  });

  it('names the address when nothing listens there', async () => {
    using client = new EngineClient({ host: 'unix:///nonexistent/engine.sock' });
    await assert.rejects(client.system.version(), isError('Unavailable', /unix:\/\/\/nonexistent\/engine\.sock/));
  });

  it('asks once for help when nothing listens, and sends the request again', async () => {
    await using engine = await FakeEngine.start((_request, response) => json(response, 200, { Version: '1' }));
    const address = { socketPath: '/nonexistent/engine.sock' };
    let asked = 0;
    using client = new EngineClient({
      host: address,
      onUnreachable: async () => {
        asked += 1;
        address.socketPath = engine.host.slice('unix://'.length);
      },
    });
    assert.deepEqual(await client.system.version(), { Version: '1' });
    assert.equal(asked, 1);
  });

  it('refuses an address of an unknown scheme', () => {
    assert.throws(
      () => new EngineClient({ host: 'ssh://box' }),
      isError('InvalidParameter', 'unable to parse host `ssh://box`'),
    );
  });
});

describe('streams', () => {
  it('yields pull progress line by line, however it is cut', async () => {
    await using engine = await FakeEngine.start((_request, response) => {
      response.write('{"status":"Pulling","id":"a"}\r\n{"status":"Pu');
      setImmediate(() => response.end('ll complete","id":"a"}\r\n'));
    });
    using client = new EngineClient({ host: engine.host });
    const messages = await Array.fromAsync(client.images.pull({ fromImage: 'busybox', tag: 'latest' }));
    assert.deepEqual(messages, [
      { status: 'Pulling', id: 'a' },
      { status: 'Pull complete', id: 'a' },
    ]);
    assert.deepEqual(engine.seen[0]?.query, { fromImage: 'busybox', tag: 'latest' });
  });

  it('throws the failure that a pull reports in its middle', async () => {
    await using engine = await FakeEngine.start((_request, response) => {
      response.end(
        '{"status":"Pulling","id":"a"}\n{"errorDetail":{"message":"layer is corrupt"},"error":"layer is corrupt"}\n',
      );
    });
    using client = new EngineClient({ host: engine.host });
    const pull = Array.fromAsync(client.images.pull({ fromImage: 'busybox', tag: 'latest' }));
    await assert.rejects(pull, isError('System', 'layer is corrupt'));
  });

  it('resolves a wait when it is registered, and its result later', async () => {
    let exit: () => void = () => undefined;
    await using engine = await FakeEngine.start((_request, response) => {
      response.flushHeaders();
      exit = () => response.end('{"StatusCode":7}');
    });
    using client = new EngineClient({ host: engine.host });
    const { done } = await client.containers.wait('x', 'next-exit');
    exit();
    assert.deepEqual(await done, { StatusCode: 7 });
    assert.deepEqual(engine.seen[0]?.query, { condition: 'next-exit' });
  });

  it('says so when the engine dies under a wait', async () => {
    await using engine = await FakeEngine.start((_request, response) => {
      response.flushHeaders();
      setImmediate(() => response.destroy());
    });
    using client = new EngineClient({ host: engine.host });
    const { done } = await client.containers.wait('x');
    await assert.rejects(done, isError('Unavailable', 'the engine went away before the container ended'));
  });

  it('ends an event stream when its signal aborts', async () => {
    await using engine = await FakeEngine.start((_request, response) => {
      response.write(
        '{"Type":"container","Action":"start","Actor":{"ID":"x"},"time":1,"timeNano":1700000000000000001}\n',
      );
    });
    using client = new EngineClient({ host: engine.host });
    const stop = new AbortController();
    const seen: unknown[] = [];
    const reading = (async (): Promise<void> => {
      for await (const event of client.system.events({ signal: stop.signal })) {
        seen.push(event.timeNano);
        stop.abort();
      }
    })();
    await assert.rejects(reading, { name: 'AbortError' });
    assert.deepEqual(seen, [1700000000000000001n]);
  });
});

describe('attach', () => {
  it('carries bytes both ways and goes on reading after the half-close of stdin', async () => {
    await using engine = await FakeEngine.start(
      (_request, response) => json(response, 200),
      (socket) => {
        switchProtocols(socket, MULTIPLEXED_STREAM);
        text(socket).then(
          (input) => {
            socket.write(encodeFrame(FRAME_STREAM.stdout, Buffer.from(input.toUpperCase())));
            socket.end(encodeFrame(FRAME_STREAM.stderr, Buffer.from('bye')));
          },
          () => undefined,
        );
      },
    );
    using client = new EngineClient({ host: engine.host });
    const { socket, contentType } = await client.containers.attach('x', { stdin: true, stdout: true, stderr: true });
    assert.equal(contentType, MULTIPLEXED_STREAM);
    socket.end('hello');
    const [out, err] = [new PassThrough(), new PassThrough()];
    await copyOutput(socket, true, out, err);
    assert.deepEqual([out.read()?.toString(), err.read()?.toString()], ['HELLO', 'bye']);
  });

  it('hands over output that came in the same packet as the answer', async () => {
    await using engine = await FakeEngine.start(
      (_request, response) => json(response, 200),
      (socket) => {
        socket.cork();
        switchProtocols(socket, RAW_STREAM);
        socket.end('early');
        socket.uncork();
      },
    );
    using client = new EngineClient({ host: engine.host });
    const { socket } = await client.containers.attach('x', { stdin: false, stdout: true, stderr: true });
    assert.equal(await text(socket), 'early');
  });
});

describe('copyOutput', () => {
  it('throws what the daemon put into the stream as a system error', async () => {
    const source = PassThrough.from([encodeFrame(FRAME_STREAM.systemError, Buffer.from('log file is gone\n'))]);
    await assert.rejects(
      copyOutput(source, true, new PassThrough(), new PassThrough()),
      isError('System', 'log file is gone'),
    );
  });

  it('waits for a slow reader', async () => {
    const out = new PassThrough({ highWaterMark: 4 });
    let finished = false;
    const copying = copyOutput(PassThrough.from([Buffer.from('aaaaaaaa'), Buffer.from('b')]), false, out, out).then(
      () => {
        finished = true;
      },
    );
    await once(out, 'readable');
    assert.equal(finished, false);
    out.resume();
    await copying;
  });
});
