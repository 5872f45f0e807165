/** The Landlock domain around containers: what it closes, that the same works without it, and what must go on working. */
import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { AuditReport } from '../../src/api/types/audit.ts';
import type { Explanation } from '../../src/api/types/explain.ts';
import { withoutLandlock } from '../fixtures/landlock.ts';
import { api } from '../harness/api.ts';
import { eventually } from '../harness/command.ts';
import { startDaemon } from '../harness/daemon.ts';
import { startWorld, type World } from '../harness/world.ts';
import { attackProgram } from './program.ts';

const OPEN = ['--security-opt', 'landlock=unconfined'];
const STRICT = ['--security-opt', 'landlock=strict'];
/** As a monitoring agent has it. */
const HOST_PROC = ['-v', '/proc:/host/proc:ro'];

const skip = await withoutLandlock(true);

describe('a Landlock domain around containers', { skip }, () => {
  let world: World;
  let tools: string;
  let victim: ChildProcess;
  let other: { id: string; pid: string };

  const pidOf = (id: string) => world.daemon.ok(['inspect', '-f', '{{.State.Pid}}', id]);
  const flagsWith = (flags: readonly string[]) => ['-v', `${tools}:/tools:ro`, ...flags, world.busybox];
  const inside = (flags: readonly string[], script: string) =>
    world.daemon.ok(['run', '--rm', ...flagsWith(flags), 'sh', '-c', script]);
  const attempt = (flags: readonly string[], script: string) =>
    world.daemon.docker(['run', '--rm', ...flagsWith(flags), 'sh', '-c', script]);
  const started = async (flags: readonly string[], script = 'exec sleep 1000') => {
    const id = await world.daemon.ok(['run', '-d', ...flagsWith(flags), 'sh', '-c', script]);
    return { id, pid: await pidOf(id) };
  };

  before(async () => {
    tools = mkdtempSync(join(tmpdir(), 'isle-landlock-'));
    chmodSync(tools, 0o755);
    writeFileSync(join(tools, 'reach'), await attackProgram('reach'), { mode: 0o755 });
    world = await startWorld();
    victim = spawn('sleep', ['1000'], { stdio: 'ignore' });
    other = await started(['-e', 'SECRET=hunter2'], 'echo mine > /tmp/file; exec sleep 1000');
  });
  after(async () => {
    victim?.kill('SIGKILL');
    await world?.[Symbol.asyncDispose]();
    rmSync(tools, { recursive: true, force: true });
  });

  /** Prints "done" where nothing refuses it. */
  const ATTACKS: [what: string, flags: string[], script: () => string][] = [
    [
      "a look into the environment of another container's process",
      HOST_PROC,
      () => `tr '\\0' '\\n' < /host/proc/${other.pid}/environ | grep -q SECRET=hunter2 && echo done`,
    ],
    [
      "a look into another container's files",
      HOST_PROC,
      () => `grep -q mine /host/proc/${other.pid}/root/tmp/file && echo done`,
    ],
    ['a signal to a process of the host', ['--pid', 'host'], () => `kill -CONT ${victim.pid} && echo done`],
    [
      "a way through a process of the host into the host's files",
      ['--pid', 'host', '--cap-add', 'SYS_PTRACE'],
      () => `ls /proc/${victim.pid}/root/ > /dev/null && echo done`,
    ],
    [
      'tracing a process of the host',
      ['--pid', 'host', '--cap-add', 'SYS_PTRACE'],
      () => `/tools/reach trace ${victim.pid} | grep -q ok && echo done`,
    ],
  ];
  for (const [what, flags, script] of ATTACKS) {
    it(`refuses ${what}, which works without it`, async () => {
      assert.doesNotMatch((await attempt(flags, script())).stdout, /done/);
      for (const off of [OPEN, ['--security-opt', 'apparmor=unconfined']]) {
        const { stdout, stderr } = await attempt([...flags, ...off], script());
        assert.match(stdout, /done/, stderr);
      }
    });
  }

  it('leaves its own monitor within reach of CAP_SYS_PTRACE, which the audit calls critical', async () => {
    const flags = ['--pid', 'host', '--cap-add', 'SYS_PTRACE'];
    const { stdout, stderr } = await attempt(flags, 'ls /proc/$PPID/root/ > /dev/null && echo done');
    assert.match(stdout, /done/);
    assert.match(stderr, /audit: critical: May look into and change other processes/);
  });

  describe("and the host's abstract unix sockets", () => {
    let server: Server;
    const name = `isle-landlock-${process.pid}`;
    before(async () => {
      server = createServer((socket) => socket.destroy());
      await new Promise<void>((resolve) => server.listen(`\0${name}`, resolve));
    });
    after(() => server.close());

    it('refuses them with landlock=strict only, as programs with windows need them', async () => {
      const reach = `/tools/reach socket ${name}`;
      assert.equal(await inside(['--network', 'host'], reach), 'ok');
      assert.equal(await inside(['--network', 'host', ...STRICT], reach), 'EPERM');
      assert.match((await attempt(['--pid', 'host', ...STRICT], `kill -CONT ${victim.pid}`)).stderr, /not permitted/);
    });
  });

  describe('lets work', () => {
    /** What every `docker exec` may do to the first process: ask it for something, look at it, write to its output. */
    const REACH_FIRST =
      "kill -CONT 1 && tr '\\0' '\\n' < /proc/1/environ | grep -q PATH && readlink /proc/1/exe && echo hello > /proc/1/fd/1 && /tools/reach trace 1";

    it('exec: signals to the first process, looks at it, its output, tracing it', async () => {
      const { daemon } = world;
      const { id } = await started([]);
      assert.equal(await daemon.ok(['exec', id, 'sh', '-c', REACH_FIRST]), '/bin/sh\nok');
      assert.equal(await daemon.ok(['logs', id]), 'hello');
      const back = 'sleep 1000 & echo $!; wait';
      await using running = await daemon.dockerStart(['exec', id, 'sh', '-c', back]);
      const [, pid] = await running.until(/^(\d+)$/m);
      assert.equal(await daemon.ok(['exec', id, 'sh', '-c', `kill ${pid} && readlink /proc/1/exe`]), '/bin/sh');
      await daemon.ok(['rm', '-f', id]);
    });

    it('exec of a container that an earlier daemon started', async () => {
      const { daemon } = world;
      const { id } = await started([]);
      await daemon.kill9();
      await daemon.restart();
      assert.equal(await daemon.ok(['exec', id, 'sh', '-c', REACH_FIRST]), '/bin/sh\nok');
      assert.equal((await daemon.docker(['exec', id, 'sh', '-c', 'exit 7'])).code, 7);
      assert.equal((await daemon.docker(['exec', id, 'nosuch'])).code, 127);
      assert.equal(await daemon.ok(['exec', '-i', id, 'cat'], { stdin: 'through' }), 'through');
      await daemon.ok(['rm', '-f', id]);
    });

    it('exec keeps no more than the container may', async () => {
      const { daemon } = world;
      const { id } = await started(HOST_PROC);
      const look = `ls /host/proc/${other.pid}/root/`;
      assert.match((await daemon.docker(['exec', id, 'sh', '-c', look])).stderr, /Permission denied/);
      assert.match((await daemon.docker(['exec', '--privileged', id, 'sh', '-c', look])).stderr, /Permission denied/);
      await daemon.ok(['rm', '-f', id]);
    });

    it('leaves no process of its own behind an exec', async () => {
      const { daemon } = world;
      const { id, pid } = await started([]);
      const monitor = /^PPid:\s+(\d+)$/m.exec(execFileSync('cat', [`/proc/${pid}/status`], { encoding: 'utf8' }))?.[1];
      const children = () => execFileSync('ps', ['-o', 'pid=', '--ppid', monitor ?? ''], { encoding: 'utf8' }).trim();
      for (let i = 0; i < 5; i++) await daemon.ok(['exec', id, 'true']);
      await eventually('only the container is left', () => (children() === pid ? true : null));
      await daemon.ok(['rm', '-f', id]);
    });

    it('mounting, with the capability for it', async () => {
      const script =
        'mkdir /m && mount -t tmpfs none /m && mount -o bind /etc /m && umount /m && umount /m && echo done';
      assert.equal(await inside(['--cap-add', 'SYS_ADMIN'], script), 'done');
    });

    it('what programs do with files and users every day', async () => {
      const script = [
        'mkdir -p /data/a /data/b && echo x > /data/a/f && ln /data/a/f /data/b/g && mv /data/a/f /data/b/f',
        'echo x > /top && mv /top /data/top && rm -r /data && echo y > /vol/file && mv /vol/file /vol/other',
        'echo 100 > /proc/self/oom_score_adj && echo name > /proc/self/comm && mknod /tmp/p p',
        'echo x > /dev/shm/y && (echo into the log > /proc/1/fd/2) && su -s /bin/sh nobody -c "id -u"',
      ];
      assert.equal(await inside(['--tmpfs', '/tmp', '--tmpfs', '/vol'], script.join(' && ')), '65534');
    });

    it('tracing between its own processes', async () => {
      assert.equal(await inside([], 'sleep 1000 & /tools/reach trace $!; kill $!'), 'ok');
    });

    it('joining namespaces, and looking at the processes of a container whose PID namespace it joins', async () => {
      const { id } = await started(['--ipc', 'shareable']);
      const joined = ['--network', `container:${id}`, '--ipc', `container:${id}`];
      assert.equal(await inside([...joined, '--init'], 'ls /proc/1/root/ > /dev/null && echo done'), 'done');
      const debug = ['--pid', `container:${id}`, '--cap-add', 'SYS_PTRACE'];
      assert.equal(await inside(debug, 'kill -CONT 1 && readlink /proc/1/exe && /tools/reach trace 1'), '/bin/sh\nok');
      await world.daemon.ok(['rm', '-f', id]);
    });

    it('exec of a container that is in a domain although it joins a PID namespace, or has clocks of its own', async () => {
      const { daemon } = world;
      const { id } = await started([]);
      const joined = ['--pid', `container:${id}`, '--security-opt', 'landlock=default'];
      for (const flags of [joined, ['--annotation', 'org.isle.time.boottime=86400']]) {
        const guest = await started(flags);
        const script = 'ls /proc/self/root/ > /dev/null && grep -c NoNewPrivs /proc/self/status';
        assert.equal(await daemon.ok(['exec', guest.id, 'sh', '-c', script]), '1');
        await daemon.ok(['rm', '-f', guest.id]);
      }
      await daemon.ok(['rm', '-f', id]);
    });

    it('signals, ends and restarts from outside', async () => {
      const { daemon } = world;
      const { id } = await started([], 'trap "exit 5" TERM; while :; do sleep 0.1; done');
      await daemon.ok(['restart', id]);
      await daemon.ok(['stop', id]);
      assert.equal(await daemon.ok(['inspect', '-f', '{{.State.ExitCode}}', id]), '5');
      await daemon.ok(['rm', id]);
    });

    it('containers with user ids of their own', async () => {
      const script = 'kill -CONT 1 && readlink /proc/1/exe > /dev/null && echo done';
      const { daemon } = world;
      const { id } = await started(['--security-opt', 'userns=auto']);
      assert.equal(await daemon.ok(['exec', id, 'sh', '-c', script]), 'done');
      await daemon.ok(['rm', '-f', id]);
    });
  });

  it('is explained and audited', async () => {
    const { daemon } = world;
    const ask = async <T>(path: string): Promise<T> => JSON.parse((await api(daemon, 'GET', path)).text) as T;
    for (const [flags, asked, findings] of [
      [[], 'signals and looks into processes stay inside', []],
      [OPEN, 'none', ['landlock-off']],
      [['--security-opt', 'apparmor=unconfined'], 'none', ['landlock-off']],
      [['--privileged'], 'none', []],
    ] as const) {
      const { id } = await started(flags);
      const { layers } = await ask<Explanation>(`/isle/v1/explain/containers/${id}`);
      const fact = layers.flatMap(({ facts }) => facts).find(({ what }) => what === 'Landlock domain');
      assert.deepEqual([fact?.asked, fact?.enforced, fact?.holds], [asked, asked, true]);
      const report = await ask<AuditReport>(`/isle/v1/audit/containers/${id}`);
      assert.deepEqual(
        report.findings.map((finding) => finding.id).filter((name) => name.startsWith('landlock')),
        findings,
      );
      await daemon.ok(['rm', '-f', id]);
    }
  });

  it('is switched off by the daemon, and back on by a container', async () => {
    await using daemon = await startDaemon({ args: ['--landlock', 'off'] });
    await daemon.ok(['pull', '-q', world.busybox]);
    const look = ['sh', '-c', `grep -q mine /host/proc/${other.pid}/root/tmp/file && echo done`];
    const ran = (flags: string[]) => daemon.docker(['run', '--rm', ...HOST_PROC, ...flags, world.busybox, ...look]);
    assert.doesNotMatch(await daemon.ok(['info', '-f', '{{json .SecurityOptions}}']), /landlock/);
    assert.match((await ran([])).stdout, /done/);
    assert.doesNotMatch((await ran(['--security-opt', 'landlock=default'])).stdout, /done/);
  });

  it('tells of itself in info, and where it keeps a container from what it sees', async () => {
    assert.match(await world.daemon.ok(['info', '-f', '{{json .SecurityOptions}}']), /"name=landlock"/);
    const warned = async (flags: string[]) => (await attempt(['--pid', 'host', ...flags], 'true')).stderr;
    assert.match(await warned([]), /Landlock lets it neither signal nor trace them/);
    assert.doesNotMatch(await warned(OPEN), /Landlock/);
  });
});
