/** Restart policies and health checks, driven by the docker command line. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { eventually } from '../harness/command.ts';
import { startWorld, type World } from '../harness/world.ts';

let world: World;

before(async () => {
  world = await startWorld();
});

after(() => world[Symbol.asyncDispose]());

const inspect = (name: string, format: string) => world.daemon.ok(['inspect', '-f', format, name]);

function reaches(name: string, format: string, wanted: string): Promise<true> {
  return eventually(`${name} reaches ${wanted}`, async () => ((await inspect(name, format)) === wanted ? true : null));
}

async function start(name: string, args: readonly string[], command: readonly string[]): Promise<void> {
  await world.daemon.ok(['run', '-d', '--name', name, ...args, world.busybox, ...command]);
}

describe('a restart policy', () => {
  it('on-failure starts a failing container again as often as it may, then leaves it', async () => {
    await start('failing', ['--restart', 'on-failure:3'], ['sh', '-c', 'echo run; exit 4']);
    await reaches('failing', '{{.State.Status}} {{.RestartCount}} {{.State.ExitCode}}', 'exited 3 4');
    assert.equal(await world.daemon.ok(['logs', 'failing']), 'run\nrun\nrun\nrun');
  });

  it('on-failure leaves a container that succeeded', async () => {
    await start('fine', ['--restart', 'on-failure'], ['true']);
    await reaches('fine', '{{.State.Status}}', 'exited');
    await delay(400);
    assert.equal(await inspect('fine', '{{.RestartCount}} {{.State.Status}}'), '0 exited');
  });

  it('shows a container that waits for its next start as restarting, in which nothing can be executed', async () => {
    await start('waiting', ['--restart', 'always'], ['false']);
    await reaches('waiting', '{{ge .RestartCount 4}}', 'true');
    await eventually('it waits', async () =>
      (await inspect('waiting', '{{.State.Restarting}}')) === 'true' ? true : null,
    );
    // Between two looks it may be started and end again.
    await eventually('it is shown so', async () => {
      const status = await world.daemon.ok(['ps', '--filter', 'name=waiting', '--format', '{{.Status}}']);
      return status.startsWith('Restarting (1) ') || null;
    });
    await eventually('exec is refused for that reason', async () => {
      const { stderr } = await world.daemon.docker(['exec', 'waiting', 'true']);
      return stderr.includes('is restarting, wait until the container is running') || null;
    });
    const removed = await world.daemon.docker(['rm', 'waiting']);
    assert.match(removed.stderr, /stop the container before removing or force remove/);
    await world.daemon.ok(['stop', 'waiting']);
    const count = await inspect('waiting', '{{.RestartCount}}');
    await delay(1500);
    assert.equal(await inspect('waiting', '{{.State.Status}} {{.RestartCount}}'), `exited ${count}`);
  });

  it('always starts again what was killed from elsewhere, but not what was stopped or killed through the engine', async () => {
    await start('steady', ['--restart', 'always'], ['sleep', '1000']);
    process.kill(Number(await inspect('steady', '{{.State.Pid}}')), 'SIGKILL');
    await reaches('steady', '{{.RestartCount}} {{.State.Status}}', '1 running');
    await world.daemon.ok(['kill', 'steady']);
    await delay(400);
    assert.equal(await inspect('steady', '{{.State.Status}}'), 'exited');
    await world.daemon.ok(['start', 'steady']);
    assert.equal(await inspect('steady', '{{.RestartCount}}'), '0');
    await world.daemon.ok(['stop', '-t', '0', 'steady']);
    assert.equal(await inspect('steady', '{{.State.Status}}'), 'exited');
  });

  it('is kept over a restart of the daemon: unless-stopped holds to a stop, always does not', async () => {
    for (const policy of ['unless-stopped', 'always']) await start(policy, ['--restart', policy], ['sleep', '1000']);
    await world.daemon.ok(['stop', '-t', '0', 'unless-stopped', 'always']);
    await start('lost', ['--restart', 'unless-stopped'], ['sleep', '1000']);
    const pid = Number(await inspect('lost', '{{.State.Pid}}'));
    await world.daemon.kill9();
    process.kill(pid, 'SIGKILL');
    await world.daemon.restart();
    await reaches('always', '{{.State.Status}}', 'running');
    await reaches('lost', '{{.State.Status}}', 'running');
    assert.equal(await inspect('unless-stopped', '{{.State.Status}}'), 'exited');
  });

  it('can be changed by update', async () => {
    await start('changed', ['--restart', 'always'], ['sleep', '1000']);
    await world.daemon.ok(['update', '--restart', 'no', 'changed']);
    process.kill(Number(await inspect('changed', '{{.State.Pid}}')), 'SIGKILL');
    await reaches('changed', '{{.State.Status}}', 'exited');
    await delay(300);
    assert.equal(await inspect('changed', '{{.State.Status}}'), 'exited');
  });
});

describe('a health check', () => {
  const fast = ['--health-interval', '200ms', '--health-retries', '2'];

  it('makes a container healthy, and unhealthy when it fails as often as it may', async () => {
    await start('unprobed', ['--health-cmd', 'true', '--health-interval', '1h'], ['sleep', '1000']);
    assert.equal(await inspect('unprobed', '{{.State.Health.Status}}'), 'starting');
    await start('sick', ['--health-cmd', 'test ! -e /sick && echo well', ...fast], ['sleep', '1000']);
    await reaches('sick', '{{.State.Health.Status}}', 'healthy');
    assert.match(await world.daemon.ok(['ps', '--filter', 'health=healthy', '--format', '{{.Status}}']), /\(healthy\)/);
    assert.equal(await inspect('sick', '{{(index .State.Health.Log 0).Output}}'), 'well');
    await world.daemon.ok(['exec', 'sick', 'touch', '/sick']);
    await reaches('sick', '{{.State.Health.Status}}', 'unhealthy');
    const until = String(Math.ceil(Date.now() / 1000) + 1);
    const told = [
      'events',
      '--since',
      '10m',
      '--until',
      until,
      '--filter',
      'container=sick',
      '--format',
      '{{.Action}}',
    ];
    const actions = (await world.daemon.ok(told)).split('\n').filter((action) => action.startsWith('health'));
    assert.deepEqual(actions, ['health_status: healthy', 'health_status: unhealthy']);
  });

  it('is one probe after another, also when pauses froze some of them', async () => {
    const probe = ['--health-cmd', 'mkdir /busy || touch /twice; sleep 1; rmdir /busy', '--health-interval', '100ms'];
    await start('frozen', probe, ['sleep', '1000']);
    for (let turn = 0; turn < 4; turn++) {
      await eventually('a probe runs', async () => {
        const { code } = await world.daemon.docker(['exec', 'frozen', 'test', '-e', '/busy']);
        return code === 0 ? true : null;
      });
      await world.daemon.ok(['pause', 'frozen']);
      await world.daemon.ok(['unpause', 'frozen']);
    }
    assert.equal((await world.daemon.docker(['exec', 'frozen', 'test', '-e', '/twice'])).code, 1);
    await reaches('frozen', '{{.State.Health.Status}}', 'healthy');
    await world.daemon.ok(['rm', '-f', 'frozen']);
  });

  it('that does not end in its time fails, and is killed', async () => {
    await start('slow', ['--health-cmd', 'sleep 900', '--health-timeout', '300ms', ...fast], ['sleep', '1000']);
    await reaches('slow', '{{.State.Health.Status}}', 'unhealthy');
    assert.match(await inspect('slow', '{{json (index .State.Health.Log 0)}}'), /exceeded timeout \(300ms\)/);
    assert.equal(await inspect('slow', '{{(index .State.Health.Log 0).ExitCode}}'), '-1');
    await eventually('no probe is left over', async () => {
      const running = (await world.daemon.ok(['top', 'slow'])).match(/sleep 900/g)?.length ?? 0;
      return running <= 1 ? true : null;
    });
  });

  it('runs again after a restart of the daemon', async () => {
    await world.daemon.restart();
    await reaches('sick', '{{.State.Health.Status}}', 'unhealthy');
  });

  it('restarts an unhealthy container where that was asked for', async () => {
    const action = ['--annotation', 'org.isle.health.on-failure=restart'];
    const made = await world.daemon.docker([
      'run',
      '-d',
      '--name',
      'revived',
      '--health-cmd',
      'test ! -e /sick',
      ...fast,
      ...action,
      world.busybox,
      'sleep',
      '1000',
    ]);
    assert.equal(made.code, 0, made.stderr);
    const before = await inspect('revived', '{{.State.StartedAt}}');
    await reaches('revived', '{{.State.Health.Status}}', 'healthy');
    await world.daemon.ok(['exec', 'revived', 'touch', '/sick']);
    await eventually('it is started again', async () =>
      (await inspect('revived', '{{.State.StartedAt}}')) === before ? null : true,
    );
  });
});
