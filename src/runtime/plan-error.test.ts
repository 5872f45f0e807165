import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { op } from './plan/op.ts';
import type { Plan } from './plan/table.ts';
import { errnoName, errnoText, PlanError } from './plan-error.ts';

const plan: Plan = {
  ops: [
    op('child', 'mounts', 'mountFs', { fsType: 'proc', source: 'proc', target: '/proc', options: [], attrs: 0n }),
    op('child', 'process', 'exec', { argv: ['tool', 'x'], env: [], searchPath: ['/bin'] }),
    op('child', 'devices', 'symlinkIn', { target: 'pts/ptmx', path: '/dev/ptmx' }),
  ],
};

describe('PlanError', () => {
  it('says what was tried, on what, and why it failed', () => {
    const error = new PlanError(plan, { opIndex: 0, errno: 1, detail: '' });
    assert.equal(error.message, 'cannot mount a new proc on `/proc`: EPERM (operation not permitted)');
    assert.deepEqual(
      [error.kind, error.code, error.step, error.operation, error.path, error.errno, error.opIndex],
      ['System', 'EPERM', 'mounts', 'mountFs', '/proc', 'EPERM', 0],
    );
  });

  it("adds the kernel's own text, but not a path that was named already", () => {
    assert.match(
      new PlanError(plan, { opIndex: 0, errno: 22, detail: 'proc: Unknown parameter' }).message,
      /EINVAL \(invalid argument\): proc: Unknown parameter$/,
    );
    assert.match(
      new PlanError(plan, { opIndex: 0, errno: 2, detail: '/proc' }).message,
      /ENOENT \(no such file or directory\)$/,
    );
  });

  it('names of several sysctls the one that could not be set', () => {
    const files = ['/proc/sys/net/a', '1', '/proc/sys/net/nope', '2'];
    const error = new PlanError(
      { ops: [op('child', 'kernel', 'writeProc', { files })] },
      { opIndex: 0, errno: 2, detail: '/proc/sys/net/nope' },
    );
    assert.equal(error.message, 'cannot write "2" to `/proc/sys/net/nope`: ENOENT (no such file or directory)');
    assert.match(error.hint ?? '', /no such sysctl/);
  });

  it('takes the object from the field that says it best', () => {
    assert.equal(new PlanError(plan, { opIndex: 1, errno: 2, detail: '' }).path, 'tool');
    assert.equal(new PlanError(plan, { opIndex: 2, errno: 17, detail: '' }).path, '/dev/ptmx');
  });

  it('tells the way out when a bind mount puts a file on a directory, or the other way round', () => {
    const args = {
      source: '/etc',
      target: '/file',
      attrs: 0n,
      recursive: 1,
      propagation: 0n,
      createTarget: 1,
    } as const;
    const bind: Plan = { ops: [op('child', 'mounts', 'mountBind', args)] };
    for (const errno of [20, 22]) {
      assert.match(new PlanError(bind, { opIndex: 0, errno, detail: '' }).hint ?? '', /a file at a file/);
    }
    assert.equal(new PlanError(bind, { opIndex: 0, errno: 2, detail: '/etc' }).hint, undefined);
  });

  it('tells of a failure that belongs to no operation', () => {
    const error = new PlanError(plan, { opIndex: -1, errno: 10, detail: 'the first process died' });
    assert.match(error.message, /^cannot start the container: the first process died: ECHILD/);
    assert.deepEqual([error.operation, error.step, error.path], ['', '', '']);
  });
});

describe('errno names', () => {
  it('cover what Node does not name', () => {
    assert.equal(errnoName(8), 'ENOEXEC');
    assert.equal(errnoText(13), 'EACCES (permission denied)');
    assert.equal(errnoName(9999), 'errno 9999');
  });
});
