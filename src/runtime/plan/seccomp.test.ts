import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PlanError } from '../plan-error.ts';
import { filterOps, type ListenedState } from './seccomp.ts';

const STATE: ListenedState = {
  ociVersion: '1.2.0',
  id: 'c1',
  status: 'creating',
  bundle: '/bundle',
  annotations: { pid: '1234567890123', 'a"pid":1234567890123': '"pid":1234567890123' },
};
const PROGRAM = { filter: new Uint8Array(16), flags: 8n, instructions: 2, warnings: [] };
const LISTENED = { ...PROGRAM, listener: { path: '/run/agent.sock', metadata: 'for "me"' } };

/** The text that islet sends, of a process with this pid. */
function sent(state: ListenedState, pid: number): unknown {
  const [, told] = filterOps(LISTENED, state);
  return told?.op === 'seccompListener' ? JSON.parse(told.args.state.join(String(pid))) : assert.fail();
}

describe('the operations of a filter', () => {
  it('are none without one, and one without a listener', () => {
    assert.deepEqual(filterOps(null, STATE), []);
    assert.deepEqual(
      filterOps({ ...PROGRAM, listener: null }, STATE).map(({ op }) => op),
      ['seccomp'],
    );
  });

  it("tell the listener of the container, with the pid in the spec's two places and in no string", () => {
    const { pid: _given, ...state } = STATE;
    assert.deepEqual(sent(STATE, 42), {
      ociVersion: '1.2.0',
      fds: ['seccompFd'],
      pid: 42,
      metadata: 'for "me"',
      state: { ...state, pid: 42 },
    });
  });

  it("tell of a further process beside the container's first one", () => {
    const state: ListenedState = { ...STATE, status: 'running', pid: 7, annotations: {} };
    const { annotations: _none, ...told } = state;
    assert.deepEqual(sent(state, 42), {
      ociVersion: '1.2.0',
      fds: ['seccompFd'],
      pid: 42,
      metadata: 'for "me"',
      state: told,
    });
  });

  it('name the socket when nobody is there', () => {
    const ops = filterOps(LISTENED, STATE);
    const { message, hint } = new PlanError({ ops }, { opIndex: 1, errno: 2, detail: '' });
    assert.match(message, /^cannot hand the listener .* to `\/run\/agent\.sock`: ENOENT/);
    assert.match(hint ?? '', /has to listen there/);
  });
});
