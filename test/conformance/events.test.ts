/** events: the counters in runc's form, and OOM kills. crun has no such command. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Box, type Config } from './box.ts';
import { EATER, oomOf, statsOf, typesOf } from './events.ts';
import { ISLE_RUNTIME, RUNTIMES } from './runtimes.ts';

for (const runtime of RUNTIMES.filter(({ name }) => name !== 'crun')) {
  describe(`${runtime.name}: events`, () => {
    let box: Box;
    before(async () => void (box = await Box.make(runtime)));
    after(async () => box[Symbol.asyncDispose]());

    it('--stats: the counters once', async () => {
      const id = await box.started((config) => {
        Object.assign(config.linux['resources'] as object, { memory: { limit: 64 << 20 }, pids: { limit: 50 } });
      });
      const { memory, pids } = statsOf(await box.ok('events', '--stats', id), id);
      assert.deepEqual([memory.usage.limit, pids.limit], [64 << 20, 50]);
      assert.ok(memory.usage.usage > 0 && pids.current > 0);
    });

    it('--interval: again and again, until the container ends', async () => {
      const id = await box.started();
      await using events = box.calling(['events', '--interval', '100ms', id]);
      await events.until(/("type":"stats".*\n[^]*){3}/);
      await box.ok('kill', id, 'KILL');
      await box.reaches(id, 'stopped');
      await box.ok('delete', id);
      const { code, stdout } = await events.finished;
      assert.equal(code, 0);
      assert.doesNotMatch(stdout, /"type":"oom"/);
    });

    it('tells of a process that was killed for want of memory, while the container goes on', async () => {
      const id = await box.started((config: Config) => {
        box.withOut(config);
        config.process['args'] = ['sh', '-c', `${EATER(box.out)}; exec sleep 100`];
        Object.assign(config.linux['resources'] as object, { memory: { limit: 16 << 20, swap: 16 << 20 } });
      });
      const told = await oomOf(box, id);
      // runc tells of each change of the kernel's counters, of which one kill makes several on cgroup v2.
      assert.ok(runtime === ISLE_RUNTIME ? told === 1 : told >= 1, `told ${told} times`);
    });

    it('of a container that is not there, or has stopped, are an error', async () => {
      assert.notEqual((await box.call(['events', '--stats', 'isle-conformance-nobody'])).code, 0);
      const id = await box.started();
      await box.ok('kill', id, 'KILL');
      await box.reaches(id, 'stopped');
      const { code, stderr } = await box.call(['events', '--stats', id]);
      assert.equal(code, 1);
      assert.match(stderr, /not running/);
      assert.equal((await box.call(['events', '--interval', '0s', id])).code, 1);
    });
  });
}

describe('isle-runtime and runc: counters', () => {
  const boxes: Box[] = [];
  before(async () => {
    for (const { name } of RUNTIMES.slice(0, 2))
      boxes.push(await Box.make(RUNTIMES.find((one) => one.name === name) ?? ISLE_RUNTIME));
  });
  after(async () => {
    for (const box of boxes) await box[Symbol.asyncDispose]();
  });

  it('have the same names and types, so that who reads one reads the other', async () => {
    const seen: Map<string, string>[] = [];
    for (const box of boxes) {
      const id = await box.started((config) => {
        Object.assign(config.linux['resources'] as object, { memory: { limit: 64 << 20 }, pids: { limit: 50 } });
      });
      seen.push(typesOf(statsOf(await box.ok('events', '--stats', id), id)));
      await box.ok('delete', '--force', id);
    }
    const [own, runcs] = seen;
    for (const [path, type] of runcs ?? []) {
      // What isle-runtime does not count: time by CPU and mode, and the flags of the cpuset.
      if (/percpu_|cpuset\.(?!cpus|mems)/.test(path)) continue;
      // Zeros are left out by runc only.
      assert.equal(own?.get(path), type, path);
    }
  });
});
