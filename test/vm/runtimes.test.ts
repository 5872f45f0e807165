/** On pure cgroup v2 and under AppArmor, containers that other runtimes make: what differs there from a v1 host. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Explanation } from '../../src/api/types/explain.ts';
import { api } from '../harness/api.ts';
import { eventually, run } from '../harness/command.ts';
import { type Guest, startGuest } from './guest.ts';

let guest: Guest;
before(async () => {
  guest = await startGuest();
});
after(() => guest[Symbol.asyncDispose]());

const state = (name: string, format: string): Promise<string> => guest.daemon.ok(['inspect', '-f', format, name]);

async function broken(id: string): Promise<string[]> {
  const { text } = await api(guest.daemon, 'GET', `/isle/v1/explain/containers/${id}`);
  const { layers } = JSON.parse(text) as Explanation;
  return layers.flatMap(({ facts }) => facts.filter(({ holds }) => holds === false).map(({ what }) => what));
}

for (const runtime of ['runc', 'crun']) {
  describe(`${runtime} on pure cgroup v2`, () => {
    const inside = (flags: string[], script: string): Promise<string> =>
      guest.daemon.ok(['run', '--rm', '--runtime', runtime, ...flags, guest.busybox, 'sh', '-c', script]);
    const background = (name: string, flags: string[], ...command: string[]): Promise<string> =>
      guest.daemon.ok(['run', '-d', '--runtime', runtime, '--name', name, ...flags, guest.busybox, ...command]);
    const cgroupFile = (id: string, file: string): string =>
      readFileSync(join('/sys/fs/cgroup', guest.daemon.cgroupParent, id, file), 'utf8').trim();

    it('puts the container into the cgroup that isle has made, under its AppArmor profile', async () => {
      assert.equal(await inside([], 'cat /proc/self/cgroup /proc/self/attr/current'), '0::/\nisle-default (enforce)');
    });

    it('gets the profile back that somebody has unloaded', async () => {
      const { code, stderr } = await run('/usr/sbin/apparmor_parser', ['--remove'], {
        stdin: 'profile isle-default {}\n',
      });
      assert.equal(code, 0, stderr);
      assert.equal(await inside([], 'cat /proc/self/attr/current'), 'isle-default (enforce)');
    });

    it('keeps the limits, which can be changed, and can be paused', async () => {
      const { daemon } = guest;
      const id = await background('limited', ['-m', '64m', '--pids-limit', '33', '--cpus', '0.5'], 'sleep', '1000');
      const files = ['memory.max', 'pids.max', 'cpu.max'];
      assert.deepEqual(
        files.map((file) => cgroupFile(id, file)),
        [String(64 << 20), '33', '50000 100000'],
      );
      // Where a runtime does other than isle, explain says so.
      assert.deepEqual(await broken(id), []);
      await daemon.ok(['update', '-m', '32m', '--memory-swap', '32m', id]);
      assert.equal(cgroupFile(id, 'memory.max'), String(32 << 20));
      await daemon.ok(['pause', id]);
      assert.match(cgroupFile(id, 'cgroup.events'), /^frozen 1$/m);
      await daemon.ok(['kill', id]);
      assert.equal(await state('limited', '{{.State.Status}} {{.State.ExitCode}}'), 'exited 137');
      await daemon.ok(['rm', id]);
    });

    it('is told of when it takes more memory than it may', async () => {
      const { daemon, busybox } = guest;
      await daemon.docker(['run', '--runtime', runtime, '--name', 'hog', '-m', '16m', busybox, 'tail', '/dev/zero']);
      assert.equal(await state('hog', '{{.State.ExitCode}} {{.State.OOMKilled}}'), '137 true');
      await daemon.ok(['rm', 'hog']);
    });

    it('opens the devices that it was given and no others', async () => {
      const [, major, minor] = /^(\d+):(\d+)$/m.exec(readFileSync('/sys/class/block/vda/dev', 'utf8')) ?? [];
      const peek = `mknod /disk b ${major} ${minor}; true < /disk || echo refused; cat /dev/null && echo fine`;
      assert.equal(await inside([], peek), 'refused\nfine');
      assert.equal(await inside(['--device', '/dev/vda:/dev/mine:r'], 'true < /dev/mine && echo opened'), 'opened');
    });

    it('leaves nothing of a shared PID namespace, nor of a monitor that was killed', async () => {
      const { daemon } = guest;
      const id = await background('widow', ['--pid', 'host'], 'sh', '-c', 'sleep 4711 & exec sleep 100');
      const monitor = readFileSync(join(daemon.execRoot, 'containers', id, 'pid'), 'utf8').split(' ')[2];
      process.kill(Number(monitor), 'SIGKILL');
      await eventually('it is reported dead', async () =>
        (await state('widow', '{{.State.Status}} {{.State.ExitCode}}')) === 'exited 255' ? true : null,
      );
      await daemon.ok(['rm', 'widow']);
      await eventually('nothing is left', () => (daemon.leftovers().length === 0 ? true : null));
    });
  });
}
