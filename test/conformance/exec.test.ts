/** The flags of exec, by what the process sees of them. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { eventually } from '../harness/command.ts';
import { cgroupMounts } from '../harness/leftovers.ts';
import { Box } from './box.ts';
import { RUNTIMES } from './runtimes.ts';

for (const runtime of RUNTIMES) {
  const isCrun = runtime.name === 'crun';
  describe(`${runtime.name}: exec`, () => {
    let box: Box;
    let id: string;
    before(async () => {
      box = await Box.make(runtime);
      id = await box.started((config) => Object.assign(config.process, { env: ['PATH=/bin', 'KEPT=1', 'WORD=old'] }));
    });
    after(async () => box[Symbol.asyncDispose]());

    const seen = async (flags: string[], script: string): Promise<string[]> =>
      (await box.ok('exec', ...flags, id, 'sh', '-c', script)).trim().split('\n');

    it('--cwd, --env, --user: where, with what, as whom', async () => {
      // crun takes the container's environment away when there is one of exec's.
      const path = isCrun ? ['--env', 'PATH=/bin'] : [];
      const flags = [...path, '--cwd', '/bin', '--env', 'WORD=new word', '--env', 'MORE=2', '--user', '1000:1001'];
      const [cwd, word, more, kept, uid, gid] = await seen(
        flags,
        'ls -d $PWD; echo $WORD; echo $MORE; echo $KEPT; id -u; id -g',
      );
      assert.deepEqual([cwd, word, more, kept, uid, gid], ['/bin', 'new word', '2', isCrun ? '' : '1', '1000', '1001']);
      // A directory that is not there fails the set-up.
      const { code, stderr } = await box.call(['exec', '--cwd', '/nosuch', id, 'true']);
      assert.notEqual(code, 0);
      assert.match(stderr, /nosuch.*[Nn]o such file or directory/s);
    });

    it('--additional-gids: further groups', { skip: isCrun }, async () => {
      const [groups] = await seen(
        ['--user', '1000:1001', '--additional-gids', '2000', '--additional-gids', '2001'],
        'id -G',
      );
      assert.deepEqual(new Set(groups?.split(' ')), new Set(['1001', '2000', '2001']));
    });

    it('--cap and --no-new-privs: more rights, and none by set-uid programs', async () => {
      const [without] = await seen([], 'grep CapBnd /proc/self/status');
      const [bounding] = await seen(['--cap', 'CAP_SYS_PTRACE'], 'grep CapBnd /proc/self/status');
      const mask = (line = '') => BigInt(`0x${line.split(/\s+/)[1] ?? ''}`);
      assert.equal(mask(bounding) & ~mask(without), 1n << 19n);
      const [privileges] = await seen(['--no-new-privs'], 'grep NoNewPrivs /proc/self/status');
      assert.match(privileges ?? '', /1$/);
    });

    it('--process: all of it from a file, and the exit status of its program', async () => {
      const file = join(box.directory, 'process.json');
      const process = {
        args: ['sh', '-c', 'echo $A; exit 9'],
        env: ['PATH=/bin', 'A=b'],
        cwd: '/',
        user: { uid: 3, gid: 4 },
      };
      writeFileSync(file, JSON.stringify(process));
      const { code, stdout } = await box.call(['exec', '--process', file, id]);
      assert.deepEqual([code, stdout], [9, 'b\n']);
      assert.notEqual((await box.call(['exec', '-p', join(box.directory, 'nosuch.json'), id])).code, 0);
    });

    it('--pid-file: the process as the host numbers it', async () => {
      const file = join(box.directory, 'exec-pid');
      const { code } = await box.handingOver('slept', 'exec', '--detach', '--pid-file', file, id, 'sleep', '99');
      assert.equal(code, 0);
      const pid = Number(readFileSync(file, 'utf8'));
      // crun does not wait for its execve.
      const program = () => readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      await eventually('the program runs', () => (program() === 'sleep\u000099\u0000' ? true : null));
    });

    it('--ignore-paused: the process waits, where it is refused otherwise', { skip: isCrun }, async () => {
      const paused = await box.started();
      await box.ok('pause', paused);
      const refused = await box.call(['exec', paused, 'true']);
      assert.equal(refused.code, 255);
      assert.match(refused.stderr, /cannot exec in a paused container/);
      await using exec = box.calling(['exec', '--ignore-paused', paused, 'echo', 'at last']);
      await box.ok('resume', paused);
      const { code, stdout, stderr } = await exec.finished;
      assert.deepEqual([code, stdout], [0, 'at last\n'], stderr);
    });

    it("--cgroup: in one below the container's, and nowhere else", { skip: isCrun }, async () => {
      const below = cgroupMounts().map((mount) => join(mount, box.cgroupParent, id, 'below'));
      for (const directory of below) {
        mkdirSync(directory);
        // Empty, unless the parent says otherwise: then nothing can be in it.
        for (const name of ['cpuset.cpus', 'cpuset.mems']) {
          const file = join(directory, name);
          if (existsSync(file)) writeFileSync(file, readFileSync(join(directory, '..', name)));
        }
      }
      const places = async (...flags: string[]) =>
        new Set(
          (await seen(flags, 'cat /proc/self/cgroup'))
            .filter((line) => line.includes(id))
            .map((line) => line.endsWith('/below')),
        );
      assert.deepEqual(await places(), new Set([false]));
      // runc leaves the unified hierarchy beside v1 out.
      assert.ok((await places('--cgroup', '/below')).has(true));
      if (below.length > 1) {
        const [line = ''] = (await seen(['--cgroup', 'memory:below'], 'cat /proc/self/cgroup')).filter((one) =>
          /[:,]memory[:,]/.test(one),
        );
        assert.match(line, /\/below$/);
      }
      for (const wrong of ['/nosuch', '/../..', 'nosuch:below', 'a:b:c']) {
        const { code, stderr } = await box.call(['exec', '--cgroup', wrong, id, 'true']);
        assert.equal(code, 255, wrong);
        assert.match(stderr, /cgroup/i);
      }
      for (const directory of below) rmdirSync(directory);
    });

    it('fails with 255 when it cannot be set up, which no program is taken for', async () => {
      for (const args of [
        ['exec', 'isle-conformance-nobody', 'true'],
        ['exec', id, '/nosuch'],
        ['exec', id],
      ]) {
        const { code } = await box.call(args);
        assert.ok(isCrun ? code !== 0 : code === 255, args.join(' '));
      }
    });
  });
}
