/** Bind mounts whose place is a link of the image, or /proc; and what a bind mount of the host's root opens. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { startWorld, type World } from '../harness/world.ts';
import { hostileImage, link } from './hostile-image.ts';
import { without } from './unfenced.ts';

describe('a bind mount', () => {
  let world: World;
  let directory: string;
  let host: string;
  let source: string;
  before(async () => {
    world = await startWorld();
    directory = mkdtempSync(join(tmpdir(), 'isle-mounts-'));
    [host, source] = ['host', 'source'].map((name) => join(directory, name)) as [string, string];
    for (const path of [host, source]) mkdirSync(path);
    writeFileSync(join(source, 'file'), 'of the source');
    writeFileSync(join(host, 'secret'), 'of the host');
  });
  after(async () => {
    await world[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true });
  });

  describe('on a link of the image to a directory of the host', () => {
    const up = '../'.repeat(30);
    const attack = async () => {
      const image = await hostileImage(world, { entries: [link('direct', host), link('above', up + host.slice(1))] });
      const flags = ['-v', `${source}:/direct/one`, '-v', `${source}/file:/above/two`];
      return world.daemon.docker(['run', '--rm', ...flags, image, 'sh', '-c', 'cat /direct/one/file /above/two']);
    };

    it('lies in the container, and nothing is made on the host', async () => {
      const { stdout, stderr } = await attack();
      assert.equal(stdout, 'of the sourceof the source', stderr);
      assert.deepEqual(readdirSync(host), ['secret']);
    });

    it('has its place made on the host where paths are not resolved below the root', async () => {
      await without(world.daemon, ['IN_ROOT'], async () => {
        await attack();
        assert.deepEqual(readdirSync(host).toSorted(), ['one', 'secret', 'two']);
      });
    });
  });

  describe("in the place of the kernel's files", () => {
    const attempt = async (...flags: string[]) => {
      const image = await hostileImage(world, { entries: [link('status', '/proc/self')] });
      const script = 'cat /proc/file /proc/1/attr/file; stat -f -c %T /proc';
      return world.daemon.docker(['run', '--rm', '--network', 'host', ...flags, image, 'sh', '-c', script]);
    };
    const REFUSED: readonly [string, string[]][] = [
      ['a directory on /proc', ['-v', 'SOURCE:/proc']],
      ['a directory inside /proc', ['-v', 'SOURCE:/proc/self/attr']],
      ['a directory inside /proc, by a link of the image', ['-v', 'SOURCE:/status/attr']],
      ['a tmpfs on /proc', ['--tmpfs', '/proc']],
      ['a tmpfs inside /proc', ['--tmpfs', '/proc/sys']],
    ];
    for (const [what, flags] of REFUSED) {
      it(`is refused: ${what}`, async () => {
        const { code, stderr } = await attempt(...flags.map((flag) => flag.replace('SOURCE', source)));
        assert.equal(code, 125);
        assert.match(stderr, /inside \/proc|not of type proc|lies inside|only a procfs/);
      });
    }

    it("is taken when it is the kernel's own: procfs on /proc", async () => {
      const { code, stdout } = await attempt('-v', '/proc:/proc');
      assert.deepEqual([code, stdout], [0, 'proc\n']);
    });

    it('stands in for them where the place is not looked at', async () => {
      await without(world.daemon, ['PROC_UNCOVERED', 'PROCFS', 'write_proc'], async () => {
        assert.match((await attempt('-v', `${source}:/status/attr`)).stdout, /^of the source/);
        assert.match((await attempt('-v', `${source}:/proc`)).stdout, /^of the source/);
      });
    });
  });

  describe("of the host's root", () => {
    const script = 'cat /host$1/secret; echo owned > /host$1/made';
    const attack = (...flags: string[]) =>
      world.daemon.docker(['run', '--rm', ...flags, world.busybox, 'sh', '-c', script, 'sh', host]);

    it('is all of the host: its files are read and written', async () => {
      const { stdout, stderr } = await attack('--privileged', '-v', '/:/host');
      assert.match(stdout, /^of the host/, stderr);
      assert.equal(readFileSync(join(host, 'made'), 'utf8'), 'owned\n');
      rmSync(join(host, 'made'));
    });

    it('is not there without it, privileged or not', async () => {
      for (const flags of [[], ['--privileged']]) {
        const { stdout } = await attack(...flags);
        assert.equal(stdout, '');
        assert.ok(!readdirSync(host).includes('made'));
      }
    });

    it('can be refused by the policy', async () => {
      await world.daemon.restart({ args: ['--audit-refuse', 'critical'] });
      for (const flags of [['--privileged'], ['-v', '/:/host']]) {
        assert.match((await attack(...flags)).stderr, /--audit-refuse/);
      }
      await world.daemon.restart({ args: [] });
    });
  });

  it("with a mask cannot have the node of the host's null device changed through it, and can without that fence", async () => {
    const mode = (statSync('/dev/null').mode & 0o777).toString(8);
    const image = await hostileImage(world, {});
    // To what it is already: harmless where it succeeds.
    const attempt = () => world.daemon.docker(['run', '--rm', image, 'chmod', mode, '/proc/keys']);
    assert.match((await attempt()).stderr, /Read-only file system/);
    await without(world.daemon, ['MASK_READONLY'], async () => assert.equal((await attempt()).code, 0));
  });
});
