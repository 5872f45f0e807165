/** Memory, process and CPU limits: what the kernel does with them, not what was asked for. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { eventually } from '../harness/command.ts';
import { cgroups } from '../harness/leftovers.ts';
import { startWorld, type World } from '../harness/world.ts';

describe('limits', () => {
  let world: World;
  before(async () => {
    world = await startWorld();
  });
  after(() => world[Symbol.asyncDispose]());

  const state = async (name: string) => {
    const text = await world.daemon.ok([
      'inspect',
      '-f',
      '{{.State.Status}} {{.State.ExitCode}} {{.State.OOMKilled}}',
      name,
    ]);
    return text;
  };

  /** The container's cgroup directory in the hierarchy that has this file. */
  const cgroupFile = (id: string, file: string): string => {
    const directories = cgroups(world.daemon.cgroupParent).filter((path) => path.includes(id));
    for (const directory of directories) {
      try {
        return readFileSync(join(directory, file), 'utf8').trim();
      } catch (thrown) {
        if ((thrown as NodeJS.ErrnoException).code !== 'ENOENT') throw thrown;
      }
    }
    throw new Error(`no cgroup of ${id} has ${file}; cgroups: ${directories.join(', ')}`);
  };

  it('kill a container that takes more memory than it may, and tell that from other deaths', async () => {
    const { daemon, busybox } = world;
    const { code } = await daemon.docker(['run', '--name', 'hog', '-m', '32m', busybox, 'tail', '/dev/zero']);
    assert.equal(code, 137);
    assert.equal(await state('hog'), 'exited 137 true');
    await daemon.ok(['run', '-d', '--name', 'killed', '-m', '32m', busybox, 'sleep', '100']);
    await daemon.ok(['kill', 'killed']);
    assert.equal(await state('killed'), 'exited 137 false');
    await daemon.ok(['rm', 'hog', 'killed']);
  });

  it('let a container live that stays below its memory limit', async () => {
    const { daemon, busybox } = world;
    const script = 'head -c 8000000 /dev/zero | tail -c 8000000 | wc -c';
    assert.equal(await daemon.ok(['run', '--rm', '-m', '64m', busybox, 'sh', '-c', script]), '8000000');
  });

  it('hold a fork bomb below its pids limit, and it can be removed', async () => {
    const { daemon, busybox } = world;
    const bomb = 'b() { b | b & }; b; sleep 100';
    const id = await daemon.ok(['run', '-d', '--name', 'bomb', '--pids-limit', '20', busybox, 'sh', '-c', bomb]);
    assert.equal(cgroupFile(id, 'pids.max'), '20');
    await eventually('the limit refuses a fork', () => {
      const current = Number(cgroupFile(id, 'pids.current'));
      assert.ok(current <= 20, `${current} processes`);
      const refused = /(?:^|\bmax )(\d+)$/m.exec(cgroupFile(id, 'pids.events'))?.[1];
      return Number(refused ?? 0) > 0 ? true : null;
    });
    await daemon.ok(['rm', '-f', 'bomb']);
  });

  it('give a fifth of a processor to `--cpus 0.2`, measured in CPU time', async () => {
    const { daemon, busybox } = world;
    const script = 'time timeout 3 sh -c "while :; do :; done"';
    /** CPU time per time that passes: a busy machine ends the loop late. */
    const processors = async (...flags: string[]) => {
      const { stderr } = await daemon.docker(['run', '--rm', ...flags, busybox, 'sh', '-c', script]);
      const seconds = (name: string) => {
        const [, minutes, rest] = new RegExp(`${name}\\s+(\\d+)m\\s*([\\d.]+)s`).exec(stderr) ?? [];
        assert.ok(rest !== undefined, `no ${name} time in: ${stderr}`);
        return Number(minutes) * 60 + Number(rest);
      };
      return (seconds('user') + seconds('sys')) / seconds('real');
    };
    const fifth = await processors('--cpus', '0.2');
    assert.ok(fifth < 0.2 * 1.15, `a fifth of a processor was ${fifth}`);
    // On a machine that others keep busy, a container without the limit may for a while get no more either.
    const whole = await eventually('a container without the limit gets more', async () => {
      const measured = await processors();
      return measured > fifth ? measured : null;
    });
    assert.ok(fifth < whole);
  });

  it('throttle the container, as the kernel counts it', async () => {
    const { daemon, busybox } = world;
    const id = await daemon.ok(['run', '-d', '--cpus', '0.2', busybox, 'sh', '-c', 'while :; do :; done']);
    await eventually('it was throttled', () => {
      return Number(/^nr_throttled (\d+)$/m.exec(cgroupFile(id, 'cpu.stat'))?.[1] ?? 0) > 3 ? true : null;
    });
    await daemon.ok(['rm', '-f', id]);
  });

  it('are in the cgroup files what was asked for', async () => {
    const { daemon, busybox } = world;
    const flags = [
      '-m',
      '64m',
      '--memory-swap',
      '64m',
      '--pids-limit',
      '33',
      '--cpu-shares',
      '512',
      '--cpuset-cpus',
      '0',
    ];
    const id = await daemon.ok(['run', '-d', ...flags, busybox, 'sleep', '100']);
    assert.equal(cgroupFile(id, 'pids.max'), '33');
    assert.equal(cgroupFile(id, 'cpuset.cpus'), '0');
    const either = (...files: string[]) =>
      files
        .map((file) => {
          try {
            return cgroupFile(id, file);
          } catch {
            return null;
          }
        })
        .find((value) => value !== null);
    assert.equal(either('memory.limit_in_bytes', 'memory.max'), String(64 << 20));
    const shares = either('cpu.shares', 'cpu.weight');
    assert.ok(shares === '512' || shares === '59', `shares are ${shares}`);
    await daemon.ok(['rm', '-f', id]);
  });

  it('of open files are those of --ulimit', async () => {
    const { daemon, busybox } = world;
    const asked = ['run', '--rm', '--ulimit', 'nofile=123:456', busybox, 'sh', '-c', 'ulimit -Sn; ulimit -Hn'];
    assert.equal(await daemon.ok(asked), '123\n456');
  });
});
