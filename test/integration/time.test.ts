/** Containers whose clocks since boot are not the host's. */
import assert from 'node:assert/strict';
import { uptime } from 'node:os';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { api } from '../harness/api.ts';
import { run } from '../harness/command.ts';
import { startWorld, type World } from '../harness/world.ts';

const CLI = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));
const DAY = 86_400;

describe('time offsets', () => {
  let world: World;
  before(async () => {
    world = await startWorld();
  });
  after(() => world[Symbol.asyncDispose]());

  const annotation = (clock: string, value: string) => ['--annotation', `org.isle.time.${clock}=${value}`];
  const near = (text: string, wanted: number) => {
    const difference = Number(text.split(' ')[0]) - wanted;
    assert.ok(Math.abs(difference) < 60, `${text} is ${difference} s off`);
  };

  it('make the machine look older or younger inside, also to programs that are executed later', async () => {
    const { daemon, busybox } = world;
    near(await daemon.ok(['run', '--rm', busybox, 'cat', '/proc/uptime']), uptime());
    const flags = [...annotation('boottime', String(DAY)), ...annotation('monotonic', '-1.5')];
    const id = await daemon.ok(['run', '-d', ...flags, busybox, 'sh', '-c', 'cat /proc/uptime; sleep 1000']);
    near(await daemon.ok(['exec', id, 'cat', '/proc/uptime']), uptime() + DAY);
    near(await daemon.ok(['logs', id]), uptime() + DAY);
    const offsets = (await daemon.ok(['exec', id, 'cat', '/proc/self/timens_offsets'])).replace(/ +/g, ' ');
    assert.equal(offsets, 'monotonic -2 500000000\nboottime 86400 0');
    const seconds = Number(await daemon.ok(['exec', id, 'date', '+%s']));
    assert.ok(Math.abs(seconds - Date.now() / 1000) < 60, 'the time of day is that of the host');
    near(await daemon.ok(['run', '--rm', busybox, 'cat', '/proc/uptime']), uptime());
    await daemon.ok(['rm', '-f', id]);
  });

  it('are those of programs executed in the container or in its PID namespace, in a Landlock domain or not', async () => {
    const { daemon, busybox } = world;
    for (const fence of [[], ['--security-opt', 'landlock=unconfined']]) {
      const flags = [...fence, ...annotation('boottime', String(DAY))];
      const id = await daemon.ok(['run', '-d', ...flags, busybox, 'sleep', '1000']);
      const joined = ['--pid', `container:${id}`, ...flags];
      const guest = await daemon.ok(['run', '-d', ...joined, busybox, 'sleep', '1000']);
      for (const container of [id, guest]) {
        const seen = await daemon.ok(['exec', container, 'sh', '-c', 'kill -0 1 && cat /proc/uptime']);
        near(seen, uptime() + DAY);
      }
      await daemon.ok(['rm', '-f', id, guest]);
    }
  });

  it('are told by inspect and explain, and compared with the kernel', async () => {
    const { daemon, busybox } = world;
    const id = await daemon.ok(['run', '-d', ...annotation('boottime', '0.25'), busybox, 'sleep', '1000']);
    assert.equal(
      await daemon.ok(['inspect', '-f', '{{index .HostConfig.Annotations "org.isle.time.boottime"}}', id]),
      '0.25',
    );
    const { text } = await api(daemon, 'GET', `/isle/v1/explain/containers/${id}`);
    assert.match(text, /"what":"time namespace","asked":"own","enforced":"own, \d+",.*?"holds":true/);
    assert.match(text, /"what":"boottime clock","asked":"\+0.25 s","enforced":"\+0.25 s",.*?"holds":true/);
    assert.doesNotMatch(text, /"holds":false/);
    await daemon.ok(['rm', '-f', id]);
  });

  it('can be given by a flag of isle', async () => {
    const { daemon, busybox } = world;
    const isle = (...flags: string[]) =>
      run(process.execPath, ['--', CLI, 'run', '--rm', ...flags, busybox, 'cat', '/proc/uptime'], {
        env: { DOCKER_HOST: daemon.dockerHost },
      });
    near((await isle('--time-offset', `boottime=${DAY}`)).stdout, uptime() + DAY);
    assert.match((await isle('--time-offset', 'boottime')).stderr, /give CLOCK=SECONDS/);
    assert.match(
      (await isle('--time-offset', 'realtime=1')).stderr,
      /no such clock.*monotonic or org\.isle\.time\.boottime/s,
    );
  });

  it('are refused when they are no time', async () => {
    const { daemon, busybox } = world;
    const refused = async (value: string) =>
      (await daemon.docker(['create', ...annotation('boottime', value), busybox])).stderr;
    assert.match(await refused('tomorrow'), /no number of seconds/);
    assert.match(await refused('-4000000000'), /the clock would be before 0/);
  });
});
