/** Further processes in containers that run, driven by the docker command line and by the API. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { api } from '../harness/api.ts';
import { eventually, run } from '../harness/command.ts';
import { tell, untilTold } from '../harness/go-ahead.ts';
import { startWorld, type World } from '../harness/world.ts';

const ISLE = fileURLToPath(new URL('../../isle', import.meta.url));

let world: World;
let box: string;

before(async () => {
  world = await startWorld();
  box = await world.daemon.ok([
    'run',
    '-d',
    '--name',
    'box',
    '-e',
    'OF_BOX=1',
    '-w',
    '/tmp',
    '--cap-drop',
    'NET_RAW',
    '--memory',
    '64m',
    world.busybox,
    'sleep',
    '1000',
  ]);
});

after(() => world[Symbol.asyncDispose]());

const exec = (args: readonly string[], stdin?: string) =>
  world.daemon.docker(['exec', ...args], stdin === undefined ? {} : { stdin });

const pidOf = async (name: string) => Number(await world.daemon.ok(['inspect', '-f', '{{.State.Pid}}', name]));

async function output(args: readonly string[]): Promise<string> {
  return world.daemon.ok(['exec', ...args]);
}

interface ExecInspect {
  Running: boolean;
  ExitCode: number | null;
  ProcessConfig: { arguments: string[] };
}

function endOf(id: string): Promise<ExecInspect> {
  return eventually('the exec ends', async () => {
    const seen = JSON.parse((await api(world.daemon, 'GET', `/exec/${id}/json`)).text) as ExecInspect;
    return seen.Running ? null : seen;
  });
}

describe('docker exec', () => {
  it('runs a program beside the first one and gives its output, errors and exit code', async () => {
    const done = await exec(['box', 'sh', '-c', 'echo out; echo err >&2; exit 7']);
    assert.deepEqual({ ...done }, { code: 7, stdout: 'out\n', stderr: 'err\n' });
  });

  it('is in the namespaces, the root and the cgroups of the container', async () => {
    assert.match(await output(['box', 'ps']), /1 root .*sleep 1000/);
    for (const type of ['pid', 'net', 'mnt', 'uts', 'ipc', 'cgroup']) {
      const [own, first] = await Promise.all([
        output(['box', 'readlink', `/proc/self/ns/${type}`]),
        output(['box', 'readlink', `/proc/1/ns/${type}`]),
      ]);
      assert.equal(own, first, type);
    }
    const cgroups = await output(['box', 'sh', '-c', 'diff /proc/1/cgroup /proc/self/cgroup && echo same']);
    assert.equal(cgroups, 'same');
  });

  it('has the environment, directory, user and groups that were asked for', async () => {
    assert.equal(await output(['-e', 'MORE=2', 'box', 'sh', '-c', 'echo $OF_BOX $MORE $PWD $HOME']), '1 2 /tmp /root');
    assert.equal(
      await output(['-w', '/etc', '-u', '1000:1001', 'box', 'sh', '-c', 'echo $(id -u):$(id -g) $PWD']),
      '1000:1001 /etc',
    );
    await output(['box', 'sh', '-c', 'echo ann:x:1234:1234::/home/ann:/bin/sh >> /etc/passwd']);
    assert.equal(await output(['-u', 'ann', 'box', 'sh', '-c', 'id -u; echo $HOME']), '1234\n/home/ann');
  });

  it('has no more capabilities than the container, all with --privileged, and the same filter', async () => {
    const status = async (args: readonly string[]) => {
      const text = await output([...args, 'cat', '/proc/self/status']);
      return Object.fromEntries(text.split('\n').map((line) => line.split(/:\s*/, 2) as [string, string]));
    };
    const own = await status(['box']);
    const first = Object.fromEntries(
      (await output(['box', 'cat', '/proc/1/status']))
        .split('\n')
        .map((line) => line.split(/:\s*/, 2) as [string, string]),
    );
    for (const field of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb', 'NoNewPrivs', 'Seccomp']) {
      assert.equal(own[field], first[field], field);
    }
    const privileged = await status(['--privileged', 'box']);
    assert.ok(BigInt(`0x${privileged['CapEff']}`) > BigInt(`0x${own['CapEff']}`));
    assert.equal(privileged['Seccomp'], '2');
    assert.equal((await status(['-u', '1000', 'box']))['CapEff'], '0000000000000000');
  });

  it('takes standard input to its end, and has none without -i', async () => {
    assert.equal((await exec(['-i', 'box', 'wc', '-c'], 'x'.repeat(300_000))).stdout.trim(), '300000');
    assert.equal((await exec(['box', 'wc', '-c'], 'unread')).stdout.trim(), '0');
  });

  it('tells of programs that are not there (127) or not executable (126)', async () => {
    const missing = await exec(['box', 'nothing-here']);
    assert.equal(missing.code, 127);
    assert.match(missing.stdout + missing.stderr, /exec: "nothing-here": executable file not found in \$PATH/);
    const denied = await exec(['box', '/etc/passwd']);
    assert.equal(denied.code, 126);
    assert.match(denied.stdout + denied.stderr, /permission denied/);
  });

  it('gives a terminal of the size that was asked for', async () => {
    const Cmd = ['sh', '-c', 'tty; stty size'];
    const made = await api(world.daemon, 'POST', `/containers/${box}/exec`, { AttachStdout: true, Tty: true, Cmd });
    const { Id } = JSON.parse(made.text) as { Id: string };
    // Without `Upgrade`, as python's client does.
    const { text } = await api(world.daemon, 'POST', `/exec/${Id}/start`, { Tty: true, ConsoleSize: [33, 77] });
    assert.match(text, /\/dev\/pts\/\d+\r\n33 77\r\n/);
  });

  it('goes on without a client when detached, and is told of by inspect and events', async () => {
    const script = `${untilTold}; echo done > /tmp/detached; exit 3`;
    await world.daemon.ok(['exec', '-d', 'box', 'sh', '-c', script]);
    const [id] = (await world.daemon.ok(['inspect', '-f', '{{join .ExecIDs " "}}', 'box'])).split(' ');
    assert.match(id ?? '', /^[0-9a-f]{64}$/);
    tell(await pidOf('box'));
    const ended = await endOf(id ?? '');
    assert.equal(ended.ExitCode, 3);
    assert.deepEqual(ended.ProcessConfig.arguments, ['-c', script]);
    assert.equal(await output(['box', 'cat', '/tmp/detached']), 'done');
    const told = [
      'events',
      '--since',
      '10m',
      '--until',
      String(Math.ceil(Date.now() / 1000) + 1),
      '--filter',
      'event=exec_die',
      '--format',
    ];
    const events = await world.daemon.ok([...told, '{{.Actor.Attributes.execID}} {{.Actor.Attributes.exitCode}}']);
    assert.ok(events.split('\n').includes(`${id} 3`), events);
  });

  it('is refused in a container that is paused, stopped or unknown, in Docker’s words', async () => {
    await world.daemon.ok(['pause', 'box']);
    assert.match((await exec(['box', 'true'])).stderr, /is paused, unpause the container before exec/);
    await world.daemon.ok(['unpause', 'box']);
    await world.daemon.ok(['create', '--name', 'idle', world.busybox, 'true']);
    assert.match((await exec(['idle', 'true'])).stderr, /is not running/);
    assert.match((await exec(['nobody', 'true'])).stderr, /No such container: nobody/);
  });

  it('ends with its container, and leaves nothing', async () => {
    await world.daemon.ok(['run', '-d', '--name', 'short', world.busybox, 'sleep', '1000']);
    const running = exec(['short', 'sleep', '1000']);
    await eventually('it runs', async () =>
      (await world.daemon.ok(['top', 'short'])).match(/sleep 1000/g)?.length === 2 ? true : null,
    );
    await world.daemon.ok(['kill', 'short']);
    assert.equal((await running).code, 137);
    await world.daemon.ok(['rm', 'short']);
  });

  it('does not end the container when it ends, also without a PID namespace of its own', async () => {
    await world.daemon.ok(['run', '-d', '--pid', 'host', '--name', 'hostpid', world.busybox, 'sleep', '1000']);
    assert.equal((await exec(['hostpid', 'true'])).code, 0);
    await delay(300);
    assert.equal(await world.daemon.ok(['inspect', '-f', '{{.State.Running}}', 'hostpid']), 'true');
    await world.daemon.ok(['rm', '-f', 'hostpid']);
  });

  it('ends with its first process, whatever another one that it left goes on printing', async () => {
    const { daemon } = world;
    await using running = await daemon.dockerStart(['exec', 'box', 'sh', '-c', 'yes & echo $! > /tmp/yes; exit 5']);
    assert.equal((await running.finished).code, 5);
    await daemon.ok(['exec', 'box', 'sh', '-c', '! kill -0 $(cat /tmp/yes) 2>/dev/null || kill $(cat /tmp/yes)']);
  });

  it('outlives a killed daemon, and its exit code is known to the next one', async () => {
    await world.daemon.ok(['exec', '-d', 'box', 'sh', '-c', `${untilTold}; exit 5`]);
    const [id] = (await world.daemon.ok(['inspect', '-f', '{{join .ExecIDs " "}}', 'box'])).split(' ');
    const pid = await pidOf('box');
    await world.daemon.kill9();
    tell(pid);
    await world.daemon.restart();
    const ended = await endOf(id ?? '');
    assert.equal(ended.ExitCode, 5);
  });

  it('answers an unknown exec with 404', async () => {
    const { status, message } = await api(world.daemon, 'POST', '/exec/none/start', {});
    assert.deepEqual({ status, message }, { status: 404, message: 'No such exec instance: none' });
  });
});

describe('isle exec', () => {
  it('does the same as docker’s', async () => {
    const isle = (args: readonly string[], stdin?: string) =>
      run(ISLE, args, { env: { DOCKER_HOST: world.daemon.dockerHost }, ...(stdin === undefined ? {} : { stdin }) });
    const done = await isle(['exec', '-e', 'A=1', '-w', '/', 'box', 'sh', '-c', 'echo $A $PWD; exit 9']);
    assert.deepEqual({ ...done }, { code: 9, stdout: '1 /\n', stderr: '' });
    assert.equal((await isle(['exec', '-i', 'box', 'cat'], 'input')).stdout, 'input');
    assert.equal((await isle(['exec', '-d', 'box', 'touch', '/tmp/made'])).code, 0);
    await eventually('the file is there', async () =>
      (await exec(['box', 'test', '-e', '/tmp/made'])).code === 0 ? true : null,
    );
  });
});
