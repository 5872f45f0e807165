/** On a machine where AppArmor is active. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { type Guest, startGuest } from './guest.ts';

describe('beside AppArmor', () => {
  let guest: Guest;
  before(async () => {
    guest = await startGuest();
  });
  after(() => guest[Symbol.asyncDispose]());

  it('is on a kernel that enforces it', () => {
    assert.match(readFileSync('/sys/kernel/security/lsm', 'utf8'), /\bapparmor\b/);
    assert.equal(readFileSync('/sys/module/apparmor/parameters/enabled', 'utf8'), 'Y\n');
  });

  it('runs containers without a profile of their own, and does not claim one', async () => {
    const { daemon, busybox } = guest;
    const profile = await daemon.ok(['run', '--name', 'free', busybox, 'cat', '/proc/self/attr/current']);
    assert.equal(profile, 'unconfined');
    assert.equal(await daemon.ok(['inspect', '-f', '{{.AppArmorProfile}}', 'free']), '');
    assert.doesNotMatch(await daemon.ok(['info', '-f', '{{json .SecurityOptions}}']), /apparmor/);
    await daemon.ok(['rm', 'free']);
  });
});
