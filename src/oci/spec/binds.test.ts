import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { MountRequest } from '../container-config.ts';
import { bindOptions, bindRequests } from './binds.ts';

const options = (bind: string) => bindRequests({ Binds: [bind] }).map((request) => bindOptions(request, false))[0];
const mount = (over: Partial<MountRequest>) =>
  bindRequests({ Mounts: [{ Type: 'bind', Source: '/a', Target: '/b', ...over }] }).map((request) =>
    bindOptions(request, false),
  )[0];

describe('bind mounts', () => {
  it("take Docker's options, and are private and recursive unless told", () => {
    assert.deepEqual(options('/a:/b'), ['rbind', 'rprivate']);
    assert.deepEqual(options('/a:/b:ro'), ['rbind', 'rprivate', 'rro']);
    assert.deepEqual(options('/a:/b:rw,rslave,z'), ['rbind', 'rslave']);
    assert.deepEqual(options('/a:/b:idmap'), ['rbind', 'rprivate', 'ridmap']);
    assert.deepEqual(mount({ ReadOnly: true, BindOptions: { NonRecursive: true } }), ['bind', 'rprivate', 'ro']);
    assert.deepEqual(mount({ ReadOnly: true, BindOptions: { ReadOnlyNonRecursive: true } }), [
      'rbind',
      'rprivate',
      'ro',
    ]);
    assert.deepEqual(mount({ BindOptions: { Propagation: 'shared', IdMap: true } }), ['rbind', 'shared', 'ridmap']);
  });

  it('clean their paths', () => {
    const [bind] = bindRequests({ Binds: ['/a//b/../c/:/d/./e/'] });
    assert.deepEqual([bind?.source, bind?.target], ['/a/c', '/d/e']);
  });

  it('refuse what they do not know by name', () => {
    assert.throws(() => mount({ BindOptions: { Frobnicate: true } }), /BindOptions\.Frobnicate/);
    assert.throws(() => mount({ BindOptions: { Propagation: 'nonsense' } }), /invalid propagation mode: nonsense/);
    assert.throws(() => mount({ BindOptions: { ReadOnlyForceRecursive: true } }), /must be set to read-only/);
    assert.throws(() => options('name:/b'), { kind: 'NotImplemented' });
  });
});
