/** A policy read literally, rule by rule, with no ranges, trees or bytes: what the compiled filter is held against. */
import type { SeccompContext } from '../compile.ts';
import {
  AUDIT_ARCH_I386,
  AUDIT_ARCH_X86_64,
  INT_ARGUMENTS,
  type KnownArch,
  MULTIPLEXED,
  SYSCALLS,
  X32_BIT,
} from '../syscalls.ts';
import type { SeccompAction, SeccompArg, SeccompCondition, SeccompProfile, SeccompRule } from '../types.ts';

export const ABIS = [
  { arch: 'SCMP_ARCH_X86_64', audit: AUDIT_ARCH_X86_64, base: 0 },
  { arch: 'SCMP_ARCH_X32', audit: AUDIT_ARCH_X86_64, base: X32_BIT },
  { arch: 'SCMP_ARCH_X86', audit: AUDIT_ARCH_I386, base: 0 },
] as const;

const WORDS: Readonly<Record<SeccompAction, string>> = {
  SCMP_ACT_KILL: 'kill-thread 0',
  SCMP_ACT_KILL_THREAD: 'kill-thread 0',
  SCMP_ACT_KILL_PROCESS: 'kill-process 0',
  SCMP_ACT_TRAP: 'trap 0',
  SCMP_ACT_ERRNO: 'errno',
  SCMP_ACT_TRACE: 'trace',
  SCMP_ACT_LOG: 'log 0',
  SCMP_ACT_NOTIFY: 'user-notify 0',
  SCMP_ACT_ALLOW: 'allow 0',
};

function wordsOf(action: SeccompAction, errno: number | undefined): string {
  const words = WORDS[action];
  return words.includes(' ') ? words : `${words} ${errno ?? 1}`;
}

const LOW = (1n << 32n) - 1n;

/** Is the argument one of which the kernel reads 32 bits, and the rule's value one that 32 bits can hold, with or without sign? */
function isNarrow(name: string, arch: KnownArch, { index, op, value, valueTwo }: SeccompArg): boolean {
  if (arch !== 'SCMP_ARCH_X86' && INT_ARGUMENTS[name]?.includes(index) !== true) return false;
  const wanted = op === 'SCMP_CMP_MASKED_EQ' ? value & valueTwo : value;
  return wanted <= LOW || wanted >= (1n << 64n) - (1n << 31n);
}

function holds(name: string, arch: KnownArch, arg: SeccompArg, args: readonly bigint[]): boolean {
  const bits = isNarrow(name, arch, arg) ? LOW : (1n << 64n) - 1n;
  const seen = (args[arg.index] ?? 0n) & bits;
  const value = arg.value & bits;
  switch (arg.op) {
    case 'SCMP_CMP_EQ':
      return seen === value;
    case 'SCMP_CMP_NE':
      return seen !== value;
    case 'SCMP_CMP_LT':
      return seen < value;
    case 'SCMP_CMP_LE':
      return seen <= value;
    case 'SCMP_CMP_GT':
      return seen > value;
    case 'SCMP_CMP_GE':
      return seen >= value;
    default:
      return (seen & value) === (arg.valueTwo & value);
  }
}

function meant(condition: SeccompCondition | undefined, every: boolean, { caps, kernel }: SeccompContext): boolean {
  const newerThan = ([major, minor]: readonly [number, number]) => kernel[0] * 1000 + kernel[1] >= major * 1000 + minor;
  const answers: boolean[] = [];
  if (condition?.arches?.length) answers.push(condition.arches.includes('amd64'));
  if (condition?.minKernel) answers.push(newerThan(condition.minKernel));
  if (every) answers.push(...(condition?.caps ?? []).map((cap) => caps.includes(cap)));
  else answers.push((condition?.caps ?? []).some((cap) => caps.includes(cap)));
  return every ? answers.every(Boolean) : answers.some(Boolean);
}

/** Does the rule, for this name of it, apply to a call of this number with these arguments? `whole`: whatever they are. */
function applies(
  rule: SeccompRule,
  name: string,
  arch: KnownArch,
  nr: number,
  args: readonly bigint[],
): 'whole' | 'by-arguments' | 'no' {
  const compared = rule.args ?? [];
  if (SYSCALLS[arch].get(name) === nr) {
    if (compared.length === 0) return 'whole';
    const results = compared.map((arg) => holds(name, arch, arg, args));
    const isOnePerIndex = new Set(compared.map(({ index }) => index)).size === compared.length;
    return (isOnePerIndex ? results.every(Boolean) : results.some(Boolean)) ? 'by-arguments' : 'no';
  }
  if (arch !== 'SCMP_ARCH_X86') return 'no';
  // socketcall(2) and ipc(2): the call's own arguments cannot be seen, so a rule that permits by them permits nothing.
  if (compared.length > 0 && ['SCMP_ACT_ALLOW', 'SCMP_ACT_LOG', 'SCMP_ACT_TRACE'].includes(rule.action)) return 'no';
  return Object.entries(MULTIPLEXED).some(
    ([way, calls]) => SYSCALLS[arch].get(way) === nr && calls.get(name) === Number((args[0] ?? 0n) & 0xffffn),
  )
    ? 'by-arguments'
    : 'no';
}

/** Gives for a call the verdict's action and data, as the interpreter names them: "errno 38". */
export function readLiterally(
  profile: SeccompProfile,
  context: SeccompContext,
): (arch: KnownArch, nr: number, args: readonly bigint[]) => string {
  const otherwise = wordsOf(profile.defaultAction, profile.defaultErrnoRet);
  const rules = profile.syscalls.filter(
    (rule) => meant(rule.includes, true, context) && !meant(rule.excludes, false, context),
  );
  const named = rules.flatMap((rule) =>
    rule.names.map((name) => ({ rule, name, words: wordsOf(rule.action, rule.errnoRet) })),
  );
  // As in runc, a rule that says what the default says is no rule.
  const telling = named.filter(({ words }) => words !== otherwise);
  return (arch, nr, args) => {
    let decided: string | undefined;
    for (const { rule, name, words } of telling) {
      const how = applies(rule, name, arch, nr, args);
      if (how === 'whole') return words;
      if (how === 'by-arguments') decided ??= words;
    }
    if (decided !== undefined) return decided;
    const numbers = named.map(({ name }) => SYSCALLS[arch].get(name) ?? -1);
    const isNewer = numbers.some((number) => number >= 0) && numbers.every((number) => nr > number);
    return isNewer && !/^(allow|log|trace)/.test(otherwise) ? 'errno 38' : otherwise;
  };
}
