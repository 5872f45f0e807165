import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { cgroupsPath } from './cgroups-path.ts';

describe('linux.cgroupsPath', () => {
  it('is a path below the hierarchies', () => {
    assert.equal(cgroupsPath('/docker/abc', 'abc', false), 'docker/abc');
    assert.equal(cgroupsPath('a//b/.', 'abc', false), 'a/b');
    assert.equal(cgroupsPath(undefined, 'abc', false), 'isle-runtime/abc');
  });

  it('is, with --systemd-cgroup, the directory that systemd would make', () => {
    assert.equal(cgroupsPath('user-1.slice:docker:abc', 'abc', true), 'user.slice/user-1.slice/docker-abc.scope');
    assert.equal(cgroupsPath(':docker:abc', 'abc', true), 'system.slice/docker-abc.scope');
    assert.throws(() => cgroupsPath('a.slice:docker:abc', 'abc', false), /systemd's form/);
  });

  it('does not lead out', () => {
    assert.throws(() => cgroupsPath('/a/../../b', 'abc', false), /leads out/);
    assert.throws(() => cgroupsPath('/', 'abc', false), /leads out/);
  });
});
