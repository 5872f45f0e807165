/** The commands and flags that engines give a runtime, beside the life of a container. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { eventually } from '../harness/command.ts';
import { Box } from './box.ts';
import { RUNTIMES } from './runtimes.ts';

/** Two processes, both up when the file is there. */
const TWO = (out: string) => ['sh', '-c', `sleep 100 & echo up > ${out}; exec sleep 100`];

for (const runtime of RUNTIMES) {
  const isCrun = runtime.name === 'crun';
  describe(`${runtime.name}: commands and their flags`, () => {
    let box: Box;
    before(async () => void (box = await Box.make(runtime)));
    after(async () => box[Symbol.asyncDispose]());

    const two = async (change: (namespaces: { type: string }[]) => object[] = (all) => all): Promise<string> => {
      const up = join(box.out, `up-${Math.random()}`);
      const id = await box.started((config) => {
        box.withOut(config);
        config.process['args'] = TWO(up);
        config.linux['namespaces'] = change(config.linux['namespaces'] as { type: string }[]);
      });
      await eventually('both processes run', () => (existsSync(up) ? true : null));
      return id;
    };

    it('--log: errors as text and as JSON, in the file', async () => {
      for (const format of ['text', 'json'] as const) {
        const log = join(box.directory, `log-${format}`);
        const { code } = await box.call(['--log', log, '--log-format', format, 'state', 'nobody']);
        assert.notEqual(code, 0);
        const [line = ''] = readFileSync(log, 'utf8').trim().split('\n').slice(-1);
        if (format === 'json') {
          const { level, msg, time } = JSON.parse(line) as Record<string, string>;
          assert.equal(level, 'error');
          assert.match(msg ?? '', /does not exist|No such file/);
          assert.ok(!Number.isNaN(Date.parse(time ?? '')));
        } else assert.match(line, /(?:level=error msg="|\(error\)|error opening).*(?:does not exist|No such file)/);
      }
    });

    it('kill --all reaches every process, in the PID namespace of another one too', async () => {
      const id = await two((all) => all.filter(({ type }) => type !== 'pid'));
      const pids = JSON.parse(await box.ok('ps', '--format', 'json', id)) as number[];
      assert.equal(pids.length, 2);
      await box.ok('kill', '--all', id, 'KILL');
      await box.reaches(id, 'stopped');
      const alive = (pid: number) => {
        if (!existsSync(`/proc/${pid}`)) return false;
        return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, { encoding: 'utf8', flag: 'r' }));
      };
      await eventually('none of them is alive', () => (pids.some(alive) ? null : true));
      await box.ok('delete', id);
    });

    it('ps: as a table with the columns of ps, and as JSON', async () => {
      const id = await two();
      const { pid } = await box.state(id);
      const pids = JSON.parse(await box.ok('ps', '-f', 'json', id)) as number[];
      assert.equal(pids.length, 2);
      assert.ok(pids.includes(pid));
      if (isCrun) return; // its table has one column
      const [head = '', ...rows] = (await box.ok('ps', '--format', 'table', id)).trim().split('\n');
      assert.match(head, /^UID +PID +PPID .*CMD$/);
      assert.deepEqual(
        rows.map((row) => row.replace(/.* /s, '')),
        ['100', '100'],
      );
      const [custom = '', ...others] = (await box.ok('ps', id, '-eo', 'pid,comm')).trim().split('\n');
      assert.match(custom, /^ *PID COMMAND$/);
      assert.deepEqual(
        others.map((row) => row.trim().split(' ')[1]),
        ['sleep', 'sleep'],
      );
    });

    it('list: as a table, as JSON, as ids alone; and no other format', async () => {
      const id = await box.started();
      const { pid, bundle } = await box.state(id);
      const ids = (await box.ok('list', '-q')).trim().split('\n');
      assert.ok(ids.includes(id));
      const [head = '', ...rows] = (await box.ok('list')).trim().split('\n');
      assert.match(head, isCrun ? /^NAME +PID +STATUS/ : /^ID +PID +STATUS +BUNDLE +CREATED +OWNER$/);
      const row = rows.find((line) => line.startsWith(`${id} `))?.split(/ +/);
      assert.deepEqual(row?.slice(0, 4), [id, String(pid), 'running', bundle]);
      const entries = JSON.parse(await box.ok('list', '-f', 'json')) as Record<string, unknown>[];
      const entry = entries.find((one) => one['id'] === id);
      assert.deepEqual([entry?.['pid'], entry?.['status'], entry?.['bundle']], [pid, 'running', bundle]);
      assert.ok(!Number.isNaN(Date.parse(String(entry?.['created']))));
      for (const args of [
        ['list', '-f', 'xml'],
        ['ps', '-f', 'xml', id],
      ]) {
        const { code, stderr } = await box.call(args);
        assert.notEqual(code, 0);
        if (!isCrun) assert.match(stderr, /invalid format option/);
      }
    });

    it('run --detach returns at once; run --keep leaves what has ended', async () => {
      const { id, path } = box.bundle();
      assert.equal((await box.handingOver(id, 'run', '--detach', '--bundle', path, id)).code, 0);
      assert.equal((await box.state(id)).status, 'running');
      if (isCrun) return; // has no --keep
      const { id: kept, path: bundle } = box.bundle((config) => (config.process['args'] = ['sh', '-c', 'exit 4']));
      assert.equal((await box.call(['run', '--keep', '--bundle', bundle, kept])).code, 4);
      assert.equal((await box.state(kept)).status, 'stopped');
      await box.ok('delete', kept);
    });

    it('run --no-subreaper works, and run writes the pid file', async () => {
      const { id, path } = box.bundle((config) => (config.process['args'] = ['sh', '-c', 'echo on; exit 3']));
      const pidFile = join(path, 'pid');
      const args = ['run', '--no-subreaper', '--pid-file', pidFile, '--bundle', path, id];
      const { code, stdout, stderr } = await box.call(args);
      assert.deepEqual([code, stdout], [3, 'on\n'], stderr);
      assert.match(readFileSync(pidFile, 'utf8'), /^\d+$/);
    });

    it('run --no-new-keyring keeps the session keyring of the caller, which it leaves otherwise', async () => {
      const hasOwn = async (...flags: string[]): Promise<boolean> => {
        const { id, path } = box.bundle((config) => (config.process['args'] = ['cat', '/proc/keys']));
        const { code, stdout, stderr } = await box.call(['run', ...flags, '--bundle', path, id]);
        assert.equal(code, 0, stderr);
        // Named after the container: the table has those of others too.
        return stdout.includes(id);
      };
      assert.equal(await hasOwn(), true);
      assert.equal(await hasOwn('--no-new-keyring'), false);
    });

    // crun tries it at create.
    it('tells on its error stream why the program of a started container cannot be executed', {
      skip: isCrun,
    }, async () => {
      box.addProgram('garbage', Buffer.from('garbage'));
      const { id, path } = box.bundle((config) => (config.process['args'] = ['garbage']));
      await box.create(id, path);
      await box.ok('start', id);
      await box.reaches(id, 'stopped');
      assert.match(box.outputOf(id), /exec \/bin\/garbage: exec format error/);
      const alone = await box.run((config) => (config.process['args'] = ['/bin/garbage']));
      assert.equal(alone.code, 1);
      assert.match(alone.stderr, /exec \/bin\/garbage: exec format error/);
    });

    it('features: what a runtime can do, in the shape of the spec', { skip: isCrun }, async () => {
      const known = JSON.parse(await box.ok('features')) as Record<string, unknown>;
      const linux = known['linux'] as Record<string, Record<string, unknown>>;
      assert.match(
        `${String(known['ociVersionMin'])} ${String(known['ociVersionMax'])}`,
        /^1\.0\.\d+\S* 1\.\d+\.\d+\S*$/,
      );
      const isWords = (list: unknown) => Array.isArray(list) && list.every((word) => typeof word === 'string');
      assert.ok(isWords(known['hooks']) && isWords(known['mountOptions']));
      assert.ok(isWords(linux['namespaces']) && isWords(linux['capabilities']));
      assert.ok(['actions', 'operators', 'archs'].every((name) => isWords(linux['seccomp']?.[name])));
      for (const name of ['seccomp', 'apparmor', 'selinux']) {
        assert.equal(typeof linux[name]?.['enabled'], 'boolean', name);
      }
      for (const name of ['v1', 'v2', 'systemd', 'systemdUser']) {
        assert.equal(typeof linux['cgroup']?.[name], 'boolean', name);
      }
    });

    it('spec: writes a bundle that runs, also for a user namespace, and overwrites none', async () => {
      for (const flags of [[], ['--rootless']]) {
        const bundle = join(box.directory, `spec${flags.join('')}`);
        mkdirSync(bundle);
        assert.equal((await box.call(['spec', ...flags, '--bundle', bundle])).code, 0);
        const path = join(bundle, 'config.json');
        const config = JSON.parse(readFileSync(path, 'utf8')) as {
          process: object;
          root: object;
          linux: { namespaces: { type: string }[]; cgroupsPath?: string };
        };
        assert.equal(
          config.linux.namespaces.some(({ type }) => type === 'user'),
          flags.length > 0,
        );
        Object.assign(config.process, { terminal: false, args: ['sh', '-c', 'echo it runs; id -u'] });
        Object.assign(config.root, { path: box.rootfs });
        config.linux.cgroupsPath = `/${box.cgroupParent}/spec${flags.length}`;
        writeFileSync(path, JSON.stringify(config));
        const { code, stdout, stderr } = await box.call(['run', '--bundle', bundle, `spec-${process.pid}`]);
        assert.deepEqual([code, stdout], [0, 'it runs\n0\n'], stderr);
        assert.notEqual((await box.call(['spec', '--bundle', bundle])).code, 0);
      }
    });
  });
}
