/** update: from a file, from standard input, by flags; read back from the cgroups. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { cgroupMounts } from '../harness/leftovers.ts';
import { Box } from './box.ts';
import { ISLE_RUNTIME, RUNTIMES } from './runtimes.ts';

/** The names of both cgroup versions for one limit. */
const FILES = {
  memory: ['memory.limit_in_bytes', 'memory.max'],
  reservation: ['memory.soft_limit_in_bytes', 'memory.low'],
  pids: ['pids.max'],
  quota: ['cpu.cfs_quota_us', 'cpu.max'],
  shares: ['cpu.shares', 'cpu.weight'],
  cpus: ['cpuset.cpus'],
} as const;

for (const runtime of RUNTIMES) {
  describe(`${runtime.name}: update`, () => {
    let box: Box;
    let id: string;
    before(async () => {
      box = await Box.make(runtime);
      id = await box.started();
    });
    after(async () => box[Symbol.asyncDispose]());

    const read = (limit: keyof typeof FILES): string => {
      const [file] = cgroupMounts().flatMap((mount) =>
        FILES[limit].map((name) => join(mount, box.cgroupParent, id, name)).filter((path) => existsSync(path)),
      );
      return (
        readFileSync(file ?? assert.fail(`no file of ${limit}`), 'utf8')
          .trim()
          .split(' ')[0] ?? ''
      );
    };

    it('takes flags', async () => {
      const flags = ['--memory', String(64 << 20), '--memory-reservation', String(32 << 20), '--pids-limit', '44'];
      await box.ok(
        'update',
        ...flags,
        '--cpu-quota',
        '30000',
        '--cpu-period',
        '100000',
        '--cpu-share',
        '512',
        '--cpuset-cpus',
        '0',
        id,
      );
      assert.deepEqual(
        [read('memory'), read('reservation'), read('pids'), read('quota'), read('cpus')],
        [String(64 << 20), String(32 << 20), '44', '30000', '0'],
      );
      assert.notEqual(read('shares'), '1024');
      if (runtime.name === 'crun') return; // writes -1 as it is
      await box.ok('update', '--pids-limit', '-1', id);
      assert.equal(read('pids'), 'max');
    });

    it('takes a file, or standard input, and leaves alone what is not in it', async () => {
      const file = join(box.directory, 'resources.json');
      await box.ok('update', '--memory', String(64 << 20), '--pids-limit', '44', id);
      writeFileSync(file, JSON.stringify({ memory: { limit: 48 << 20 }, cpu: { quota: 20_000, shares: 0 } }));
      await box.ok('update', '--resources', file, id);
      assert.deepEqual([read('memory'), read('pids'), read('quota')], [String(48 << 20), '44', '20000']);
      // crun reads no standard input.
      if (runtime.name === 'crun') return;
      const { code, stderr } = await box.call(['update', '-r', '-', id], { stdin: '{"pids": {"limit": 55}}' });
      assert.equal(code, 0, stderr);
      assert.deepEqual([read('memory'), read('pids')], [String(48 << 20), '55']);
    });

    it('refuses nonsense, and a container that is not there', async () => {
      const file = join(box.directory, 'nonsense.json');
      writeFileSync(file, '{"memory": 5');
      for (const args of [
        ['--resources', file, id],
        ['--memory', '5x', id],
        ['--memory', '1', 'isle-conformance-nobody'],
      ]) {
        const { code, stderr } = await box.call(['update', ...args]);
        assert.notEqual(code, 0, args.join(' '));
        assert.notEqual(stderr, '');
      }
    });

    it('takes sizes with units', { skip: runtime.name === 'crun' }, async () => {
      await box.ok('update', '--memory', '40m', id);
      assert.equal(read('memory'), String(40 << 20));
    });

    it('names what it does not do', { skip: runtime !== ISLE_RUNTIME }, async () => {
      const { code, stderr } = await box.call(['update', '--kernel-memory', '1m', '--pids-limit', '66', id]);
      assert.equal(code, 0);
      assert.match(stderr, /--kernel-memory has no effect/);
      assert.equal(read('pids'), '66');
      writeFileSync(join(box.directory, 'wrong.json'), '{"pids": {"limit": "5"}}');
      const wrong = await box.call(['update', '--resources', join(box.directory, 'wrong.json'), id]);
      assert.equal(wrong.code, 1);
      assert.match(wrong.stderr, /pids\.limit: must be a whole number, is "5"/);
    });
  });
}
