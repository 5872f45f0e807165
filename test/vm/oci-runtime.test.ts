/** isle-runtime on pure cgroup v2, and runc beside it to prove the tests: events, update, further cgroups. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Box } from '../conformance/box.ts';
import { EATER, oomOf, statsOf } from '../conformance/events.ts';
import { ISLE_RUNTIME, RUNTIMES } from '../conformance/runtimes.ts';
import { eventually } from '../harness/command.ts';

for (const runtime of RUNTIMES.filter(({ name }) => name !== 'crun')) {
  describe(`${runtime.name} on pure cgroup v2`, () => {
    let box: Box;
    before(async () => void (box = await Box.make(runtime)));
    after(async () => box[Symbol.asyncDispose]());

    const directory = (id: string): string => join('/sys/fs/cgroup', box.cgroupParent, id);
    const limited = (config: { linux: Record<string, unknown> }, limits: object): object =>
      Object.assign(config.linux['resources'] as object, limits);

    it('tells of a process that was killed for want of memory, while the container goes on', async () => {
      const id = await box.started((config) => {
        box.withOut(config);
        config.process['args'] = ['sh', '-c', `${EATER(box.out)}; exec sleep 100`];
        limited(config, { memory: { limit: 16 << 20, swap: 16 << 20 } });
      });
      const told = await oomOf(box, id);
      // runc tells of each change of the kernel's counters, of which one kill makes several on cgroup v2.
      assert.ok(runtime === ISLE_RUNTIME ? told === 1 : told >= 1, `told ${told} times`);
    });

    it('counts memory and processes, with their limits', async () => {
      const id = await box.started((config) => limited(config, { memory: { limit: 64 << 20 }, pids: { limit: 50 } }));
      const { memory, pids } = statsOf(await box.ok('events', '--stats', id), id);
      assert.deepEqual([memory.usage.limit, pids.limit], [64 << 20, 50]);
      assert.ok(memory.usage.usage > 0 && pids.current > 0);
      await box.ok('delete', '--force', id);
    });

    it('changes limits while the container runs', async () => {
      const id = await box.started();
      await box.ok('update', '--memory', String(48 << 20), '--pids-limit', '44', '--cpu-quota', '30000', id);
      const read = (file: string) => readFileSync(join(directory(id), file), 'utf8').trim();
      assert.deepEqual(
        [read('memory.max'), read('pids.max'), read('cpu.max')],
        [String(48 << 20), '44', '30000 100000'],
      );
      await box.ok('delete', '--force', id);
    });

    it("executes a process in a cgroup below the container's, and takes both away with the container", async () => {
      const id = await box.started();
      mkdirSync(join(directory(id), 'below'));
      assert.match(await box.ok('exec', '--cgroup', '/below', id, 'cat', '/proc/self/cgroup'), /\/below$/m);
      await box.handingOver(`${id}-left`, 'exec', '--detach', '--cgroup', '/below', id, 'sleep', '100');
      const { pid } = await box.state(id);
      await box.ok('delete', '--force', id);
      assert.equal(existsSync(directory(id)), false);
      await eventually('its process is gone', () => (existsSync(`/proc/${pid}/ns/pid`) ? null : true));
    });
  });
}
