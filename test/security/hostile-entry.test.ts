/** Entry points and working directories that reach for the descriptors and programs of the host. */
import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { startWorld, type World } from '../harness/world.ts';
import { hostileImage } from './hostile-image.ts';

/** Higher than any number that islet gives a descriptor, its fixed ones included. */
const DESCRIPTORS = 110;

describe('a hostile entry point', () => {
  let world: World;
  before(async () => void (world = await startWorld()));
  after(() => world[Symbol.asyncDispose]());

  it('finds nothing open but the standard streams, with a terminal and without', async () => {
    const image = await hostileImage(world, {});
    for (const flags of [[], ['-i'], ['-t'], ['-u', '1000'], ['--read-only'], ['--network', 'host']]) {
      const seen = await world.daemon.ok(['run', '--rm', ...flags, image, 'sh', '-c', 'ls /proc/1/fd; true']);
      assert.deepEqual(seen.split(/\s+/), ['0', '1', '2'], flags.join(' '));
    }
  });

  /** CVE-2024-21626 by way of execve, which looks its program up before it closes anything. */
  it('does not reach programs of the host through a descriptor, by its own path or by that of an interpreter', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'isle-victim-'));
    try {
      const victim = join(directory, 'busybox');
      copyFileSync('/bin/busybox', victim);
      const inside = `${'/..'.repeat(12)}${victim}`;
      const numbers = Array.from({ length: DESCRIPTORS - 3 }, (_, index) => index + 3);
      const entries = numbers.map((fd) => ({
        name: `s/${fd}`,
        mode: 0o755,
        content: `#!/proc/self/fd/${fd}${inside} echo\n`,
      }));
      const image = await hostileImage(world, { entries });
      const programs = [...numbers.slice(0, 20), 100].flatMap((fd) => [`/proc/self/fd/${fd}${inside}`, `/s/${fd}`]);
      for (const program of programs) {
        const { code, stdout } = await world.daemon.docker([
          'run',
          '--rm',
          '--entrypoint',
          program,
          image,
          'echo',
          'out',
        ]);
        assert.ok(code >= 125 && code <= 127 && stdout === '', `${program}: ${code} ${stdout}`);
      }
      assert.deepEqual(readFileSync(victim), readFileSync('/bin/busybox'), basename(victim));
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it('that is a working directory behind a link of procfs is refused', async () => {
    for (const WorkingDir of [
      '/proc/self/fd/7',
      '/proc/self/cwd',
      '/proc/1/root',
      '/proc/self/fd/7/../..',
      '/proc/self/fd',
    ]) {
      const image = await hostileImage(world, { config: { WorkingDir } });
      const { stdout } = await world.daemon.docker(['run', '--rm', image, 'sh', '-c', 'ls ..; ls -l /proc/self/cwd']);
      assert.doesNotMatch(stdout, /\bhome\b|-> \/(?!proc)/, WorkingDir);
    }
  });

  /** CVE-2019-5736: the first process's program is islet until it executes; an entry point of /proc/self/exe keeps it. */
  it('that executes islet again gets a copy that cannot be written to', async () => {
    const image = await hostileImage(world, {});
    const islet = readFileSync(new URL('../../native/build/islet', import.meta.url));
    const { stdout, stderr } = await world.daemon.docker([
      'run',
      '--rm',
      '--entrypoint',
      '/proc/self/exe',
      image,
      'launcher',
    ]);
    assert.equal(stdout, '', stderr);
    assert.deepEqual(readFileSync(new URL('../../native/build/islet', import.meta.url)), islet);
  });
});
