/** Rules by name -> what each system call number of one ABI gets. */
import { RET_ALLOW, RET_ERRNO, RET_LOG, RET_TRACE } from './bpf.ts';
import { returnValue } from './select.ts';
import { INT_ARGUMENTS, type KnownArch, MULTIPLEXED, SYSCALLS } from './syscalls.ts';
import type { SeccompArg, SeccompProfile, SeccompRule } from './types.ts';

const ENOSYS = 38;
const RETURN_ENOSYS = RET_ERRNO | ENOSYS;

/** An argument comparison; `narrow` compares only the lower 32 bits, which are all that the kernel looks at. */
export interface Comparison extends SeccompArg {
  readonly narrow: boolean;
}

/** What one call number gets: the first case whose comparisons all hold, or else `otherwise`. */
export interface Decision {
  readonly cases: readonly { readonly when: readonly Comparison[]; readonly returns: number }[];
  readonly otherwise: number;
}

/** A decision for every number from `from` up to the next range's. */
export interface Range {
  readonly from: number;
  readonly decision: Decision;
}

export interface AbiDecisions {
  /** ascending; the first one starts at the ABI's first number */
  readonly ranges: readonly Range[];
  readonly warnings: readonly string[];
}

interface Draft {
  unconditional: number | undefined;
  readonly cases: { when: Comparison[]; returns: number }[];
}

function isPermissive(returns: number): boolean {
  const action = (returns & 0xffff0000) >>> 0;
  return action === RET_ALLOW || action === RET_LOG || action === RET_TRACE;
}

/** Can the comparison be made with 32 bits? Its value must be a 32-bit one, zero- or sign-extended. */
function fitsInt(arg: SeccompArg): boolean {
  const value = arg.op === 'SCMP_CMP_MASKED_EQ' ? arg.value & arg.valueTwo : arg.value;
  return BigInt.asUintN(32, value) === value || BigInt.asUintN(64, BigInt.asIntN(32, value)) === value;
}

function comparison(name: string, arch: KnownArch, arg: SeccompArg): Comparison {
  // A name may be `toString`.
  const ints = Object.hasOwn(INT_ARGUMENTS, name) ? INT_ARGUMENTS[name] : [];
  const isInt = arch === 'SCMP_ARCH_X86' || ints?.includes(arg.index) === true;
  return { ...arg, narrow: isInt && fitsInt(arg) };
}

/** Several comparisons of one argument are alternatives, as runc makes of them; otherwise all must hold. */
function alternatives(args: readonly Comparison[]): Comparison[][] {
  const indexes = new Set(args.map((arg) => arg.index));
  return indexes.size === args.length ? [[...args]] : args.map((arg) => [arg]);
}

function addRule(draft: Draft, when: Comparison[][], returns: number): void {
  if (when.length === 0) draft.unconditional ??= returns;
  else draft.cases.push(...when.map((conjunction) => ({ when: conjunction, returns })));
}

/**
 * i386 programs may reach a call through socketcall(2) or ipc(2), whose own arguments lie in memory that a filter cannot
 * read. An unconditional rule applies to that way too; of the conditional ones only those that refuse do.
 */
function addMultiplexed(drafts: Map<number, Draft>, name: string, rule: SeccompRule, returns: number): void {
  if (rule.args?.length && isPermissive(returns)) return;
  for (const [multiplexer, calls] of Object.entries(MULTIPLEXED)) {
    const value = calls.get(name);
    const number = SYSCALLS.SCMP_ARCH_X86.get(multiplexer);
    if (value === undefined || number === undefined) continue;
    // ipc's first argument carries a version in its upper 16 bits
    const arg = { index: 0, op: 'SCMP_CMP_MASKED_EQ', value: 0xffffn, valueTwo: BigInt(value), narrow: true } as const;
    addRule(draftFor(drafts, number), [[arg]], returns);
  }
}

function draftFor(drafts: Map<number, Draft>, number: number): Draft {
  let draft = drafts.get(number);
  if (draft === undefined) {
    draft = { unconditional: undefined, cases: [] };
    drafts.set(number, draft);
  }
  return draft;
}

/** libseccomp's precedence: a rule without arguments covers the call wholly, the first such rule counts. */
function settle(draft: Draft, otherwise: number): Decision {
  return draft.unconditional === undefined
    ? { cases: draft.cases, otherwise }
    : { cases: [], otherwise: draft.unconditional };
}

function overridden(name: string, draft: Draft): string | undefined {
  const lost = draft.cases.some((item) => item.returns !== draft.unconditional);
  if (draft.unconditional === undefined || !lost) return undefined;
  return `seccomp profile: the rules with arguments for \`${name}\` have no effect, because a rule without arguments covers it too`;
}

function sameConstant(left: Decision, right: Decision): boolean {
  return left.cases.length === 0 && right.cases.length === 0 && left.otherwise === right.otherwise;
}

function toRanges(
  drafts: ReadonlyMap<number, Draft>,
  first: number,
  newest: number,
  otherwise: number,
  beyond: number,
): Range[] {
  const unlisted: Decision = { cases: [], otherwise };
  const ranges: Range[] = [{ from: first, decision: unlisted }];
  const add = (from: number, decision: Decision): void => {
    if (ranges.at(-1)?.from === from) ranges.pop();
    const previous = ranges.at(-1);
    if (previous === undefined || !sameConstant(previous.decision, decision)) ranges.push({ from, decision });
  };
  for (const number of [...drafts.keys()].toSorted((a, b) => a - b)) {
    const draft = drafts.get(number);
    if (draft === undefined) continue;
    add(number, settle(draft, otherwise));
    add(number + 1, unlisted);
  }
  add(Math.max(first, newest, ...drafts.keys()) + 1, { cases: [], otherwise: beyond });
  return ranges;
}

/**
 * Decides every number of one ABI from `first` on. As in runc, numbers above the newest call that the profile names get
 * ENOSYS if the default refuses, so that programs fall back to an older call instead of giving up on EPERM.
 */
export function decide(
  profile: SeccompProfile,
  rules: readonly SeccompRule[],
  arch: KnownArch,
  first: number,
): AbiDecisions {
  const table = SYSCALLS[arch];
  const otherwise = returnValue(profile.defaultAction, profile.defaultErrnoRet);
  const drafts = new Map<number, Draft>();
  let newest = -1;
  for (const rule of rules) {
    const returns = returnValue(rule.action, rule.errnoRet);
    for (const name of rule.names) {
      const number = table.get(name);
      newest = Math.max(newest, number ?? -1);
      // a rule that repeats the default is left out, as in runc: it must not stand before one that differs
      if (returns === otherwise) continue;
      const when = alternatives((rule.args ?? []).map((arg) => comparison(name, arch, arg)));
      if (number !== undefined) addRule(draftFor(drafts, number), rule.args?.length ? when : [], returns);
      if (arch === 'SCMP_ARCH_X86') addMultiplexed(drafts, name, rule, returns);
    }
  }
  const beyond = isPermissive(otherwise) || newest === -1 ? otherwise : RETURN_ENOSYS;
  const numbers = new Map([...table].map(([name, number]) => [number, name]));
  const warnings = [...drafts].map(([number, draft]) => overridden(numbers.get(number) ?? String(number), draft));
  return {
    ranges: toRanges(drafts, first, newest, otherwise, beyond),
    warnings: warnings.filter((warning) => warning !== undefined),
  };
}
