/** The same program built with AddressSanitizer and UBSan: its ways of life, and input that is broken on purpose. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { before, it } from 'node:test';
import { connectMonitor } from '../../src/runtime/monitor.ts';
import { encodePlan } from '../../src/runtime/encode.ts';
import { ANSWER, encodeFrame, type Frame, FrameDecoder, REQUEST } from '../../src/runtime/launcher-frames.ts';
import { MOUNT_ATTR } from '../../src/runtime/plan/constants.ts';
import { op } from '../../src/runtime/plan/op.ts';
import { MONITOR_FLAGS, type PlanOp } from '../../src/runtime/plan/table.ts';
import { filterOps } from '../../src/runtime/plan/seccomp.ts';
import { compileSeccomp } from '../../src/security/seccomp/index.ts';
import { startSeccompAgent } from '../fixtures/seccomp-agent.ts';
import { buildSanitized, collect, ISLET_ASAN, IsletBox, payloads } from '../fixtures/islet-box.ts';

const OUTPUT = { stdout: true, stderr: true, events: false, raw: false };
const SEED = 20_261_124;

before(buildSanitized);

/** The same numbers in every run. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state;
  };
}

it('moves input, output and a log of all kinds of bytes', async () => {
  await using box = await IsletBox.open(ISLET_ASAN);
  const flags = MONITOR_FLAGS.openStdin | MONITOR_FLAGS.stdinOnce | MONITOR_FLAGS.waitAttach;
  const container = await box.start({ argv: ['sh', '-c', 'cat; echo end >&2; exit 3'], flags });
  const clients = await Promise.all([1, 2, 3].map(() => connectMonitor(container.socket, OUTPUT)));
  const next = random(SEED);
  const input = Buffer.from(Array.from({ length: 400_000 }, () => next() >>> 24));
  clients[0]?.stdin.end(input);
  const outputs = await Promise.all(clients.map((client) => collect(client)));
  for (const output of outputs) {
    assert(payloads(output, 1).equals(input), 'output differs from input');
    assert.equal(payloads(output, 2).toString(), 'end\n');
  }
  assert.equal((await container.end()).exitCode, 3);
});

it('opens a terminal, resizes it and hangs it up', async () => {
  await using box = await IsletBox.open(ISLET_ASAN);
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
      options: ['newinstance', 'ptmxmode=0666'],
      attrs: 0n,
    }),
    op('child', 'terminal', 'pty', { rows: 10, cols: 20, uid: 0 }),
  ];
  const container = await box.start({
    argv: ['sh', '-c', 'stty size; read x; stty size'],
    mounts,
    flags: MONITOR_FLAGS.tty | MONITOR_FLAGS.openStdin | MONITOR_FLAGS.waitAttach,
  });
  const client = await connectMonitor(container.socket, { ...OUTPUT, raw: true });
  client.resize(30, 40);
  client.stdin.write('\n');
  assert.match((await collect(client)).toString(), /30 40\r\n$/);
  assert.equal((await container.end()).exitCode, 0);
});

it('hands a seccomp listener over, or says why it cannot', async () => {
  await using box = await IsletBox.open(ISLET_ASAN);
  await using agent = await startSeccompAgent(box.directory);
  const context = { caps: [], arch: 'x86_64', kernel: [6, 18] } as const;
  const filterOf = (
    name: string,
    action: 'SCMP_ACT_NOTIFY' | 'SCMP_ACT_ERRNO' | 'SCMP_ACT_KILL_PROCESS',
    path: string,
  ) => {
    const syscalls = [
      { names: ['mkdir'], action: 'SCMP_ACT_NOTIFY' },
      { names: [name], action },
    ] as const;
    const program = compileSeccomp(
      { defaultAction: 'SCMP_ACT_ALLOW', listener: { path, metadata: '' }, syscalls },
      context,
    );
    return filterOps(program, { ociVersion: '1.2.0', id: 'c', status: 'creating', bundle: '/' });
  };
  const refused = filterOf('chmod', 'SCMP_ACT_NOTIFY', agent.socket);
  const { stderr } = await box.run({ argv: ['mkdir', '/tmp/refuse'], late: refused });
  assert.match(stderr, /Wrong medium type/);
  assert.match(
    agent.states()[0] ?? '',
    /^1 \{"ociVersion":"1\.2\.0","fds":\["seccompFd"\],"pid":\d+,"state":\{.*\}\}$/,
  );

  const failing: [PlanOp[], string][] = [
    [filterOf('chmod', 'SCMP_ACT_NOTIFY', join(box.directory, 'nobody')), 'ENOENT'],
    [filterOf('chmod', 'SCMP_ACT_NOTIFY', box.directory), 'ECONNREFUSED'],
    [filterOf('chmod', 'SCMP_ACT_NOTIFY', `/${'x'.repeat(200)}`), 'ENAMETOOLONG'],
    [filterOf('write', 'SCMP_ACT_ERRNO', agent.socket), 'EPERM'],
    [filterOf('write', 'SCMP_ACT_KILL_PROCESS', agent.socket), 'ECHILD'],
    [refused.slice(1), 'EINVAL'],
  ];
  for (const [late, errno] of failing) await assert.rejects(box.start({ argv: ['true'], late }), { errno });
});

it('does and undoes what plans say', async () => {
  await using box = await IsletBox.open(ISLET_ASAN);
  writeFileSync(join(box.root, 'etc/secret'), 'secret');
  const made = join(box.directory, 'made');
  const cleanup = [op('cleanup', 'cgroups', 'rmdir', { path: made })];
  const setup = [op('setup', 'cgroups', 'mkdir', { path: made, mode: 0o755 })];
  const mounts = [
    op('child', 'masks', 'mask', { path: '/etc/secret', label: '' }),
    op('child', 'masks', 'mask', { path: '/etc', label: '' }),
    op('child', 'masks', 'mask', { path: '/sys', label: '' }),
    op('child', 'mounts', 'mountBind', {
      source: box.directory,
      target: '/a/b/c',
      recursive: 1,
      attrs: 1n,
      propagation: 0n,
      createTarget: 1,
    }),
    op('child', 'user', 'setGroups', { groups: [1, 2, 3] }),
  ];
  const ran = await box.run({ argv: ['ls', '/a/b/c', '/etc'], setup, mounts, cleanup });
  assert.match(ran.stdout, /made\n/);
  assert(!readdirSync(box.directory).includes('made'));
  const failing: PlanOp[][] = [
    [op('child', 'mounts', 'mountFs', { fsType: 'tmpfs', source: '', target: '/tmp', options: ['size=x'], attrs: 0n })],
    [op('child', 'mounts', 'mountFs', { fsType: 'nosuchfs', source: '', target: '/tmp', options: [], attrs: 0n })],
    [
      op('child', 'network', 'netlink', {
        protocol: 0,
        messages: Buffer.from('1400000012000500010000000000000000000000', 'hex'),
      }),
    ],
    [op('child', 'process', 'chdir', { path: `/${'x'.repeat(5000)}` })],
  ];
  for (const late of failing)
    await assert.rejects(box.start({ argv: ['true'], setup, mounts: late, cleanup }), { name: 'PlanError' });
  await assert.rejects(
    box.start({ argv: ['nosuch'], setup, cleanup, searchPath: ['/bin', '/', `/${'y'.repeat(5000)}`] }),
    { errno: 'ENOENT' },
  );
  assert(!readdirSync(box.directory).includes('made'));
});

it('answers broken plans with a refusal and goes on', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'isle-islet-plans-'));
  const env = {
    ...process.env,
    ASAN_OPTIONS: `log_path=${directory}/sanitizer`,
    UBSAN_OPTIONS: `log_path=${directory}/sanitizer`,
  };
  const child = spawn(ISLET_ASAN, ['launcher'], { env, stdio: ['ignore', 'ignore', 'inherit', 'pipe'] });
  const socket = child.stdio[3] as Duplex;
  const answers: Frame[] = [];
  const decoder = new FrameDecoder();
  socket.on('data', (chunk: Buffer) => answers.push(...decoder.push(chunk)));
  // Harmless whatever becomes of them: there is no root, and each plan runs in a process of its own.
  const ops: PlanOp[] = [
    op('setup', 'x', 'umask', { mask: 0o22 }),
    op('setup', 'x', 'mkdirIn', { path: '/a', mode: 0, uid: 0, gid: 0 }),
    op('setup', 'x', 'mountFs', { fsType: 'x', source: 'y', target: 'z', options: ['a', 'b=c'], attrs: 0n }),
  ];
  const good = Buffer.from(encodePlan({ ops }));
  const next = random(SEED);
  const broken: Buffer[] = Array.from({ length: good.length }, (_, length) => good.subarray(0, length));
  for (let i = 0; i < 300; i++) {
    const copy = Buffer.from(good);
    copy[16 + (next() % (copy.length - 16))] = next() >>> 24;
    broken.push(copy);
  }
  broken.forEach((bytes, index) =>
    socket.write(encodeFrame(index, index % 2 === 0 ? REQUEST.run : REQUEST.start, bytes)),
  );
  while (answers.length < broken.length) await once(socket, 'data');
  assert(answers.every((answer) => answer.type === ANSWER.failed));
  socket.end();
  await once(child, 'exit');
  assert.equal(child.exitCode, 0);
  assert.deepEqual(readdirSync(directory), [], 'a sanitizer complained');
  rmSync(directory, { recursive: true });
});

it('drops clients that send nonsense and goes on serving the others', async () => {
  await using box = await IsletBox.open(ISLET_ASAN);
  const container = await box.start({ argv: ['sleep', '1000'], flags: MONITOR_FLAGS.openStdin });
  const next = random(SEED);
  const clients = Array.from({ length: 200 }, async () => {
    const bytes = Buffer.from(Array.from({ length: next() % 64 }, () => next() >>> 24));
    // Half of them begin well: a subscription and the head of a known frame.
    if (next() % 2 === 0) Buffer.from([0x10, 0, 0, 0, 0, 0, 0, 1, 15, 0x11 + (next() % 5), 0, 0, 0]).copy(bytes);
    const socket = createConnection(container.socket);
    // The monitor may close while bytes are on their way.
    socket.on('error', () => {});
    socket.end(bytes);
    socket.resume();
    await new Promise((resolve) => socket.once('close', resolve));
  });
  const proper = await connectMonitor(container.socket, OUTPUT);
  await container.events.signal(0);
  await Promise.all([container.events.signal(9), container.end(), ...clients]);
  await proper.closed;
});

it('makes user namespaces and holds trees for them', async () => {
  await using box = await IsletBox.open(ISLET_ASAN);
  const map = '0 200000 1000\n';
  const held = {
    nsPath: '/proc/self/ns/mnt',
    source: '/etc',
    recursive: 0,
    attrs: MOUNT_ATTR.rdonly,
    propagation: 0n,
    uidMap: map,
    gidMap: map,
  };
  const setup = [
    op('setup', 'mounts', 'holdTree', { slot: 2, ...held }),
    op('setup', 'mounts', 'holdTree', { slot: 0, ...held, nsPath: '', recursive: 1, uidMap: '', gidMap: '' }),
  ];
  const mounts = [
    op('child', 'mounts', 'mountHeld', { slot: 2, target: '/mapped/etc', createTarget: 1 }),
    op('child', 'mounts', 'mountHeld', { slot: 0, target: '/plain', createTarget: 1 }),
  ];
  const ran = await box.run({
    argv: ['sh', '-c', 'stat -c %u /mapped/etc/passwd /plain/passwd; exit 7'],
    setup,
    mounts,
  });
  assert.equal(ran.stdout, '200000\n0\n');
  assert.equal(ran.exit.exitCode, 7);
  const inUserNamespace = [
    op('setup', 'user namespace', 'userNs', { uidMap: map, gidMap: map }),
    op('setup', 'user namespace', 'stdioOwner', { uid: 200_000, gid: 200_000 }),
    op('setup', 'namespaces', 'joinPid', { path: '/proc/self/ns/pid' }),
  ];
  const late = [op('child', 'user', 'setGid', { gid: 0 }), op('child', 'user', 'setUid', { uid: 0 })];
  const mapped = await box.run({ argv: ['cat', '/proc/self/uid_map'], setup: inUserNamespace, late });
  assert.match(mapped.stdout, /^\s*0\s+200000\s+1000$/m);
  const offsets = [op('setup', 'namespaces', 'timeOffsets', { offsets: Buffer.from('monotonic 1000 0\n') })];
  const shifted = await box.run({ argv: ['cat', '/proc/self/timens_offsets'], setup: offsets });
  assert.match(shifted.stdout, /^monotonic\s+1000\s+0$/m);
  const failing: PlanOp[][] = [
    [op('setup', 'user namespace', 'userNs', { uidMap: 'nonsense', gidMap: map })],
    [op('setup', 'rootfs', 'idmapOver', { path: '/etc' })],
    [op('setup', 'rootfs', 'holdRoot', {})],
    [op('setup', 'mounts', 'holdTree', { slot: 99_999, ...held })],
    [op('setup', 'mounts', 'holdTree', { slot: 0, ...held, source: '/nosuch' })],
    [op('setup', 'namespaces', 'joinPid', { path: '/proc/self/ns/uts' })],
  ];
  for (const broken of failing)
    await assert.rejects(box.start({ argv: ['true'], setup: broken }), { name: 'PlanError' });
});

it('starts, signals and reaps as an init', () => {
  const init = (script: string) =>
    spawnSync(ISLET_ASAN, ['--', 'sh', '-c', script], { argv0: '/sbin/docker-init', encoding: 'utf8' });
  const ended = init('(sleep 0.05 &); kill -USR2 $PPID; sleep 60; echo alive; exit 7');
  assert.deepEqual(
    [ended.status, ended.stdout, ended.stderr],
    [128 + 12, '', ''],
    'the signal came back to the program',
  );
  assert.deepEqual([init('exit 7').status, init('exit 7').stderr], [7, '']);
  assert.equal(spawnSync(ISLET_ASAN, ['--', 'no-such'], { argv0: '/sbin/docker-init' }).status, 127);
});
