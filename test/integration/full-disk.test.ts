/** The data root is full: what cannot be done says why, what has happened is kept, and what frees space works. */
import assert from 'node:assert/strict';
import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { eventually } from '../harness/command.ts';
import { startWorld, type World } from '../harness/world.ts';

describe('a full disk', () => {
  let world: World;
  let filler: string;
  before(async () => {
    world = await startWorld({ dataRootBytes: 24 << 20 });
    filler = join(world.daemon.dataRoot, 'filler');
  });
  after(() => world[Symbol.asyncDispose]());

  function fill(): void {
    const file = openSync(filler, 'a');
    const page = Buffer.alloc(4096, 1);
    try {
      while (writeSync(file, page) === page.length);
    } catch (thrown) {
      assert.equal((thrown as NodeJS.ErrnoException).code, 'ENOSPC');
    } finally {
      closeSync(file);
    }
  }

  /** `body` on a full disk; afterwards there is room again. */
  async function whenFull<T>(body: () => Promise<T>): Promise<T> {
    fill();
    try {
      return await body();
    } finally {
      rmSync(filler);
    }
  }

  async function nothingIsLeft(): Promise<void> {
    const { daemon } = world;
    await eventually('nothing is left', () => daemon.leftovers().length === 0 || null).catch(() => {
      assert.deepEqual(daemon.leftovers(), []);
    });
  }

  it('fails a create with a clear reason, and leaves nothing of it', async () => {
    const { daemon, busybox } = world;
    const { code, stderr } = await whenFull(() => daemon.docker(['create', busybox, 'true']));
    assert.equal(code, 1);
    assert.match(stderr, /no space left on the file system of .*data/);
    assert.equal(await daemon.ok(['ps', '-aq']), '');
    await nothingIsLeft();
  });

  it('fails a start with a clear reason, and the next one works when there is room', async () => {
    const { daemon, busybox } = world;
    await daemon.ok(['create', '--name', 'starved', busybox, 'sh', '-c', 'exit 4']);
    const { code, stderr } = await whenFull(() => daemon.docker(['start', 'starved']));
    assert.equal(code, 1);
    assert.match(stderr, /cannot start container starved: no space left on the file system of/);
    assert.deepEqual(
      daemon.leftovers().filter((line) => /^(process|cgroup|link)/.test(line)),
      [],
    );
    assert.equal((await daemon.docker(['start', '-a', 'starved'])).code, 4);
    await daemon.ok(['rm', 'starved']);
    await nothingIsLeft();
  });

  it('takes no exit code away, also not over a restart, and lets containers be removed', async () => {
    const { daemon, busybox } = world;
    await daemon.ok(['run', '-d', '--name', 'ending', busybox, 'sh', '-c', 'sleep 0.5; exit 7']);
    await whenFull(async () => {
      assert.equal(await daemon.ok(['wait', 'ending']), '7');
      await daemon.kill9();
      await daemon.restart();
      assert.equal(await daemon.ok(['inspect', '-f', '{{.State.Status}} {{.State.ExitCode}}', 'ending']), 'exited 7');
      await daemon.ok(['rm', 'ending']);
    });
    await nothingIsLeft();
  });

  it('ends a `run --rm` that it meets in the middle', async () => {
    const { daemon, busybox } = world;
    await using running = await daemon.dockerStart(['run', '--rm', busybox, 'sh', '-c', 'echo on; sleep 0.5; exit 5']);
    await running.until(/on/);
    assert.equal((await whenFull(() => running.finished)).code, 5);
    assert.equal(await daemon.ok(['ps', '-aq']), '');
    await nothingIsLeft();
  });

  it('does not keep the daemon from starting, nor an image from being removed', async () => {
    const { daemon, busybox } = world;
    await daemon.stop();
    await whenFull(async () => {
      await daemon.restart();
      await daemon.ok(['rmi', busybox]);
    });
    await daemon.ok(['pull', '-q', busybox]);
    assert.equal(await daemon.ok(['run', '--rm', busybox, 'echo', 'works']), 'works');
  });
});
