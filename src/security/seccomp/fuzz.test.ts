/** Random policies and calls: the compiled filter, run by the interpreter, against the policy read literally. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { compileSeccomp, type SeccompContext } from './compile.ts';
import { loadFilter } from './interpreter.ts';
import { SYSCALLS } from './syscalls.ts';
import { ABIS, readLiterally } from './testdata/literal.ts';
import {
  ANY_POLICY,
  generator,
  pick,
  type PolicyShape,
  type Random,
  randomPolicy,
  randomValue,
} from './testdata/random-policy.ts';
import type { SeccompProfile } from './types.ts';

const POLICIES = 240;
const CALLS = 500;
const CONTEXTS: readonly SeccompContext[] = [
  { caps: ['CAP_CHOWN'], arch: 'x86_64', kernel: [6, 18] },
  { caps: [], arch: 'x86_64', kernel: [4, 4] },
];

/** Mostly calls that the policy has rules for, with values that they compare with. */
function randomCall(next: Random, profile: SeccompProfile): { abi: (typeof ABIS)[number]; nr: number; args: bigint[] } {
  const abi = pick(next, ABIS);
  const rule = pick(next, profile.syscalls);
  const named = SYSCALLS[abi.arch].get(pick(next, rule.names)) ?? abi.base + next(500);
  const nr = next(4) === 0 ? abi.base + next(600) : Math.max(abi.base, named + next(5) - 2);
  const values = (rule.args ?? []).flatMap(({ value, valueTwo }) => [value, valueTwo]);
  const given = () =>
    values.length > 0 && next(2) === 0 ? pick(next, values) + BigInt(next(3)) - 1n : randomValue(next);
  const bits = abi.arch === 'SCMP_ARCH_X86' ? 32 : 64;
  return {
    abi,
    nr,
    args: Array.from({ length: 6 }, () => BigInt.asUintN(bits, next(5) === 0 ? BigInt(next(40)) : given())),
  };
}

/** The filter's length; what was decided is counted in `seen`. */
function check(next: Random, shape: PolicyShape, seed: number, seen: Map<string, number>): number {
  const profile = randomPolicy(next, shape);
  const context = pick(next, CONTEXTS);
  const filter = loadFilter(compileSeccomp(profile, context).filter);
  const literally = readLiterally(profile, context);
  for (let call = 0; call < CALLS; call++) {
    const { abi, nr, args } = randomCall(next, profile);
    const { action, data } = filter.run({ nr, arch: abi.audit, args });
    const expected = literally(abi.arch, nr, args);
    if (`${action} ${data}` !== expected)
      assert.fail(`seed ${seed}: ${abi.arch} ${nr}(${args.join(', ')}): ${action} ${data}, not ${expected}`);
    seen.set(action, (seen.get(action) ?? 0) + 1);
  }
  return filter.instructions.length;
}

describe('random policies', () => {
  it(`decide ${POLICIES * CALLS} random calls as they literally say, on all three ABIs`, () => {
    const seen = new Map<string, number>();
    const lengths = Array.from({ length: POLICIES }, (_, seed) => check(generator(seed), ANY_POLICY, seed, seen));
    assert.ok(Math.max(...lengths) > 600, 'some need jumps over more than 255 instructions');
    for (const action of ['allow', 'errno', 'user-notify', 'kill-thread', 'kill-process', 'trap', 'trace', 'log']) {
      assert.ok((seen.get(action) ?? 0) > 500, `${action}: ${seen.get(action)}`);
    }
  });
});
