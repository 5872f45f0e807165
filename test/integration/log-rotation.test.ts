/** Log files that are rotated and compressed, with Docker's options, and read while that happens. */
import assert from 'node:assert/strict';
import { appendFileSync, existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { run } from '../fixtures/process.ts';
import { eventually } from '../harness/command.ts';
import { startWorld, type World } from '../harness/world.ts';

/** Prints lines of 100 bytes, numbered. */
const count = (to: number) => `i=0; while [ $i -lt ${to} ]; do i=$((i+1)); printf "%09d %089d\\n" $i 0; done`;
const numbered = (text: string): number[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => Number(line.slice(0, 9)));
const numbers = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i);

describe('a log that is rotated', () => {
  let world: World;
  before(async () => {
    world = await startWorld();
  });
  after(() => world[Symbol.asyncDispose]());

  const filesOf = (path: string): string[] =>
    readdirSync(dirname(path))
      .filter((name) => name.startsWith(basename(path)))
      .map((name) => name.slice(basename(path).length))
      .toSorted();
  const logPath = (name: string) => world.daemon.ok(['inspect', '-f', '{{.LogPath}}', name]);

  for (const driver of ['json-file', 'local']) {
    it(`of ${driver} keeps as much as was asked for, and \`docker logs\` joins the files`, async () => {
      const { daemon, busybox } = world;
      const options = ['--log-driver', driver, '--log-opt', 'max-size=20k', '--log-opt', 'max-file=3'];
      const name = `kept-${driver}`;
      await daemon.ok([
        'run',
        '--name',
        name,
        ...options,
        '--log-opt',
        'compress=false',
        busybox,
        'sh',
        '-c',
        count(2000),
      ]);
      const seen = numbered(await daemon.ok(['logs', name]));
      assert.deepEqual(seen, numbers(seen[0] ?? 0, 2000));
      // Three files of 20 kB, the last of them perhaps just begun.
      assert.ok(seen.length >= 200 && seen.length <= 600, `${seen.length} lines`);
      assert.deepEqual(numbered(await daemon.ok(['logs', '--tail', '250', name])), numbers(1751, 2000));
      assert.deepEqual(numbered(await daemon.ok(['logs', '-f', '--tail', '3', name])), numbers(1998, 2000));
      await daemon.ok(['rm', name]);
    });
  }

  it('has files named as by Docker', async () => {
    const { daemon, busybox } = world;
    const options = ['--log-opt', 'max-size=20k', '--log-opt', 'max-file=3'];
    await daemon.ok(['run', '--name', 'named', ...options, busybox, 'sh', '-c', count(2000)]);
    const path = await logPath('named');
    const id = await daemon.ok(['inspect', '-f', '{{.Id}}', 'named']);
    assert.equal(path, join(daemon.dataRoot, 'containers', id, `${id}-json.log`));
    assert.deepEqual(filesOf(path), ['', '.1', '.2']);
    for (const suffix of ['.1', '.2']) assert.ok(statSync(path + suffix).size <= 20_300);
    await daemon.ok(['rm', 'named']);
  });

  it('of one file only begins anew in it', async () => {
    const { daemon, busybox } = world;
    await daemon.ok(['run', '--name', 'one', '--log-opt', 'max-size=20k', busybox, 'sh', '-c', count(2000)]);
    assert.deepEqual(filesOf(await logPath('one')), ['']);
    const seen = numbered(await daemon.ok(['logs', 'one']));
    assert.deepEqual(seen, numbers(seen[0] ?? 0, 2000));
    await daemon.ok(['rm', 'one']);
  });

  it('is followed over its rotations, compressed or not, without loss or doubling', async () => {
    const { daemon, busybox } = world;
    for (const compress of ['false', 'true']) {
      const options = ['--log-opt', 'max-size=50k', '--log-opt', 'max-file=20', '--log-opt', `compress=${compress}`];
      // Held back until the follower is there.
      const script = `read x; ${count(3000)}`;
      await daemon.ok(['create', '-i', '--name', 'followed', ...options, busybox, 'sh', '-c', script]);
      await using container = await daemon.dockerStart(['start', '-ai', 'followed'], { keepStdin: true });
      await eventually('it runs', async () =>
        (await daemon.ok(['ps', '-q', '-f', 'name=followed'])) === '' ? null : true,
      );
      await using follower = await daemon.dockerStart(['logs', '-f', 'followed']);
      container.write('go\n');
      const { stdout, code } = await follower.finished;
      assert.equal(code, 0);
      assert.deepEqual(numbered(stdout), numbers(1, 3000), `compress=${compress}`);
      await daemon.ok(['rm', 'followed']);
    }
  });

  it('is compressed in the background, in files that zcat reads', async () => {
    const { daemon, busybox } = world;
    const options = ['--log-opt', 'max-size=30k', '--log-opt', 'max-file=4', '--log-opt', 'compress=true'];
    await daemon.ok(['run', '-d', '--name', 'packed', ...options, busybox, 'sh', '-c', `${count(700)}; sleep 600`]);
    const path = await logPath('packed');
    await eventually('all old files are compressed', () =>
      filesOf(path).join() === ',.1.gz,.2.gz,.3.gz' || filesOf(path).join() === ',.1.gz,.2.gz' ? true : null,
    );
    const first = JSON.parse((await run('zcat', [`${path}.1.gz`])).split('\n')[0] ?? '') as { stream: string };
    assert.equal(first.stream, 'stdout');
    const seen = numbered(await daemon.ok(['logs', 'packed']));
    assert.deepEqual(seen, numbers(seen[0] ?? 0, 700));
    assert.deepEqual(numbered(await daemon.ok(['logs', '--tail', '300', 'packed'])), numbers(401, 700));
    await daemon.ok(['rm', '-f', 'packed']);
  });

  it('carries labels, variables and a tag, shown by --details', async () => {
    const { daemon, busybox } = world;
    const options = ['--log-opt', 'labels=com.x', '--log-opt', 'env=FOO', '--log-opt', 'tag={{.Name}}/{{.ImageName}}'];
    const given = ['-l', 'com.x=1', '-e', 'FOO=<a b>'];
    await daemon.ok(['run', '--name', 'detailed', ...options, ...given, busybox, 'echo', 'hi']);
    const image = encodeURIComponent(`detailed/${busybox}`);
    assert.equal(await daemon.ok(['logs', '--details', 'detailed']), `FOO=%3Ca+b%3E,com.x=1,tag=${image} hi`);
    const line = readFileSync(await logPath('detailed'), 'utf8');
    assert.match(
      line,
      /^\{"log":"hi\\n","stream":"stdout","attrs":\{"FOO":"\\u003ca b\\u003e",.*\},"time":"[^"]*Z"\}\n$/,
    );
    await daemon.ok(['rm', 'detailed']);
  });

  it('with unknown drivers and options is refused in the words of dockerd', async () => {
    const { daemon, busybox } = world;
    const refuse = async (...options: string[]) => (await daemon.docker(['create', ...options, busybox])).stderr;
    assert.match(await refuse('--log-driver', 'nope'), /error looking up logging plugin nope: plugin "nope" not found/);
    assert.match(await refuse('--log-opt', 'foo=1'), /unknown log opt 'foo' for json-file log driver/);
    assert.match(await refuse('--log-opt', 'tag={{.Foo}}'), /template: log-tag/);
  });

  it('goes on behind a line that was cut off when the monitor died', async () => {
    const { daemon, busybox } = world;
    for (const driver of ['json-file', 'local']) {
      await daemon.ok(['run', '--name', 'cut', '--log-driver', driver, busybox, 'sh', '-c', 'echo one; echo two']);
      const id = await daemon.ok(['inspect', '-f', '{{.Id}}', 'cut']);
      const directory = join(daemon.dataRoot, 'containers', id);
      const path = driver === 'local' ? join(directory, 'local-logs/container.log') : join(directory, `${id}-json.log`);
      appendFileSync(path, readFileSync(path).subarray(0, 20));
      assert.equal(await daemon.ok(['logs', 'cut']), 'one\ntwo');
      await daemon.ok(['start', '-a', 'cut']);
      assert.equal(await daemon.ok(['logs', 'cut']), 'one\ntwo\none\ntwo');
      assert.equal(await daemon.ok(['logs', '--tail', '3', 'cut']), 'two\none\ntwo');
      await daemon.ok(['rm', 'cut']);
    }
  });

  it('is what the daemon says where the container does not', async () => {
    const { daemon, busybox } = world;
    await daemon.restart({ args: ['--log-driver', 'local', '--log-opt', 'max-size=1m'] });
    assert.equal(
      await daemon.ok(['info', '-f', '{{.LoggingDriver}} {{json .Plugins.Log}}']),
      'local ["json-file","local","syslog"]',
    );
    await daemon.ok(['run', '--name', 'default', '--log-opt', 'max-file=7', busybox, 'echo', 'hi']);
    const shown = await daemon.ok(['inspect', '-f', '{{.LogPath}} {{json .HostConfig.LogConfig}}', 'default']);
    assert.equal(shown, '{"Type":"local","Config":{"max-file":"7","max-size":"1m"}}');
    assert.equal(await daemon.ok(['logs', 'default']), 'hi');
    const id = await daemon.ok(['inspect', '-f', '{{.Id}}', 'default']);
    assert.ok(existsSync(join(daemon.dataRoot, 'containers', id, 'local-logs/container.log')));
    assert.notEqual(await daemon.ok(['system', 'df', '--format', '{{json .Size}}']), '');
    await daemon.ok(['rm', 'default']);
    await daemon.restart({ args: [] });
  });
});
