import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { appArmorProfileOf, checkLandlock, confinementWarnings, landlockOf, launcherInto } from './confinement.ts';
import type { ContainersContext } from './context.ts';
import type { AppArmorPort } from './ports.ts';
import type { ContainerRecord } from './record.ts';
import { OWN_RUNTIME, Runtimes } from './runtimes/known.ts';

const appArmor: AppArmorPort = {
  enabled: true,
  hasDefault: true,
  execFile: 'attr/apparmor/exec',
  loadDefault: () => Promise.resolve(),
};
const ABSENT = { ...appArmor, enabled: false, hasDefault: false };
const NO_PARSER = { ...appArmor, hasDefault: false };
const landlock = { abi: 7, byDefault: true };
const runtimes = new Runtimes({
  added: new Map([['other', '/bin/sh']]),
  defaultName: OWN_RUNTIME,
  stateRoot: '/run/runtimes',
  searchPath: '',
});
const host = { appArmor, landlock, runtimes };
const MINE = { SecurityOpt: ['apparmor=mine'] };
const OPEN = { SecurityOpt: ['apparmor=unconfined'] };

describe("a container's AppArmor profile", () => {
  it("is the engine's own, the one that was asked for, or none for a privileged container", () => {
    assert.equal(appArmorProfileOf({}, appArmor), 'isle-default');
    assert.equal(appArmorProfileOf(MINE, appArmor), 'mine');
    assert.equal(appArmorProfileOf(OPEN, appArmor), 'unconfined');
    assert.equal(appArmorProfileOf({ Privileged: true }, appArmor), 'unconfined');
    assert.equal(appArmorProfileOf({ ...MINE, Privileged: true }, appArmor), 'unconfined');
  });

  it('is not claimed where the kernel does not have it', () => {
    assert.equal(appArmorProfileOf({}, NO_PARSER), '');
    assert.equal(appArmorProfileOf(MINE, NO_PARSER), 'mine');
    for (const hostConfig of [{}, MINE, OPEN, { Privileged: true }]) {
      assert.equal(appArmorProfileOf(hostConfig, ABSENT), '');
    }
  });

  it('is missed aloud when it was asked for and will not be', () => {
    const [absent] = confinementWarnings({ ...host, appArmor: ABSENT }, MINE);
    assert.match(absent ?? '', /AppArmor is not enabled on this host: the profile "mine"/);
    const [privileged] = confinementWarnings(host, { ...MINE, Privileged: true });
    assert.match(privileged ?? '', /the AppArmor profile "mine" is discarded/);
    for (const found of [appArmor, ABSENT])
      assert.deepEqual(confinementWarnings({ ...host, appArmor: found }, OPEN), []);
    assert.deepEqual(confinementWarnings(host, MINE), []);
  });
});

describe("a container's Landlock domain", () => {
  const bare = { ...host, appArmor: ABSENT };
  const option = (...SecurityOpt: string[]) => ({ SecurityOpt });

  it('takes the place of AppArmor and SELinux, and steps back where these confine or were asked not to', () => {
    assert.equal(landlockOf(bare, {}, {}), 'default');
    assert.equal(landlockOf(bare, {}, { apparmorProfile: 'unconfined' }), 'default');
    assert.deepEqual(landlockOf(bare, {}, { apparmorProfile: 'mine' }), { absent: 'confined' });
    assert.deepEqual(landlockOf(bare, {}, { selinuxLabel: 'a:b:c' }), { absent: 'confined' });
    for (const off of ['apparmor=unconfined', 'label=disable', 'label:disable', 'disable']) {
      assert.deepEqual(landlockOf(bare, option(off), {}), { absent: 'module-off' }, off);
    }
  });

  it('follows the options and modes of the container', () => {
    assert.deepEqual(landlockOf(bare, option('landlock=unconfined'), {}), { absent: 'unconfined' });
    assert.equal(landlockOf(bare, option('apparmor=unconfined', 'landlock=strict'), {}), 'strict');
    assert.deepEqual(landlockOf(bare, { PidMode: 'container:1' }, {}), { absent: 'joined-pid' });
    assert.deepEqual(landlockOf(bare, { Privileged: true }, {}), { absent: 'privileged' });
    for (const shared of [{ PidMode: 'host' }, { IpcMode: 'host' }]) {
      assert.equal(landlockOf(bare, { ...shared, ...option('label=disable') }, {}), 'default');
    }
  });

  it('is refused, when it was asked for by name, on a kernel that has none', () => {
    for (const [abi, words] of [
      [0, /has no Landlock/],
      [5, /has version 5/],
    ] as const) {
      const old = { ...bare, landlock: { abi, byDefault: true } };
      assert.throws(() => checkLandlock(old, option('landlock=default')), { kind: 'Unavailable', message: words });
      for (const fine of [{}, option('landlock=unconfined')]) checkLandlock(old, fine);
    }
    checkLandlock(bare, option('landlock=strict'));
  });

  it('is not made by another runtime, which tells who asks', () => {
    assert.deepEqual(landlockOf(bare, { Runtime: 'other' }, {}), { absent: 'runtime' });
    const asked = { Runtime: 'other', ...option('landlock=default') };
    assert.throws(() => checkLandlock(bare, asked), { kind: 'NotImplemented', message: /other makes no domain/ });
    checkLandlock(bare, { Runtime: 'other' });
  });

  it('warns who sees the processes of the host, and cannot reach them', () => {
    const warned = (hostConfig: object) => confinementWarnings(bare, { PidMode: 'host', ...hostConfig }).join();
    assert.match(warned({}), /landlock=unconfined lifts that/);
    assert.equal(warned(option('landlock=unconfined')), '');
    assert.equal(warned({ Privileged: true }), '');
  });
});

describe('the launcher into a fenced container', () => {
  it('is refused in the words for a container that does not run when its monitor has ended', async () => {
    const context = { runDir: '/nonexistent', islet: '/nonexistent/islet' } as unknown as ContainersContext;
    const record = { id: 'gone', landlock: 'default' } as unknown as ContainerRecord;
    await assert.rejects(launcherInto(context, record), {
      kind: 'Conflict',
      message: 'container gone is not running',
    });
  });
});
