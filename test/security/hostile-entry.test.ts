/** Entry points and working directories that reach for the descriptors and programs of the host. */
import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { startWorld, type World } from '../harness/world.ts';
import { hostileImage } from './hostile-image.ts';
import { APPEARING_EARLY, without } from './unfenced.ts';

/** Higher than any number that islet gives a descriptor, its fixed ones included. */
const DESCRIPTORS = 110;

async function firstOf(paths: readonly string[], succeeds: (path: string) => Promise<boolean>): Promise<string | null> {
  for (const path of paths) if (await succeeds(path)) return path;
  return null;
}

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

  describe('CVE-2024-21626: with a descriptor of the host that was left open', () => {
    let directory: string;
    let inside: string;
    before(() => {
      directory = mkdtempSync(join(tmpdir(), 'isle-victim-'));
      copyFileSync('/bin/busybox', join(directory, 'busybox'));
      writeFileSync(join(directory, 'profile.json'), JSON.stringify(APPEARING_EARLY));
      inside = `${'/..'.repeat(12)}${directory}`;
    });
    after(() => {
      assert.deepEqual(readFileSync(join(directory, 'busybox')), readFileSync('/bin/busybox'));
      rmSync(directory, { recursive: true });
    });

    const numbers = Array.from({ length: DESCRIPTORS - 3 }, (_, index) => index + 3);

    /** The first programs outside that could be executed, by a path of their own and by that of an interpreter. */
    async function reached(): Promise<string[]> {
      const entries = numbers.map((fd) => ({
        name: `s/${fd}`,
        mode: 0o755,
        content: `#!/proc/self/fd/${fd}${inside}/busybox echo\n`,
      }));
      const image = await hostileImage(world, { entries });
      const own = numbers.filter((fd) => fd < 20 || fd === 100);
      const executes = async (program: string): Promise<boolean> => {
        const args = ['run', '--rm', '--entrypoint', program, image, 'echo', 'out'];
        const { code, stdout } = await world.daemon.docker(args);
        const isOutside = stdout.includes('out');
        if (!isOutside) assert.ok(code >= 125 && code <= 127, `${program}: ${code}`);
        return isOutside;
      };
      const direct = own.map((fd) => `/proc/self/fd/${fd}${inside}/busybox`);
      const byInterpreter = own.map((fd) => `/s/${fd}`);
      return [await firstOf(direct, executes), await firstOf(byInterpreter, executes)].filter((path) => path !== null);
    }

    it('an entry point does not reach programs outside, by its own path or by that of an interpreter', async () => {
      assert.deepEqual(await reached(), []);
    });

    it('it does where descriptors stay open until the program runs', async () => {
      await without(world.daemon, ['HOST_DESCRIPTORS'], async () => {
        assert.equal((await reached()).length, 2);
      });
    });

    /** Does a container with this working directory lie outside? It says where it lies otherwise. */
    async function isOutside(WorkingDir: string): Promise<boolean> {
      const image = await hostileImage(world, { config: { WorkingDir } });
      const script = `ls -d .${inside}/busybox; readlink /proc/self/cwd`;
      const { stdout } = await world.daemon.docker(['run', '--rm', image, 'sh', '-c', script]);
      if (!stdout.includes('busybox')) assert.match(stdout, /^(\/proc\/1.*\n)?$/);
      return stdout.includes('busybox');
    }
    const descriptorPaths = numbers.slice(0, 17).map((fd) => `/proc/self/fd/${fd}`);
    const behindLinks = ['/proc/self/fd/7', '/proc/self/cwd', '/proc/1/root', '/proc/self/fd/7/../..', '/proc/self/fd'];

    it('a working directory behind a link of procfs is refused, or lies inside', async () => {
      assert.equal(await firstOf(behindLinks, isOutside), null);
    });

    it('it lies outside where descriptors stay open and directories are not verified', async () => {
      await without(world.daemon, ['mkdir_in', 'HOST_DESCRIPTORS', 'CWD_INSIDE'], async () => {
        assert.notEqual(await firstOf(descriptorPaths, isOutside), null);
      });
    });

    /** The first working directory of a further process that lies outside; it enters early, so that /proc/self is itself. */
    async function outsideByExec(): Promise<string | null> {
      const image = await hostileImage(world, {});
      const early = ['--security-opt', `seccomp=${join(directory, 'profile.json')}`];
      const id = await world.daemon.ok(['run', '-d', ...early, image, 'sleep', '1000']);
      const found = await firstOf(descriptorPaths, async (path) => {
        const exec = ['exec', '-w', path, id, 'ls', '-d', `.${inside}/busybox`];
        return (await world.daemon.docker(exec)).stdout.includes('busybox');
      });
      await world.daemon.ok(['rm', '-f', id]);
      return found;
    }

    it('a further process does not work outside', async () => {
      assert.equal(await outsideByExec(), null);
    });

    it('it does where descriptors stay open and directories are not verified', async () => {
      await without(world.daemon, ['HOST_DESCRIPTORS', 'CWD_INSIDE'], async () => {
        assert.notEqual(await outsideByExec(), null);
      });
    });
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
