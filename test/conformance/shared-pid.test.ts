/** Containers that join the PID namespace of others by its path, as the containers of a pod do. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Namespace } from '../../src/oci/runtime-spec.ts';
import { eventually, run, start } from '../harness/command.ts';
import { Box, type Config, type State } from './box.ts';
import { RUNTIMES } from './runtimes.ts';

const joining = (path: string) => (config: Config) => {
  config.linux['namespaces'] = (config.linux['namespaces'] as Namespace[]).map((own) =>
    own.type === 'pid' ? { ...own, path } : own,
  );
};

for (const runtime of RUNTIMES) {
  describe(`${runtime.name}: a container in the PID namespace of another one`, () => {
    let box: Box;
    let first: State;
    before(async () => {
      box = await Box.make(runtime);
      first = await box.state(await box.started((config) => (config.process['args'] = ['sleep', '4321'])));
    });
    after(async () => box[Symbol.asyncDispose]());

    const path = () => `/proc/${first.pid}/ns/pid`;

    it('sees the other one, has its own files, and is who its state says', async () => {
      const { id, path: bundle } = box.bundle((config) => {
        joining(path())(config);
        config.process['args'] = ['sh', '-c', 'echo $PPID; ps; exec sleep 100'];
      });
      const pidFile = join(bundle, 'pid');
      await box.create(id, bundle, '--pid-file', pidFile);
      const { pid, status } = await box.state(id);
      assert.deepEqual([status, String(pid)], ['created', readFileSync(pidFile, 'utf8')]);
      await box.ok('start', id);
      const output = await eventually('it has spoken', () => (/4321/.test(box.outputOf(id)) ? box.outputOf(id) : null));
      assert.match(output, /^0$/m, 'its parent is outside');
      await eventually('it sleeps', () => readFileSync(`/proc/${pid}/cmdline`, 'utf8').startsWith('sleep') || null);
      assert.equal(readlinkSync(`/proc/${pid}/ns/pid`), readlinkSync(path()));
      assert.notEqual(readlinkSync(`/proc/${pid}/ns/mnt`), readlinkSync(`/proc/${first.pid}/ns/mnt`));
      assert.match(await box.ok('exec', id, 'ps'), /4321/);
      await box.ok('kill', id, 'KILL');
      await box.reaches(id, 'stopped');
      await box.ok('delete', id);
      assert.equal((await box.state(first.id)).status, 'running');
    });

    it('has kernel files that are masked and read-only, whatever the other one has', async () => {
      const seen = await box.see('cat /proc/kcore; echo 1 > /proc/sys/kernel/sysrq || echo refused', joining(path()));
      assert.equal(seen, 'refused');
    });

    it('gives its exit code, and may run in the foreground', async () => {
      const { code, stdout } = await box.run((config) => {
        joining(path())(config);
        config.process['args'] = ['sh', '-c', 'echo here; exit 7'];
      });
      assert.deepEqual([code, stdout], [7, 'here\n']);
    });

    it('has hooks that find its namespaces by the number they are told', async () => {
      const { id, path: bundle } = box.bundle((config) => {
        joining(path())(config);
        box.withOut(config);
        const look = `sed 's/.*"pid": *\\([0-9]*\\).*/\\1/' > ${box.out}/told; readlink /proc/$(cat ${box.out}/told)/ns/net > ${box.out}/net`;
        config['hooks'] = { createRuntime: [{ path: '/bin/sh', args: ['sh', '-c', look], env: ['PATH=/bin'] }] };
      });
      await box.create(id, bundle);
      const { pid } = await box.state(id);
      assert.equal(readFileSync(join(box.out, 'net'), 'utf8').trim(), readlinkSync(`/proc/${pid}/ns/net`));
      await box.ok('delete', '--force', id);
    });

    it('can be one whose members show the procfs of the host, or that is pinned to a file', async () => {
      const others = start('unshare', ['--pid', '--fork', '--kill-child', 'sh', '-c', 'echo ready; exec sleep 1234']);
      try {
        await others.until(/ready/);
        const child = readFileSync(`/proc/${others.child.pid}/task/${others.child.pid}/children`, 'utf8').trim();
        assert.match(await box.see('ps', joining(`/proc/${child}/ns/pid`)), /sleep 1234/);
      } finally {
        others.child.kill('SIGKILL');
        await others.finished;
      }
      const pinned = join(box.directory, 'pinned');
      if (!existsSync(pinned)) writeFileSync(pinned, '');
      assert.equal((await run('mount', ['--bind', path(), pinned])).code, 0);
      try {
        assert.match(await box.see('ps', joining(pinned)), /4321/);
      } finally {
        await run('umount', [pinned]);
      }
    });
  });
}
