import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { compileSeccomp } from '../../security/seccomp/index.ts';
import type { Mount, Namespace } from '../../oci/runtime-spec.ts';
import { lateEntry, mayAppearLast } from './appear.ts';

const filterOf = (...refused: string[]) =>
  compileSeccomp(
    { defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ names: refused, action: 'SCMP_ACT_ERRNO' }] },
    { caps: [], arch: 'x86_64', kernel: [6, 1] },
  );

it('a process appears last unless the filter refuses a call that it takes', () => {
  assert.equal(mayAppearLast(null, {}), true);
  assert.equal(mayAppearLast(filterOf('mount', 'clone3'), {}), true);
  for (const name of ['clone', 'setsid', 'ioctl', 'prctl', 'recvfrom', 'exit_group']) {
    assert.equal(mayAppearLast(filterOf(name), {}), false, name);
  }
});

it('a process whose scheduling does not survive a fork appears early', () => {
  assert.equal(mayAppearLast(null, { scheduler: { policy: 'SCHED_BATCH' } }), true);
  assert.equal(mayAppearLast(null, { scheduler: { policy: 'SCHED_DEADLINE' } }), false);
  assert.equal(
    mayAppearLast(null, { scheduler: { policy: 'SCHED_FIFO', flags: ['SCHED_FLAG_RESET_ON_FORK'] } }),
    false,
  );
});

describe('a container in the PID namespace of others', () => {
  const spec = (path: string, more: Namespace[] = [], mounts: Mount[] = []) => ({
    ociVersion: '1.2.0',
    mounts,
    linux: { namespaces: [{ type: 'pid' as const, path }, ...more] },
  });

  it('enters it late, with the procfs that is beside it or that is named', () => {
    const path = '/proc/7/ns/pid';
    assert.deepEqual(lateEntry(spec(path), null), { path, procFrom: '/proc/7/ns/mnt' });
    assert.deepEqual(lateEntry(spec('/run/pid'), null, '/proc/9/ns/mnt'), {
      path: '/run/pid',
      procFrom: '/proc/9/ns/mnt',
    });
  });

  it('enters it early where no procfs shows it, where a filter or a user namespace is in the way, or for a procfs of its own', () => {
    const path = '/proc/7/ns/pid';
    assert.equal(lateEntry(spec('/run/ns/pid'), null), null);
    assert.equal(lateEntry(spec(path), null, null), null);
    assert.equal(lateEntry(spec(path), filterOf('setsid')), null);
    assert.equal(lateEntry(spec(path, [{ type: 'user' }]), null), null);
    assert.ok(lateEntry(spec(path, [{ type: 'user', path: '/proc/7/ns/user' }]), null));
    const proc = (...options: string[]) => [{ destination: '/proc', type: 'proc', source: 'proc', options }];
    assert.ok(lateEntry(spec(path, [], proc('nosuid', 'ro')), null));
    assert.equal(lateEntry(spec(path, [], proc('hidepid=invisible')), null), null);
  });
});

it('a container with a PID namespace of its own, or none, enters no other', () => {
  assert.equal(lateEntry({ ociVersion: '1.2.0', linux: { namespaces: [{ type: 'pid' }] } }, null), null);
  assert.equal(lateEntry({ ociVersion: '1.2.0' }, null, '/proc/7/ns/mnt'), null);
});
