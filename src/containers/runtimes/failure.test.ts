import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { EngineError, toEngineError } from '../../errors.ts';
import { PlanError } from '../../runtime/executor.ts';
import { op } from '../../runtime/plan/op.ts';
import { lastError, RUNTIME_FAILED, runtimeFailure } from './failure.ts';

const RUNTIME = { name: 'runc', path: '/usr/sbin/runc', root: '/run/r', env: [] };
const ECANCELED = 125;

describe("a runtime's log", () => {
  it('tells the last error, whatever else is in it', () => {
    const lines = [
      '{"level":"warning","msg":"slow"}',
      '{"level":"error","msg":"first"}',
      'no json',
      '{"level":"error","msg":"runc create failed: no\\n","time":"x"}',
      '{"level":"error","msg":7}',
      'null',
      '',
    ];
    assert.equal(lastError(lines.join('\n')), 'runc create failed: no');
    assert.equal(lastError(''), undefined);
  });
});

describe("a runtime's failure", () => {
  const create = op('parent', 'runtime', 'runtimeCreate', {
    argv: ['/usr/sbin/runc'],
    env: [],
    pidFile: 'p',
    console: '',
    inCgroup: 0,
  });
  const start = op('parent', 'runtime', 'runProgram', { argv: ['/usr/sbin/runc'], env: [], timeoutMs: 0 });
  const failed = (opIndex: number, detail: string) =>
    new PlanError({ ops: [create, start] }, { opIndex, errno: ECANCELED, detail });
  const told = (thrown: unknown, log?: string): EngineError => {
    const directory = mkdtempSync(join(tmpdir(), 'isle-failure-'));
    try {
      if (log !== undefined) writeFileSync(join(directory, 'runtime.log'), log);
      return toEngineError(runtimeFailure(thrown, RUNTIME, directory));
    } finally {
      rmSync(directory, { recursive: true });
    }
  };

  it('is told in its own words, as dockerd does', () => {
    const { message, code } = told(failed(0, 'exit status 1 x'), '{"level":"error","msg":"cannot do it"}\n');
    assert.equal(message, 'OCI runtime create failed: cannot do it');
    assert.equal(code, RUNTIME_FAILED);
    assert.equal(told(failed(1, ''), '{"level":"error","msg":"no"}').message, 'OCI runtime start failed: no');
  });

  it('is told by what it said last where it wrote no log', () => {
    const { message } = told(failed(0, 'exit status 2 unknown flag'));
    assert.equal(
      message,
      'OCI runtime create failed: /usr/sbin/runc did not terminate successfully: exit status 2 unknown flag',
    );
  });

  it("leaves isle's own failures as they are", () => {
    const own = new EngineError('Unavailable', 'no address');
    assert.equal(told(own), own);
  });
});
