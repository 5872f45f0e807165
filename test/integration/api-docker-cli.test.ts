/** The docker command line, unchanged, against the API alone: a fake engine stands behind it, so no root is needed. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { describe, it } from 'node:test';
import { encodeFrame } from '../../src/api/types/frames.ts';
import { EngineError } from '../../src/errors.ts';
import { TestApi } from '../fixtures/api-server.ts';
import type { FakeContainer } from '../fixtures/fake-backend.ts';
import { eventually, type Finished, type RunOptions, type Running, run, start } from '../harness/command.ts';
import { findDocker } from '../harness/docker.ts';

function environment(api: TestApi): Record<string, string> {
  return { DOCKER_HOST: `unix://${api.socketPath}`, DOCKER_CONFIG: join(api.socketPath, '../config'), TERM: 'xterm' };
}

async function docker(api: TestApi, args: readonly string[], options: RunOptions = {}): Promise<Finished> {
  return run(await findDocker(), args, { ...options, env: environment(api), timeoutMs: 20_000 });
}

/** docker on a pseudo terminal, which script(1) makes. */
async function dockerOnTerminal(api: TestApi, args: readonly string[]): Promise<Running> {
  const command = [await findDocker(), ...args].join(' ');
  const options = { keepStdin: true, env: environment(api) };
  return start('script', ['-qefc', `stty rows 30 cols 100; ${command}`, '/dev/null'], options);
}

async function* brokenLog(): AsyncGenerator<Uint8Array> {
  yield encodeFrame(1, Buffer.from('one line\n'));
  throw new EngineError('System', 'disk on fire');
}

function callsOf(api: TestApi, methods: readonly string[]): string[] {
  return api.backend.calls.map(({ method }) => method).filter((method) => methods.includes(method));
}

describe('docker against the API: looking', () => {
  it('version', async () => {
    await using api = await TestApi.start();
    const { code, stdout } = await docker(api, ['version', '--format', '{{.Server.APIVersion}} {{.Server.Version}}']);
    assert.deepEqual([code, stdout.trim()], [0, '1.55 0.1.0']);
  });

  it('ps, images and inspect', async () => {
    await using api = await TestApi.start();
    const container = api.backend.add('web', { Image: 'hello', Cmd: ['/hello'] });
    assert.equal((await docker(api, ['ps', '-q'])).stdout, '');
    container.state = 'running';
    const ps = await docker(api, ['ps', '--filter', 'status=running', '--format', '{{.Names}} {{.Image}} {{.Status}}']);
    assert.equal(ps.stdout.trim(), 'web hello Up 3 seconds');
    const [options] = api.backend.last('list') ?? [];
    assert.deepEqual((options as { filters: unknown }).filters, new Map([['status', ['running']]]));
    const images = await docker(api, ['images', '--format', '{{.Repository}}:{{.Tag}} {{.Size}}']);
    assert.equal(images.stdout.trim(), 'hello:latest 4.24kB');
    const inspect = await docker(api, ['inspect', '--format', '{{.Name}} {{.State.Pid}}', '/web']);
    assert.equal(inspect.stdout.trim(), '/web 4711');
    const missing = await docker(api, ['inspect', 'none']);
    assert.equal(missing.code, 1);
    assert.match(missing.stderr, /^Error: No such object: none$/m);
  });

  it('logs, followed, with both streams told apart', async () => {
    await using api = await TestApi.start();
    api.backend.add('web');
    const source = new PassThrough();
    api.backend.logs = () => source;
    await using logs = start(await findDocker(), ['logs', '-f', '--tail', '5', 'web'], { env: environment(api) });
    source.write(encodeFrame(1, Buffer.from('to stdout\n')));
    await logs.until(/to stdout/);
    source.end(encodeFrame(2, Buffer.from('to stderr\n')));
    const { code, stdout, stderr } = await logs.finished;
    assert.deepEqual([code, stdout, stderr], [0, 'to stdout\n', 'to stderr\n']);
    assert.equal(api.backend.lastLogs?.tail, 5);
  });

  it('logs that break off end with the engine’s words', async () => {
    await using api = await TestApi.start();
    api.backend.add('web');
    api.backend.logs = () => Readable.from(brokenLog());
    const { code, stdout, stderr } = await docker(api, ['logs', 'web']);
    assert.deepEqual([code, stdout], [1, 'one line\n']);
    assert.match(stderr, /disk on fire/);
  });

  it('events', async () => {
    await using api = await TestApi.start();
    const event = { Type: 'container', Action: 'start', Actor: { ID: 'c1', Attributes: {} }, scope: 'local' };
    api.backend.eventsSource.write({ ...event, time: 1, timeNano: 1_000_000_001n });
    await using events = start(await findDocker(), ['events', '--format', '{{.Action}} {{.TimeNano}}'], {
      env: environment(api),
    });
    await events.until(/start 1000000001/);
  });
});

describe('docker against the API: pulling', () => {
  it('pull shows the progress and ends well', async () => {
    await using api = await TestApi.start();
    const { code, stdout } = await docker(api, ['pull', 'hello']);
    assert.equal(code, 0);
    assert.match(stdout, /latest: Pulling from .*hello\nabababababab: Pulling fs layer\nabababababab: Pull complete\n/);
  });

  it('pull ends badly, whether it failed before or after its first message', async () => {
    await using api = await TestApi.start();
    api.backend.pull = () => Promise.reject(new EngineError('NotFound', 'manifest unknown'));
    const early = await docker(api, ['pull', 'hello']);
    assert.deepEqual([early.code, early.stderr.trim()], [1, 'Error response from daemon: manifest unknown']);
    api.backend.pull = async (_request, progress) => {
      progress({ status: 'Pulling', id: 'x' });
      throw new EngineError('System', 'layer is corrupt');
    };
    const late = await docker(api, ['pull', 'hello']);
    assert.deepEqual([late.code, late.stderr.trim()], [1, 'layer is corrupt']);
  });

  it('a login that the registry refuses ends with 1 and its words', async () => {
    await using api = await TestApi.start();
    const { code, stderr } = await docker(api, ['login', '-u', 'u', '-p', 'p', 'localhost:1']);
    assert.equal(code, 1);
    assert.match(stderr, /login attempt failed/);
    assert.deepEqual(api.backend.last('login'), [{ username: 'u', password: 'p', serveraddress: 'localhost:1' }]);
  });
});

describe('docker against the API: running', () => {
  it('run --rm asks for create, attach, wait and start, in this order, with no field unknown', async () => {
    await using api = await TestApi.start();
    const { code, stdout, stderr } = await docker(api, ['run', '--rm', '--name', 'c', 'hello', 'echo', 'hi', 'there']);
    assert.deepEqual([code, stdout, stderr], [0, 'hi there\n', 'to stderr\n']);
    const flow = ['create', 'attach', 'wait', 'start'];
    assert.deepEqual(callsOf(api, flow), flow);
    assert.deepEqual(api.backend.last('wait')?.[1], 'removed');
  });

  it('run gives the container’s exit status', async () => {
    await using api = await TestApi.start();
    assert.equal((await docker(api, ['run', 'hello', 'exit', '42'])).code, 42);
    assert.equal(api.backend.last('wait')?.[1], 'next-exit');
  });

  it('run -i carries input, its end, and the answer', async () => {
    await using api = await TestApi.start();
    const stdin = 'line\n'.repeat(100_000);
    const { code, stdout } = await docker(api, ['run', '-i', '--rm', 'hello', 'cat'], { stdin });
    assert.equal(code, 0);
    assert.ok(stdout === stdin, `${stdout.length} of ${stdin.length} bytes came back`);
  });

  it('run -d prints the id and leaves', async () => {
    await using api = await TestApi.start();
    const { stdout } = await docker(api, ['run', '-d', 'hello', 'sleep']);
    assert.equal(stdout.trim(), api.backend.find('eager_fake').id);
    assert.deepEqual(callsOf(api, ['attach', 'wait', 'start']), ['wait', 'start']);
  });

  it('run pulls an image that is missing', async () => {
    await using api = await TestApi.start();
    const { pull } = api.backend;
    api.backend.hasImage = false;
    api.backend.pull = (...args) => {
      api.backend.hasImage = true;
      return pull(...args);
    };
    const { code, stdout, stderr } = await docker(api, ['run', '--rm', 'hello', 'echo', 'hi']);
    assert.deepEqual([code, stdout], [0, 'hi\n']);
    assert.match(stderr, /Unable to find image 'hello:latest' locally/);
  });

  it('run of a container that cannot start tells why with 125', async () => {
    await using api = await TestApi.start();
    api.backend.containers.start = async (name) => {
      // With --rm the CLI waits for the removal, which follows a failed start.
      api.backend.find(name).exit(128);
      throw new EngineError('System', 'no more pids');
    };
    const { code, stderr } = await docker(api, ['run', '--rm', 'hello', 'true']);
    assert.equal(code, 125);
    assert.match(stderr, /Error response from daemon: no more pids/);
  });

  it('stop, kill, rm and wait', async () => {
    await using api = await TestApi.start();
    api.backend.program = () => {};
    await docker(api, ['run', '-d', '--name', 'c', 'hello', 'sleep']);
    await using waiting = start(await findDocker(), ['wait', 'c'], { env: environment(api) });
    await eventually('the wait is there', () => api.backend.last('wait') ?? null);
    assert.equal((await docker(api, ['stop', '-t', '1', 'c'])).stdout, 'c\n');
    assert.deepEqual(api.backend.last('stop'), ['c', { signal: undefined, timeoutS: 1 }]);
    assert.equal((await waiting.finished).stdout, '143\n');
    const kill = await docker(api, ['kill', 'c']);
    assert.match(kill.stderr, /is not running/);
    assert.equal((await docker(api, ['rm', '-f', 'c'])).stdout, 'c\n');
  });
});

describe('docker against the API: terminals', () => {
  function echo(container: FakeContainer): void {
    container.say('ready\r\n');
    container.input.on('data', (chunk: Buffer) => container.say(`got ${chunk.toString('hex')}\r\n`));
  }

  it('run -it tells its size, types and ends with the container’s status', async () => {
    await using api = await TestApi.start();
    api.backend.program = echo;
    await using terminal = await dockerOnTerminal(api, ['run', '-it', '--name', 'c', 'hello', 'sh']);
    await terminal.until(/ready/);
    await eventually('the size is told', () => api.backend.last('resize') ?? null);
    assert.deepEqual(api.backend.last('resize')?.[1], { rows: 30, columns: 100 });
    terminal.write('\x03');
    await terminal.until(/got 03/);
    api.backend.find('c').exit(130);
    assert.equal((await terminal.finished).code, 130);
  });

  it('attach is left by ctrl-p ctrl-q, and the container runs on', async () => {
    await using api = await TestApi.start();
    const container = api.backend.add('c', { Image: 'hello', Tty: true, OpenStdin: true });
    container.state = 'running';
    echo(container);
    await using terminal = await dockerOnTerminal(api, ['attach', 'c']);
    await terminal.until(/ready/);
    terminal.write('x');
    await terminal.until(/got 78/);
    terminal.write('\x10\x11');
    await terminal.until(/read escape sequence/);
    assert.equal(container.state, 'running');
  });
});
