import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decideLandlock, landlockRuleset, type LandlockQuestion } from './landlock.ts';

const PLAIN: LandlockQuestion = {
  asked: '',
  abi: 7,
  byDefault: true,
  otherRuntime: false,
  privileged: false,
  confined: false,
  moduleOff: false,
  joinsPid: false,
};

describe('a Landlock domain', () => {
  it('is given to a container that nothing else confines', () => {
    assert.equal(decideLandlock(PLAIN), 'default');
    assert.equal(decideLandlock({ ...PLAIN, abi: 6 }), 'default');
  });

  const ABSENT: [string, Partial<LandlockQuestion>][] = [
    ['unconfined', { asked: 'unconfined' }],
    ['kernel', { abi: 5 }],
    ['kernel', { abi: 0 }],
    ['runtime', { otherRuntime: true, asked: 'default' }],
    ['daemon', { byDefault: false }],
    ['privileged', { privileged: true }],
    ['confined', { confined: true }],
    ['module-off', { moduleOff: true }],
    ['joined-pid', { joinsPid: true }],
  ];
  for (const [absent, change] of ABSENT) {
    it(`is not given, with the reason ${absent}: ${JSON.stringify(change)}`, () => {
      assert.deepEqual(decideLandlock({ ...PLAIN, ...change }), { absent });
    });
  }

  it('is given in every case to one that asks for it by name, if the kernel can', () => {
    const all = { byDefault: false, privileged: true, confined: true, moduleOff: true, joinsPid: true };
    assert.equal(decideLandlock({ ...PLAIN, ...all, asked: 'default' }), 'default');
    assert.equal(decideLandlock({ ...PLAIN, ...all, asked: 'strict' }), 'strict');
    assert.deepEqual(decideLandlock({ ...PLAIN, asked: 'strict', abi: 5 }), { absent: 'kernel' });
  });

  it('handles scopes and nothing else, so that mounting stays possible', () => {
    const words = (mode: 'default' | 'strict') => [...new BigUint64Array(landlockRuleset(mode).buffer)];
    assert.deepEqual(words('default'), [0n, 0n, 2n]);
    assert.deepEqual(words('strict'), [0n, 0n, 3n]);
  });
});
