import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { type DaemonStart, startDaemon } from './daemon-start.ts';
import { CommandError } from './errors.ts';

/** A directory with a program that stands in for isled. */
class Stage implements Disposable {
  readonly directory = mkdtempSync(join(tmpdir(), 'isle-start-'));
  readonly options: DaemonStart;

  constructor(program: string) {
    this.options = {
      daemonPath: join(this.directory, 'daemon.mjs'),
      socketPath: join(this.directory, 'isle.sock'),
      pidFile: join(this.directory, 'isled.pid'),
      logPaths: [join(this.directory, 'daemon.mjs/isled.log'), join(this.directory, 'isled.log')],
      isRoot: true,
      env: { ...process.env, DIRECTORY: this.directory },
    };
    writeFileSync(this.options.daemonPath, program);
  }

  [Symbol.dispose](): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}

const LISTENS = `
import { createServer } from 'node:net';
import { writeFileSync } from 'node:fs';
writeFileSync(process.env.DIRECTORY + '/pid', String(process.pid));
console.log('listening soon');
setTimeout(() => createServer((s) => s.end()).listen(process.env.DIRECTORY + '/isle.sock'), 50);
setTimeout(() => process.exit(), 5000);
`;

describe('starting the daemon', () => {
  it('waits until the socket accepts, with the output in the first log that can be written', async () => {
    using stage = new Stage(LISTENS);
    await startDaemon(stage.options);
    const pid = Number(readFileSync(join(stage.directory, 'pid'), 'utf8'));
    process.kill(pid, 'SIGKILL');
    assert.equal(readFileSync(join(stage.directory, 'isled.log'), 'utf8'), 'listening soon\n');
  });

  it('shows the end of its log when it dies, and nothing of earlier starts', async () => {
    using stage = new Stage('console.error("cannot mount: EPERM"); process.exit(3);');
    writeFileSync(join(stage.directory, 'isled.log'), 'an earlier start\n');
    await assert.rejects(startDaemon(stage.options), (error: unknown) => {
      assert.ok(error instanceof CommandError);
      assert.match(
        error.message,
        /^the daemon ended before it listened \(exit code 3\); the end of .*isled\.log:\n {2}cannot mount: EPERM$/,
      );
      return true;
    });
  });

  it('goes on waiting when its own daemon lost the race against another', async () => {
    using stage = new Stage('process.exit(1);');
    writeFileSync(stage.options.pidFile, `${process.pid}\n12345\n`);
    const starting = startDaemon(stage.options);
    const { createServer } = await import('node:net');
    const server = createServer((socket) => socket.end());
    setTimeout(() => server.listen(stage.options.socketPath), 300);
    await starting;
    await new Promise((resolve) => server.close(resolve));
  });

  it('asks for root, and says so when the program is missing', async () => {
    using stage = new Stage('');
    await assert.rejects(startDaemon({ ...stage.options, isRoot: false }), /needs root/);
    await assert.rejects(
      startDaemon({ ...stage.options, daemonPath: '/nonexistent/daemon.js' }),
      /`\/nonexistent\/daemon\.js` is missing/,
    );
  });
});
