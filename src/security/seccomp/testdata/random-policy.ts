/** Policies of all kinds, made with a seed so that a failure can be repeated. */
import assert from 'node:assert/strict';
import { SYSCALLS } from '../syscalls.ts';
import {
  OPERATORS,
  type SeccompAction,
  type SeccompArg,
  type SeccompCondition,
  type SeccompProfile,
  type SeccompRule,
} from '../types.ts';

export type Random = (below: number) => number;

/** mulberry32 */
export function generator(seed: number): Random {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

export function pick<T>(next: Random, from: readonly T[]): T {
  return from[next(from.length)] ?? assert.fail('an empty list');
}

/** Around the edges of 32 and 64 bits. */
const EDGES = [
  '0',
  '1',
  '2',
  '5',
  '0x7fffffff',
  '0x80000000',
  '0xffffffff',
  '0x100000000',
  '0x100000005',
  '0xffffffff00000000',
]
  .concat(['0x8000000000000000', '0xffffffff80000000', '0xfffffffffffffffe', '0xffffffffffffffff'])
  .map(BigInt);

export function randomValue(next: Random): bigint {
  return BigInt.asUintN(64, pick(next, EDGES) + BigInt(next(3)) - 1n);
}

export interface PolicyShape {
  readonly names: readonly string[];
  readonly defaults: readonly SeccompAction[];
  readonly actions: readonly SeccompAction[];
  readonly value: (next: Random) => bigint;
  /** Rules by a condition on capabilities, architecture or kernel. */
  readonly conditions: boolean;
  /**
   * One rule for a call, with comparisons of several arguments at most, or several with one action that compare one argument
   * for equality: libseccomp 2.5 mixes up what goes beyond that.
   */
  readonly plain: boolean;
  readonly profile: Partial<SeccompProfile>;
}

const ALL_NAMES = [...new Set(Object.values(SYSCALLS).flatMap((table) => [...table.keys()]))];

/** Everything that a profile can say. write is left out, on which no listener can decide. */
export const ANY_POLICY: PolicyShape = {
  names: ALL_NAMES.filter((name) => name !== 'write'),
  defaults: [
    'SCMP_ACT_ALLOW',
    'SCMP_ACT_ERRNO',
    'SCMP_ACT_KILL',
    'SCMP_ACT_LOG',
    'SCMP_ACT_TRACE',
    'SCMP_ACT_KILL_PROCESS',
  ],
  actions: [
    'SCMP_ACT_ALLOW',
    'SCMP_ACT_ERRNO',
    'SCMP_ACT_NOTIFY',
    'SCMP_ACT_KILL_THREAD',
    'SCMP_ACT_TRAP',
    'SCMP_ACT_TRACE',
    'SCMP_ACT_LOG',
  ],
  value: randomValue,
  conditions: true,
  plain: false,
  profile: {
    listener: { path: '/run/agent.sock', metadata: '' },
    architectures: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32'],
  },
};

function randomArg(next: Random, { value }: PolicyShape, index: number): SeccompArg {
  return { index, op: pick(next, OPERATORS), value: value(next), valueTwo: value(next) };
}

type Args = readonly SeccompArg[] | undefined;

/** The comparisons of all rules for one call. */
function randomArgs(next: Random, shape: PolicyShape): Args[] {
  const some = (index: () => number): SeccompArg[] =>
    Array.from({ length: 1 + next(3) }, () => randomArg(next, shape, index()));
  if (!shape.plain) return Array.from({ length: 1 + next(4) }, () => (next(2) === 0 ? undefined : some(() => next(4))));
  if (next(3) === 0) return [undefined];
  const first = next(4);
  if (next(2) === 0) return some(() => first).map((arg) => [{ ...arg, op: 'SCMP_CMP_EQ' }]);
  let index = first - 1;
  return [some(() => (index = (index + 1) % 6))];
}

function randomCondition(next: Random): SeccompCondition {
  const kinds: readonly SeccompCondition[] = [
    { caps: ['CAP_CHOWN'] },
    { caps: ['CAP_CHOWN', 'CAP_BPF'] },
    { arches: ['amd64', 's390'] },
    { arches: ['arm64'] },
    { minKernel: [4, 8] },
    { minKernel: [7, 0] },
  ];
  return pick(next, kinds);
}

function action(next: Random, from: readonly SeccompAction[]): Pick<SeccompRule, 'action' | 'errnoRet'> {
  const chosen = pick(next, from);
  const hasErrno = chosen === 'SCMP_ACT_ERRNO' || chosen === 'SCMP_ACT_TRACE';
  return { action: chosen, errnoRet: hasErrno && next(3) > 0 ? 1 + next(90) : undefined };
}

export function randomPolicy(next: Random, shape: PolicyShape): SeccompProfile {
  const fallback = action(next, shape.defaults);
  const syscalls: SeccompRule[] = [];
  const some = Array.from({ length: 1 + next(40) }, () => pick(next, shape.names));
  for (const name of new Set(some)) {
    const shared = action(next, shape.actions);
    for (const args of randomArgs(next, shape)) {
      syscalls.push({
        names: next(4) === 0 && !shape.plain ? [name, pick(next, shape.names)] : [name],
        ...(shape.plain ? shared : action(next, shape.actions)),
        args,
        includes: shape.conditions && next(6) === 0 ? randomCondition(next) : undefined,
        excludes: shape.conditions && next(6) === 0 ? randomCondition(next) : undefined,
      });
    }
  }
  return { ...shape.profile, defaultAction: fallback.action, defaultErrnoRet: fallback.errnoRet, syscalls };
}
