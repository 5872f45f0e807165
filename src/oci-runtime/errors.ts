/** Failures in the words of runc: engines look for them (`executable file not found` makes exit status 127). */
import { EngineError } from '../errors.ts';
import { PlanError } from '../runtime/plan-error.ts';

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or directory',
  EACCES: 'permission denied',
  ENOTDIR: 'not a directory',
  EPERM: 'operation not permitted',
  ENOEXEC: 'exec format error',
  ELOOP: 'too many levels of symbolic links',
  EISDIR: 'is a directory',
};

function programMessage({ path, errno }: PlanError, name: string): string {
  const reason = REASONS[errno] ?? errno;
  if (errno === 'ENOENT' && !name.includes('/')) return `exec: "${name}": executable file not found in $PATH`;
  return errno === 'ENOENT' || errno === 'ENOTDIR'
    ? `exec: "${name}": stat ${path}: ${reason}`
    : `exec: "${name}": ${reason}`;
}

/** `name` is the program that was to run. */
export function runtimeMessage(error: EngineError, name: string): string {
  if (!(error instanceof PlanError)) return error.message;
  if (error.operation === 'findProgram' || error.operation === 'exec') return programMessage(error, name);
  if (error.operation === 'chdir') {
    return `chdir to cwd ("${error.path}") set in config.json failed: ${REASONS[error.errno] ?? error.errno}`;
  }
  if (error.operation === 'hook') return `error running hook: ${error.path}: ${error.detail || error.errno}`;
  return error.message;
}
