/** Why another runtime did not start a container: what it wrote to its log, told as dockerd tells it. */
import { join } from 'node:path';
import { EngineError } from '../../errors.ts';
import { textIfThere } from '../../platform/read-file.ts';
import { PlanError } from '../../runtime/executor.ts';
import { type OciRuntime, RUNTIME_LOG } from '../../runtime/plan/delegate.ts';

/** The code of errors that are a runtime's own words. */
export const RUNTIME_FAILED = 'ERUNTIME';

/** The last error of a log of JSON lines as runc and crun write it; undefined when there is none. */
export function lastError(log: string): string | undefined {
  for (const line of log.split('\n').toReversed()) {
    try {
      const { level, msg } = JSON.parse(line) as { level?: unknown; msg?: unknown };
      if (level === 'error' && typeof msg === 'string') return msg.trim();
    } catch {
      // Not a line of the log: a runtime may write other things as well.
    }
  }
  return undefined;
}

/** Takes what failed in islet for what failed in the runtime, where it was the runtime that did. */
export function runtimeFailure(thrown: unknown, runtime: OciRuntime, directory: string): unknown {
  if (!(thrown instanceof PlanError) || !['runtimeCreate', 'runProgram'].includes(thrown.operation)) return thrown;
  const what = thrown.operation === 'runtimeCreate' ? 'create' : 'start';
  // One that fails before it reads its flags writes none.
  const own = lastError(textIfThere(join(directory, RUNTIME_LOG)) ?? '');
  const why = own ?? `${runtime.path} did not terminate successfully: ${thrown.detail.trim() || thrown.message}`;
  return new EngineError('System', `OCI runtime ${what} failed: ${why}`, { code: RUNTIME_FAILED, cause: thrown });
}
