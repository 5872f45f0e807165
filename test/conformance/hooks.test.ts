import assert from 'node:assert/strict';
import { readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Box, type State } from './box.ts';
import { ISLE_RUNTIME, RUNTIMES } from './runtimes.ts';

const NAMES = ['prestart', 'createRuntime', 'createContainer', 'startContainer', 'poststart', 'poststop'] as const;

for (const runtime of RUNTIMES) {
  describe(`${runtime.name}: hooks`, () => {
    let box: Box;
    before(async () => void (box = await Box.make(runtime)));
    after(async () => box[Symbol.asyncDispose]());

    const hook = (script: string, more: object = {}) => ({
      path: '/bin/sh',
      args: ['sh', '-c', script],
      env: ['WORD=kept'],
      ...more,
    });
    const lines = (name: string) =>
      readFileSync(join(box.out, name), { encoding: 'utf8', flag: 'a+' }).trim().split('\n');

    it('run in their order, and get the state on their standard input', async () => {
      const { id, path } = box.bundle((config) => {
        box.withOut(config);
        config.process['args'] = ['sleep', '100'];
        config['hooks'] = Object.fromEntries(
          NAMES.map((name) => [
            name,
            [hook(`read line; echo "$line" > ${box.out}/${name}.json; echo ${name} $WORD >> ${box.out}/order`)],
          ]),
        );
      });
      await box.create(id, path);
      const { pid } = await box.state(id);
      // runc 1.1 runs poststart with the create already.
      const before = lines('order').filter((line) => !line.startsWith('poststart'));
      assert.deepEqual(before, ['prestart kept', 'createRuntime kept', 'createContainer kept']);
      await box.ok('start', id);
      await box.reaches(id, 'running');
      await box.ok('delete', '--force', id);
      const order = lines('order').map((line) => line.split(' ')[0]);
      // Whether the container or its runtime is faster behind the start is open.
      assert.deepEqual(
        [...order.slice(0, 3), ...order.slice(3, 5).toSorted((a = '', b = '') => a.localeCompare(b)), order[5]],
        [...NAMES.slice(0, 3), 'poststart', 'startContainer', 'poststop'],
      );
      for (const name of ['prestart', 'createRuntime', 'poststart']) {
        const state = JSON.parse(readFileSync(join(box.out, `${name}.json`), 'utf8')) as State;
        assert.deepEqual([state.id, state.pid, state.bundle], [id, pid, path], name);
      }
    });

    // crun 1.8 is killed by SIGPIPE.
    const reads = runtime.name === 'crun' ? 'cat > /dev/null' : 'exit 0';
    it('need not read the state, which may be more than a pipe holds', async () => {
      const { id, path } = box.bundle((config) => {
        config['annotations'] = { much: 'x'.repeat(200_000) };
        config['hooks'] = Object.fromEntries(NAMES.map((name) => [name, [hook(reads)]]));
        config.process['args'] = ['sleep', '100'];
      });
      await box.create(id, path);
      await box.ok('start', id);
      await box.reaches(id, 'running');
      const { code, stderr } = await box.call(['delete', '--force', id]);
      assert.deepEqual([code, stderr], [0, '']);
    });

    // crun 1.8 starts these hooks in the container's mount namespace; neither it nor runc 1.1 makes a time namespace.
    const kinds = [
      'pid',
      'uts',
      ...(runtime.name === 'crun' ? [] : ['mnt']),
      ...(runtime === ISLE_RUNTIME ? ['time'] : []),
    ];
    it('run in the namespaces of the host before the container has its root, whatever it gets of its own', async () => {
      const { id, path } = box.bundle((config) => {
        const look = hook(`for kind in ${kinds.join(' ')}; do readlink /proc/self/ns/$kind; done > ${box.out}/spaces`);
        config['hooks'] = { createRuntime: [look] };
        if (kinds.includes('time')) (config.linux['namespaces'] as object[]).push({ type: 'time' });
        config.process['args'] = ['sleep', '100'];
      });
      await box.create(id, path);
      const own = kinds.map((kind) => readlinkSync(`/proc/self/ns/${kind}`));
      assert.deepEqual(lines('spaces'), own);
      await box.ok('delete', '--force', id);
    });

    it('that fail, or take too long, make the create fail, and nothing is left', async () => {
      for (const failing of [hook('echo told why >&2; exit 3'), hook('exec sleep 1000', { timeout: 1 })]) {
        const { id, path } = box.bundle((config) => (config['hooks'] = { createRuntime: [failing] }));
        const began = Date.now();
        assert.notEqual((await box.tryCreate(id, path)).code, 0);
        assert.ok(Date.now() - began < 100_000);
        assert.notEqual((await box.call(['state', id])).code, 0);
      }
    });
  });
}
