/**
 * CVE-2021-30465, CVE-2024-45310, CVE-2023-27561: while a runtime mounts, somebody who shares a directory with the container
 * exchanges a directory in it for a link, again and again.
 */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Box } from '../conformance/box.ts';
import { ISLE_RUNTIME, type Runtime } from '../conformance/runtimes.ts';
import { ISLET, IsletBox } from '../fixtures/islet-box.ts';
import { start } from '../harness/command.ts';
import { op } from '../../src/runtime/plan/op.ts';
import { attackProgram } from './program.ts';
import { installRuntime, unfencedIslet } from './unfenced.ts';

const STARTS = 200;
const RUNTIME_STARTS = 12;

let directory: string;
let swap: string;
before(async () => {
  directory = mkdtempSync(join(tmpdir(), 'isle-race-'));
  swap = join(directory, 'swap');
  writeFileSync(swap, await attackProgram('swap'), { mode: 0o755 });
});
after(() => rmSync(directory, { recursive: true }));

describe('a mount whose place is exchanged for a link to a directory of the host', () => {
  let shared: string;
  let host: string;
  before(() => {
    [shared, host] = ['shared', 'host'].map((name) => join(directory, name)) as [string, string];
    for (const path of [join(shared, 'place'), host, join(directory, 'payload')]) mkdirSync(path, { recursive: true });
    symlinkSync(host, join(shared, 'link'));
    writeFileSync(join(directory, 'file'), '');
  });

  const bindOp = (source: string, target: string, createTarget: number) =>
    op('child', 'mounts', 'mountBind', { source, target, recursive: 1, attrs: 0n, propagation: 0n, createTarget });

  /** Starts containers until a name appears in the host's directory; where the mounts landed in those that started. */
  async function race(box: IsletBox): Promise<{ atPlace: number; atLink: number }> {
    const mounts = [
      bindOp(shared, '/shared', 1),
      bindOp(join(directory, 'payload'), '/shared/place/made', 1),
      bindOp(join(directory, 'file'), '/shared/place/made-file', 2),
    ];
    const landed = { atPlace: 0, atLink: 0 };
    await using _swapping = start(swap, [join(shared, 'place'), join(shared, 'link')]);
    for (let i = 0; i < STARTS && readdirSync(host).length === 0; i++) {
      // A directory may be made in the one place and looked for in the other: then the start fails.
      const { stdout } = await box.run({ argv: ['cat', '/proc/self/mountinfo'], mounts }).catch(() => ({ stdout: '' }));
      for (const [, point = ''] of stdout.matchAll(/ (\S+\/made) /g)) {
        if (point.startsWith('/shared/')) landed.atPlace += 1;
        else if (point === `${host}/made`) landed.atLink += 1;
      }
    }
    return landed;
  }

  it('lands inside of the container, wherever the link leads, and nothing is made on the host', async () => {
    await using box = await IsletBox.open(ISLET);
    const { atPlace, atLink } = await race(box);
    assert.deepEqual(readdirSync(host), []);
    assert.ok(
      atPlace > 0 && atLink > 0,
      `the race takes place: ${atPlace} mounts in the directory, ${atLink} at the link`,
    );
  });

  it('lands on the host where a verified path is used by its name', async () => {
    await using box = await IsletBox.open(unfencedIslet(), { ISLE_TEST_WITHOUT: 'BY_DESCRIPTOR' });
    await race(box);
    assert.notDeepEqual(readdirSync(host), []);
  });
});

describe('a /proc that is a link to a directory which is exchanged for another', () => {
  /** The content of /proc/keys of those containers that saw any. */
  async function race(runtime: Runtime): Promise<string[]> {
    await using box = await Box.make(runtime);
    const volume = join(box.directory, 'volume');
    for (const name of ['proc', 'other']) mkdirSync(join(volume, name), { recursive: true });
    symlinkSync('/volume/proc', join(box.rootfs, 'proc'));
    await using _swapping = start(swap, [join(volume, 'proc'), join(volume, 'other')]);
    const seen: string[] = [];
    for (let i = 0; i < RUNTIME_STARTS && seen.length === 0; i++) {
      const { stdout } = await box.run((config) => {
        config.process['args'] = ['sh', '-c', 'cat /volume/*/keys'];
        config.linux['maskedPaths'] = ['/proc/kcore', '/proc/keys'];
        const place = { destination: '/volume', type: 'bind', source: volume, options: ['rbind'] };
        config.mounts = [place, ...config.mounts];
      });
      if (stdout !== '') seen.push(stdout);
    }
    return seen;
  }

  it('has no procfs mounted there', async () => {
    assert.deepEqual(await race(ISLE_RUNTIME), []);
  });

  it("has one whose masks lie elsewhere, where a link is good enough: it shows the host's keys", async () => {
    using runtime = installRuntime(['KERNEL_FS_PLACE']);
    assert.equal((await race(runtime)).length, 1);
  });
});
