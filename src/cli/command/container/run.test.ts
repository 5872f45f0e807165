import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, it } from 'node:test';
import { encodeFrame, FRAME_STREAM, MULTIPLEXED_STREAM } from '../../../api/types/frames.ts';
import { FakeEngine, json, type SeenRequest, switchProtocols } from '../../../client/testing/fake-engine.ts';
import { isle } from '../../testing/capture.ts';

interface Script {
  exitCode?: number;
  startError?: { status: number; message: string };
  /** The image is not there until it was pulled. */
  missing?: boolean;
  pullError?: string;
  warnings?: string[];
}

/** An engine with one container that says what it got on stdin, and exits when started. */
async function scripted(script: Script = {}): Promise<FakeEngine> {
  let attached: Socket | undefined;
  let waiting: ServerResponse | undefined;
  let pulled = script.missing !== true;
  const answer = (request: SeenRequest, response: ServerResponse): void => {
    if (request.path === '/containers/create') {
      if (pulled) json(response, 201, { Id: 'c0ffee', Warnings: script.warnings ?? [] });
      else json(response, 404, { message: 'No such image: busybox:latest' });
    } else if (request.path === '/images/create') {
      pulled = true;
      response.write('{"status":"Pull complete","id":"aaa"}\n');
      response.end(script.pullError === undefined ? '' : `{"errorDetail":{"message":"${script.pullError}"}}\n`);
    } else if (request.path.endsWith('/wait')) {
      waiting = response;
      response.flushHeaders();
    } else if (request.path.endsWith('/start')) {
      const { startError, exitCode = 0 } = script;
      if (startError === undefined) json(response, 204);
      else json(response, startError.status, { message: startError.message });
      if (startError === undefined) attached?.end(encodeFrame(FRAME_STREAM.stderr, Buffer.from('done\n')));
      waiting?.end(JSON.stringify({ StatusCode: exitCode }));
    } else json(response, 204);
  };
  return FakeEngine.start(answer, (socket) => {
    switchProtocols(socket, MULTIPLEXED_STREAM);
    attached = socket;
    text(socket).then(
      (input) => socket.writable && socket.write(encodeFrame(FRAME_STREAM.stdout, Buffer.from(`<${input}>`))),
      () => undefined,
    );
  });
}

describe('run', () => {
  it('creates, attaches and waits before it starts, and exits as the container does', async () => {
    await using engine = await scripted({ exitCode: 42, warnings: ['no swap here'] });
    const result = await isle(engine.host, ['run', '--rm', 'busybox', 'sh', '-c', 'exit 42']);
    assert.deepEqual([result.code, result.stderr], [42, 'WARNING: no swap here\ndone\n']);
    assert.deepEqual(engine.calls, [
      'POST /containers/create',
      'POST /containers/c0ffee/attach',
      'POST /containers/c0ffee/wait',
      'POST /containers/c0ffee/start',
    ]);
    assert.deepEqual(engine.seen[1]?.query, { stdout: '1', stderr: '1', stream: '1' });
    assert.deepEqual(engine.seen[2]?.query, { condition: 'removed' });
  });

  it('waits for the next exit when the container is kept', async () => {
    await using engine = await scripted();
    await isle(engine.host, ['run', '--name', 'web', '--platform', 'linux/amd64', 'busybox']);
    assert.deepEqual(engine.seen[0]?.query, { name: 'web', platform: 'linux/amd64' });
    assert.deepEqual(engine.seen[2]?.query, { condition: 'next-exit' });
  });

  it('prints the id and leaves with -d', async () => {
    await using engine = await scripted();
    assert.deepEqual(await isle(engine.host, ['run', '-d', 'busybox']), { code: 0, stdout: 'c0ffee\n', stderr: '' });
    assert.deepEqual(engine.calls, ['POST /containers/create', 'POST /containers/c0ffee/start']);
  });

  it('pulls a missing image, with its progress on stderr, and creates again', async () => {
    await using engine = await scripted({ missing: true });
    const result = await isle(engine.host, ['run', '-d', 'busybox']);
    assert.deepEqual(result, {
      code: 0,
      stdout: 'c0ffee\n',
      stderr: "Unable to find image 'busybox:latest' locally\naaa: Pull complete\n",
    });
    assert.deepEqual(engine.seen[1]?.query, { fromImage: 'busybox', tag: 'latest' });
  });

  it('pulls first with --pull always, not at all with never, and silently with -q', async () => {
    await using always = await scripted();
    assert.equal((await isle(always.host, ['run', '-dq', '--pull', 'always', 'busybox'])).stderr, '');
    assert.equal(always.calls[0], 'POST /images/create');
    await using never = await scripted({ missing: true });
    const result = await isle(never.host, ['run', '-d', '--pull=never', 'busybox']);
    assert.deepEqual(result, { code: 125, stdout: '', stderr: 'isle: No such image: busybox:latest\n' });
  });

  it('exits with 125 when the pull fails', async () => {
    await using engine = await scripted({ missing: true, pullError: 'layer is corrupt' });
    const result = await isle(engine.host, ['run', 'busybox']);
    assert.equal(result.code, 125);
    assert.match(result.stderr, /isle: layer is corrupt\n$/);
  });

  it('exits with 127 for a missing command, 126 for one that cannot run, 125 for any other failure', async () => {
    const codes: [string, number][] = [
      ['exec: "nope": executable file not found in $PATH', 127],
      ['exec /nope: no such file or directory', 127],
      ['exec /etc/passwd: permission denied', 126],
      ['cannot make the network', 125],
    ];
    for (const [message, code] of codes) {
      for (const flags of [[], ['--rm'], ['-d']]) {
        await using engine = await scripted({ startError: { status: 400, message } });
        const result = await isle(engine.host, ['run', ...flags, 'busybox', 'nope']);
        assert.deepEqual([result.code, result.stderr], [code, `isle: ${message}\n`]);
      }
    }
  });

  it('refuses a terminal when stdin is none, before anything is made', async () => {
    await using engine = await scripted();
    const result = await isle(engine.host, ['run', '-it', 'busybox']);
    assert.deepEqual(result, { code: 1, stdout: '', stderr: 'isle: the input device is not a TTY\n' });
    assert.deepEqual(engine.calls, []);
  });

  it('refuses options that exclude each other', async () => {
    await using engine = await scripted();
    assert.match((await isle(engine.host, ['run', '-d', '-a', 'stdout', 'x'])).stderr, /both --attach and --detach/);
    assert.match(
      (await isle(engine.host, ['run', '--pull', 'foo', 'x'])).stderr,
      /must be one of "always", "missing" or "never"/,
    );
    assert.deepEqual(engine.calls, []);
  });
});

describe('run -i', () => {
  it('sends stdin, half-closes at its end, and prints what came back on the right stream', async () => {
    let waiting: ServerResponse | undefined;
    await using engine = await FakeEngine.start(
      (request, response) => {
        if (request.path === '/containers/create') json(response, 201, { Id: 'c0ffee', Warnings: null });
        else if (request.path.endsWith('/wait')) {
          waiting = response;
          response.flushHeaders();
        } else json(response, 204);
      },
      (socket) => {
        switchProtocols(socket, MULTIPLEXED_STREAM);
        text(socket).then(
          (input) => {
            socket.write(encodeFrame(FRAME_STREAM.stderr, Buffer.from('log')));
            socket.end(encodeFrame(FRAME_STREAM.stdout, Buffer.from(input.toUpperCase())));
            waiting?.end('{"StatusCode":137}');
          },
          () => undefined,
        );
      },
    );
    const input = 'x'.repeat(300_000);
    const result = await isle(engine.host, ['run', '-i', 'busybox', 'cat'], input);
    assert.deepEqual([result.code, result.stdout.length, result.stderr], [137, input.length, 'log']);
    const body = JSON.parse(engine.seen[0]?.body ?? '{}') as Record<string, unknown>;
    assert.deepEqual([body.OpenStdin, body.StdinOnce, body.AttachStdin], [true, true, true]);
  });
});
