/** Terminals by --console-socket: of create, of exec, attached and detached. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { buildConsole, listenForTerminal } from '../fixtures/console.ts';
import type { Running } from '../harness/command.ts';
import { Box, type Config } from './box.ts';
import { ISLE_RUNTIME, RUNTIMES } from './runtimes.ts';

/** Waits for a line, so that the size is there by then. */
const TALK = 'read word; busybox tty; busybox stty size; echo got $word';

for (const runtime of RUNTIMES) {
  describe(`${runtime.name}: terminals`, () => {
    let box: Box;
    let program: string;
    before(async () => {
      box = await Box.make(runtime);
      program = await buildConsole(box.directory);
    });
    after(async () => box[Symbol.asyncDispose]());

    const talked = async (terminal: Running): Promise<void> => {
      await terminal.until(/taken/);
      terminal.write('hello\n');
      await terminal.until(/\/dev\/pts\/\d+\r\n33 77\r\ngot hello\r\n/);
    };
    const withTerminal = (config: Config): void => {
      Object.assign(config.process, { terminal: true, args: ['sh', '-c', TALK] });
    };

    it('go from create to the console socket, and end with the container', async () => {
      const { id, path } = box.bundle(withTerminal);
      const socket = join(box.directory, `${id}.sock`);
      await using terminal = await listenForTerminal(program, socket);
      await box.create(id, path, '--console-socket', socket);
      await terminal.until(/taken/);
      await box.ok('start', id);
      await talked(terminal);
      assert.equal((await terminal.finished).code, 0);
      await box.reaches(id, 'stopped');
    });

    it('go from run --detach to the console socket', async () => {
      const { id, path } = box.bundle(withTerminal);
      const socket = join(box.directory, `${id}.sock`);
      await using terminal = await listenForTerminal(program, socket);
      const run = await box.handingOver(id, 'run', '--detach', '--bundle', path, '--console-socket', socket, id);
      assert.equal(run.code, 0, run.stderr);
      await talked(terminal);
    });

    it('go from exec to the console socket, and are its controlling terminal', async () => {
      const id = await box.started();
      const socket = join(box.directory, `${id}.sock`);
      await using terminal = await listenForTerminal(program, socket);
      const flags = ['--tty', '--detach', '--console-socket', socket];
      const exec = await box.handingOver(
        `${id}-exec`,
        'exec',
        ...flags,
        id,
        'sh',
        '-c',
        `${TALK}; echo mine > /dev/tty`,
      );
      assert.equal(exec.code, 0, exec.stderr);
      await talked(terminal);
      await terminal.until(/mine/);
      assert.equal((await terminal.finished).code, 0);
    });

    it('need a console socket when nobody stays to serve them', async () => {
      const { id, path } = box.bundle(withTerminal);
      const { code, stderr } = await box.tryCreate(id, path);
      assert.notEqual(code, 0);
      assert.match(stderr, /console.socket/);
    });

    // runc refuses too, crun ignores it.
    it('need to be asked for when a console socket is given', { skip: runtime !== ISLE_RUNTIME }, async () => {
      const { id, path } = box.bundle();
      const { code, stderr } = await box.tryCreate(id, path, '--console-socket', join(box.directory, 'none.sock'));
      assert.equal(code, 1);
      assert.match(stderr, /--console-socket is of no use without a terminal/);
      const running = await box.started();
      const exec = await box.call(['exec', '--tty', '--detach', running, 'true']);
      assert.equal(exec.code, 255);
      assert.match(exec.stderr, /needs --console-socket/);
    });
  });
}
