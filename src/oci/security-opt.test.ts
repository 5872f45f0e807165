import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseSecurityOpt } from './security-opt.ts';

describe('--security-opt', () => {
  it('takes the last of several, in the new form and the old one', () => {
    assert.equal(parseSecurityOpt([]).apparmor, '');
    assert.equal(parseSecurityOpt(['apparmor=mine', 'apparmor:other']).apparmor, 'other');
    assert.equal(parseSecurityOpt(['apparmor=a=b:c']).apparmor, 'a=b:c');
    assert.equal(parseSecurityOpt(['apparmor=mine', 'apparmor=']).apparmor, '');
    assert.equal(parseSecurityOpt(['no-new-privileges:true']).noNewPrivileges, true);
  });

  it('refuses a profile whose name would not stay one word in the kernel', () => {
    for (const name of ['a\nb', 'a\0b']) {
      assert.throws(() => parseSecurityOpt([`apparmor=${name}`]), { kind: 'InvalidParameter' });
    }
  });

  it('refuses what is no option', () => {
    assert.throws(() => parseSecurityOpt(['apparmor']), { kind: 'InvalidParameter', message: /security-opt 1/ });
    assert.throws(() => parseSecurityOpt(['nosuch=x']), { kind: 'InvalidParameter', message: /security-opt 2/ });
  });
});
