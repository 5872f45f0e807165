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

  it('collects the parts of a label, in the new form and the old one', () => {
    const { label } = parseSecurityOpt([
      'label=type:a_t',
      'label:level:s0:c1,c2',
      'label=filetype:b_t',
      'label=type:c_t',
    ]);
    assert.deepEqual(label, { disabled: false, parts: { type: 'c_t', level: 's0:c1,c2' }, fileType: 'b_t' });
    for (const option of ['label=disable', 'label:disable', 'disable']) {
      assert.equal(parseSecurityOpt([option]).label.disabled, true, option);
    }
    assert.throws(() => parseSecurityOpt(['label=nonsense']), {
      kind: 'InvalidParameter',
      message: /^bad label option/,
    });
  });

  it('takes the modes of Landlock, and no others', () => {
    assert.deepEqual(
      ['default', 'strict', 'unconfined'].map((mode) => parseSecurityOpt([`landlock=${mode}`]).landlock),
      ['default', 'strict', 'unconfined'],
    );
    assert.throws(() => parseSecurityOpt(['landlock=off']), { kind: 'InvalidParameter', hint: /strict/ });
  });

  it('refuses what is no option', () => {
    assert.throws(() => parseSecurityOpt(['apparmor']), { kind: 'InvalidParameter', message: /security-opt 1/ });
    for (const option of ['nosuch=x', 'systempaths=unconfined']) {
      const words = `invalid --security-opt 2: "${option}"`;
      assert.throws(() => parseSecurityOpt([option]), { kind: 'InvalidParameter', message: words });
    }
  });
});
