import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { appArmorProfileOf, confinementWarnings } from './confinement.ts';
import type { AppArmorPort } from './ports.ts';

const appArmor: AppArmorPort = {
  enabled: true,
  hasDefault: true,
  execFile: 'attr/apparmor/exec',
  loadDefault: () => Promise.resolve(),
};
const ABSENT = { ...appArmor, enabled: false, hasDefault: false };
const NO_PARSER = { ...appArmor, hasDefault: false };
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
    const [absent] = confinementWarnings({ appArmor: ABSENT }, MINE);
    assert.match(absent ?? '', /AppArmor is not enabled on this host: the profile "mine"/);
    const [privileged] = confinementWarnings({ appArmor }, { ...MINE, Privileged: true });
    assert.match(privileged ?? '', /the AppArmor profile "mine" is discarded/);
    for (const host of [appArmor, ABSENT]) assert.deepEqual(confinementWarnings({ appArmor: host }, OPEN), []);
    assert.deepEqual(confinementWarnings({ appArmor }, MINE), []);
  });
});
