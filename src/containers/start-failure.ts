/** How a start that failed is told: Docker's clients read these texts to choose between exit codes 125, 126 and 127. */
import { EngineError, toEngineError } from '../errors.ts';
import { PlanError } from '../runtime/executor.ts';
import type { ContainerRecord } from './record.ts';
import { RUNTIME_FAILED } from './runtimes/failure.ts';

export interface StartFailure {
  error: EngineError;
  /** what the container's state shows as its exit code */
  exitCode: number;
}

const NOT_FOUND_EXIT = 127;
const NOT_EXECUTABLE_EXIT = 126;
const ENGINE_EXIT = 128;

export function startFailure(record: ContainerRecord, thrown: unknown): StartFailure {
  const program = { argv: record.argv, directory: record.config.WorkingDir ?? '/' };
  return programFailure(`cannot start container ${record.name}`, program, thrown);
}

/** `name` says what was tried. */
export function programFailure(
  name: string,
  { argv, directory }: { argv: readonly string[]; directory: string },
  thrown: unknown,
): StartFailure {
  const command = argv[0] ?? '';
  if (thrown instanceof PlanError && thrown.operation === 'exec') {
    const searched = !command.includes('/');
    if (thrown.errno === 'ENOENT') {
      const why = searched ? 'executable file not found in $PATH' : `stat ${command}: no such file or directory`;
      return fail('InvalidParameter', `${name}: exec: "${command}": ${why}`, NOT_FOUND_EXIT, thrown);
    }
    if (thrown.errno === 'EACCES') {
      return fail('InvalidParameter', `${name}: exec: "${command}": permission denied`, NOT_EXECUTABLE_EXIT, thrown);
    }
    if (thrown.errno === 'ENOEXEC') {
      const why = 'exec format error: not a program of this machine, and not a script with a #! line';
      return fail('InvalidParameter', `${name}: exec: "${command}": ${why}`, NOT_EXECUTABLE_EXIT, thrown);
    }
  }
  if (thrown instanceof PlanError && thrown.operation === 'chdir') {
    const why = thrown.errno === 'ENOTDIR' ? 'not a directory' : thrown.message;
    return fail('InvalidParameter', `${name}: working directory "${directory}": ${why}`, ENGINE_EXIT, thrown);
  }
  if (thrown instanceof PlanError && thrown.operation === 'logSyslog') {
    const why = `failed to initialize logging driver: ${thrown.message}`;
    return fail('System', `${name}: ${why}`, ENGINE_EXIT, thrown, 'is a syslog server listening there?');
  }
  const error = toEngineError(thrown);
  if (error.code === RUNTIME_FAILED) return delegatedFailure(name, command, error);
  return fail(error.kind, `${name}: ${error.message}`, ENGINE_EXIT, error, idmapHint(thrown));
}

/** Layers are shown, or a bind mount, with owners that a file system has to be able to map. */
function idmapHint(thrown: unknown): string | undefined {
  if (!(thrown instanceof PlanError) || !thrown.detail.endsWith('has no idmapped mounts')) return undefined;
  const needs = 'ext4, xfs, btrfs and others have them from Linux 5.19 on, tmpfs from 6.3 on';
  return thrown.operation === 'idmapOver'
    ? `${needs}: keep --data-root there, or make the container with --userns host`
    : `${needs}: leave the option idmap out`;
}

const ERRNO_WORDS = /no such file or directory|permission denied|is a directory|not a directory/gi;

/** dockerd's reading of what a runtime says (its translateContainerdStartErr): it has no other sign than the words. */
function delegatedFailure(name: string, command: string, error: EngineError): StartFailure {
  const told = `${name}: ${error.message}`;
  // The docker command line looks for the same words again, in lower case only: crun writes them as strerror(3) does.
  const message = told.replace(ERRNO_WORDS, (words) => words.toLowerCase());
  const isAboutProgram = message.includes(command) || message.includes('executable');
  const says = (...texts: string[]) => isAboutProgram && texts.some((text) => message.includes(text));
  if (says('executable file not found', 'no such file or directory')) {
    return fail('InvalidParameter', message, NOT_FOUND_EXIT, error);
  }
  if (says('permission denied', 'is a directory')) return fail('InvalidParameter', message, NOT_EXECUTABLE_EXIT, error);
  if (message.includes('not a directory')) {
    const mounts =
      'Are you trying to mount a directory onto a file (or vice-versa)? Check if the specified host path exists and is the expected type';
    return fail('InvalidParameter', `${message}: ${mounts}`, NOT_FOUND_EXIT, error);
  }
  // What is not about the program must not be read so.
  return fail(error.kind, told, ENGINE_EXIT, error);
}

function fail(
  kind: EngineError['kind'],
  message: string,
  exitCode: number,
  cause: EngineError,
  hint: string | undefined = cause.hint,
): StartFailure {
  return { error: new EngineError(kind, message, { code: cause.code, hint, cause }), exitCode };
}
