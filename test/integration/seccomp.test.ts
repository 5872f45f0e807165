/** Profiles given with `--security-opt seccomp=`: what they decide, and who else may decide. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { startSeccompAgent } from '../fixtures/seccomp-agent.ts';
import { eventually, type Finished } from '../harness/command.ts';
import { startWorld, type World } from '../harness/world.ts';

const NOTIFIED = [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_NOTIFY' }];

interface Told {
  id: string;
  pid: number;
  status: string;
}

describe('a seccomp profile of the user', () => {
  let world: World;
  let directory: string;
  let count = 0;
  before(async () => {
    world = await startWorld();
    directory = await mkdtemp(join(tmpdir(), 'isle-seccomp-'));
  });
  after(async () => {
    await world[Symbol.asyncDispose]();
    await rm(directory, { recursive: true });
  });

  /** `docker run` with this profile. */
  const runWith = async (
    profile: object,
    args: readonly string[],
    flags: readonly string[] = [],
  ): Promise<Finished> => {
    const path = join(directory, `profile${count++}.json`);
    await writeFile(path, JSON.stringify({ defaultAction: 'SCMP_ACT_ALLOW', ...profile }));
    const option = ['--security-opt', `seccomp=${path}`];
    return world.daemon.docker(['run', '--rm', '--network', 'none', ...option, ...flags, world.busybox, ...args]);
  };

  it('decides by arguments, errno, capability, and the kernel', async () => {
    const chmod = (mode: number, more: object) => ({
      names: ['chmod', 'fchmodat'],
      action: 'SCMP_ACT_ERRNO',
      // chmod's mode is its second argument, fchmodat's its third; busybox takes chmod.
      args: [{ index: 1, value: mode, op: 'SCMP_CMP_EQ' }],
      ...more,
    });
    const syscalls = [
      chmod(0o111, { errnoRet: 28 }),
      chmod(0o222, { errnoRet: 17, excludes: { caps: ['CAP_SYS_ADMIN'] } }),
      chmod(0o333, { errnoRet: 28, includes: { caps: ['CAP_SYS_ADMIN'] } }),
      chmod(0o444, { errnoRet: 27, includes: { minKernel: '4.8', arches: ['amd64'] } }),
      chmod(0o555, { errnoRet: 28, includes: { minKernel: '99.0' } }),
      chmod(0o666, { errnoRet: 28, excludes: { arches: ['amd64'] } }),
    ];
    const script =
      'touch /f; for m in 111 222 333 444 555 666; do chmod $m /f 2>/dev/null && echo yes || echo $m; done';
    const why = 'touch /f; chmod 111 /f; chmod 222 /f; chmod 444 /f';
    const seen = await runWith({ syscalls }, ['sh', '-c', script]);
    assert.equal(seen.stdout, '111\n222\nyes\n444\nyes\nyes\n', seen.stderr);
    const reasons = await runWith({ syscalls }, ['sh', '-c', why]);
    assert.match(reasons.stderr, /No space left.*\n.*File exists.*\n.*File too large/);
    const admin = await runWith({ syscalls }, ['sh', '-c', script], ['--cap-add', 'SYS_ADMIN']);
    assert.equal(admin.stdout, '111\nyes\n333\n444\nyes\nyes\n', admin.stderr);
  });

  it('may leave calls to a listener, which is told of the container', async () => {
    await using agent = await startSeccompAgent(directory);
    const profile = { syscalls: NOTIFIED, listenerPath: agent.socket, listenerMetadata: 'meta' };
    const script = 'for d in fake refuse real; do mkdir /$d && echo told $d; done; ls -d /fake /real';
    for (const flags of [[], ['--security-opt', 'no-new-privileges'], ['--init'], ['-t'], ['--user', '1000']]) {
      const { stdout, stderr } = await runWith(
        profile,
        ['sh', '-c', script.replaceAll('/', '/tmp/')],
        ['--tmpfs', '/tmp', ...flags],
      );
      const said = `${stdout}${stderr}`;
      assert.match(said, /told fake/, flags.join(' '));
      assert.match(said, /refuse.*Wrong medium type/);
      assert.match(said, /told real/);
      assert.match(said, /\/tmp\/fake: No such file/);
    }
    const states = agent.states();
    assert.equal(states.length, 5);
    const { fds, metadata, pid, state } = JSON.parse(states[0]?.replace(/^1 /, '') ?? '') as Record<string, unknown>;
    const { id, status, bundle, pid: same } = state as Record<string, unknown>;
    assert.deepEqual([fds, metadata, status, same], [['seccompFd'], 'meta', 'creating', pid]);
    assert.match(String(id), /^[0-9a-f]{64}$/);
    assert.match(String(bundle), new RegExp(`/containers/${String(id)}$`));
  });

  it('leaves the same calls of further processes to the listener, which is told of each', async () => {
    const { daemon, busybox } = world;
    // setresuid is made between the filter and the program: there has to be somebody to ask by then.
    for (const names of [['mkdir'], ['mkdir', 'setresuid', 'capset', 'execve']]) {
      const own = await mkdtemp(join(directory, 'agent'));
      await using agent = await startSeccompAgent(own);
      const path = join(own, 'profile.json');
      const syscalls = [{ names, action: 'SCMP_ACT_NOTIFY' }];
      await writeFile(path, JSON.stringify({ defaultAction: 'SCMP_ACT_ALLOW', syscalls, listenerPath: agent.socket }));
      const flags = ['--network', 'none', '--security-opt', `seccomp=${path}`];
      const id = await daemon.ok(['run', '-d', ...flags, busybox, 'sleep', '100']);
      const first = Number(await daemon.ok(['inspect', '-f', '{{.State.Pid}}', id]));
      for (const user of ['0', '1000']) {
        const script = 'mkdir /tmp/fake && echo told; cat /proc/self/status';
        const seen = await daemon.ok(['exec', '-u', user, id, 'sh', '-c', script]);
        assert.match(seen, /^told\n/);
        assert.match(seen, /^Seccomp:\t2$/m);
      }
      const { code, stderr } = await daemon.docker(['exec', '-t', id, 'mkdir', '/tmp/refuse']);
      assert.notEqual(code, 0, stderr);
      await daemon.ok(['exec', '-d', id, 'sleep', '77']);
      const states = agent.states().map((line) => JSON.parse(line.slice(2)) as { pid: number; state: Told });
      assert.equal(states.length, 5);
      assert.equal(readFileSync(`/proc/${states[4]?.pid}/cmdline`, 'utf8'), 'sleep\x0077\0');
      const [created, ...executed] = states;
      assert.deepEqual([created?.pid, created?.state.pid, created?.state.status], [first, first, 'creating']);
      for (const { pid, state } of executed) {
        assert.notEqual(pid, first);
        assert.deepEqual([state.id, state.pid, state.status], [id, first, 'running']);
      }
      await daemon.ok(['rm', '-f', id]);
    }
  });

  it('tells the listener once on a connection that is closed then, however much there is to tell', async () => {
    const socket = join(directory, 'closed.sock');
    const texts: string[] = [];
    // Node reads bytes and lets descriptors go: there is no listener from then on.
    const server = createServer((connection) => {
      let text = '';
      connection.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      connection.on('end', () => texts.push(text));
    });
    await new Promise<void>((resolve) => server.listen(socket, resolve));
    try {
      const annotation = 'x'.repeat(100_000);
      const { stderr } = await runWith(
        { syscalls: NOTIFIED, listenerPath: socket },
        ['mkdir', '/x'],
        ['--annotation', `long=${annotation}`],
      );
      assert.match(stderr, /Function not implemented/);
      const text = await eventually('the connection is closed', () => texts[0] ?? null);
      const { state } = JSON.parse(text) as { state: { annotations: Record<string, string> } };
      assert.equal(state.annotations['long'], annotation);
    } finally {
      server.close();
    }
  });

  it('keeps signals from a call that the listener has read, with WAIT_KILLABLE_RECV', async () => {
    for (const [flags, calls] of [
      [undefined, 2],
      [['SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV'], 1],
    ] as const) {
      const own = await mkdtemp(join(directory, 'agent'));
      await using agent = await startSeccompAgent(own);
      const profile = { syscalls: NOTIFIED, listenerPath: agent.socket, flags };
      const { code, stderr } = await runWith(profile, ['mkdir', '/stopped']);
      assert.deepEqual([code, agent.calls().length], [0, calls], stderr);
    }
  });

  it('makes the start fail, by name, when the listener is not there or cannot be', async () => {
    const listenerPath = join(directory, 'nobody.sock');
    const absent = await runWith({ syscalls: NOTIFIED, listenerPath }, ['true']);
    assert.notEqual(absent.code, 0);
    assert.match(absent.stderr, /hand the listener of the system call filter to `.*nobody\.sock`: ENOENT/);
    const write = [{ names: ['write'], action: 'SCMP_ACT_NOTIFY' }];
    const refusals: [object, RegExp][] = [
      [{ syscalls: NOTIFIED }, /listenerPath is not set/],
      [{ syscalls: write, listenerPath }, /SCMP_ACT_NOTIFY cannot be used for the write syscall/],
      [{ defaultAction: 'SCMP_ACT_NOTIFY', listenerPath }, /cannot be used as default action/],
      [{ syscalls: NOTIFIED, listenerPath: 'relative' }, /listenerPath: must be the absolute path/],
    ];
    for (const [profile, reason] of refusals) {
      const { code, stderr } = await runWith(profile, ['true']);
      assert.equal(code, 125);
      assert.match(stderr, reason);
    }
    assert.deepEqual((await world.daemon.ok(['ps', '-aq'])).split('\n'), ['']);
  });

  it('is told by name what of it has no effect', async () => {
    const { code, stderr } = await runWith(
      {
        listenerPath: '/nowhere.sock',
        flags: ['SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV', 'SECCOMP_FILTER_FLAG_LOG', 'SECCOMP_FILTER_FLAG_TSYNC'],
        syscalls: [{ names: ['mkdri'], action: 'SCMP_ACT_KILL', errno: 'EPERM' }],
      },
      ['true'],
    );
    assert.equal(code, 0);
    for (const named of [
      /listenerPath has no effect/,
      /WAIT_KILLABLE_RECV has no effect/,
      /mkdri/,
      /syscalls\[\]\.errno/,
    ]) {
      assert.match(stderr, named);
    }
  });
});
