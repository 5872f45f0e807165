/** `docker logs` and `docker attach`. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startWorld, type World } from '../harness/world.ts';

describe('logs', () => {
  let world: World;
  before(async () => {
    world = await startWorld();
  });
  after(() => world[Symbol.asyncDispose]());

  it('keep both streams apart and in order', async () => {
    const { daemon, busybox } = world;
    await daemon.ok(['run', '--name', 'both', busybox, 'sh', '-c', 'echo 1; echo 2 >&2; echo 3']);
    const { stdout, stderr } = await daemon.docker(['logs', 'both']);
    assert.deepEqual([stdout, stderr], ['1\n3\n', '2\n']);
    await daemon.ok(['rm', 'both']);
  });

  it('are followed to the end of the container, from the first line', async () => {
    const { daemon, busybox } = world;
    const script = 'for i in 1 2 3 4 5 6; do echo line $i; sleep 0.2; done; exit 3';
    await daemon.ok(['run', '-d', '--name', 'talker', busybox, 'sh', '-c', script]);
    const { code, stdout } = await daemon.docker(['logs', '-f', 'talker']);
    assert.equal(code, 0);
    assert.equal(stdout, 'line 1\nline 2\nline 3\nline 4\nline 5\nline 6\n');
    await daemon.ok(['rm', 'talker']);
  });

  it('are cut by --tail and --since, and dated by --timestamps', async () => {
    const { daemon, busybox } = world;
    await daemon.ok(['run', '--name', 'dated', busybox, 'sh', '-c', 'echo a; echo b; sleep 1.2; echo c']);
    assert.equal(await daemon.ok(['logs', '--tail', '2', 'dated']), 'b\nc');
    assert.equal(await daemon.ok(['logs', '--tail', '0', 'dated']), '');
    const dated = (await daemon.ok(['logs', '-t', 'dated'])).split('\n');
    for (const line of dated) assert.match(line, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,9}Z [abc]$/);
    const last = dated.at(-1)?.split(' ')[0] ?? '';
    assert.equal(await daemon.ok(['logs', '--since', last, 'dated']), 'c');
    await daemon.ok(['rm', 'dated']);
  });

  it('keep long lines, lines without an end and odd bytes whole', async () => {
    const { daemon, busybox } = world;
    const script = 'head -c 100000 /dev/zero | tr "\\0" y; echo; printf "<&>\\342\\202\\254 no end"';
    await daemon.ok(['run', '--name', 'odd', busybox, 'sh', '-c', script]);
    const { stdout } = await daemon.docker(['logs', 'odd']);
    assert.equal(stdout, `${'y'.repeat(100_000)}\n<&>€ no end`);
    await daemon.ok(['rm', 'odd']);
  });

  it('of a container that is gone are an error', async () => {
    const { code, stderr } = await world.daemon.docker(['logs', 'nobody']);
    assert.equal(code, 1);
    assert.match(stderr, /No such container: nobody/);
  });

  it('do not stop a container whose follower is slow or has gone', async () => {
    const { daemon, busybox } = world;
    const script = 'for i in $(seq 1 200); do head -c 100000 /dev/zero | tr "\\0" z; echo; done; echo end';
    await daemon.ok(['run', '-d', '--name', 'flood', busybox, 'sh', '-c', script]);
    await using follower = await daemon.dockerStart(['logs', '-f', 'flood']);
    follower.child.stdout?.pause();
    assert.equal(await daemon.ok(['wait', 'flood']), '0');
    assert.equal(await daemon.ok(['logs', '--tail', '1', 'flood']), 'end');
    await daemon.ok(['rm', 'flood']);
  });

  it('are joined by `attach` to what comes', async () => {
    const { daemon, busybox } = world;
    await daemon.ok([
      'run',
      '-d',
      '-i',
      '--name',
      'echoing',
      busybox,
      'sh',
      '-c',
      'while read -r l; do echo "got $l"; done; exit 6',
    ]);
    await using attached = await daemon.dockerStart(['attach', '--sig-proxy=false', 'echoing'], { keepStdin: true });
    attached.write('one\n');
    await attached.until(/got one/);
    attached.write('two\n');
    await attached.until(/got two/);
    await daemon.ok(['kill', 'echoing']);
    assert.equal((await attached.finished).code, 137);
    await daemon.ok(['rm', 'echoing']);
  });
});
