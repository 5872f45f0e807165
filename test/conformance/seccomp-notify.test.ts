/** SCMP_ACT_NOTIFY: a process outside decides on system calls, as config-linux.md of the spec has it. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type SeccompAgent, startSeccompAgent } from '../fixtures/seccomp-agent.ts';
import { eventually } from '../harness/command.ts';
import { Box, type Config, type State } from './box.ts';
import { RUNTIMES } from './runtimes.ts';

interface ProcessState {
  ociVersion: string;
  fds: string[];
  pid: number;
  metadata?: string;
  state: State & { ociVersion: string };
}

const METADATA = 'MKNOD=/dev/null\n"quoted" "pid":1234567890123';

for (const runtime of RUNTIMES) {
  describe(`${runtime.name}: a seccomp listener`, () => {
    let box: Box;
    let agent: SeccompAgent;
    before(async () => {
      box = await Box.make(runtime);
      agent = await startSeccompAgent(box.directory);
    });
    after(async () => {
      await agent[Symbol.asyncDispose]();
      await box[Symbol.asyncDispose]();
    });

    const listen = (config: Config, over: object = {}): void => {
      config.linux['seccomp'] = {
        defaultAction: 'SCMP_ACT_ALLOW',
        architectures: ['SCMP_ARCH_X86_64'],
        listenerPath: agent.socket,
        listenerMetadata: METADATA,
        syscalls: [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_NOTIFY' }],
        ...over,
      };
    };
    /** What the listener is told while `work` is done, with one descriptor. */
    const told = async (work: () => Promise<unknown>): Promise<ProcessState> => {
      const count = agent.states().length;
      await work();
      const line = await eventually('the listener is told', () => agent.states()[count] ?? null);
      assert.match(line, /^1 /);
      return JSON.parse(line.slice(2)) as ProcessState;
    };
    const script = 'cd /tmp; for d in fake refuse real; do busybox mkdir /tmp/$d 2>&1 && echo told $d; done; ls /tmp';

    it('decides on the calls of a container: it emulates, refuses, and lets through', async () => {
      for (const noNewPrivileges of [true, false]) {
        const seen = await box.see(`busybox mkdir /tmp; ${script}`, (config) => {
          Object.assign(config.process, { noNewPrivileges });
          config.mounts.push({ destination: '/tmp', type: 'tmpfs', source: 'tmpfs' });
          listen(config);
        });
        const lines = seen.split('\n').filter((line) => !line.includes('File exists'));
        assert.deepEqual(lines, [
          'told fake',
          "mkdir: can't create directory '/tmp/refuse': Wrong medium type",
          'told real',
          'real',
        ]);
      }
      assert.deepEqual(agent.calls().slice(-3), ['83 /tmp/fake', '83 /tmp/refuse', '83 /tmp/real']);
    });

    it('is told of the container in the form of the spec: create, then exec', async () => {
      const { id, path } = box.bundle((config) => {
        config.mounts.push({ destination: '/tmp', type: 'tmpfs', source: 'tmpfs' });
        config['annotations'] = { word: 'of "mine"' };
        listen(config);
      });
      // crun installs the filter at the start.
      const created = await told(async () => {
        await box.create(id, path);
        await box.ok('start', id);
      });
      const { pid } = await box.state(id);
      assert.deepEqual(created.fds, ['seccompFd']);
      assert.deepEqual([created.pid, created.metadata], [pid, METADATA]);
      assert.equal(created.ociVersion, created.state.ociVersion);
      const { status, bundle, annotations } = created.state;
      assert.deepEqual([created.state.id, created.state.pid, status, bundle], [id, pid, 'creating', path]);
      assert.equal(annotations?.['word'], 'of "mine"');

      const executed = await told(async () => {
        const out = await box.ok('exec', id, 'sh', '-c', script.replace('ls /tmp', 'true'));
        assert.match(out, /^told fake\n.*Wrong medium type\ntold real\n$/);
      });
      assert.notEqual(executed.pid, pid);
      assert.equal(executed.state.id, id);
      // crun 1.8 leaves both as in a state of a container that is being created.
      if (runtime.name !== 'crun') assert.deepEqual([executed.state.pid, executed.state.status], [pid, 'running']);
      await box.ok('delete', '--force', id);
    });

    it('makes the start fail when nobody listens, and nothing is left', async () => {
      const { id, path } = box.bundle((config) => listen(config, { listenerPath: join(box.directory, 'nobody.sock') }));
      const { code, stderr } = await box.tryCreate(id, path);
      assert.notEqual(code, 0);
      assert.match(stderr, /nobody\.sock.*no such file or directory/is);
      assert.notEqual((await box.call(['state', id])).code, 0);
    });

    it('is not asked for when no call is decided by it', async () => {
      // crun connects all the same.
      const seen = await box.see('echo fine', (config) => {
        const listenerPath = runtime.name === 'crun' ? agent.socket : '/nowhere/agent.sock';
        listen(config, { listenerPath, syscalls: [] });
      });
      assert.equal(seen, 'fine');
    });

    // crun has neither check: there these bundles hang or run without the fence.
    if (runtime.name !== 'crun') {
      it('cannot decide on the call by which it is told of, and is needed where calls wait for it', async () => {
        const refusals: [object, RegExp][] = [
          [
            { syscalls: [{ names: ['write'], action: 'SCMP_ACT_NOTIFY' }] },
            /SCMP_ACT_NOTIFY cannot be used for the write syscall/,
          ],
          [{ defaultAction: 'SCMP_ACT_NOTIFY' }, /SCMP_ACT_NOTIFY cannot be used as default action/],
          [{ listenerPath: undefined, listenerMetadata: undefined }, /listenerPath is not set/],
        ];
        for (const [over, reason] of refusals) {
          const { id, path } = box.bundle((config) => listen(config, over));
          const { code, stderr } = await box.tryCreate(id, path);
          assert.notEqual(code, 0);
          assert.match(stderr, reason);
          assert.notEqual((await box.call(['state', id])).code, 0);
        }
      });
    }

    it('gone, leaves its calls without an answer but not without an end: they fail with ENOSYS', async () => {
      const directory = join(box.directory, 'short');
      mkdirSync(directory);
      const short = await startSeccompAgent(directory);
      const { id, path } = box.bundle((config) => {
        box.withOut(config);
        const wait = `touch ${box.out}/up; until [ -e ${box.out}/gone ]; do sleep 0.1; done`;
        config.process['args'] = ['sh', '-c', `${wait}; busybox mkdir /x 2>${box.out}/said`];
        listen(config, { listenerPath: short.socket });
      });
      await box.create(id, path);
      await box.ok('start', id);
      await eventually('the program runs', () => existsSync(join(box.out, 'up')) || null);
      await short[Symbol.asyncDispose]();
      writeFileSync(join(box.out, 'gone'), '');
      await box.reaches(id, 'stopped');
      assert.match(readFileSync(join(box.out, 'said'), 'utf8'), /Function not implemented/);
      await box.ok('delete', id);
    });
  });
}
