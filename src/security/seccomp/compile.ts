/**
 * Compiles a profile to classic BPF: a search tree over call numbers for each ABI, about 8 jumps deep.
 * The kernel runs the filter over every number once at load time to learn which calls it always allows (kernel/seccomp.c,
 * seccomp_cache_prepare, Linux 5.11), so a tree loads several times faster than a list, and the calls it allows without looking
 * at arguments are not filtered at all later.
 */
import { BackwardAssembler, type Target } from './assembler.ts';
import { DATA_ARCH, DATA_ARGS, DATA_NR, JMP_JEQ_K, JMP_JGE_K, JMP_JGT_K, RET_ALLOW, RET_KILL_PROCESS } from './bpf.ts';
import { type Comparison, decide, type Decision, type Range } from './decisions.ts';
import { filterFlags } from './flags.ts';
import { hasNotified, refuseUnanswerable, requireListener, unusedListener } from './listener.ts';
import { returnValue, type SeccompContext, selectArches, selectRules } from './select.ts';
import { AUDIT_ARCH_I386, AUDIT_ARCH_X86_64, X32_BIT } from './syscalls.ts';
import { unknownNames } from './unknown-names.ts';
import type { SeccompOperator, SeccompProfile, SeccompProgram } from './types.ts';

export type { SeccompContext } from './select.ts';

const low = (value: bigint): number => Number(value & 0xffff_ffffn);
const high = (value: bigint): number => Number(value >> 32n);

/** Offsets of the halves of an argument in struct seccomp_data, little-endian. */
const lowWord = (index: number): number => DATA_ARGS + index * 8;
const highWord = (index: number): number => DATA_ARGS + index * 8 + 4;

/** The word at `offset`, masked, equals `value`. */
function equalWord(
  asm: BackwardAssembler,
  offset: number,
  mask: number,
  value: number,
  yes: Target,
  no: Target,
): Target {
  const whole = mask === 0xffffffff;
  const test = asm.jump(JMP_JEQ_K, (value & mask) >>> 0, yes, whole ? asm.afterLoad(no, offset) : no);
  return asm.load(offset, whole ? test : asm.and(mask, test));
}

function equal(asm: BackwardAssembler, arg: Comparison, mask: bigint, value: bigint, yes: Target, no: Target): Target {
  let target = yes;
  // a half that the mask leaves out cannot differ
  if (low(mask) !== 0) target = equalWord(asm, lowWord(arg.index), low(mask), low(value), target, no);
  if (!arg.narrow && high(mask) !== 0)
    target = equalWord(asm, highWord(arg.index), high(mask), high(value), target, no);
  return target;
}

/** arg > value (JGT) or arg >= value (JGE), unsigned. */
function above(asm: BackwardAssembler, arg: Comparison, code: number, yes: Target, no: Target): Target {
  const offset = lowWord(arg.index);
  const lower = asm.jump(code, low(arg.value), asm.afterLoad(yes, offset), asm.afterLoad(no, offset));
  const loaded = asm.load(offset, lower);
  if (arg.narrow) return loaded;
  const tie = asm.jump(JMP_JEQ_K, high(arg.value), loaded, no);
  return asm.load(highWord(arg.index), asm.jump(JMP_JGT_K, high(arg.value), yes, tie));
}

const ALL_BITS = 0xffff_ffff_ffff_ffffn;

type Emit = (asm: BackwardAssembler, arg: Comparison, yes: Target, no: Target) => Target;

const COMPARE: Readonly<Record<SeccompOperator, Emit>> = {
  SCMP_CMP_EQ: (asm, arg, yes, no) => equal(asm, arg, ALL_BITS, arg.value, yes, no),
  SCMP_CMP_NE: (asm, arg, yes, no) => equal(asm, arg, ALL_BITS, arg.value, no, yes),
  SCMP_CMP_MASKED_EQ: (asm, arg, yes, no) => equal(asm, arg, arg.value, arg.valueTwo & arg.value, yes, no),
  SCMP_CMP_GT: (asm, arg, yes, no) => above(asm, arg, JMP_JGT_K, yes, no),
  SCMP_CMP_GE: (asm, arg, yes, no) => above(asm, arg, JMP_JGE_K, yes, no),
  SCMP_CMP_LT: (asm, arg, yes, no) => above(asm, arg, JMP_JGE_K, no, yes),
  SCMP_CMP_LE: (asm, arg, yes, no) => above(asm, arg, JMP_JGT_K, no, yes),
};

function emitDecision(asm: BackwardAssembler, decision: Decision): Target {
  let next: Target = { returns: decision.otherwise };
  for (const { when, returns } of decision.cases.toReversed()) {
    let target: Target = { returns };
    for (const arg of when.toReversed()) target = COMPARE[arg.op](asm, arg, target, next);
    next = target;
  }
  return next;
}

/**
 * How near to the root of the tree a range belongs. The kernel does not run the filter at all for calls that it always allows;
 * those that it has to look at each time, such as clone, should be found soon.
 */
function weightOf({ decision: { cases, otherwise } }: Range): number {
  if (cases.length > 0) return 16;
  return otherwise === RET_ALLOW ? 1 : 2;
}

/** Where [begin, end) is cut in two so that both parts weigh about the same; neither is empty. */
function cut(ranges: readonly Range[], begin: number, end: number): number {
  const weights = ranges.slice(begin, end).map(weightOf);
  const whole = weights.reduce((sum, weight) => sum + weight, 0);
  let best = 1;
  let left = 0;
  let smallest = Infinity;
  for (const [index, weight] of weights.slice(0, -1).entries()) {
    left += weight;
    const difference = Math.abs(whole - 2 * left);
    if (difference < smallest) [smallest, best] = [difference, index + 1];
  }
  return begin + best;
}

/** A search tree over ranges [begin, end), the parts of one ABI's number space. */
function emitTree(asm: BackwardAssembler, ranges: readonly Range[], begin: number, end: number): Target {
  const first = ranges[begin];
  if (first === undefined || end - begin === 1)
    return emitDecision(asm, first?.decision ?? { cases: [], otherwise: RET_KILL_PROCESS });
  const middle = cut(ranges, begin, end);
  const upper = emitTree(asm, ranges, middle, end);
  const lower = emitTree(asm, ranges, begin, middle);
  return asm.jump(JMP_JGE_K, ranges[middle]?.from ?? 0, upper, lower);
}

/**
 * The whole of one ABI. Numbers above all that the profile knows are told apart first: the kernel remembers none of them, so a
 * program that tries newer calls has the filter run each time. `next`: numbers from `from` on are another ABI's.
 */
function emitAbi(asm: BackwardAssembler, ranges: readonly Range[], next?: { from: number; target: Target }): Target {
  const last = ranges.at(-1);
  if (last === undefined) throw new Error('no numbers to decide');
  const future = emitDecision(asm, last.decision);
  const beyond = next === undefined ? future : asm.jump(JMP_JGE_K, next.from, next.target, future);
  if (ranges.length === 1) return beyond;
  return asm.jump(JMP_JGE_K, last.from, beyond, emitTree(asm, ranges, 0, ranges.length - 1));
}

/**
 * Numbers with the x32 bit, when x32 is not among the profile's architectures: no rule may judge them. -1 is not one of them:
 * it stands for a call that a tracer has skipped.
 */
function refuseX32(profile: SeccompProfile): Range[] {
  const skipped = returnValue(profile.defaultAction, profile.defaultErrnoRet);
  return [
    { from: X32_BIT, decision: { cases: [], otherwise: RET_KILL_PROCESS } },
    { from: 0xffffffff, decision: { cases: [], otherwise: skipped } },
  ];
}

/** Programs by profile and context: a start should not compile what the one before it has compiled. */
const compiled = new WeakMap<SeccompProfile, Map<string, SeccompProgram>>();
const MAX_CACHED = 64;

/**
 * Compiles the rules that hold in `context`. Throws EngineError InvalidParameter if the result would be over 4096
 * instructions, or for what a listener or this kernel cannot do.
 * Calls from an ABI that the profile does not name kill the process. The same profile object and context give the same program.
 */
export function compileSeccomp(profile: SeccompProfile, context: SeccompContext): SeccompProgram {
  const programs = compiled.get(profile) ?? new Map<string, SeccompProgram>();
  compiled.set(profile, programs);
  const key = `${context.arch} ${context.kernel.join('.')} ${context.caps.toSorted().join(' ')}`;
  let program = programs.get(key);
  if (program === undefined) {
    program = compile(profile, context);
    if (programs.size >= MAX_CACHED) programs.clear();
    programs.set(key, program);
  }
  return program;
}

function compile(profile: SeccompProfile, context: SeccompContext): SeccompProgram {
  const rules = selectRules(profile, context);
  refuseUnanswerable(profile, rules);
  const arches = selectArches(profile, context);
  const asm = new BackwardAssembler();
  const warnings = new Set([...(profile.warnings ?? []), ...unknownNames(rules)]);
  let notifies = false;
  const rangesOf = (arch: (typeof arches)[number], first: number): readonly Range[] => {
    const decisions = decide(profile, rules, arch, first);
    for (const warning of decisions.warnings) warnings.add(warning);
    notifies ||= hasNotified(decisions.ranges);
    return decisions.ranges;
  };

  let foreign: Target = { returns: RET_KILL_PROCESS };
  if (arches.includes('SCMP_ARCH_X86')) {
    const i386 = rangesOf('SCMP_ARCH_X86', 0);
    const tree = asm.load(DATA_NR, emitAbi(asm, i386));
    foreign = asm.jump(JMP_JEQ_K, AUDIT_ARCH_I386, tree, foreign);
  }
  const x32 = arches.includes('SCMP_ARCH_X32') ? rangesOf('SCMP_ARCH_X32', X32_BIT) : refuseX32(profile);
  const x32Tree = emitAbi(asm, x32);
  const x64 = rangesOf('SCMP_ARCH_X86_64', 0);
  const native = asm.load(DATA_NR, emitAbi(asm, x64, { from: X32_BIT, target: x32Tree }));
  const filter = asm.finish(asm.load(DATA_ARCH, asm.jump(JMP_JEQ_K, AUDIT_ARCH_X86_64, native, foreign)));

  const flags = filterFlags(profile, notifies, context);
  return {
    filter,
    flags: flags.bits,
    instructions: filter.byteLength / 8,
    listener: notifies ? requireListener(profile) : null,
    warnings: [...warnings, ...flags.warnings, ...unusedListener(profile, notifies)],
  };
}
