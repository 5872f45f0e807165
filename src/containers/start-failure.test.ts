import assert from 'node:assert/strict';
import { constants } from 'node:os';
import { describe, it } from 'node:test';
import { containerRecord } from '../../test/fixtures/container-record.ts';
import { EngineError } from '../errors.ts';
import { PlanError } from '../runtime/executor.ts';
import { op } from '../runtime/plan/op.ts';
import { startFailure } from './start-failure.ts';

const { ENOENT, EACCES, ENOEXEC, ENOTDIR } = constants.errno;
const exec = (argv: string[]) => op('child', 'process', 'exec', { argv, env: [], searchPath: [] });
const chdir = (path: string) => op('child', 'process', 'chdir', { path });

describe('startFailure', () => {
  // Docker's clients choose the exit code by these words.
  const cases = [
    { argv: ['nope'], errno: ENOENT, text: 'exec: "nope": executable file not found in $PATH', exitCode: 127 },
    { argv: ['/nope'], errno: ENOENT, text: 'exec: "/nope": stat /nope: no such file or directory', exitCode: 127 },
    { argv: ['/etc/passwd'], errno: EACCES, text: 'exec: "/etc/passwd": permission denied', exitCode: 126 },
    { argv: ['/bin/text'], errno: ENOEXEC, text: 'exec: "/bin/text": exec format error', exitCode: 126 },
  ];
  for (const { argv, errno, text, exitCode } of cases) {
    it(`says: ${text}`, () => {
      const thrown = new PlanError({ ops: [exec(argv)] }, { opIndex: 0, errno, detail: '' });
      const failure = startFailure(containerRecord({ argv }), thrown);
      assert.equal(failure.error.kind, 'InvalidParameter');
      assert.ok(failure.error.message.startsWith(`cannot start container web: ${text}`), failure.error.message);
      assert.equal(failure.exitCode, exitCode);
    });
  }

  it('names a working directory that is none', () => {
    const thrown = new PlanError({ ops: [chdir('/etc/passwd')] }, { opIndex: 0, errno: ENOTDIR, detail: '' });
    const { error, exitCode } = startFailure(containerRecord({ config: { WorkingDir: '/etc/passwd' } }), thrown);
    assert.equal(error.message, 'cannot start container web: working directory "/etc/passwd": not a directory');
    assert.equal(exitCode, 128);
  });

  it('names the AppArmor profile that the kernel does not have', () => {
    const data = new TextEncoder().encode('exec mine');
    const write = op('child', 'lsm', 'writeSelf', { path: 'attr/apparmor/exec', data });
    const thrown = new PlanError({ ops: [write] }, { opIndex: 0, errno: ENOENT, detail: '' });
    const { error, exitCode } = startFailure(containerRecord(), thrown);
    assert.match(error.message, /^cannot start container web: unable to apply apparmor profile: .* no profile "mine"/);
    assert.match(error.hint ?? '', /apparmor_parser/);
    assert.equal(exitCode, 128);
  });
  // The docker command line reads the same words as dockerd; runc 1.1, crun 1.8 and their errors of other things.
  const delegated = [
    { says: 'runc create failed: exec: "nope": executable file not found in $PATH', argv: ['nope'], exitCode: 127 },
    { says: 'executable file `nope` not found in $PATH: No such file or directory', argv: ['nope'], exitCode: 127 },
    { says: 'exec: "/etc/passwd": permission denied', argv: ['/etc/passwd'], exitCode: 126 },
    { says: 'open executable: Permission denied', argv: ['/etc/passwd'], exitCode: 126 },
    { says: 'error mounting "/a" to rootfs at "/b": mount /a:/b: not a directory', argv: ['sh'], exitCode: 127 },
    { says: 'cannot set memory limit: Permission denied', argv: ['sh'], exitCode: 128 },
  ];
  for (const { says, argv, exitCode } of delegated) {
    it(`reads what another runtime says: ${says}`, () => {
      const thrown = new EngineError('System', `OCI runtime create failed: ${says}`, { code: 'ERUNTIME' });
      const failure = startFailure(containerRecord({ argv }), thrown);
      assert.equal(failure.exitCode, exitCode);
      assert.equal(failure.error.kind, exitCode === 128 ? 'System' : 'InvalidParameter');
      assert.match(failure.error.message, /^cannot start container web: OCI runtime create failed: /);
      const isProgram = exitCode !== 128;
      assert.equal(/no such file|permission denied|not found|not a directory/.test(failure.error.message), isProgram);
    });
  }

  it('keeps the kind of every other error and says which container', () => {
    const thrown = new EngineError('Unavailable', 'no free address in 10.0.0.0/30');
    const { error } = startFailure(containerRecord(), thrown);
    assert.equal(error.kind, 'Unavailable');
    assert.equal(error.message, 'cannot start container web: no free address in 10.0.0.0/30');
  });
});
