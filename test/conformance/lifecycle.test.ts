import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { eventually } from '../harness/command.ts';
import { Box } from './box.ts';
import { RUNTIMES } from './runtimes.ts';

for (const runtime of RUNTIMES) {
  describe(`${runtime.name}: the life of a container`, () => {
    let box: Box;
    before(async () => void (box = await Box.make(runtime)));
    after(async () => box[Symbol.asyncDispose]());

    it('is created, runs, stops and is gone', async () => {
      const { id, path } = box.bundle((config) => (config['annotations'] = { 'org.example.note': 'kept' }));
      await box.create(id, path);
      const created = await box.state(id);
      assert.deepEqual([created.id, created.status, created.bundle], [id, 'created', path]);
      assert.ok(existsSync(`/proc/${created.pid}`));
      assert.equal(created.annotations?.['org.example.note'], 'kept');
      await box.ok('start', id);
      assert.equal((await box.state(id)).status, 'running');
      await box.ok('kill', id, 'KILL');
      await box.reaches(id, 'stopped');
      await box.ok('delete', id);
      const gone = await box.call(['state', id]);
      assert.notEqual(gone.code, 0);
      assert.match(gone.stderr, /does not exist|No such file/);
    });

    it("runs the program only after the start, on the creator's own streams", async () => {
      const { id, path } = box.bundle((config) => (config.process['args'] = ['sh', '-c', 'echo it runs']));
      await box.create(id, path);
      await new Promise((resolve) => setTimeout(resolve, 100));
      assert.equal(box.outputOf(id), '');
      await box.ok('start', id);
      await box.reaches(id, 'stopped');
      assert.equal(box.outputOf(id), 'it runs\n');
    });

    it('writes the pid file', async () => {
      const { id, path } = box.bundle();
      const pidFile = join(path, 'pid');
      await box.create(id, path, '--pid-file', pidFile);
      assert.equal(Number(readFileSync(pidFile, 'utf8')), (await box.state(id)).pid);
    });

    it('refuses a second container with the id of the first', async () => {
      const id = await box.started();
      const again = await box.tryCreate(id, join(box.directory, id));
      assert.notEqual(again.code, 0);
      assert.match(again.stderr, /exist/);
      assert.equal((await box.state(id)).status, 'running');
    });

    it('refuses to start twice', async () => {
      const id = await box.started();
      assert.notEqual((await box.call(['start', id])).code, 0);
    });

    it('refuses to delete a container that runs, unless by force', async () => {
      const id = await box.started();
      const { pid } = await box.state(id);
      assert.notEqual((await box.call(['delete', id])).code, 0);
      assert.equal((await box.state(id)).status, 'running');
      await box.ok('delete', '--force', id);
      assert.notEqual((await box.call(['state', id])).code, 0);
      await eventually('the process is gone', () => (existsSync(`/proc/${pid}/ns/pid`) ? null : true));
    });

    it('deletes by force what does not exist', async () => {
      assert.equal((await box.call(['delete', '--force', 'isle-conformance-nobody'])).code, 0);
      assert.notEqual((await box.call(['delete', 'isle-conformance-nobody'])).code, 0);
    });

    it('sends signals by name and by number, and none to a container that has stopped', async () => {
      const trap = `trap 'echo usr1 > ${box.out}/got' USR1; trap 'exit 0' TERM`;
      const id = await box.started((config) => {
        config.process['args'] = ['sh', '-c', `${trap}; echo up > ${box.out}/up; while true; do sleep 0.1; done`];
        box.withOut(config);
      });
      await eventually('the traps are set', () => (existsSync(join(box.out, 'up')) ? true : null));
      await box.ok('kill', id, 'SIGUSR1');
      await eventually('USR1 has arrived', () => (existsSync(join(box.out, 'got')) ? true : null));
      await box.ok('kill', id, '15');
      await box.reaches(id, 'stopped');
      const late = await box.call(['kill', id, 'TERM']);
      assert.notEqual(late.code, 0);
      assert.match(late.stderr, /not running|No such process/);
    });

    it('runs in the foreground and exits as the program does', async () => {
      assert.equal((await box.run((config) => (config.process['args'] = ['sh', '-c', 'exit 7']))).code, 7);
      const killed = await box.run(
        (config) => (config.process['args'] = ['sh', '-c', 'kill -9 $$ & kill -9 1; sleep 0.2; exit 3']),
      );
      // The first process of a PID namespace is safe from its own signals.
      assert.equal(killed.code, 3);
    });

    it('executes further programs in its namespaces and cgroups', async () => {
      const id = await box.started();
      const inside = await box.call(['exec', id, 'sh', '-c', 'hostname; cat /proc/1/comm; exit 5']);
      assert.deepEqual([inside.code, inside.stdout], [5, 'conformance\nsleep\n']);
      const { pid } = await box.state(id);
      assert.match(readFileSync(`/proc/${pid}/cgroup`, 'utf8'), new RegExp(id));
    });

    it('executes a process from a file, detached, with a pid file', async () => {
      const id = await box.started();
      const [file, pidFile] = [join(box.directory, id, 'process.json'), join(box.directory, id, 'exec-pid')];
      const report = `id -u; id -G; echo $GREETING; ls -d $PWD; grep CapEff /proc/self/status`;
      writeFileSync(
        file,
        JSON.stringify({
          user: { uid: 5, gid: 6, additionalGids: [7] },
          args: ['sh', '-c', `${report}; sleep 100`],
          env: ['PATH=/bin', 'GREETING=hello'],
          cwd: '/bin',
          noNewPrivileges: true,
          capabilities: { bounding: ['CAP_KILL'], effective: [], permitted: [] },
        }),
      );
      const { code, stderr } = await box.handingOver(
        `${id}-exec`,
        'exec',
        '--process',
        file,
        '--detach',
        '--pid-file',
        pidFile,
        id,
      );
      assert.equal(code, 0, stderr);
      const text = await eventually('the report is whole', () => {
        const seen = box.outputOf(`${id}-exec`);
        return seen.includes('CapEff') ? seen : null;
      });
      const [uid, groups, greeting, cwd, capEff] = text.trim().split('\n');
      assert.deepEqual([uid, greeting, cwd, capEff?.trim()], ['5', 'hello', '/bin', 'CapEff:\t0000000000000000']);
      assert.deepEqual(new Set(groups?.split(' ')), new Set(['6', '7']));
      assert.ok(existsSync(`/proc/${readFileSync(pidFile, 'utf8').trim()}`));
    });

    it('tells a program that is not there', async () => {
      const id = await box.started();
      const missing = await box.call(['exec', id, 'nosuch']);
      assert.notEqual(missing.code, 0);
      assert.match(missing.stderr, /nosuch.*(not found|No such file)/s);
      const { id: other, path } = box.bundle((config) => (config.process['args'] = ['nosuch']));
      const create = await box.tryCreate(other, path);
      assert.notEqual(create.code, 0);
      assert.match(create.stderr, /executable file.*not found/);
      assert.notEqual((await box.call(['state', other])).code, 0, 'nothing is left of it');
    });

    it('pauses and resumes', async () => {
      const id = await box.started();
      await box.ok('pause', id);
      assert.equal((await box.state(id)).status, 'paused');
      await box.ok('resume', id);
      assert.equal((await box.state(id)).status, 'running');
    });

    it('lists containers and their processes', async () => {
      const id = await box.started();
      const { pid } = await box.state(id);
      assert.ok((await box.ok('list', '-q')).split('\n').includes(id));
      const listed = JSON.parse(await box.ok('list', '--format', 'json')) as { id: string; status: string }[];
      assert.equal(listed.find((entry) => entry.id === id)?.status, 'running');
      assert.deepEqual(JSON.parse(await box.ok('ps', '--format', 'json', id)), [pid]);
    });
  });
}
