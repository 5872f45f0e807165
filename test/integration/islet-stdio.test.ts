/** The monitor: exit codes, output, input, log, subscribers. */
import assert from 'node:assert/strict';
import { readFileSync, statSync } from 'node:fs';
import { it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectMonitor } from '../../src/runtime/monitor.ts';
import { MONITOR_FLAGS } from '../../src/runtime/plan/table.ts';
import { collect, IsletBox, payloads, readLog, until } from '../fixtures/islet-box.ts';

const OUTPUT = { stdout: true, stderr: true, events: false, raw: false };
const shell = (script: string) => ['sh', '-c', script];

it('tells the exit status of the first process', async () => {
  await using box = await IsletBox.open();
  const { exit } = await box.run({ argv: shell('exit 7') });
  assert.equal(exit.exitCode, 7);
  assert.equal(exit.signal, 0);
  assert.equal(exit.oomKilled, false);
  assert.deepEqual(exit.cleanupErrors, []);
  const age = Date.now() - Number(exit.finishedAtNs / 1_000_000n);
  assert(age >= 0 && age < 60_000);
});

it('tells a death by signal as 128 and the signal', async () => {
  await using box = await IsletBox.open();
  const container = await box.start({ argv: ['sleep', '1000'] });
  await container.events.signal(9);
  const exit = await container.end();
  assert.equal(exit.exitCode, 137);
  assert.equal(exit.signal, 9);
});

it('delivers a signal that the program handles, and refuses one that does not exist', async () => {
  await using box = await IsletBox.open();
  const container = await box.start({
    argv: shell('trap "echo got; exit 3" TERM; echo ready; while :; do sleep 0.05; done'),
  });
  await until('the trap is set', () => readFileSync(container.logPath, 'utf8').includes('ready'));
  await assert.rejects(container.events.signal(9999), { code: 'EINVAL' });
  await container.events.signal(15);
  assert.equal((await container.end()).exitCode, 3);
  assert.deepEqual(
    readLog(container.logPath).map((line) => line.log),
    ['ready\n', 'got\n'],
  );
});

it('gives the program its arguments and environment and nothing else', async () => {
  await using box = await IsletBox.open();
  const { stdout } = await box.run({ argv: ['/bin/env'], env: ['A=1', 'B=two words', 'C='] });
  assert.equal(stdout, 'A=1\nB=two words\nC=\n');
});

it('leaks no descriptor, signal disposition or signal mask into the container', async () => {
  await using box = await IsletBox.open();
  const fds = await box.run({ argv: ['ls', '/proc/self/fd'] });
  // Number 3 is the directory that ls reads.
  assert.equal(fds.stdout, '0\n1\n2\n3\n');
  const signals = await box.run({ argv: ['grep', '-E', '^Sig(Pnd|Blk|Ign)', '/proc/self/status'] });
  assert.match(signals.stdout, /^SigPnd:\s0+\nSigBlk:\s0+\nSigIgn:\s0+\n$/);
  assert.equal((await box.run({ argv: shell('umask') })).stdout, '0022\n');
});

it('keeps stdout and stderr apart, for subscribers and in the log', async () => {
  await using box = await IsletBox.open();
  const container = await box.start({ argv: shell('echo out; echo err >&2'), flags: MONITOR_FLAGS.waitAttach });
  const client = await connectMonitor(container.socket, OUTPUT);
  const all = await collect(client);
  await container.end();
  assert.equal(payloads(all, 1).toString(), 'out\n');
  assert.equal(payloads(all, 2).toString(), 'err\n');
  const lines = readLog(container.logPath).map(({ stream, log }) => `${stream} ${log}`);
  assert.deepEqual(lines.toSorted(), ['stderr err\n', 'stdout out\n']);
});

it('sends a subscriber only what it asked for', async () => {
  await using box = await IsletBox.open();
  const container = await box.start({ argv: shell('echo out; echo err >&2'), flags: MONITOR_FLAGS.waitAttach });
  const client = await connectMonitor(container.socket, { ...OUTPUT, stdout: false });
  const all = await collect(client);
  await container.end();
  assert.equal(payloads(all, 1).toString(), '');
  assert.equal(payloads(all, 2).toString(), 'err\n');
});

it('keeps all output for a client that attaches after the start, when the plan says so', async () => {
  await using box = await IsletBox.open();
  const expected = `${Array.from({ length: 50_000 }, (_, index) => index + 1).join('\n')}\n`;
  const container = await box.start({ argv: ['seq', '50000'], flags: MONITOR_FLAGS.waitAttach });
  await sleep(100);
  assert.equal(statSync(container.logPath).size, 0, 'output was read before anybody had attached');
  const client = await connectMonitor(container.socket, OUTPUT);
  assert((await collect(client, 1)).equals(Buffer.from(expected)), 'output differs');
  await container.end();
  assert.equal(
    readLog(container.logPath)
      .map((line) => line.log)
      .join(''),
    expected,
  );
});

it('reads output without an attached client when it is told to go on', async () => {
  await using box = await IsletBox.open();
  const container = await box.start({ argv: ['echo', 'hello'], flags: MONITOR_FLAGS.waitAttach });
  container.events.go();
  await container.end();
  assert.equal(readLog(container.logPath)[0]?.log, 'hello\n');
});

it('makes the container wait for a slow client and loses nothing', async () => {
  await using box = await IsletBox.open();
  const total = 16 * 1024 * 1024;
  const argv = shell(`yes | head -c ${total}`);
  const container = await box.start({ argv, flags: MONITOR_FLAGS.waitAttach, logged: false });
  const client = await connectMonitor(container.socket, OUTPUT);
  let ended = false;
  void container.events.exit.then(() => (ended = true));
  // Nothing of the output is read here, so the container cannot get rid of it.
  await sleep(500);
  assert.equal(ended, false);
  assert.equal((await collect(client, 1)).length, total);
  assert.equal((await container.end()).exitCode, 0);
});

it('goes on when a client that it waited for has gone', async () => {
  await using box = await IsletBox.open();
  const argv = shell('yes | head -c 16777216');
  const container = await box.start({ argv, flags: MONITOR_FLAGS.waitAttach, logged: false });
  const client = await connectMonitor(container.socket, OUTPUT);
  await sleep(100);
  client.close();
  assert.equal((await container.end()).exitCode, 0);
});

it('ends when a client takes nothing of the last output', async () => {
  await using box = await IsletBox.open();
  const container = await box.start({ argv: shell('yes | head -c 65536'), flags: MONITOR_FLAGS.waitAttach });
  const client = await connectMonitor(container.socket, OUTPUT);
  assert.equal((await container.events.exit)?.exitCode, 0);
  client.close();
  await container.end();
});

it('ends stdin with its client when the container was made so', async () => {
  await using box = await IsletBox.open();
  const flags = MONITOR_FLAGS.openStdin | MONITOR_FLAGS.stdinOnce | MONITOR_FLAGS.waitAttach;
  const container = await box.start({ argv: ['cat'], flags });
  const client = await connectMonitor(container.socket, OUTPUT);
  const input = Buffer.alloc(3_000_000, 'abcdefghi\n');
  client.stdin.end(input);
  assert((await collect(client, 1)).equals(input), 'output differs from input');
  assert.equal((await container.end()).exitCode, 0);
});

it('keeps stdin open after its client when the container was made so', async () => {
  await using box = await IsletBox.open();
  const container = await box.start({
    argv: shell('while read line; do echo "<$line>"; done'),
    flags: MONITOR_FLAGS.openStdin,
  });
  const logged = (text: string) => () => readFileSync(container.logPath, 'utf8').includes(text);
  for (const word of ['one', 'two']) {
    const client = await connectMonitor(container.socket, OUTPUT);
    client.stdin.end(`${word}\n`);
    await until(`${word} is echoed`, logged(`\\u003c${word}\\u003e`));
    client.close();
  }
  await container.events.signal(9);
  await container.end();
});

it('gives a container without stdin an empty one', async () => {
  await using box = await IsletBox.open();
  const { exit, stdout } = await box.run({ argv: shell('cat; echo end') });
  assert.equal(exit.exitCode, 0);
  assert.equal(stdout, 'end\n');
});

it('writes the log as Docker does: escapes, invalid UTF-8, long lines, no newline at the end', async () => {
  await using box = await IsletBox.open();
  const script = [
    `printf '<a href="x">&\\t\\\\\\r\\n'`,
    `printf 'caf\\303\\251 \\377\\300\\200 \\342\\200\\250\\n'`,
    `printf '\\n'`,
    'head -c 40000 /dev/zero | tr "\\0" x',
    `printf '\\nno newline'`,
  ].join('; ');
  const mounts = [nullDevice('/dev/zero', 5)];
  const container = await box.start({ argv: shell(script), mounts });
  await container.end();
  const raw = readFileSync(container.logPath, 'utf8').split('\n');
  assert.match(
    raw[0] ?? '',
    /^\{"log":"\\u003ca href=\\"x\\"\\u003e\\u0026\\u0009\\\\\\r\\n","stream":"stdout","time":"/,
  );
  assert.match(raw[0] ?? '', /"time":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,8}[1-9])?Z"\}$/);
  assert.match(raw[1] ?? '', /^\{"log":"café \\ufffd\\ufffd\\ufffd \\u2028\\n",/);
  const lines = readLog(container.logPath);
  assert.equal(lines[2]?.log, '\n');
  assert.deepEqual(
    lines.slice(3).map(({ log }) => log.length),
    [16384, 16384, 7233, 10],
  );
  assert.equal(new Set(lines.slice(3, 6).map(({ time }) => time)).size, 1, 'pieces of one line have one time');
  assert.equal(
    lines
      .slice(3)
      .map(({ log }) => log)
      .join(''),
    `${'x'.repeat(40000)}\nno newline`,
  );
});

function nullDevice(path: string, minor: number) {
  const args = { path, mode: 0o020666, major: 1, minor, uid: 0, gid: 0 };
  return { op: 'mknodIn', section: 'child', step: 'devices', args } as const;
}
