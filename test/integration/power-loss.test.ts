/**
 * What a loss of power does to the state, played by hand: every process dies, /run is empty, and of the database there is
 * what had reached the disk. Starts and ends are flushed a moment later than they are answered (decision 15): what is left
 * may be older than what was answered, and must not be wrong.
 */
import assert from 'node:assert/strict';
import { cpSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { api } from '../harness/api.ts';
import { eventually, start } from '../harness/command.ts';
import { startWorld, type World } from '../harness/world.ts';

/** Several times what a commit may wait for its flush. */
const FLUSHED_MS = 200;
const DATABASE = ['isle.db', 'isle.db-wal'];

describe('a loss of power', () => {
  let world: World;
  before(async () => {
    world = await startWorld();
  });
  after(() => world[Symbol.asyncDispose]());

  /** The database as the disk has it now, for `losePower`. */
  async function onDisk(): Promise<string> {
    await delay(FLUSHED_MS);
    const copy = join(world.daemon.execRoot, 'on-disk');
    for (const name of DATABASE) cpSync(join(world.daemon.dataRoot, name), join(copy, name));
    return copy;
  }

  /** `copy` null: everything had reached the disk. */
  async function losePower(copy: string | null): Promise<void> {
    const { daemon } = world;
    const pids = (await daemon.ok(['ps', '-q'])).split('\n').filter((id) => id !== '');
    const running = await Promise.all(
      pids.map(async (id) => {
        const full = await daemon.ok(['inspect', '-f', '{{.Id}}', id]);
        const [init, , monitor] = readFileSync(join(daemon.execRoot, 'containers', full, 'pid'), 'utf8').split(' ');
        return [Number(init), Number(monitor)];
      }),
    );
    await daemon.kill9();
    // The monitor first: it writes down nothing.
    for (const [init = 0, monitor = 0] of running) {
      process.kill(monitor, 'SIGKILL');
      process.kill(init, 'SIGKILL');
    }
    await eventually('the processes are gone', () => running.flat().every((pid) => !isThere(pid)) || null);
    if (copy !== null) {
      for (const name of ['isle.db-shm', ...DATABASE]) rmSync(join(daemon.dataRoot, name), { force: true });
      for (const name of DATABASE) cpSync(join(copy, name), join(daemon.dataRoot, name));
    }
    rmSync(join(daemon.execRoot, 'containers'), { recursive: true });
    await daemon.restart();
  }

  function isThere(pid: number): boolean {
    try {
      process.kill(pid, 0);
      return true;
    } catch {
      return false;
    }
  }

  it('that takes a start along leaves the container as it was, and it can be started', async () => {
    const { daemon, busybox } = world;
    await daemon.ok(['create', '--name', 'lost-start', busybox, 'sh', '-c', 'echo again; exit 3']);
    const copy = await onDisk();
    await daemon.ok(['start', '-a', 'lost-start']).catch(() => undefined);
    await losePower(copy);
    const format = '{{.State.Status}} {{.State.Pid}} {{.State.StartedAt}}';
    assert.equal(await daemon.ok(['inspect', '-f', format, 'lost-start']), 'created 0 0001-01-01T00:00:00Z');
    const { code, stdout } = await daemon.docker(['start', '-a', 'lost-start']);
    assert.deepEqual([code, stdout], [3, 'again\n']);
    await daemon.ok(['rm', 'lost-start']);
  });

  it('that takes an end along leaves a container that has ended, nobody knows how', async () => {
    const { daemon, busybox } = world;
    await daemon.ok(['run', '-d', '--name', 'lost-end', busybox, 'sleep', '1000']);
    const copy = await onDisk();
    await daemon.ok(['kill', 'lost-end']);
    await losePower(copy);
    const format = '{{.State.Status}} {{.State.ExitCode}} {{.State.Error}}';
    assert.match(await daemon.ok(['inspect', '-f', format, 'lost-end']), /^exited 255 .*not known$/);
    await daemon.ok(['rm', 'lost-end']);
  });

  it('in the middle of a container ends it, and takes one with --rm away', async () => {
    const { daemon, busybox } = world;
    await daemon.ok(['run', '-d', '--name', 'kept', busybox, 'sleep', '1000']);
    await daemon.ok(['run', '-d', '--rm', '--name', 'unkept', busybox, 'sleep', '1000']);
    await losePower(null);
    assert.equal(await daemon.ok(['ps', '-a', '--format', '{{.Names}} {{.State}}']), 'kept exited');
    await daemon.ok(['rm', 'kept']);
  });

  it('that brings the row of a removed container with --rm back leaves nothing of it', async () => {
    const { daemon, busybox } = world;
    const id = await daemon.ok(['run', '-d', '--rm', busybox, 'sleep', '1000']);
    const copy = await onDisk();
    await daemon.ok(['kill', id]);
    await eventually('it is removed', async () => ((await daemon.ok(['ps', '-aq'])) === '' ? true : null));
    await losePower(copy);
    assert.equal(await daemon.ok(['ps', '-aq']), '');
    assert.deepEqual(daemon.leftovers(), []);
  });

  /** The system calls of the daemon and of what its launcher forks during `action`, in order. */
  async function traced(action: () => Promise<void>): Promise<string[]> {
    const { daemon } = world;
    const launcher = readFileSync(join(daemon.execRoot, 'launcher.pid'), 'utf8').split('\n')[0] ?? '';
    const calls = 'fsync,fdatasync,rename,renameat,renameat2,rmdir,unlinkat,write,writev';
    const pids = ['-p', String(daemon.pid()), '-p', launcher];
    const args = ['-f', '-y', '-qq', '-s', '300', '-e', `trace=${calls}`, ...pids];
    await using strace = start('strace', args);
    await eventually('strace is attached', () => {
      const status = readFileSync(`/proc/${daemon.pid()}/status`, 'utf8');
      return /^TracerPid:\t0$/m.test(status) ? null : true;
    });
    await action();
    strace.child.kill('SIGINT');
    return (await strace.finished).stderr.split('\n');
  }

  const isFlushed = (line: string) =>
    /sync\(\d+<[^>]*isle\.db-wal>\) += 0|<\.\.\. f(?:data)?sync resumed>\) += 0/.test(line);

  it('finds on the disk what was answered a moment before, by one flush for all of it', async () => {
    const { daemon, busybox } = world;
    await delay(FLUSHED_MS);
    const ids: string[] = [];
    const lines = await traced(async () => {
      for (let count = 0; count < 5; count++) {
        const { text } = await api(daemon, 'POST', '/containers/create', { Image: busybox, Cmd: ['true'] });
        ids.push((JSON.parse(text) as { Id: string }).Id);
      }
      await delay(FLUSHED_MS);
    });
    const last = lines.findLastIndex((line) => line.includes('"HTTP/1.1 201 Created'));
    const flushes = lines.filter(isFlushed).length;
    assert.ok(last >= 0 && lines.findLastIndex(isFlushed) > last, lines.join('\n'));
    assert.ok(flushes < ids.length, `${flushes} flushes`);
    await daemon.ok(['rm', ...ids]);
  });

  it('finds no container without its directories: they go when its row has gone from the disk', async () => {
    const { daemon, busybox } = world;
    const id = await daemon.ok(['create', busybox, 'true']);
    await delay(FLUSHED_MS);
    const lines = await traced(async () => void (await daemon.ok(['rm', id])));
    const flush = lines.findIndex(isFlushed);
    const removal = lines.findIndex(
      (line) => /^(?:\[pid +\d+\] )?(?:rename|rmdir|unlink)/.test(line) && line.includes(id),
    );
    assert.ok(flush >= 0 && removal > flush, lines.join('\n'));
  });
});
