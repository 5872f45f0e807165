import { getSystemErrorMap } from 'node:util';
import { EngineError } from '../errors.ts';
import { describeOp } from './plan/describe.ts';
import type { OpName, Plan, PlanOp } from './plan/table.ts';

const ERRNO_NAMES: ReadonlyMap<number, readonly [name: string, message: string]> = new Map(
  [...getSystemErrorMap()].map(([code, entry]) => [-code, entry]),
);

/** Errnos that Node has no name for but that the start path meets. */
const MORE_ERRNOS: Readonly<Record<number, readonly [string, string]>> = {
  8: ['ENOEXEC', 'exec format error'],
  10: ['ECHILD', 'no child processes'],
  15: ['ENOTBLK', 'block device required'],
  74: ['EBADMSG', 'bad message'],
  117: ['EUCLEAN', 'structure needs cleaning'],
  122: ['EDQUOT', 'disk quota exceeded'],
};

/** 2 -> "ENOENT". A number that has no name stays one: "errno 999". */
export function errnoName(errno: number): string {
  return (ERRNO_NAMES.get(errno) ?? MORE_ERRNOS[errno])?.[0] ?? `errno ${errno}`;
}

/** 2 -> "ENOENT (no such file or directory)". */
export function errnoText(errno: number): string {
  const entry = ERRNO_NAMES.get(errno) ?? MORE_ERRNOS[errno];
  return entry === undefined ? `errno ${errno}` : `${entry[0]} (${entry[1]})`;
}

/** What islet answered: opIndex is the index in Plan.ops or -1, detail a path or the kernel's own text. */
export interface PlanFailure {
  readonly opIndex: number;
  readonly errno: number;
  readonly detail: string;
}

/** The object an operation is about, in the order in which its fields say it best. */
function objectOf(op: PlanOp): string {
  const args: Readonly<Record<string, unknown>> = op.args;
  for (const field of ['target', 'path', 'source', 'name']) {
    const value = args[field];
    // A link's path is what was to be made, its target only text.
    if (typeof value === 'string' && value !== '' && !(op.op === 'symlinkIn' && field === 'target')) return value;
  }
  return op.op === 'exec' ? (op.args.argv[0] ?? '') : '';
}

const ENOENT = 2;
const LOAD_PROFILE = 'load it with "apparmor_parser --replace FILE", or ask for no profile';

/** The AppArmor profile that the kernel was asked for and does not have; null: the failure is another one. */
function missingProfile(op: PlanOp | undefined, errno: number): string | null {
  if (op?.op !== 'writeSelf' || errno !== ENOENT) return null;
  return new TextDecoder().decode(op.args.data).replace(/^exec /, '');
}

/** Of an operation that writes several kernel files, the one that failed: most of the others were not asked for by anybody. */
function failedPart(op: PlanOp, detail: string): PlanOp {
  if (op.op !== 'writeProc') return op;
  const { files } = op.args;
  const at = files.findIndex((path, index) => index % 2 === 0 && path === detail);
  return at < 0 ? op : { ...op, args: { files: files.slice(at, at + 2) } };
}

function messageOf(op: PlanOp | undefined, path: string, failure: PlanFailure): string {
  const reason = errnoText(failure.errno);
  const profile = missingProfile(op, failure.errno);
  // As runc begins: it is what people look for.
  if (profile !== null) return `unable to apply apparmor profile: the kernel has no profile "${profile}": ${reason}`;
  const part = op === undefined ? undefined : failedPart(op, failure.detail);
  const isNamed = failure.detail === '' || failure.detail === path || part !== op;
  const detail = isNamed ? '' : `: ${failure.detail}`;
  if (part === undefined) return `cannot start the container: ${failure.detail || 'the plan was refused'}: ${reason}`;
  return `cannot ${describeOp(part)}: ${reason}${detail}`;
}

const HINTS: Partial<Record<OpName, string>> = {
  seccompListener:
    'listenerPath of the seccomp profile names the socket: the process that is to decide has to listen there',
};

/** What move_mount(2) says of a directory on a file (ENOTDIR) and of a file on a directory (EINVAL). */
const KINDS_DIFFER: readonly string[] = ['ENOTDIR', 'EINVAL'];

function hintOf(op: PlanOp | undefined, errno: string): string | undefined {
  if (errno === 'ECHILD')
    return 'most likely the kernel killed it: for its memory (no program starts below some MiB of limit), or by its seccomp filter';
  if (op === undefined) return undefined;
  if (op.op === 'writeProc' && errno === 'ENOENT') return 'the kernel has no such sysctl inside a container';
  if (op.op !== 'mountBind' || !KINDS_DIFFER.includes(errno)) return HINTS[op.op];
  return 'a directory can only be shown at a directory, and a file at a file: compare the source and what the image has there';
}

/** An operation of a plan failed in islet; nothing of the plan is left. `code` is the errno's name. */
export class PlanError extends EngineError {
  /** Group of the operation ("mounts", "network"), '' when the plan failed as a whole. */
  readonly step: string;
  readonly operation: string;
  readonly path: string;
  /** Name, such as "ENOENT". */
  readonly errno: string;
  readonly opIndex: number;
  readonly detail: string;
  /** The AppArmor profile that the kernel does not have, if it failed for that. */
  readonly missingProfile: string | null;

  constructor(plan: Plan, failure: PlanFailure) {
    const op = failure.opIndex < 0 ? undefined : plan.ops[failure.opIndex];
    const path = op === undefined ? '' : objectOf(op);
    const errno = errnoName(failure.errno);
    const profile = missingProfile(op, failure.errno);
    const hint = profile === null ? hintOf(op, errno) : LOAD_PROFILE;
    super('System', messageOf(op, path, failure), { code: errno, hint });
    this.name = 'PlanError';
    this.step = op?.step ?? '';
    this.operation = op?.op ?? '';
    this.path = path;
    this.errno = errno;
    this.opIndex = failure.opIndex;
    this.detail = failure.detail;
    this.missingProfile = profile;
  }
}
