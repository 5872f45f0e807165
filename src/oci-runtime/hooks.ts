/** Hooks: which run inside the plan, and those that this process runs itself (poststart, poststop). */
import { spawnSync } from 'node:child_process';
import { EngineError } from '../errors.ts';
import { op, text } from '../runtime/plan/op.ts';
import { aroundPid, UNKNOWN_PID } from '../runtime/plan/process-state.ts';
import type { PlanOp, SectionName } from '../runtime/plan/table.ts';
import type { Hook, HookName } from './config/types.ts';
import type { OciState } from './state.ts';

/** islet puts the pid between the two halves. */
function halves(state: OciState): [head: Uint8Array, tail: Uint8Array] {
  const [head = '', tail = ''] = aroundPid({ ...state, pid: UNKNOWN_PID });
  return [text(head), text(tail)];
}

export function hookOps(section: SectionName, hooks: readonly Hook[] | undefined, state: OciState): PlanOp[] {
  if (hooks === undefined || hooks.length === 0) return [];
  const [stateHead, stateTail] = halves(state);
  return hooks.map(({ path, args, env, timeout }) =>
    op(section, 'hooks', 'hook', {
      path,
      argv: args !== undefined && args.length > 0 ? args : [path],
      env: env ?? [],
      timeoutMs: (timeout ?? 0) * 1000,
      stateHead,
      stateTail,
    }),
  );
}

function complaint(hook: Hook, result: ReturnType<typeof spawnSync>): string | null {
  const error: NodeJS.ErrnoException | undefined = result.error;
  // EPIPE: it has not read the state to its end, which it need not.
  if (error !== undefined && error.code !== 'EPIPE') return error.message;
  if (result.status === 0) return null;
  const output = `${String(result.stdout)}${String(result.stderr)}`.trim().slice(0, 500);
  return `${result.signal ?? `exit status ${result.status}`}${output === '' ? '' : `: ${output}`} (${hook.path})`;
}

/** Throws EngineError at the first hook that fails, or takes longer than its timeout. */
export function runHook(name: HookName, index: number, hook: Hook, state: OciState): void {
  const [, ...args] = hook.args ?? [];
  const environment = (hook.env ?? []).map((entry): [string, string] => {
    const at = entry.indexOf('=');
    return at < 0 ? [entry, ''] : [entry.slice(0, at), entry.slice(at + 1)];
  });
  const result = spawnSync(hook.path, args, {
    argv0: hook.args?.[0] ?? hook.path,
    cwd: state.bundle,
    env: Object.fromEntries(environment),
    input: JSON.stringify(state),
    killSignal: 'SIGKILL',
    ...(hook.timeout === undefined ? {} : { timeout: hook.timeout * 1000 }),
  });
  const problem = complaint(hook, result);
  if (problem !== null) throw new EngineError('System', `error running ${name} hook #${index}: ${problem}`);
}
