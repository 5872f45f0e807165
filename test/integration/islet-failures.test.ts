/**
 * What goes wrong: programs that cannot be executed, operations that fail, processes that are killed. Nothing may be
 * left of any of it.
 */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { PlanError } from '../../src/runtime/executor.ts';
import { connectMonitor, readExitRecord } from '../../src/runtime/monitor.ts';
import { CLONE } from '../../src/runtime/plan/constants.ts';
import { op } from '../../src/runtime/plan/op.ts';
import type { Plan, PlanOp } from '../../src/runtime/plan/table.ts';
import { run } from '../fixtures/process.ts';
import { cgroupMounts } from '../harness/leftovers.ts';
import { type ContainerOptions, isAlive, IsletBox, until } from '../fixtures/islet-box.ts';

const hex = (...words: string[]) => Buffer.from(words.join(''), 'hex');

const CHILD_LIST = (pid: number) => readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();

async function failure(box: IsletBox, options: ContainerOptions): Promise<PlanError> {
  const prepared = box.prepare(options);
  const error = await box.launch(prepared.plan).then(
    () => assert.fail('the start did not fail'),
    (thrown: unknown) => thrown,
  );
  assert(error instanceof PlanError, String(error));
  assert.deepEqual(readdirSync(prepared.stateDir), [], 'the monitor left files');
  await until('no process is left', () => CHILD_LIST(box.launcher.pid) === '');
  return error;
}

it('names a program that does not exist', async () => {
  await using box = await IsletBox.open();
  const error = await failure(box, { argv: ['/bin/nosuch'] });
  assert.deepEqual(
    { step: error.step, operation: error.operation, path: error.path, errno: error.errno, code: error.code },
    { step: 'process', operation: 'exec', path: '/bin/nosuch', errno: 'ENOENT', code: 'ENOENT' },
  );
  assert.match(error.message, /\/bin\/nosuch.*ENOENT \(no such file or directory\)/);
});

it('searches the path as execvpe does', async () => {
  await using box = await IsletBox.open();
  const at = (name: string) => join(box.root, name);
  for (const name of ['a', 'b', 'b/tool', 'c']) mkdirSync(at(name));
  writeFileSync(at('a/tool'), '#!/bin/sh\necho a\n');
  writeFileSync(at('c/tool'), '#!/bin/sh\necho c $0\n', { mode: 0o755 });
  writeFileSync(at('c/data'), 'no program');
  chmodSync(at('c/data'), 0o755);

  const search = (searchPath: string[], name = 'tool') => ({ argv: [name], searchPath });
  assert.equal((await failure(box, search(['/nosuch', '/tmp']))).errno, 'ENOENT');
  assert.equal((await failure(box, search(['/a', '/tmp']))).errno, 'EACCES', 'a file that is not executable');
  assert.equal((await failure(box, search(['/b', '/nosuch']))).errno, 'EACCES', 'a directory of that name');
  assert.equal((await failure(box, search(['/c'], 'data'))).errno, 'ENOEXEC');
  assert.equal((await failure(box, search(['/c'], ''))).errno, 'ENOENT');
  assert.equal((await failure(box, { argv: ['/b'] })).errno, 'EACCES');
  const found = await box.run(search(['/a/tool', '/a', '/b', '/c']));
  assert.equal(found.stdout, 'c /c/tool\n', 'what cannot be executed does not end the search');
});

it("reports a failed operation with the kernel's own text, after the cleanup", async () => {
  await using box = await IsletBox.open();
  const groups = cgroupMounts().map((mount) => `${mount}/isle-islet-test-${process.pid}`);
  const error = await failure(box, {
    argv: ['true'],
    setup: groups.map((path) => op('setup', 'cgroups', 'mkdir', { path, mode: 0o755 })),
    early: groups
      .filter((path) => existsSync(join(path, '../tasks')) && !path.includes('cpuset'))
      .map((path) => op('child', 'cgroups', 'cgroupJoin', { path: `${path}/tasks` })),
    mounts: [
      op('child', 'mounts', 'mountFs', {
        fsType: 'tmpfs',
        source: 'tmpfs',
        target: '/tmp',
        options: ['size=much'],
        attrs: 0n,
      }),
    ],
    cleanup: groups.map((path) => op('cleanup', 'cgroups', 'rmdir', { path })),
  });
  assert.equal(error.operation, 'mountFs', error.message);
  assert.equal(error.step, 'mounts');
  assert.equal(error.path, '/tmp');
  assert.equal(error.errno, 'EINVAL');
  assert.match(error.detail, /tmpfs: Bad value for 'size'/);
  assert.match(error.message, /^cannot mount a new tmpfs on `\/tmp`.*EINVAL \(invalid argument\)/);
  assert.deepEqual(
    groups.filter((path) => existsSync(path)),
    [],
  );
});

it('reports operations that fail before and beside the child', async () => {
  await using box = await IsletBox.open();
  const setup = await failure(box, {
    argv: ['true'],
    setup: [op('setup', 'cgroups', 'write', { path: '/nosuch/file', data: new Uint8Array(1) })],
  });
  assert.deepEqual([setup.operation, setup.path, setup.errno, setup.opIndex], ['write', '/nosuch/file', 'ENOENT', 2]);
  const clone = await failure(box, { argv: ['true'], cloneFlags: 0x100n });
  assert.deepEqual([clone.operation, clone.errno], ['clone', 'EINVAL']);
  const messages = Buffer.from('1400000012000500010000000000000000000000', 'hex').subarray(0, 19);
  const parent = await failure(box, {
    argv: ['true'],
    parent: [op('parent', 'network', 'netlink', { protocol: 0, messages })],
    mounts: [op('child', 'network', 'waitParent', {})],
  });
  assert.deepEqual([parent.operation, parent.errno], ['netlink', 'EBADMSG']);
});

it('refuses a plan that is no start plan', async () => {
  await using box = await IsletBox.open();
  const { plan } = box.prepare({ argv: ['true'] });
  const without = (name: string): Plan => ({ ops: plan.ops.filter((operation) => operation.op !== name) });
  for (const [broken, reason] of [
    [without('monitor'), /does not begin with the operation monitor/],
    [without('clone'), /exactly one clone/],
    [without('exec'), /does not end with exec/],
    [{ ops: [] }, /does not begin/],
  ] as const) {
    await assert.rejects(box.launch(broken), (error: PlanError) => error.opIndex === -1 && reason.test(error.detail));
  }
});

it('says so when the first process dies without a word', async () => {
  await using box = await IsletBox.open();
  // if (nr == setresuid) kill the process, else allow
  const filter = hex('2000000000000000', '1500000175000000', '0600000000000080', '060000000000ff7f');
  const error = await failure(box, {
    argv: ['true'],
    late: [op('child', 'seccomp', 'seccomp', { flags: 0n, filter }), op('child', 'user', 'setUid', { uid: 1 })],
  });
  assert.equal(error.opIndex, -1);
  assert.equal(error.errno, 'ECHILD');
  assert.match(error.detail, /died before its program/);
});

it('records cleanup operations that fail, and does the others', async () => {
  await using box = await IsletBox.open();
  const directory = join(box.directory, 'made');
  const container = await box.start({
    // Who subscribes after the end is told of the cleanup at once.
    argv: ['sh', '-c', 'while [ ! -e /tmp/go ]; do sleep 0.02; done; echo fine'],
    cleanup: [
      op('cleanup', 'cgroups', 'rmdir', { path: '/proc/self' }),
      op('cleanup', 'cgroups', 'mkdir', { path: directory, mode: 0o700 }),
    ],
  });
  writeFileSync(join(box.root, 'tmp/go'), '');
  const exit = await container.end();
  assert.match(readFileSync(container.logPath, 'utf8'), /fine/);
  assert.deepEqual(exit.cleanupErrors, [], 'the record is sent before the cleanup');
  assert(existsSync(directory));
  const record = readExitRecord(container.stateDir);
  assert.equal(record?.cleanupErrors.length, 1);
  assert.match(record?.cleanupErrors[0] ?? '', /^\d+:(ENOTDIR|EPERM)$/);
});

it('goes on without its launcher: the container lives, its log and exit record are written', async () => {
  await using box = await IsletBox.open();
  const container = await box.start({
    argv: ['sh', '-c', 'while [ ! -e /tmp/go ]; do sleep 0.02; done; echo still here; exit 9'],
  });
  process.kill(box.launcher.pid, 'SIGKILL');
  assert.deepEqual(await box.launcher.exited, { code: null, signal: 'SIGKILL' });
  await assert.rejects(box.launcher.start({ ops: [] }), { kind: 'Unavailable' });
  writeFileSync(join(box.root, 'tmp/go'), '');
  assert.equal((await container.end()).exitCode, 9);
  assert.equal(readExitRecord(container.stateDir)?.exitCode, 9);
  assert.match(readFileSync(container.logPath, 'utf8'), /still here/);
});

it('does not wait for an attached client when there is no launcher any more', async () => {
  await using box = await IsletBox.open();
  const container = await box.start({ argv: ['echo', 'hello'], flags: 8 });
  process.kill(box.launcher.pid, 'SIGKILL');
  assert.equal((await container.end()).exitCode, 0);
  assert.match(readFileSync(container.logPath, 'utf8'), /hello/);
});

it('takes the container along when the monitor is killed', async () => {
  await using box = await IsletBox.open();
  const late = [op('child', 'user', 'setUid', { uid: 1000 })];
  for (const options of [{ argv: ['sleep', '1000'] }, { argv: ['sleep', '1000'], late }]) {
    const container = await box.start(options);
    process.kill(container.started.monitorPid, 'SIGKILL');
    assert.equal(await container.events.exit, null);
    await until('the container dies', () => !isAlive(container.started.pid));
    await assert.rejects(connectMonitor(container.socket, { stdout: true, stderr: true, events: false, raw: false }), {
      code: 'EMONITORGONE',
    });
  }
});

it('leaves a pid file by which a restarted daemon recognizes the process', async () => {
  await using box = await IsletBox.open();
  const container = await box.start({ argv: ['sleep', '1000'] });
  const stat = readFileSync(`/proc/${container.started.pid}/stat`, 'utf8');
  const ticks = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  const { pid, monitorPid } = container.started;
  assert.equal(readFileSync(join(container.stateDir, 'pid'), 'utf8'), `${pid} ${ticks} ${monitorPid}\n`);
  await container.events.signal(9);
  await container.end();
  assert(!existsSync(container.socket));
});

it('starts many containers at once, each with its own answer', async () => {
  await using box = await IsletBox.open();
  const codes = await Promise.all(
    Array.from({ length: 40 }, async (_, index) => {
      if (index % 4 === 0)
        return (await box.start({ argv: ['/nosuch'] }).catch((error: PlanError) => error.errno)) as string;
      const container = await box.start({ argv: ['sh', '-c', `exit ${index}`] });
      return String((await container.end()).exitCode);
    }),
  );
  assert.deepEqual(
    codes,
    Array.from({ length: 40 }, (_, index) => (index % 4 === 0 ? 'ENOENT' : String(index))),
  );
});

it('a FIFO that has come to the place of a namespace is refused, and nobody waits for its writer', async () => {
  await using box = await IsletBox.open();
  const path = join(box.directory, 'fifo');
  await run('mkfifo', [path]);
  const enters: readonly PlanOp[] = [
    op('setup', 'namespaces', 'setns', { path, nsType: CLONE.network }),
    op('setup', 'namespaces', 'joinPid', { path }),
    op('setup', 'namespaces', 'joinUser', { path }),
  ];
  for (const enter of enters) {
    const { errno, operation } = await failure(box, { argv: ['true'], setup: [enter] });
    assert.deepEqual([operation, errno], [['joinPid', 'joinUser'].includes(enter.op) ? 'clone' : enter.op, 'EINVAL']);
  }
});
