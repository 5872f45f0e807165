import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { describe, it } from 'node:test';
import { MULTIPLEXED_STREAM, RAW_STREAM } from '../../../api/types/frames.ts';
import { FakeEngine, json, type SeenRequest, switchProtocols } from '../../../client/testing/fake-engine.ts';

const CLI = [process.execPath, '--', join(import.meta.dirname, '../../../../bin/cli.ts')];

/** An engine whose one container does what the test does with `socket`. */
class Container {
  readonly #started = Promise.withResolvers<void>();
  readonly #attached = Promise.withResolvers<Socket>();
  readonly started = this.#started.promise;
  readonly attached = this.#attached.promise;
  #waiting: ServerResponse | undefined;

  answer(request: SeenRequest, response: ServerResponse): void {
    if (request.path === '/containers/create') json(response, 201, { Id: 'c0ffee', Warnings: null });
    else if (request.path.endsWith('/wait')) {
      this.#waiting = response;
      response.flushHeaders();
    } else {
      json(response, 204);
      if (request.path.endsWith('/start')) this.#started.resolve();
    }
  }

  attach(socket: Socket, contentType: string): void {
    switchProtocols(socket, contentType);
    this.#attached.resolve(socket);
  }

  async exit(code: number): Promise<void> {
    (await this.attached).end();
    this.#waiting?.end(JSON.stringify({ StatusCode: code }));
  }
}

async function startEngine(contentType: string): Promise<{ engine: FakeEngine; container: Container }> {
  const container = new Container();
  const engine = await FakeEngine.start(
    (request, response) => container.answer(request, response),
    (socket) => container.attach(socket, contentType),
  );
  return { engine, container };
}

/** Runs a shell line inside a pseudo terminal of 30 rows and 100 columns. */
function inTerminal(engine: FakeEngine, line: string): ChildProcess {
  const quoted = CLI.map((word) => `'${word}'`).join(' ');
  const command = `stty rows 30 cols 100; ${line.replace('ISLE', quoted)}`;
  const env = { ...process.env, DOCKER_HOST: engine.host };
  return spawn('script', ['-qec', command, '/dev/null'], { env, stdio: ['pipe', 'pipe', 'inherit'] });
}

/** Reads until `pattern` is there. */
async function expect(source: Readable, pattern: RegExp): Promise<string> {
  let seen = '';
  for await (const chunk of source.iterator({ destroyOnReturn: false })) {
    seen += String(chunk);
    if (pattern.test(seen)) return seen;
  }
  return assert.fail(`the stream ended before ${String(pattern)}: ${JSON.stringify(seen)}`);
}

describe('run -it in a terminal', () => {
  it('passes every key on, Ctrl-C among them, and changes no byte of the output', async () => {
    const { engine, container } = await startEngine(RAW_STREAM);
    await using _engine = engine;
    const child = inTerminal(engine, 'ISLE run -it busybox');
    const socket = await container.attached;
    await container.started;
    child.stdin?.write('a\x03\x04\x1ab\r');
    await expect(socket, /^a\x03\x04\x1ab\r$/);
    // A line feed alone, as full-screen programs use it: `-opost` must keep it alone.
    socket.write('one\ntwo');
    assert.match(await expect(child.stdout as Readable, /two/), /one\ntwo/);
    await container.exit(9);
    assert.deepEqual(await once(child, 'exit'), [9, null]);
  });

  it('gives the container the size of the terminal, at its creation and after its start', async () => {
    const { engine, container } = await startEngine(RAW_STREAM);
    await using _engine = engine;
    const child = inTerminal(engine, 'ISLE run -it --rm busybox');
    await container.started;
    await container.exit(0);
    await once(child, 'exit');
    const create = JSON.parse(engine.seen[0]?.body ?? '{}') as { HostConfig: { ConsoleSize: number[] }; Tty: boolean };
    assert.deepEqual([create.HostConfig.ConsoleSize, create.Tty], [[30, 100], true]);
    assert.deepEqual(engine.seen.find(({ path }) => path.endsWith('/resize'))?.query, { h: '30', w: '100' });
  });

  it('detaches with ctrl-p ctrl-q, leaving the container alone and the terminal as it was', async () => {
    const { engine, container } = await startEngine(RAW_STREAM);
    await using _engine = engine;
    const child = inTerminal(engine, 'stty -g; ISLE run -it busybox; echo "code $?"; stty -g');
    await container.started;
    child.stdin?.write('x\x10\x11');
    const output = await expect(child.stdout as Readable, /code 0\s+[0-9a-f:]+\r/);
    const [before, after] = [/^([0-9a-f:]+)\r/.exec(output)?.[1], /code 0\s+([0-9a-f:]+)\r/.exec(output)?.[1]];
    assert.ok(before !== undefined);
    assert.equal(after, before);
    await once(child, 'exit');
  });
});

describe('signals', () => {
  it('are passed on to the container, whose end is ours', async () => {
    const { engine, container } = await startEngine(MULTIPLEXED_STREAM);
    await using _engine = engine;
    const [program = '', ...args] = CLI;
    const env = { ...process.env, DOCKER_HOST: engine.host };
    const child = spawn(program, [...args, 'run', 'busybox', 'sleep', '1000'], { env, stdio: 'ignore' });
    await container.started;
    child.kill('SIGTERM');
    while (!engine.calls.includes('POST /containers/c0ffee/kill'))
      await new Promise((resolve) => setTimeout(resolve, 5));
    assert.deepEqual(engine.seen.at(-1)?.query, { signal: 'SIGTERM' });
    await container.exit(143);
    assert.deepEqual(await once(child, 'exit'), [143, null]);
  });

  it('make us leave when three of them asked for the end in vain', async () => {
    const { engine, container } = await startEngine(MULTIPLEXED_STREAM);
    await using _engine = engine;
    const [program = '', ...args] = CLI;
    const env = { ...process.env, DOCKER_HOST: engine.host };
    const child = spawn(program, [...args, 'run', 'busybox'], { env, stdio: ['ignore', 'ignore', 'pipe'] });
    await container.started;
    const kills = (): number => engine.calls.filter((call) => call.endsWith('/kill')).length;
    for (const [count, signal] of (['SIGINT', 'SIGTERM'] as const).entries()) {
      child.kill(signal);
      while (kills() <= count) await new Promise((resolve) => setTimeout(resolve, 5));
    }
    child.kill('SIGINT');
    assert.match(await expect(child.stderr, /\n/), /got 3 SIGTERM\/SIGINTs, forcefully exiting/);
    assert.deepEqual(await once(child, 'exit'), [1, null]);
  });

  it('are ours again with --sig-proxy=false', async () => {
    const { engine, container } = await startEngine(MULTIPLEXED_STREAM);
    await using _engine = engine;
    const [program = '', ...args] = CLI;
    const env = { ...process.env, DOCKER_HOST: engine.host };
    const child = spawn(program, [...args, 'run', '--sig-proxy=false', 'busybox'], { env, stdio: 'ignore' });
    await container.started;
    child.kill('SIGTERM');
    assert.deepEqual(await once(child, 'exit'), [null, 'SIGTERM']);
  });
});

describe('a reader that leaves', () => {
  it('ends the command quietly', async () => {
    await using engine = await FakeEngine.start((_request, response) => {
      const timer = setInterval(() => response.write('line\n'.repeat(1000)), 1);
      response.on('close', () => clearInterval(timer));
    });
    const env = { ...process.env, DOCKER_HOST: engine.host };
    const line = `${CLI.map((word) => `'${word}'`).join(' ')} logs -f x | head -1`;
    const child = spawn('bash', ['-c', `set -o pipefail; ${line}`], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    const [out, err] = [child.stdout.toArray(), child.stderr.toArray()];
    assert.deepEqual(await once(child, 'exit'), [141, null]);
    assert.deepEqual([(await out).join(''), (await err).join('')], ['line\n', '']);
  });
});
