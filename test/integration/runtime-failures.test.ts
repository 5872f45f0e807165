/** Containers of other OCI runtimes when something goes wrong: refused starts, and isled, a monitor or the runtime killed. */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { api } from '../harness/api.ts';
import { eventually } from '../harness/command.ts';
import { hasEnded, tell, untilTold } from '../harness/go-ahead.ts';
import { startWorld, type World } from '../harness/world.ts';

const ISLE_RUNTIME = join(import.meta.dirname, '../../isle-runtime');
const RUNTIMES = ['runc', 'crun', 'bundled'] as const;
const FORMAT = '{{.State.Status}} {{.State.ExitCode}} {{.State.Error}}';

let world: World;
/** Of runtimes that scripts pretend to be. */
let directory: string;

/** Makes a container without a terminal of one that asks for it; the bundle is the working directory. */
const WITHOUT_TERMINAL = [
  'sed -i s/.terminal.:true,// config.json',
  'for word do shift; case $word in --console-socket|console.sock) ;; *) set -- "$@" "$word";; esac; done',
].join('; ');

/** A program that behaves as runc, but for what the script does before. */
function pretend(name: string, script: string): string {
  const path = join(directory, name);
  // The command is the first word that is no global flag.
  const command = 'for word; do case $word in create|start|delete) command=$word; break;; esac; done';
  writeFileSync(path, `#!/bin/sh\n${command}\n${script}\nexec runc "$@"\n`, { mode: 0o755 });
  return `${name}=${path}`;
}

before(async () => {
  directory = mkdtempSync(join(tmpdir(), 'isle-runtime-failures-'));
  chmodSync(directory, 0o755);
  const pretended = [
    pretend('grumpy', 'echo "I do not like $command" >&2; exit 9'),
    pretend('nonstarter', '[ $command = start ] && { echo "not today" >&2; exit 1; }'),
    pretend('nopid', '[ $command = create ] && exit 0'),
    pretend('noterminal', `[ $command = create ] && { ${WITHOUT_TERMINAL}; }`),
    pretend('hanging', '[ $command = create ] && exec sleep 4712'),
    pretend('verbose', '[ $command = create ] && { echo first words >&2; yes | head -c 1000000 >&2; exit 3; }'),
    pretend('chatty', '[ $command = create ] && yes chatter | head -c 1000000'),
    pretend('forgetful', '[ $command = delete ] && exit 1'),
    pretend('leaving', 'true'),
    `bundled=${ISLE_RUNTIME}`,
  ];
  world = await startWorld({ args: pretended.flatMap((pair) => ['--add-runtime', pair]) });
});
after(async () => {
  await world[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true });
});

/** Ids in the runtimes' own state directories. */
function known(): string[] {
  const root = join(world.daemon.execRoot, 'runtimes');
  if (!existsSync(root)) return [];
  return readdirSync(root).flatMap((name) => readdirSync(join(root, name)).filter((id) => id.length === 64));
}

/** Written by the container's monitor. */
function pidsOf(id: string): { init: number; monitor: number } {
  const [init, , monitor] = readFileSync(join(world.daemon.execRoot, 'containers', id, 'pid'), 'utf8').split(' ');
  return { init: Number(init), monitor: Number(monitor) };
}

/** A zombie is waiting to be reaped, not running. */
function runs(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    // ENOENT, ESRCH: it has ended.
    return false;
  }
}

async function assertNothingLeft(): Promise<void> {
  await eventually('nothing is left', () =>
    world.daemon.leftovers().length + known().length === 0 ? true : null,
  ).catch(() => assert.deepEqual([world.daemon.leftovers(), known()], [[], []]));
}

const background = (runtime: string, name: string, ...command: string[]): Promise<string> =>
  world.daemon.ok(['run', '-d', '--runtime', runtime, '--name', name, world.busybox, ...command]);
const state = (name: string): Promise<string> => world.daemon.ok(['inspect', '-f', FORMAT, name]);

async function removeAll(): Promise<void> {
  const all = await world.daemon.ok(['ps', '-aq']);
  if (all !== '') await world.daemon.ok(['rm', '-f', ...all.split('\n')]);
}

for (const runtime of RUNTIMES) {
  describe(`when it is killed with -9, ${runtime === 'bundled' ? 'isle-runtime' : runtime}`, () => {
    afterEach(removeAll);

    it('goes on without isled, and its end is noticed by the next', async () => {
      const { daemon } = world;
      const id = await background(runtime, 'ended', 'sh', '-c', `${untilTold}; echo last words; exit 7`);
      await background(runtime, 'alive', 'sh', '-c', 'trap "exit 5" TERM; while :; do sleep 0.1; done');
      const { init } = pidsOf(id);
      await daemon.kill9();
      tell(init);
      await hasEnded(daemon, id);
      await daemon.restart();
      assert.equal(await state('ended'), 'exited 7');
      assert.equal(await daemon.ok(['logs', 'ended']), 'last words');
      assert.equal(await state('alive'), 'running 0');
      await daemon.ok(['stop', 'alive']);
      assert.equal(await state('alive'), 'exited 5');
      await daemon.ok(['rm', 'ended', 'alive']);
      await assertNothingLeft();
    });

    it('does not outlive its monitor: it is reported dead, and can be started again', async () => {
      const { daemon } = world;
      const id = await background(runtime, 'widow', 'sleep', '1000');
      const { init, monitor } = pidsOf(id);
      await using waiting = await daemon.dockerStart(['wait', 'widow']);
      process.kill(monitor, 'SIGKILL');
      assert.equal((await waiting.finished).stdout, '255\n');
      assert.equal(runs(init), false, 'it ran on when it was reported dead');
      assert.match(await state('widow'), /^exited 255 the monitor of the container died/);
      await eventually('the runtime has forgotten it', () => (known().length === 0 ? true : null));
      await daemon.ok(['start', 'widow']);
      assert.equal(await state('widow'), 'running 0');
      await daemon.ok(['rm', '-f', 'widow']);
      await assertNothingLeft();
    });

    it('is found dead when monitor and isled died together', async () => {
      const { daemon } = world;
      const id = await background(runtime, 'orphan', 'sleep', '1000');
      const { init, monitor } = pidsOf(id);
      await daemon.kill9();
      process.kill(monitor, 'SIGKILL');
      assert.ok(runs(init), 'the kernel does not end what another runtime made');
      await daemon.restart();
      assert.match(await state('orphan'), /^exited 255 /);
      assert.equal(runs(init), false);
      await daemon.ok(['rm', 'orphan']);
      await assertNothingLeft();
    });

    it('is killed when its record was lost', async () => {
      const { daemon } = world;
      const id = await background(runtime, 'unknown', 'sleep', '1000');
      const { init, monitor } = pidsOf(id);
      await daemon.stop();
      process.kill(monitor, 'SIGKILL');
      const { DatabaseSync } = await import('node:sqlite');
      const database = new DatabaseSync(join(daemon.dataRoot, 'isle.db'));
      database.prepare('DELETE FROM containers WHERE id = ?').run(id);
      database.close();
      await daemon.restart();
      await eventually('it is dead', () => (runs(init) ? null : true));
      await assertNothingLeft();
    });

    it('leaves nothing of a start that failed, and the start can be tried again', async () => {
      const { daemon, busybox } = world;
      const { code } = await daemon.docker(['run', '-d', '--name', 'wrong', '--runtime', runtime, busybox, 'nope']);
      assert.equal(code, 127);
      assert.deepEqual(known(), []);
      assert.match(
        await state('wrong'),
        /^created 127 cannot start container wrong: OCI runtime create failed: .*nope/,
      );
      assert.equal((await daemon.docker(['start', 'wrong'])).code, 1);
      await daemon.ok(['rm', 'wrong']);
      await assertNothingLeft();
    });
  });
}

describe('a runtime that fails', () => {
  afterEach(removeAll);
  const attempt = (runtime: string, ...flags: string[]) =>
    world.daemon.docker(['run', '--rm', '--runtime', runtime, ...flags, world.busybox, 'true']);

  it('is quoted: its log, or else what it said last', async () => {
    const { code, stderr } = await attempt('grumpy');
    assert.equal(code, 125);
    assert.match(
      stderr,
      /OCI runtime create failed: .*grumpy did not terminate successfully: exit status 9 I do not like create/,
    );
    assert.match((await attempt('grumpy', '-t')).stderr, /exit status 9 I do not like create/);
    await assertNothingLeft();
  });

  it('to start what it has created leaves nothing', async () => {
    const { code, stderr } = await attempt('nonstarter');
    assert.equal(code, 125);
    assert.match(stderr, /OCI runtime start failed: .*exit status 1 not today/);
    await assertNothingLeft();
  });

  it('to say what it has made, or to send a terminal, is told so', async () => {
    assert.match((await attempt('nopid')).stderr, /OCI runtime create failed: .*runtime\.pid/);
    assert.match((await attempt('noterminal', '-t')).stderr, /OCI runtime create failed: .*sent no terminal/);
    await assertNothingLeft();
  });

  it('and says more than a pipe holds is heard to the end, and quoted from the beginning', async () => {
    const { code, stderr } = await attempt('verbose');
    assert.equal(code, 125);
    assert.match(stderr, /exit status 3 first words\ny\ny\n/);
    await assertNothingLeft();
  });

  it('to be silent puts nothing into the log of its container', async () => {
    assert.deepEqual(await attempt('chatty'), { code: 0, stdout: '', stderr: '' });
  });

  it('and does not come to an end dies with the monitor that waits for it', async () => {
    await using running = await world.daemon.dockerStart([
      'run',
      '--rm',
      '--runtime',
      'hanging',
      world.busybox,
      'true',
    ]);
    const pid = await eventually('it is running', () => processNamed(/sleep 4712/));
    const parent = Number(/^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
    process.kill(parent, 'SIGKILL');
    const { code, stderr } = await running.finished;
    assert.equal(code, 125);
    assert.match(stderr, /the monitor died/);
    await eventually('it is dead', () => (runs(pid) ? null : true));
    await assertNothingLeft();
  });

  it('to delete a container does not keep its end from being told, nor its cgroups', async () => {
    assert.equal((await attempt('forgetful')).code, 0);
    await assertNothingLeft();
  });

  it('by not being there any more is named, and what it has made is removed without it', async () => {
    const { daemon } = world;
    const id = await background('leaving', 'left', 'sleep', '1000');
    const path = join(directory, 'leaving');
    chmodSync(path, 0o644);
    process.kill(pidsOf(id).monitor, 'SIGKILL');
    await eventually('it is dead', async () => ((await state('left')).startsWith('exited 255') ? true : null));
    const { stderr } = await daemon.docker(['start', 'left']);
    assert.match(stderr, /unknown or invalid runtime name: leaving/);
    chmodSync(path, 0o755);
    await daemon.ok(['start', 'left']);
    await daemon.ok(['rm', '-f', 'left']);
    await assertNothingLeft();
  });
});

function processNamed(pattern: RegExp): number | null {
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const command = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
      const isOurs = readFileSync(`/proc/${name}/cgroup`, 'utf8').includes(world.daemon.cgroupParent);
      if (pattern.test(command) && isOurs) return Number(name);
    } catch {
      // It ended meanwhile.
    }
  }
  return null;
}

describe('a runtime that nobody knows', () => {
  it("is refused with Docker's words and status", async () => {
    const body = { Image: world.busybox, HostConfig: { Runtime: 'nope' } };
    const { status, message } = await api(world.daemon, 'POST', '/containers/create', body);
    assert.equal(status, 400);
    assert.match(message, /^unknown or invalid runtime name: nope/);
  });

  it('or that cannot have what was asked for is refused by name', async () => {
    const body = { Image: world.busybox, HostConfig: { Runtime: 'runc', UsernsMode: 'auto' } };
    const { status, message } = await api(world.daemon, 'POST', '/containers/create', body);
    assert.equal(status, 501, message);
    assert.match(message, /^HostConfig\.Runtime "runc" in a user namespace/);
  });

  it('cannot be the default', async () => {
    await assert.rejects(startWorld({ args: ['--default-runtime', 'nope'] }), (thrown: Error) =>
      thrown.message.includes("specified default runtime 'nope' does not exist"),
    );
  });
});

describe('a default runtime', () => {
  it('is what containers get that ask for none, and keep', async () => {
    await using other = await startWorld({ args: ['--default-runtime', 'crun'] });
    const { daemon, busybox } = other;
    assert.equal(await daemon.ok(['info', '-f', '{{.DefaultRuntime}}']), 'crun');
    const runtimeOf = async (...flags: string[]) => {
      const id = await daemon.ok(['create', ...flags, busybox, 'true']);
      await daemon.ok(['start', '-a', id]);
      return daemon.ok(['inspect', '-f', '{{.HostConfig.Runtime}}', id]);
    };
    assert.equal(await runtimeOf(), 'crun');
    assert.equal(await runtimeOf('--runtime', 'isle'), 'isle');
    assert.equal(await runtimeOf('--runtime', 'io.containerd.runc.v2'), 'io.containerd.runc.v2');
    const known = readdirSync(join(daemon.execRoot, 'runtimes'));
    assert.deepEqual(known, ['crun']);
    const names = Object.keys(JSON.parse(await daemon.ok(['info', '-f', '{{json .Runtimes}}'])) as object);
    for (const name of ['isle', 'runc', 'crun', 'io.containerd.runc.v2']) assert.ok(names.includes(name), name);
    await daemon.ok(['container', 'prune', '-f']);
  });
});
