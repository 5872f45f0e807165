import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { expandCgroupParent } from './cgroup-parent.ts';

describe('expandCgroupParent', () => {
  it('takes paths, with and without a slash in front', () => {
    assert.equal(expandCgroupParent('/teams/blue'), 'teams/blue');
    assert.equal(expandCgroupParent('teams//blue/'), 'teams/blue');
  });

  it("finds a slice where systemd has it: in its parents' directories", () => {
    assert.equal(expandCgroupParent('teams.slice'), 'teams.slice');
    assert.equal(expandCgroupParent('teams-blue-ci.slice'), 'teams.slice/teams-blue.slice/teams-blue-ci.slice');
  });

  it('refuses the root, ways out of a directory, and names of cgroup files', () => {
    for (const text of ['/', '-.slice', '/a/../b', './a', 'a--b.slice', '/cgroup.procs', 'a\nb']) {
      assert.throws(() => expandCgroupParent(text), /invalid cgroup parent/, JSON.stringify(text));
    }
  });
});
