/**
 * Two containers that have a directory of the host in common, and one that was broken out of. With one range of ids for
 * all, each is the other's user to the kernel; with ranges of their own they are strangers.
 */
import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { eventually, type Finished, run } from '../harness/command.ts';
import { giveIds } from '../harness/subids.ts';
import { startWorld, type World } from '../harness/world.ts';

const SHARED = `isletestshared${process.pid}`;
const POOL = `isletestown${process.pid}`;

describe('a container that was broken out of', () => {
  let world: World;
  let directory: string;
  const ids: AsyncDisposable[] = [];
  before(async () => {
    ids.push(await giveIds(SHARED, { first: 3_100_000_000, count: 65_536 }));
    ids.push(await giveIds(POOL, { first: 3_200_000_000, count: 4 * 65_536 }));
    world = await startWorld({ args: ['--userns-remap', SHARED, '--userns-pool', POOL] });
    directory = mkdtempSync(join(tmpdir(), 'isle-user-ids-'));
    // As /tmp: everyone may make files here, and nobody remove those of others.
    chmodSync(directory, 0o1777);
  });
  after(async () => {
    try {
      await world[Symbol.asyncDispose]();
    } finally {
      rmSync(directory, { recursive: true });
      for (const range of ids) await range[Symbol.asyncDispose]();
    }
  });

  /** A victim that keeps a secret in the common directory, and an attacker; both root inside. */
  async function pair(...flags: string[]) {
    const { daemon, busybox } = world;
    const volume = ['-v', `${directory}:/common`];
    const keep = 'umask 077; echo secret > /common/file; exec sleep 1000';
    const victim = await daemon.ok(['run', '-d', ...flags, ...volume, busybox, 'sh', '-c', keep]);
    await eventually('the secret is there', () => {
      return statSync(join(directory, 'file'), { throwIfNoEntry: false })?.size === 'secret\n'.length || null;
    });
    const attack = 'cat /common/file; echo overwritten > /common/file; rm -f /common/file';
    const attacker = await daemon.docker(['run', '--rm', ...flags, ...volume, busybox, 'sh', '-c', attack]);
    const outside = await daemon.ok(['run', '-d', ...flags, busybox, 'sleep', '1000']);
    const pid = async (id: string) => Number(await daemon.ok(['inspect', '-f', '{{.State.Pid}}', id]));
    return {
      victim,
      attacker,
      victimPid: await pid(victim),
      outside,
      uid: statSync(`/proc/${await pid(outside)}`).uid,
    };
  }

  /** As the process that broke out: on the host, with the container's uid there and no privilege. */
  function brokenOut(uid: number, script: string): Promise<Finished> {
    const who = [`--reuid=${uid}`, `--regid=${uid}`, '--clear-groups', '--inh-caps=-all'];
    return run('setpriv', [...who, 'sh', '-c', script]);
  }

  it('reads, overwrites and kills what is of another one, while all have one range', async () => {
    const { victim, attacker, outside, uid, victimPid } = await pair();
    assert.equal(attacker.stdout, 'secret\n');
    assert.throws(() => statSync(join(directory, 'file')), { code: 'ENOENT' });
    assert.equal((await brokenOut(uid, `kill -9 ${victimPid}`)).code, 0);
    assert.equal(await world.daemon.ok(['wait', victim]), '137');
    await world.daemon.ok(['rm', '-f', victim, outside]);
  });

  it('can do none of it when each has its own', async () => {
    const { victim, attacker, outside, uid, victimPid } = await pair('--security-opt', 'userns=auto');
    assert.equal(attacker.stdout, '');
    assert.match(attacker.stderr, /can't open '\/common\/file': Permission denied/);
    assert.match(attacker.stderr, /can't create \/common\/file: Permission denied/);
    assert.match(attacker.stderr, /can't remove '\/common\/file': Operation not permitted/);
    assert.equal(readFileSync(join(directory, 'file'), 'utf8'), 'secret\n');
    for (const attack of [`kill -9 ${victimPid}`, `cat ${directory}/file`, `ls /proc/${victimPid}/root/`]) {
      const { code, stderr } = await brokenOut(uid, attack);
      assert.notEqual(code, 0, attack);
      assert.match(stderr, /Permission denied|not permitted/);
    }
    const state = await world.daemon.ok(['inspect', '-f', '{{.State.Running}}', victim]);
    assert.equal(state, 'true');
    await world.daemon.ok(['rm', '-f', victim, outside]);
  });
});
