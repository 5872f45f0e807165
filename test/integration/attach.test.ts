/** Attached clients: several at once, slow ones, with half-closed connections, through a WebSocket, leaving by keys. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { Agent, WebSocket } from 'undici';
import { FrameDecoder, FRAME_STREAM } from '../../src/api/types/frames.ts';
import { api } from '../harness/api.ts';
import { eventually } from '../harness/command.ts';
import { dockerOnTerminal } from '../harness/terminal.ts';
import { startWorld, type World } from '../harness/world.ts';

/** A hijacked connection to a container. */
interface Attached extends AsyncDisposable {
  socket: Socket;
  head(): string;
  /** What followed the head. */
  body(): Buffer;
  ended: Promise<void>;
}

describe('attach', () => {
  let world: World;
  before(async () => {
    world = await startWorld();
  });
  after(() => world[Symbol.asyncDispose]());

  async function attach(name: string, query: string): Promise<Attached> {
    const socket = createConnection({ path: world.daemon.socket, allowHalfOpen: true });
    const pieces: Buffer[] = [];
    socket.on('data', (chunk) => void pieces.push(chunk));
    const ended = once(socket, 'end').then(() => undefined);
    const path = `/v1.50/containers/${name}/attach?${query}`;
    socket.write(
      `POST ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 0\r\n\r\n`,
    );
    const all = () => Buffer.concat(pieces);
    const end = () => all().indexOf('\r\n\r\n') + 4;
    await eventually('the connection is taken over', () => (end() > 3 ? true : null));
    return {
      socket,
      head: () => all().toString('latin1', 0, end()),
      body: () => all().subarray(end()),
      ended,
      [Symbol.asyncDispose]: async () => void socket.destroy(),
    };
  }

  const texts = (body: Buffer): { stdout: string; stderr: string } => {
    const parts = [...new FrameDecoder().push(body)];
    const of = (stream: number) => parts.filter((part) => part.stream === stream).map(({ payload }) => payload);
    return {
      stdout: Buffer.concat(of(FRAME_STREAM.stdout)).toString(),
      stderr: Buffer.concat(of(FRAME_STREAM.stderr)).toString(),
    };
  };

  it('frames both streams, and goes on with the output when the client has ended the input', async () => {
    const { daemon, busybox } = world;
    const script = 'cat; echo behind; echo problem >&2';
    const id = await create({ Image: busybox, Cmd: ['sh', '-c', script], OpenStdin: true, StdinOnce: true });
    await using client = await attach(id, 'stream=1&stdin=1&stdout=1&stderr=1');
    assert.match(client.head(), /^HTTP\/1\.1 101 [\s\S]*application\/vnd\.docker\.multiplexed-stream/);
    await daemon.ok(['start', id]);
    client.socket.end('input\n');
    await client.ended;
    assert.deepEqual(texts(client.body()), { stdout: 'input\nbehind\n', stderr: 'problem\n' });
    await daemon.ok(['rm', id]);
  });

  it('sends a terminal as it is', async () => {
    const { daemon, busybox } = world;
    const id = await create({ Image: busybox, Cmd: ['echo', 'hi'], Tty: true });
    await using client = await attach(id, 'stream=1&stdout=1&stderr=1');
    assert.match(client.head(), /application\/vnd\.docker\.raw-stream/);
    await daemon.ok(['start', id]);
    await client.ended;
    assert.equal(client.body().toString(), 'hi\r\n');
    await daemon.ok(['rm', id]);
  });

  async function create(config: object): Promise<string> {
    const answer = await api(world.daemon, 'POST', '/containers/create', config);
    assert.equal(answer.status, 201, answer.text);
    return (JSON.parse(answer.text) as { Id: string }).Id;
  }

  it('gives every client all of it, and each the streams that it asked for', async () => {
    const { daemon, busybox } = world;
    const id = await create({ Image: busybox, Cmd: ['sh', '-c', 'seq 1 20000; echo problem >&2'] });
    const queries = ['stdout=1', 'stderr=1', 'stdout=1&stderr=1'];
    const clients = await Promise.all(queries.map((query) => attach(id, `stream=1&${query}`)));
    await daemon.ok(['start', id]);
    await Promise.all(clients.map(({ ended }) => ended));
    const numbers = Array.from({ length: 20_000 }, (_, index) => `${index + 1}\n`).join('');
    const [out, err, both] = clients.map((client) => texts(client.body()));
    assert.deepEqual(out, { stdout: numbers, stderr: '' });
    assert.deepEqual(err, { stdout: '', stderr: 'problem\n' });
    assert.deepEqual(both, { stdout: numbers, stderr: 'problem\n' });
    for (const client of clients) client.socket.destroy();
    await daemon.ok(['rm', id]);
  });

  it('has what was logged first, with logs=1, also of a container that has ended', async () => {
    const { daemon, busybox } = world;
    await daemon.ok(['run', '--name', 'ended', busybox, 'sh', '-c', 'echo one; echo two >&2']);
    await using client = await attach('ended', 'logs=1&stdout=1&stderr=1');
    await client.ended;
    assert.deepEqual(texts(client.body()), { stdout: 'one\n', stderr: 'two\n' });
    await daemon.ok(['rm', 'ended']);
  });

  it('holds a container back for a client that takes nothing, until it leaves, as in Docker', async () => {
    const { daemon, busybox } = world;
    const id = await create({
      Image: busybox,
      Cmd: ['sh', '-c', 'yes $(printf %01000d 7) | head -n 20000; echo done'],
    });
    await using slow = await attach(id, 'stream=1&stdout=1');
    slow.socket.pause();
    await daemon.ok(['start', id]);
    await using follower = await daemon.dockerStart(['logs', '-f', '--tail', '1', id]);
    // The others are served meanwhile.
    await eventually('it has printed', async () =>
      (await daemon.ok(['logs', '--tail', '1', id])) === '' ? null : true,
    );
    assert.equal(await daemon.ok(['inspect', '-f', '{{.State.Running}}', id]), 'true');
    slow.socket.destroy();
    assert.equal(await daemon.ok(['wait', id]), '0');
    assert.equal((await follower.finished).stdout.trimEnd().split('\n').at(-1), 'done');
    await daemon.ok(['rm', id]);
  });

  it('refuses a paused container and one that there is not, with a status', async () => {
    const { daemon, busybox } = world;
    await daemon.ok(['run', '-d', '--name', 'still', busybox, 'sleep', '600']);
    await daemon.ok(['pause', 'still']);
    const paused = await daemon.docker(['attach', 'still']);
    assert.equal(paused.code, 1);
    assert.match(paused.stderr, /cannot attach to a paused container/i);
    await daemon.ok(['rm', '-f', 'still']);
    await using nobody = await attach('nobody', 'stream=1&stdout=1');
    assert.match(nobody.head(), /^HTTP\/1\.1 404 /);
  });

  it('passes signals on with --sig-proxy, and not without', async () => {
    const { daemon, busybox } = world;
    const script = 'trap "echo caught; exit 7" TERM; echo ready; while :; do sleep 0.1; done';
    for (const proxied of [true, false]) {
      const id = await daemon.ok(['run', '-d', busybox, 'sh', '-c', script]);
      await eventually('its trap is set', async () => ((await daemon.ok(['logs', id])) === 'ready' ? true : null));
      await using attached = await daemon.dockerStart(['attach', `--sig-proxy=${proxied}`, id]);
      const isAttached = async () => {
        const { stdout } = await daemon.docker([
          'events',
          '--since',
          '0',
          '--until',
          '0s',
          '--filter',
          'event=attach',
          '--filter',
          `container=${id}`,
        ]);
        return stdout === '' ? null : true;
      };
      await eventually('it is attached', isAttached);
      // A client that passes nothing on ends at the third signal.
      await eventually('the client has ended, or its container', async () => {
        attached.child.kill('SIGTERM');
        const isRunning = (await daemon.ok(['inspect', '-f', '{{.State.Running}}', id])) === 'true';
        return attached.child.exitCode !== null || !isRunning ? true : null;
      });
      await attached.finished;
      if (proxied) {
        assert.equal(await daemon.ok(['wait', id]), '7');
        assert.equal(await daemon.ok(['logs', id]), 'ready\ncaught');
      } else {
        assert.equal(await daemon.ok(['inspect', '-f', '{{.State.Running}}', id]), 'true');
        assert.equal(await daemon.ok(['logs', id]), 'ready');
      }
      await daemon.ok(['rm', '-f', id]);
    }
  });

  it('is left by keys of one’s own, and the container goes on', async () => {
    const { daemon, busybox } = world;
    await daemon.ok(['run', '-dit', '--name', 'left', busybox, 'cat']);
    await using terminal = await dockerOnTerminal(daemon, ['attach', '--detach-keys', 'ctrl-x,x', 'left']);
    terminal.write('hello\r');
    await terminal.until(/hello[\s\S]*hello/);
    terminal.write('\x18x');
    const { stdout } = await terminal.finished;
    assert.match(stdout, /read escape sequence/);
    assert.equal(await daemon.ok(['inspect', '-f', '{{.State.Running}}', 'left']), 'true');
    await daemon.ok(['rm', '-f', 'left']);
  });

  describe('through a WebSocket', () => {
    async function connect(path: string) {
      const dispatcher = new Agent({ connect: { socketPath: world.daemon.socket } });
      const socket = new WebSocket(`ws://isle/v1.50/containers/${path}`, { dispatcher });
      socket.binaryType = 'arraybuffer';
      const pieces: Buffer[] = [];
      let closed: { code: number; wasClean: boolean } | null = null;
      socket.addEventListener('message', ({ data }) => {
        assert.ok(data instanceof ArrayBuffer, 'the message is not binary');
        pieces.push(Buffer.from(data));
      });
      socket.addEventListener('close', ({ code, wasClean }) => {
        closed = { code, wasClean };
      });
      socket.addEventListener('error', () => undefined);
      await eventually('it is open or refused', () => (socket.readyState === WebSocket.CONNECTING ? null : true));
      const text = () => Buffer.concat(pieces).toString();
      return {
        socket,
        text,
        until: (pattern: RegExp) => eventually(`${pattern} has come`, () => (pattern.test(text()) ? true : null)),
        closed: () => eventually('it is closed', () => closed),
        [Symbol.asyncDispose]: async () => {
          socket.close();
          await dispatcher.destroy();
        },
      };
    }

    it('carries input and both streams, without frames of Docker, to the end', async () => {
      const { daemon, busybox } = world;
      const script = 'read l; echo "got $l"; echo problem >&2; seq 1 20000';
      const id = await create({ Image: busybox, Cmd: ['sh', '-c', script], OpenStdin: true });
      await using client = await connect(`${id}/attach/ws?stream=1&stdin=1&stdout=1&stderr=1`);
      await daemon.ok(['start', id]);
      client.socket.send('hello\n');
      assert.deepEqual(await client.closed(), { code: 1000, wasClean: true });
      const text = client.text();
      assert.match(text, /got hello\n/);
      assert.match(text, /problem\n/);
      const numbers = Array.from({ length: 20_000 }, (_, index) => `${index + 1}\n`).join('');
      assert.equal(text.replace('problem\n', ''), `got hello\n${numbers}`);
      await daemon.ok(['rm', id]);
    });

    it('ends the input of a container that wants that when the client closes it', async () => {
      const { daemon, busybox } = world;
      const id = await create({ Image: busybox, Cmd: ['sh', '-c', 'cat; exit 4'], OpenStdin: true, StdinOnce: true });
      await using client = await connect(`${id}/attach/ws?stream=1&stdin=1&stdout=1`);
      await daemon.ok(['start', id]);
      client.socket.send('last\n');
      await client.until(/last/);
      client.socket.close();
      assert.equal((await client.closed()).wasClean, true);
      assert.equal(await daemon.ok(['wait', id]), '4');
      await daemon.ok(['rm', id]);
    });

    it('has what was logged first, and refuses in JSON', async () => {
      const { daemon, busybox } = world;
      await daemon.ok(['run', '--name', 'past', busybox, 'sh', '-c', 'echo one; echo two >&2']);
      await using client = await connect('past/attach/ws?logs=1&stdout=1&stderr=1');
      await client.closed();
      assert.equal(client.text(), 'one\ntwo\n');
      await daemon.ok(['rm', 'past']);
      await using refused = await connect('nobody/attach/ws?stream=1');
      assert.equal(refused.socket.readyState, WebSocket.CLOSED);
      const plain = await api(daemon, 'GET', '/containers/nobody/attach/ws');
      assert.deepEqual([plain.status, plain.message.includes('WebSocket')], [400, true]);
    });
  });
});
