/** Reads a seccomp profile (`--security-opt seccomp=FILE`, or linux.seccomp of an OCI bundle) and says what is wrong in it. */
import { EngineError } from '../../errors.ts';
import {
  ARCH_NAMES,
  OPERATORS,
  type SeccompAction,
  type SeccompArch,
  type SeccompArg,
  type SeccompCondition,
  type SeccompFlag,
  type SeccompListener,
  type SeccompProfile,
  type SeccompRule,
} from './types.ts';
import { shownNames } from './unknown-names.ts';

const ACTIONS: readonly SeccompAction[] = [
  'SCMP_ACT_KILL',
  'SCMP_ACT_KILL_THREAD',
  'SCMP_ACT_KILL_PROCESS',
  'SCMP_ACT_TRAP',
  'SCMP_ACT_ERRNO',
  'SCMP_ACT_TRACE',
  'SCMP_ACT_LOG',
  'SCMP_ACT_NOTIFY',
  'SCMP_ACT_ALLOW',
];
/** The other actions have no number to return. */
const WITH_ERRNO: readonly SeccompAction[] = ['SCMP_ACT_ERRNO', 'SCMP_ACT_TRACE'];
const FLAGS: readonly SeccompFlag[] = [
  'SECCOMP_FILTER_FLAG_TSYNC',
  'SECCOMP_FILTER_FLAG_LOG',
  'SECCOMP_FILTER_FLAG_SPEC_ALLOW',
  'SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV',
];
const ARCHES = Object.keys(ARCH_NAMES) as SeccompArch[];

const U64_MAX = 0xffff_ffff_ffff_ffffn;
/** MAX_ERRNO of the kernel; SECCOMP_RET_ERRNO caps larger values to it. */
const ERRNO_MAX = 4095;

/** Integers arrive as bigint, so that 64-bit masks keep their lower bits. */
type Json = null | boolean | string | bigint | number | Json[] | { [key: string]: Json };
type JsonObject = { [key: string]: Json };
type JsonParse = (text: string, reviver: (key: string, value: Json, context: { source?: string }) => Json) => Json;

function fail(where: string, problem: string, cause?: unknown): never {
  const place = where === '' ? '' : `${where}: `;
  throw new EngineError('InvalidParameter', `invalid seccomp profile: ${place}${problem}`, {
    code: 'ESECCOMPPROFILE',
    hint: 'use the form of Docker\'s seccomp profiles: {"defaultAction": ..., "syscalls": [{"names": [...], "action": ...}]}',
    cause,
  });
}

function at(where: string, key: string): string {
  return where === '' ? key : `${where}.${key}`;
}

function objectOf(value: Json | undefined, where: string): JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return fail(where, 'must be an object');
  return value;
}

/** null and a missing field are the same, as for Go's decoder. */
function listOf<T>(
  from: JsonObject,
  key: string,
  where: string,
  read: (item: Json, where: string) => T,
): T[] | undefined {
  const value = from[key];
  if (value === undefined || value === null) return undefined;
  if (!Array.isArray(value)) return fail(at(where, key), 'must be a list');
  return value.map((item, index) => read(item, `${at(where, key)}[${index}]`));
}

function stringOf(value: Json | undefined, where: string): string {
  return typeof value === 'string' ? value : fail(where, 'must be a string');
}

/** A value as it was written, bounded; bigint is no JSON value to JSON.stringify, at no depth. */
function shown(value: Json): string {
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object' && value !== null) return 'an object';
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

function wordOf<T extends string>(known: readonly T[], kind: string): (value: Json | undefined, where: string) => T {
  return (value, where) => {
    const found = known.find((word) => word === value);
    if (found !== undefined) return found;
    const given = value === undefined ? 'is missing' : `${shown(value)} is not a ${kind}`;
    return fail(where, `${given}; known are ${known.join(', ')}`);
  };
}

function integerOf(value: Json | undefined, where: string, max: bigint): bigint {
  if (typeof value !== 'bigint' || value < 0n || value > max) return fail(where, `must be an integer from 0 to ${max}`);
  return value;
}

const actionOf = wordOf(ACTIONS, 'seccomp action');
const archOf = wordOf(ARCHES, 'seccomp architecture');

/** The spec (config-linux.md): "When the action doesn't support an errno, the runtime MUST print and error and fail." */
function errnoOf(from: JsonObject, key: string, where: string, action: SeccompAction): number | undefined {
  const value = from[key];
  if (value === undefined || value === null) return undefined;
  const errno = Number(integerOf(value, at(where, key), BigInt(ERRNO_MAX)));
  if (!WITH_ERRNO.includes(action))
    fail(at(where, key), `${action} returns no errno; only ${WITH_ERRNO.join(' and ')} do`);
  return errno;
}

function argOf(value: Json, where: string): SeccompArg {
  const from = objectOf(value, where);
  return {
    index: Number(integerOf(from['index'], at(where, 'index'), 5n)),
    value: integerOf(from['value'], at(where, 'value'), U64_MAX),
    valueTwo: integerOf(from['valueTwo'] ?? 0n, at(where, 'valueTwo'), U64_MAX),
    op: wordOf(OPERATORS, 'seccomp operator')(from['op'], at(where, 'op')),
  };
}

function kernelOf(value: Json | undefined, where: string): readonly [number, number] | undefined {
  if (value === undefined || value === null || value === '') return undefined;
  const match = /^(\d{1,5})\.(\d{1,5})$/.exec(stringOf(value, where));
  if (match === null) return fail(where, `${shown(value)} is not a kernel version of the form 4.8`);
  return [Number(match[1]), Number(match[2])];
}

function conditionOf(from: JsonObject, key: string, where: string): SeccompCondition | undefined {
  const value = from[key];
  if (value === undefined || value === null) return undefined;
  const here = at(where, key);
  const condition = objectOf(value, here);
  return {
    caps: listOf(condition, 'caps', here, stringOf),
    arches: listOf(condition, 'arches', here, stringOf),
    minKernel: kernelOf(condition['minKernel'], at(here, 'minKernel')),
  };
}

function ruleOf(value: Json, where: string): SeccompRule {
  const from = objectOf(value, where);
  const single =
    from['name'] === undefined || from['name'] === '' ? undefined : stringOf(from['name'], at(where, 'name'));
  const names = listOf(from, 'names', where, stringOf) ?? [];
  if (single !== undefined && names.length > 0) {
    fail(where, "both 'name' and 'names' are specified in the seccomp profile, use either 'name' or 'names'");
  }
  if (single === undefined && names.length === 0)
    fail(where, "no 'names': a rule must say which system calls it is for");
  const empty = names.indexOf('');
  if (empty !== -1) fail(`${at(where, 'names')}[${empty}]`, 'must not be empty');
  const action = actionOf(from['action'], at(where, 'action'));
  return {
    names: single === undefined ? names : [single],
    action,
    errnoRet: errnoOf(from, 'errnoRet', where, action),
    args: listOf(from, 'args', where, argOf),
    includes: conditionOf(from, 'includes', where),
    excludes: conditionOf(from, 'excludes', where),
  };
}

function decode(text: string): Json {
  const integer = /^-?\d+$/;
  try {
    return (JSON.parse as JsonParse)(text, (_key, value, context) =>
      typeof value === 'number' && integer.test(context.source ?? '') ? BigInt(context.source ?? '') : value,
    );
  } catch (thrown) {
    return fail('', `not JSON: ${thrown instanceof Error ? thrown.message : String(thrown)}`, thrown);
  }
}

/** sun_path of struct sockaddr_un, without its NUL. */
const SOCKET_PATH_MAX = 107;

function listenerOf(from: JsonObject): SeccompListener | undefined {
  const path = stringOf(from['listenerPath'] ?? '', 'listenerPath');
  const metadata = stringOf(from['listenerMetadata'] ?? '', 'listenerMetadata');
  if (path === '') return undefined;
  if (!path.startsWith('/') || path.includes('\0')) fail('listenerPath', 'must be the absolute path of a unix socket');
  if (Buffer.byteLength(path) > SOCKET_PATH_MAX) {
    fail('listenerPath', `is longer than ${SOCKET_PATH_MAX} bytes, the kernel's limit for a unix socket`);
  }
  return { path, metadata };
}

const FIELDS = 'defaultAction defaultErrnoRet archMap architectures flags listenerPath listenerMetadata syscalls'.split(
  ' ',
);
const RULE_FIELDS = 'name names action errnoRet args comment includes excludes'.split(' ');

/** Docker passes them over without a word; a misspelt one would leave open what it was to close. */
function unknownFields(from: JsonObject): string[] {
  const rules = Array.isArray(from['syscalls']) ? from['syscalls'] : [];
  const inRules = rules.flatMap((rule) => Object.keys(objectOf(rule, 'syscalls')));
  const names = [
    ...Object.keys(from).filter((name) => !FIELDS.includes(name)),
    ...inRules.filter((name) => !RULE_FIELDS.includes(name)).map((name) => `syscalls[].${name}`),
  ];
  return names.length === 0 ? [] : [`seccomp profile: fields that have no effect: ${shownNames(new Set(names))}`];
}

function warningsOf(from: JsonObject, listener: SeccompListener | undefined): string[] {
  const isLost = listener === undefined && Boolean(from['listenerMetadata']);
  return [
    ...unknownFields(from),
    ...(isLost ? ['seccomp profile: listenerMetadata has no effect without listenerPath'] : []),
  ];
}

/**
 * Parses the JSON text of a profile in Docker's or the OCI form.
 * Throws EngineError InvalidParameter that names the field.
 */
export function parseProfile(text: string): SeccompProfile {
  const from = objectOf(decode(text), '');
  const archMap = listOf(from, 'archMap', '', (item, where) => {
    const entry = objectOf(item, where);
    return {
      architecture: archOf(entry['architecture'], at(where, 'architecture')),
      subArchitectures: listOf(entry, 'subArchitectures', where, archOf) ?? [],
    };
  });
  const architectures = listOf(from, 'architectures', '', archOf);
  if ((archMap ?? []).length > 0 && (architectures ?? []).length > 0) {
    fail(
      '',
      "both 'architectures' and 'archMap' are specified in the seccomp profile, use either 'architectures' or 'archMap'",
    );
  }
  const defaultAction = actionOf(from['defaultAction'], 'defaultAction');
  const listener = listenerOf(from);
  return {
    defaultAction,
    defaultErrnoRet: errnoOf(from, 'defaultErrnoRet', '', defaultAction),
    archMap: archMap?.length ? archMap : undefined,
    architectures: architectures?.length ? architectures : undefined,
    flags: listOf(from, 'flags', '', wordOf(FLAGS, 'seccomp filter flag')),
    listener,
    syscalls: listOf(from, 'syscalls', '', ruleOf) ?? [],
    warnings: warningsOf(from, listener),
  };
}
