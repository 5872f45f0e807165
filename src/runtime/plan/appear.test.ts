import assert from 'node:assert/strict';
import { it } from 'node:test';
import { compileSeccomp } from '../../security/seccomp/index.ts';
import { mayAppearLast, mountNamespaceBeside } from './appear.ts';

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

it('the procfs of another container is looked for beside the PID namespace that is joined', () => {
  assert.equal(mountNamespaceBeside('/proc/7/ns/pid', null, {}), '/proc/7/ns/mnt');
  assert.equal(mountNamespaceBeside('/run/ns/pid', null, {}), null);
  assert.equal(mountNamespaceBeside(undefined, null, {}), null);
  assert.equal(mountNamespaceBeside('/proc/7/ns/pid', filterOf('setsid'), {}), null);
});
