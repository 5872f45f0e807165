/** Terminals: the pty inside, its master at the monitor. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { connectMonitor, type MonitorConnection } from '../../src/runtime/monitor.ts';
import { op } from '../../src/runtime/plan/op.ts';
import { MONITOR_FLAGS, type PlanOp } from '../../src/runtime/plan/table.ts';
import { type ContainerOptions, IsletBox, readLog, type RunningContainer, until } from '../fixtures/islet-box.ts';

const FLAGS = MONITOR_FLAGS.tty | MONITOR_FLAGS.openStdin | MONITOR_FLAGS.waitAttach;

function terminal(script: string, uid = 0): ContainerOptions {
  const devpts = ['newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'];
  const mounts: PlanOp[] = [
    op('child', 'mounts', 'mountFs', {
      fsType: 'tmpfs',
      source: 'tmpfs',
      target: '/dev',
      options: ['mode=755'],
      attrs: 0n,
    }),
    op('child', 'mounts', 'mountFs', {
      fsType: 'devpts',
      source: 'devpts',
      target: '/dev/pts',
      options: devpts,
      attrs: 0n,
    }),
    op('child', 'devices', 'mknodIn', { path: '/dev/tty', mode: 0o020666, major: 5, minor: 0, uid: 0, gid: 0 }),
    op('child', 'terminal', 'pty', { rows: 24, cols: 81, uid }),
  ];
  return { argv: ['sh', '-c', script], flags: FLAGS, mounts, early: [op('child', 'process', 'setsid', {})] };
}

/** The container, and its screen as one growing text. */
async function attach(
  box: IsletBox,
  options: ContainerOptions,
): Promise<{ container: RunningContainer; client: MonitorConnection; screen: () => string }> {
  const container = await box.start(options);
  const client = await connectMonitor(container.socket, { stdout: true, stderr: true, events: false, raw: true });
  let text = '';
  client.output.on('data', (chunk: Buffer) => (text += chunk.toString()));
  return { container, client, screen: () => text };
}

it('gives the program a controlling terminal of the asked size, and sends its output raw', async () => {
  await using box = await IsletBox.open();
  const { container, client, screen } = await attach(
    box,
    terminal('stty size; echo hello > /dev/tty; ls -l /dev/console; exit 4'),
  );
  assert.equal((await container.end()).exitCode, 4);
  await client.closed;
  assert.match(screen(), /^24 81\r\nhello\r\ncrw--w---- .* 136, +0 .*\/dev\/console\r\n$/);
  assert.equal(readLog(container.logPath)[0]?.log, '24 81\r\n');
  assert.equal(readLog(container.logPath)[0]?.stream, 'stdout');
});

it('passes a new size on as SIGWINCH', async () => {
  await using box = await IsletBox.open();
  const { container, client, screen } = await attach(
    box,
    terminal('trap "stty size; exit 5" WINCH; echo ready; while :; do sleep 0.05; done'),
  );
  await until('the trap is set', () => screen().includes('ready'));
  client.resize(50, 132);
  assert.equal((await container.end()).exitCode, 5);
  await client.closed;
  assert.match(screen(), /ready\r\n50 132\r\n$/);
});

it('echoes input and turns Ctrl-C into SIGINT', async () => {
  await using box = await IsletBox.open();
  const { container, client, screen } = await attach(
    box,
    terminal(
      'trap "echo interrupted; exit 6" INT; echo ready; read line; echo "<$line>"; while :; do sleep 0.05; done',
    ),
  );
  await until('the program reads', () => screen().includes('ready'));
  client.stdin.write('some words\n');
  await until('the line is echoed', () => screen().includes('some words\r\n<some words>\r\n'));
  client.stdin.write('\u0003');
  assert.equal((await container.end()).exitCode, 6);
  await client.closed;
  assert.match(screen(), /\^C(\r\n)?interrupted\r\n$/);
});

it('ends input with Ctrl-D, not with the client', async () => {
  await using box = await IsletBox.open();
  const { container, client, screen } = await attach(box, {
    ...terminal('cat; echo end of input'),
    flags: FLAGS | MONITOR_FLAGS.stdinOnce,
  });
  client.stdin.end('one\n');
  await until('the input is through', () => screen().includes('one\r\none\r\n'));
  const second = await connectMonitor(container.socket, { stdout: false, stderr: false, events: false, raw: true });
  second.stdin.write('\u0004');
  assert.equal((await container.end()).exitCode, 0);
  await client.closed;
  assert.match(screen(), /end of input\r\n$/);
});

it('gives the terminal to the user that the program runs as', async () => {
  await using box = await IsletBox.open();
  const options = {
    ...terminal('stat -c %u:%g /dev/pts/0; echo fine > /dev/pts/0', 1000),
    late: [op('child', 'user', 'setUid', { uid: 1000 })],
  };
  const { container, client, screen } = await attach(box, options);
  assert.equal((await container.end()).exitCode, 0);
  await client.closed;
  assert.equal(screen(), '1000:5\r\nfine\r\n');
});

it('keeps a terminal alive whose program has closed it for a while', async () => {
  await using box = await IsletBox.open();
  const script =
    'exec 3</proc/self/mounts; exec </proc/self/mounts >/proc/self/comm 2>&1; sleep 0.2; echo back > /dev/pts/0; sleep 0.1';
  const { container, client, screen } = await attach(box, terminal(script));
  assert.equal((await container.end()).exitCode, 0);
  await client.closed;
  assert.equal(screen(), 'back\r\n');
});

it('refuses a terminal when /dev/pts of the container is not devpts', async () => {
  await using box = await IsletBox.open();
  const mounts = [
    op('child', 'mounts', 'mountFs', {
      fsType: 'tmpfs',
      source: 'tmpfs',
      target: '/dev',
      options: ['mode=755'],
      attrs: 0n,
    }),
    op('child', 'mounts', 'mkdirIn', { path: '/dev/pts', mode: 0o755, uid: 0, gid: 0 }),
    op('child', 'mounts', 'mknodIn', { path: '/dev/pts/ptmx', mode: 0o020666, major: 5, minor: 2, uid: 0, gid: 0 }),
    op('child', 'terminal', 'pty', { rows: 0, cols: 0, uid: 0 }),
  ];
  await assert.rejects(box.start({ argv: ['true'], flags: FLAGS, mounts }), { name: 'PlanError', operation: 'pty' });
});
