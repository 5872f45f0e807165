import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FakeEngine, json } from '../client/testing/fake-engine.ts';
import { isle } from './testing/capture.ts';

const NOWHERE = 'unix:///nonexistent/isle.sock';

describe('help', () => {
  it('lists the commands, the common ones first', async () => {
    const { code, stdout } = await isle(NOWHERE, []);
    assert.equal(code, 0);
    assert.match(stdout, /^Usage: {2}isle \[OPTIONS\] COMMAND\n/);
    assert.match(stdout, /Common Commands:\n {2}run +Create and run a new container from an image\n/);
    assert.equal((await isle(NOWHERE, ['--help'])).stdout, stdout);
    assert.equal((await isle(NOWHERE, ['help'])).stdout, stdout);
  });

  it('is the same under every name of a command, but for the name', async () => {
    const short = await isle(NOWHERE, ['ps', '--help']);
    assert.match(
      short.stdout,
      /^Usage: {2}isle ps \[OPTIONS\]\n\nList containers\n\nAliases:\n {2}isle container ls, /,
    );
    const long = await isle(NOWHERE, ['container', 'list', '--help']);
    assert.equal(long.stdout.replace('isle container list [OPTIONS]', 'isle ps [OPTIONS]'), short.stdout);
    assert.equal((await isle(NOWHERE, ['help', 'ps'])).stdout, short.stdout);
  });

  it('belongs to isle only until the image: the container has its own', async () => {
    const { stdout } = await isle(NOWHERE, ['run', '--help', 'busybox']);
    assert.match(stdout, /^Usage: {2}isle run /);
  });

  it('works for every command that it lists', async () => {
    const { COMMANDS, namesOf } = await import('./command/registry.ts');
    for (const name of COMMANDS.flatMap(namesOf)) {
      const { code, stdout } = await isle(NOWHERE, [...name.split(' ').slice(1), '--help']);
      assert.equal(code, 0, name);
      assert.ok(stdout.startsWith(`Usage:  ${name} `), name);
    }
  });
});

describe('mistakes', () => {
  const refused = async (argv: string[], code: number, message: string, usage = ''): Promise<void> => {
    const result = await isle(NOWHERE, argv);
    const path = usage.split(' [')[0]?.split(' CONT')[0];
    const pointer =
      usage === '' ? '' : `\nUsage:  ${usage}\n\nSee '${path}--help'.\n`.replace(`${path}--`, `${path} --`);
    assert.deepEqual(result, { code, stdout: '', stderr: `isle: ${message}\n${pointer}` });
  };

  it('in flags exit with 125 and point to the help', async () => {
    await refused(
      ['run', '-x', 'b'],
      125,
      "unknown shorthand flag: 'x' in -x",
      'isle run [OPTIONS] IMAGE [COMMAND] [ARG...]',
    );
    await refused(['ps', '--foo'], 125, 'unknown flag: --foo', 'isle ps [OPTIONS]');
    await refused(['--foo', 'ps'], 125, 'unknown flag: --foo', 'isle [OPTIONS] COMMAND');
  });

  it('in the number of arguments exit with 1', async () => {
    await refused(['run'], 1, "'isle run' requires at least 1 argument", 'isle run [OPTIONS] IMAGE [COMMAND] [ARG...]');
    await refused(['ps', 'x'], 1, "'isle ps' accepts no arguments", 'isle ps [OPTIONS]');
    await refused(['wait'], 1, "'isle wait' requires at least 1 argument", 'isle wait CONTAINER [CONTAINER...]');
    await refused(
      ['images', 'a', 'b'],
      1,
      "'isle images' requires at most 1 argument",
      'isle images [OPTIONS] [REPOSITORY[:TAG]]',
    );
    await refused(['rename', 'a'], 1, "'isle rename' requires 2 arguments", 'isle rename CONTAINER NEW_NAME');
  });

  it('in the command exit with 1', async () => {
    assert.deepEqual(await isle(NOWHERE, ['foo']), {
      code: 1,
      stdout: '',
      stderr: "isle: unknown command: isle foo\n\nSee 'isle --help'.\n",
    });
    assert.deepEqual(await isle(NOWHERE, ['image', 'foo']), {
      code: 1,
      stdout: '',
      stderr: "isle: unknown command: isle image foo\n\nSee 'isle image --help'.\n",
    });
    assert.equal((await isle(NOWHERE, ['help', 'constructor'])).code, 1);
  });

  it('that would not be mistakes with Docker are told as what isle has not yet', async () => {
    for (const [argv, what] of [
      [['cp', 'web', 'sh'], 'cp'],
      [['container', 'cp', 'web', 'sh'], 'container cp'],
      [['image', 'push', 'x'], 'image push'],
      [['run', '-p', '80:80', 'web'], '-p'],
      [['create', '--dns', '9.9.9.9', 'web'], '--dns'],
    ] as const) {
      const { code, stderr } = await isle(NOWHERE, [...argv]);
      assert.ok(code === 1 || code === 125);
      assert.match(stderr, new RegExp(`^isle: unknown [^\n]*\nHint: Docker's \`${what}\` is not in isle`));
    }
    assert.doesNotMatch((await isle(NOWHERE, ['run', '--foo', 'web'])).stderr, /Hint/);
  });
});

describe('failures', () => {
  it('of the connection are told with a way out', async () => {
    const { code, stderr } = await isle(NOWHERE, ['ps']);
    assert.equal(code, 1);
    assert.match(stderr, /^isle: cannot connect to the engine at unix:\/\/\/nonexistent\/isle\.sock.*\nHint: /);
  });

  it('of the engine are printed with its hint', async () => {
    await using engine = await FakeEngine.start((_request, response) =>
      json(response, 404, { message: 'no such container: x', hint: 'look' }),
    );
    assert.deepEqual(await isle(engine.host, ['logs', 'x']), {
      code: 1,
      stdout: '',
      stderr: 'isle: no such container: x\nHint: look\n',
    });
  });

  it('of some names leave the others done, and exit with 1', async () => {
    await using engine = await FakeEngine.start((request, response) => {
      if (request.path.includes('bad')) json(response, 404, { message: 'No such container: bad' });
      else json(response, 204);
    });
    const result = await isle(engine.host, ['rm', '-v', 'one', 'bad', 'two']);
    const told = { stdout: 'one\ntwo\n', stderr: 'isle: No such container: bad\n' };
    assert.deepEqual(result, { code: 1, ...told });
    assert.deepEqual(engine.seen[0]?.query, { v: '1' });
    // As docker: what was to be removed by force and is not there is told, and is no failure.
    assert.deepEqual(await isle(engine.host, ['rm', '-f', 'one', 'bad', 'two']), { code: 0, ...told });
  });
});

describe('-H', () => {
  it('wins over DOCKER_HOST', async () => {
    await using engine = await FakeEngine.start((_request, response) => json(response, 200, []));
    assert.equal((await isle(NOWHERE, ['-H', engine.host, 'ps', '-q'])).code, 0);
    assert.deepEqual(engine.calls, ['GET /containers/json']);
  });
});
