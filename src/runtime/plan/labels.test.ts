import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { labelOps } from './labels.ts';

const written = (ops: ReturnType<typeof labelOps>) =>
  ops.map((made) => (made.op === 'writeSelf' ? [made.args.path, new TextDecoder().decode(made.args.data)] : made.op));

describe('labels for the next program', () => {
  it("go into AppArmor's own file where the kernel has one, and into the common one elsewhere", () => {
    const confined = { apparmorProfile: 'mine' };
    assert.deepEqual(written(labelOps(confined, 'attr/apparmor/exec')), [['attr/apparmor/exec', 'exec mine']]);
    assert.deepEqual(written(labelOps(confined)), [['attr/exec', 'exec mine']]);
  });

  it('are not written when none are asked for', () => {
    assert.deepEqual(labelOps({}), []);
    assert.deepEqual(labelOps({ apparmorProfile: '', selinuxLabel: '' }), []);
  });
});
