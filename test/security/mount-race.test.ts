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
import { type Finished, start } from '../harness/command.ts';
import { op } from '../../src/runtime/plan/op.ts';
import { attackProgram } from './program.ts';
import { installRuntime, unfencedIslet } from './unfenced.ts';

/** So many containers have to be safe. How often the attack hits without its fence is chance: that goes on until it has. */
const STARTS = 200;
const RUNTIME_STARTS = 12;
/** By then it would have hit on the busiest machine. */
const MOST_STARTS = 4000;
const MOST_RUNTIME_STARTS = 800;

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

  interface Race {
    /** Containers that were begun, how many started, and where the mount landed in those. */
    begun: number;
    started: number;
    atPlace: number;
    atLink: number;
    failure: string;
  }

  /** Starts containers until a name appears in the host's directory, or `enough` says so. */
  async function race(box: IsletBox, enough: (race: Race) => boolean): Promise<Race> {
    const mounts = [
      bindOp(shared, '/shared', 1),
      bindOp(join(directory, 'payload'), '/shared/place/made', 1),
      bindOp(join(directory, 'file'), '/shared/place/made-file', 2),
    ];
    const landed: Race = { begun: 0, started: 0, atPlace: 0, atLink: 0, failure: '' };
    await using swapping = start(swap, [join(shared, 'place'), join(shared, 'link')]);
    while (landed.begun < MOST_STARTS && readdirSync(host).length === 0 && !enough(landed)) {
      assert.equal(swapping.stderr(), '', 'the attack goes on');
      landed.begun += 1;
      // A directory may be made in the one place and looked for in the other: then the start fails.
      const stdout = await box.run({ argv: ['cat', '/proc/self/mountinfo'], mounts }).then(
        (ended) => ended.stdout,
        (thrown: unknown) => {
          landed.failure = String(thrown);
          return '';
        },
      );
      if (stdout !== '') landed.started += 1;
      for (const [, point = ''] of stdout.matchAll(/ (\S+\/made) /g)) {
        if (point.startsWith('/shared/')) landed.atPlace += 1;
        else if (point === `${host}/made`) landed.atLink += 1;
      }
    }
    return landed;
  }

  it('lands inside of the container, wherever the link leads, and nothing is made on the host', async () => {
    await using box = await IsletBox.open(ISLET);
    const seen = await race(box, ({ begun, atPlace, atLink }) => begun >= STARTS && atPlace > 0 && atLink > 0);
    assert.deepEqual(readdirSync(host), []);
    assert.ok(seen.atPlace > 0 && seen.atLink > 0, `the race takes place: ${JSON.stringify(seen)}`);
  });

  it('lands on the host where a verified path is used by its name', async () => {
    await using box = await IsletBox.open(unfencedIslet(), { ISLE_TEST_WITHOUT: 'BY_DESCRIPTOR' });
    const seen = await race(box, () => false);
    assert.notDeepEqual(readdirSync(host), [], JSON.stringify(seen));
  });
});

describe('a /proc that is a link to a directory which is exchanged for another', () => {
  /** Starts so many containers, or fewer if one sees /proc/keys: its content, or null with what the last one said. */
  async function race(runtime: Runtime, starts: number): Promise<{ keys: string | null; last: Finished | undefined }> {
    await using box = await Box.make(runtime);
    const volume = join(box.directory, 'volume');
    for (const name of ['proc', 'other']) mkdirSync(join(volume, name), { recursive: true });
    symlinkSync('/volume/proc', join(box.rootfs, 'proc'));
    await using swapping = start(swap, [join(volume, 'proc'), join(volume, 'other')]);
    let last: Finished | undefined;
    for (let i = 0; i < starts; i++) {
      assert.equal(swapping.stderr(), '', 'the attack goes on');
      last = await box.run((config) => {
        config.process['args'] = ['sh', '-c', 'cat /volume/*/keys'];
        config.linux['maskedPaths'] = ['/proc/kcore', '/proc/keys'];
        const place = { destination: '/volume', type: 'bind', source: volume, options: ['rbind'] };
        config.mounts = [place, ...config.mounts];
      });
      if (last.stdout !== '') return { keys: last.stdout, last };
    }
    return { keys: null, last };
  }

  it('has no procfs mounted there', async () => {
    const { keys } = await race(ISLE_RUNTIME, RUNTIME_STARTS);
    assert.equal(keys, null);
  });

  it("has one whose masks lie elsewhere, where a link is good enough: it shows the host's keys", async () => {
    using runtime = installRuntime(['KERNEL_FS_PLACE']);
    const { keys, last } = await race(runtime, MOST_RUNTIME_STARTS);
    assert.notEqual(keys, null, `none of ${MOST_RUNTIME_STARTS} saw any; the last one: ${JSON.stringify(last)}`);
  });
});
