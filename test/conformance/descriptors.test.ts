/** Descriptors that a container's processes are given beyond the standard streams, and those that they are not. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { run } from '../harness/command.ts';
import { Box } from './box.ts';
import { ISLE_RUNTIME, RUNTIMES } from './runtimes.ts';

/** What is open from 3 up, with its text; an own descriptor of the shell's for a script is not among them. */
const LOOK =
  'for fd in 3 4 5 6 7; do if [ -e /proc/self/fd/$fd ]; then echo "$fd $(cat <&$fd)"; fi; done; echo "listen $LISTEN_FDS $LISTEN_PID"';

for (const runtime of RUNTIMES) {
  describe(`${runtime.name}: descriptors`, () => {
    let box: Box;
    before(async () => {
      box = await Box.make(runtime);
      for (const name of ['three', 'four', 'five']) writeFileSync(join(box.directory, name), `text of ${name}`);
    });
    after(async () => box[Symbol.asyncDispose]());

    const opened = (line: string) => {
      const file = (name: string) => `'${join(box.directory, name)}'`;
      return run('sh', ['-c', `${line} 3<${file('three')} 4<${file('four')} 5<${file('five')}`]);
    };
    const looking = () => box.bundle((config) => (config.process['args'] = ['sh', '-c', LOOK]));

    it('of the caller stay outside', async () => {
      const { id, path } = looking();
      const { code, stdout, stderr } = await opened(box.line(['run', '--bundle', path, id]));
      assert.deepEqual([code, stdout], [0, 'listen  \n'], stderr);
      const running = await box.started();
      assert.equal((await opened(box.line(['exec', running, 'sh', '-c', LOOK]))).stdout, 'listen  \n');
    });

    it('that are asked for are there, and no more', async () => {
      const { id, path } = looking();
      const { stdout, stderr } = await opened(box.line(['run', '--preserve-fds', '2', '--bundle', path, id]));
      assert.equal(stdout, '3 text of three\n4 text of four\nlisten  \n', stderr);
      const running = await box.started();
      const exec = await opened(box.line(['exec', '--preserve-fds=2', running, 'sh', '-c', LOOK]));
      assert.equal(exec.stdout, '3 text of three\n4 text of four\nlisten  \n', exec.stderr);
    });

    it('stay open from create to start', async () => {
      const { id, path } = looking();
      const output = join(box.directory, `${id}.out`);
      const create = `${box.line(['create', '--preserve-fds', '1', '--bundle', path, id])} >'${output}' 2>&1`;
      const { code } = await opened(create);
      assert.equal(code, 0, box.outputOf(id));
      await box.ok('start', id);
      await box.reaches(id, 'stopped');
      assert.equal(box.outputOf(id), '3 text of three\nlisten  \n');
    });

    // crun asks for no LISTEN_PID, and does not pass the number on.
    it('of socket activation are handed over with their number', { skip: runtime.name === 'crun' }, async () => {
      const { id, path } = looking();
      const activated = (pid: string, name: string) =>
        opened(`LISTEN_FDS=1 LISTEN_PID=${pid} exec ${box.line(['run', '--bundle', path, name])}`);
      const { stdout, stderr } = await activated('$$', id);
      assert.equal(stdout, '3 text of three\nlisten 1 1\n', stderr);
      // Meant for another process.
      assert.equal((await activated('1', `${id}-other`)).stdout, 'listen  \n');
    });

    // The peers start all the same.
    it('that are not open are an error that names them', { skip: runtime !== ISLE_RUNTIME }, async () => {
      const running = await box.started();
      const { id, path } = looking();
      for (const count of ['4', '9', '500']) {
        const { code, stderr } = await opened(box.line(['run', '--preserve-fds', count, '--bundle', path, id]));
        assert.equal(code, 1);
        assert.match(stderr, /--preserve-fds: descriptor 6 is not open/);
        const exec = await opened(box.line(['exec', '--preserve-fds', count, running, 'true']));
        assert.equal(exec.code, 255);
        assert.match(exec.stderr, /descriptor 6 is not open/);
      }
    });
  });
}
