/** Who a process is and may become: ids that overflow, groups that are lost, capabilities that are inherited. */
import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { op } from '../../src/runtime/plan/op.ts';
import { Box } from '../conformance/box.ts';
import { ISLE_RUNTIME } from '../conformance/runtimes.ts';
import { IsletBox } from '../fixtures/islet-box.ts';
import { run } from '../fixtures/process.ts';
import { startWorld, type World } from '../harness/world.ts';
import { hostileImage } from './hostile-image.ts';
import { attackProgram } from './program.ts';
import { without } from './unfenced.ts';

describe('a user', () => {
  let world: World;
  let image: string;
  before(async () => {
    world = await startWorld();
    const accounts = ['1000:x:0:0::/:/bin/sh', 'large:x:4294967295:0::/:/bin/sh', 'wraps:x:4294967296:0::/:/bin/sh'];
    const show = await attackProgram('show');
    image = await hostileImage(world, {
      entries: [
        { name: 'etc/passwd', content: `${accounts.join('\n')}\n` },
        { name: 'bin/show', mode: 0o755, content: show },
        { name: 'bin/show-suid', mode: 0o4755, content: show },
        { name: 'bin/show-sgid', mode: 0o2755, gid: 3000, content: show },
        { name: 'refused-to-group', mode: 0o604, gid: 2000, content: 'SECRET' },
      ],
    });
  });
  after(() => world[Symbol.asyncDispose]());

  const inside = (flags: readonly string[], ...command: string[]) =>
    world.daemon.docker(['run', '--rm', ...flags, image, ...command]);

  /** CVE-2024-40635; for the kernel -1 is no id, and changes nothing. */
  describe('whose id is larger than 2^31', () => {
    const LARGE = ['2147483648', '4294967295', '4294967296', '18446744073709551616', '-1', 'large', 'wraps'];
    for (const user of LARGE) {
      it(`is refused: ${user}`, async () => {
        for (const name of user.startsWith('-') ? [user] : [user, `1:${user}`]) {
          const { code, stdout } = await inside(['--user', name], 'id');
          assert.deepEqual([code, stdout], [125, '']);
        }
      });
    }

    it('is refused by isle-runtime, at the start and for a further process', async () => {
      await using box = await Box.make(ISLE_RUNTIME);
      for (const uid of [2 ** 31, 2 ** 32 - 1, 2 ** 32, -1, 2 ** 64]) {
        const { stdout, stderr } = await box.run((config) => {
          Object.assign(config.process, { args: ['id'], user: { uid, gid: 0 } });
        });
        assert.equal(stdout, '');
        assert.match(stderr, /process\.user\.uid/);
      }
      const id = await box.started();
      for (const user of ['2147483648', '4294967295', '4294967296', '1:4294967295']) {
        assert.equal((await box.call(['exec', '--user', user, id, 'id'])).stdout, '', user);
      }
    });

    it('is root where nobody looks at it', async () => {
      await using box = await IsletBox.open();
      const late = [
        op('child', 'user', 'setGid', { gid: 2 ** 32 - 1 }),
        op('child', 'user', 'setUid', { uid: 2 ** 32 - 1 }),
      ];
      assert.match((await box.run({ argv: ['id'], late })).stdout, /^uid=0 gid=0/);
    });
  });

  /** CVE-2016-3697 */
  it('that is a number is that number, whatever the image calls so; by a name it is what the image says', async () => {
    assert.match((await inside(['-u', '1000'], 'id')).stdout, /^uid=1000/);
    const named = await hostileImage(world, { entries: [{ name: 'etc/passwd', content: 'a1000:x:0:0::/:/bin/sh\n' }] });
    assert.match((await world.daemon.docker(['run', '--rm', '-u', 'a1000', named, 'id'])).stdout, /^uid=0/);
  });

  /** CVE-2022-36109 */
  it('cannot leave its primary group to get at what is refused to that group; without supplementary groups it can', async () => {
    const attack = async () => (await inside(['-u', '1000:2000'], 'show-sgid', '/refused-to-group')).stdout;
    assert.equal(await attack(), '1000\nEACCES\n');
    await without(world.daemon, ['set_groups'], async () => assert.equal(await attack(), '1000\nSECRET\n'));
  });

  it('does not become root by a set-user-id program with no-new-privileges; without that it does', async () => {
    const attack = async (...flags: string[]) => (await inside(['-u', '1000', ...flags], 'show-suid', '/none')).stdout;
    assert.equal(await attack('--security-opt', 'no-new-privileges'), '1000\nENOENT\n');
    assert.equal(await attack(), '0\nENOENT\n');
  });
});

/** CVE-2022-29162, CVE-2022-24769: a program may claim what it finds in the inheritable set, also for an ordinary user. */
describe('a further process', () => {
  let directory: string;
  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'isle-arm-'));
    writeFileSync(join(directory, 'arm'), await attackProgram('arm'), { mode: 0o755 });
  });
  after(() => rmSync(directory, { recursive: true }));

  const NET_RAW = 1n << 13n;
  const show = ['busybox-armed', 'grep', 'Cap', '/proc/self/status'];
  const setOf = (output: string, name: string) =>
    BigInt(`0x${new RegExp(`^${name}:\\s*(\\w+)`, 'm').exec(output)?.[1]}`);

  it('of a user has none of the capabilities that are added, and inherits none; with an inheritable set it has', async () => {
    await using box = await Box.make(ISLE_RUNTIME);
    const armed = join(box.rootfs, 'bin/busybox-armed');
    copyFileSync('/bin/busybox', armed);
    await run(join(directory, 'arm'), [armed]);
    const id = await box.started((config) => {
      config.process['noNewPrivileges'] = false;
      for (const set of Object.values(config.process['capabilities'] as Record<string, string[]>)) {
        if (!set.includes('CAP_NET_RAW')) set.push('CAP_NET_RAW');
      }
    });
    const kept = await box.ok('exec', '--user', '1000:1000', '--cap', 'CAP_NET_RAW', id, ...show);
    assert.equal(setOf(kept, 'CapInh'), 0n);
    assert.equal(setOf(kept, 'CapEff'), 0n);
    const wide = join(directory, 'process.json');
    const all = ['CAP_NET_RAW'];
    const capabilities = { bounding: all, effective: all, permitted: all, inheritable: all };
    const user = { uid: 1000, gid: 1000 };
    writeFileSync(wide, JSON.stringify({ args: show, env: ['PATH=/bin'], cwd: '/', user, capabilities }));
    assert.equal(setOf(await box.ok('exec', '--process', wide, id), 'CapEff'), NET_RAW);
  });
});
