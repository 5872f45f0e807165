import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DEFAULT_DEVICE_RULES } from '../oci/spec/devices.ts';
import { withDefaultRules } from './device-rules.ts';

const [DENY_ALL, ...DEFAULTS] = DEFAULT_DEVICE_RULES;

describe('device rules of a bundle', () => {
  it('deny everything but the default devices when there is none', () => {
    assert.deepEqual(withDefaultRules([]), DEFAULT_DEVICE_RULES);
    assert.deepEqual(withDefaultRules([{ allow: false, access: 'rwm' }]), DEFAULT_DEVICE_RULES);
  });

  it('stay as they are when everything is allowed', () => {
    assert.deepEqual(withDefaultRules([{ allow: true, access: 'rwm' }]), [{ allow: true, access: 'rwm' }]);
  });

  it('lose a denial that takes nothing away, and keep one that does', () => {
    const fuse = { allow: false, type: 'c', major: 10, minor: 229, access: 'rwm' } as const;
    const tun = { allow: true, type: 'c', major: 10, minor: 200, access: 'rwm' } as const;
    const noTun = { ...tun, allow: false, access: 'w' };
    assert.deepEqual(withDefaultRules([{ allow: false }, tun, fuse, noTun]), [DENY_ALL, tun, noTun, ...DEFAULTS]);
  });
});
