/** Log drivers beyond files, queues in front of them, and what a log has when a process of isle is killed. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { eventually } from '../harness/command.ts';
import { streamSyslog, type SyslogServer, udpSyslog } from '../harness/syslog-server.ts';
import { startWorld, type World } from '../harness/world.ts';

const numbers = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i);
const contentOf = (message: string): string => message.slice(message.indexOf(': ') + 2);

describe('the log driver', () => {
  let world: World;
  before(async () => {
    world = await startWorld();
  });
  after(() => world[Symbol.asyncDispose]());

  const syslog = (server: SyslogServer, ...more: string[]): string[] =>
    ['driver=syslog', `syslog-address=${server.address}`, ...more].flatMap((option) =>
      option.startsWith('driver=') ? ['--log-driver', option.slice(7)] : ['--log-opt', option],
    );
  const received = (server: SyslogServer, count: number) =>
    eventually(`${count} messages have come`, () => (server.messages().length >= count ? server.messages() : null));

  for (const open of [
    udpSyslog,
    () => streamSyslog(),
    () => streamSyslog(join(world.daemon.dataRoot, 'syslog.sock')),
  ]) {
    it('syslog sends lines as Docker does, by UDP, TCP and unix sockets, and keeps a copy', async () => {
      const { daemon, busybox } = world;
      await using server = await open();
      const options = syslog(server, 'syslog-facility=local3');
      await daemon.ok([
        'run',
        '--name',
        'sent',
        ...options,
        busybox,
        'sh',
        '-c',
        'echo one; echo; echo two >&2; printf end',
      ]);
      const id = (await daemon.ok(['inspect', '-f', '{{.Id}}', 'sent'])).slice(0, 12);
      const messages = await received(server, 3);
      const head = String.raw`[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d ${id}\[\d+\]: `;
      for (const [priority, text] of [
        [158, 'one'],
        [155, 'two'],
        [158, 'end'],
      ] as const) {
        const pattern = new RegExp(`^<${priority}>${head}${text}$`);
        assert.ok(
          messages.some((message) => pattern.test(message)),
          messages.join('\n'),
        );
      }
      assert.equal(messages.length, 3);
      assert.equal((await daemon.docker(['logs', 'sent'])).stdout, 'one\n\nend');
      assert.equal(await daemon.ok(['inspect', '-f', '{{.LogPath}}', 'sent']), '');
      await daemon.ok(['rm', 'sent']);
    });
  }

  it('syslog knows the forms of RFC 3164 and RFC 5424, and a tag', async () => {
    const { daemon, busybox } = world;
    const host = hostname();
    const date = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d`;
    const zone = String.raw`(Z|[+-]\d\d:\d\d)`;
    const forms = {
      rfc3164: String.raw`<30>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d ${host} busy\[\d+\]: hi`,
      rfc5424: String.raw`<30>1 ${date}${zone} ${host} busy \d+ busy - hi`,
      rfc5424micro: String.raw`<30>1 ${date}\.\d{6}${zone} ${host} busy \d+ busy - hi`,
    };
    for (const [format, pattern] of Object.entries(forms)) {
      await using server = await streamSyslog();
      const options = syslog(server, `syslog-format=${format}`, 'tag=busy');
      await daemon.ok(['run', '--rm', ...options, busybox, 'echo', 'hi']);
      assert.match((await received(server, 1))[0] ?? '', new RegExp(`^${pattern}$`));
    }
  });

  it('syslog says what it cannot reach, and starts nothing then', async () => {
    const { daemon, busybox } = world;
    const gone = await streamSyslog();
    const options = syslog(gone);
    await gone[Symbol.asyncDispose]();
    const { code, stderr } = await daemon.docker(['run', '--name', 'unsent', ...options, busybox, 'true']);
    assert.equal(code, 125);
    assert.match(stderr, /failed to initialize logging driver: .*tcp:\/\/127\.0\.0\.1:\d+.*refused/);
    await daemon.ok(['rm', 'unsent']);
    const socket = await daemon.docker([
      'create',
      '--log-driver',
      'syslog',
      '--log-opt',
      'syslog-address=unix:///nope',
      busybox,
    ]);
    assert.match(socket.stderr, /stat \/nope: no such file or directory/);
  });

  it('syslog finds a server again that was away, and tells it what it missed', async () => {
    const { daemon, busybox } = world;
    const first = await streamSyslog();
    const options = syslog(first);
    await daemon.ok(['run', '-d', '-i', '--name', 'roaming', ...options, busybox, 'cat']);
    await using typing = await daemon.dockerStart(['attach', '--sig-proxy=false', 'roaming'], { keepStdin: true });
    typing.write('one\n');
    await received(first, 1);
    await first[Symbol.asyncDispose]();
    typing.write('two\n');
    await typing.until(/two/);
    await using second = await streamSyslog(Number(first.address.split(':').at(-1)));
    // It is tried once a second.
    const told = await eventually('the server is told', () => {
      typing.write('more\n');
      return second.messages().find((message) => message.includes('lines were lost here')) ?? null;
    });
    assert.match(told, /<27>.*isle: [1-9]\d* lines were lost here/);
    assert.match(await daemon.ok(['logs', 'roaming']), /^one\ntwo\nmore/);
    await daemon.ok(['rm', '-f', 'roaming']);
  });

  it('makes the container wait for a server that takes nothing, and nobody else', async () => {
    const { daemon, busybox } = world;
    await using server = await streamSyslog();
    server.pause();
    // More than the queue and all sockets between hold.
    const script = 'yes $(printf %01000d 7) | head -n 20000; echo done';
    await daemon.ok([
      'run',
      '-d',
      '--name',
      'waiting',
      ...syslog(server, 'cache-disabled=true'),
      busybox,
      'sh',
      '-c',
      script,
    ]);
    const pid = await daemon.ok(['inspect', '-f', '{{.State.Pid}}', 'waiting']);
    let looks = 0;
    await eventually('its programs wait in a write, at ten looks one after the other', () => {
      const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
      const isWaiting = (child: string) => readFileSync(`/proc/${child}/wchan`, 'utf8').includes('pipe_write');
      looks = children.length === 2 && children.every(isWaiting) ? looks + 1 : 0;
      return looks === 10 ? true : null;
    });
    assert.match(
      (await daemon.docker(['logs', 'waiting'])).stderr,
      /configured logging driver does not support reading/,
    );
    server.resume();
    await daemon.ok(['wait', 'waiting']);
    const messages = await received(server, 20_001);
    assert.equal(contentOf(messages.at(-1) ?? ''), 'done');
    await daemon.ok(['rm', 'waiting']);
  });

  it('drops lines in mode non-blocking, and says how many and where', async () => {
    const { daemon, busybox } = world;
    await using server = await streamSyslog();
    server.pause();
    const options = syslog(server, 'mode=non-blocking', 'max-buffer-size=64k', 'cache-disabled=true');
    const total = 20_000;
    await using running = await daemon.dockerStart([
      'run',
      '--name',
      'dropping',
      ...options,
      busybox,
      'sh',
      '-c',
      `yes $(printf %01000d 7) | head -n ${total}; echo done`,
    ]);
    // The container is not held up.
    await running.until(/done/);
    server.resume();
    assert.equal((await running.finished).code, 0);
    const contents = await eventually('all have come', () => {
      const texts = server.messages().map(contentOf);
      const dropped = texts.map((text) => Number(/^isle: (\d+) lines were dropped here/.exec(text)?.[1] ?? -1));
      const told = dropped.reduce((sum, count) => sum + Math.max(0, count), 0);
      const came = dropped.filter((count) => count < 0).length;
      return told > 0 && told + came === total + 1 ? texts : null;
    });
    assert.ok(contents.length < total);
    await daemon.ok(['rm', 'dropping']);
  });

  it('sends to a server also with a buffer of no bytes and no copy', async () => {
    const { daemon, busybox } = world;
    await using server = await streamSyslog();
    const options = syslog(server, 'mode=non-blocking', 'max-buffer-size=0', 'cache-disabled=true');
    await daemon.ok(['run', '--rm', ...options, busybox, 'echo', 'one line']);
    assert.equal(contentOf((await received(server, 1))[0] ?? ''), 'one line');
  });

  it('keeps every line of a container that prints as fast as it can', async () => {
    const { daemon, busybox } = world;
    for (const more of [[], ['--log-opt', 'mode=non-blocking', '--log-opt', 'max-buffer-size=1g']]) {
      const options = ['--log-opt', 'max-size=-1', ...more];
      await daemon.ok(['run', '-d', '--name', 'fast', ...options, busybox, 'seq', '1', '200000']);
      // The daemon answers meanwhile.
      await daemon.ok(['ps']);
      await daemon.ok(['wait', 'fast']);
      const seen = (await daemon.ok(['logs', 'fast'])).split('\n').map(Number);
      assert.deepEqual(seen, numbers(1, 200_000));
      await daemon.ok(['rm', 'fast']);
    }
  });

  it('has every line once when the daemon is killed while the container prints', async () => {
    const { daemon, busybox } = world;
    for (const driver of ['json-file', 'local']) {
      const options = ['--log-driver', driver, '--log-opt', 'max-size=200k', '--log-opt', 'max-file=40'];
      const script = 'i=0; while [ $i -lt 20000 ]; do i=$((i+1)); echo $i; done';
      await daemon.ok(['run', '-d', '--name', 'kept', ...options, busybox, 'sh', '-c', script]);
      await daemon.kill9();
      await daemon.restart();
      await daemon.ok(['wait', 'kept']);
      assert.deepEqual((await daemon.ok(['logs', 'kept'])).split('\n').map(Number), numbers(1, 20_000), driver);
      await daemon.ok(['rm', 'kept']);
    }
  });

  it('has what was printed when the monitor is killed, and the container is reported with the reason', async () => {
    const { daemon, busybox } = world;
    await daemon.ok(['run', '-d', '--name', 'doomed', busybox, 'sh', '-c', 'echo before; sleep 600']);
    await eventually('it has printed', async () => ((await daemon.ok(['logs', 'doomed'])) === 'before' ? true : null));
    const id = await daemon.ok(['inspect', '-f', '{{.Id}}', 'doomed']);
    const monitor = Number(
      readFileSync(join(daemon.execRoot, 'containers', id, 'pid'), 'utf8')
        .trim()
        .split(' ')[2],
    );
    process.kill(monitor, 'SIGKILL');
    assert.equal(await daemon.ok(['wait', 'doomed']), '255');
    const state = await daemon.ok([
      'inspect',
      '-f',
      '{{.State.Status}} {{.State.ExitCode}} {{.State.Error}}',
      'doomed',
    ]);
    assert.equal(state, 'exited 255 the monitor of the container died; how the container ended is not known');
    assert.equal(await daemon.ok(['logs', 'doomed']), 'before');
    await daemon.ok(['rm', 'doomed']);
  });
});
