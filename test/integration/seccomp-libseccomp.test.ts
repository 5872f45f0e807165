/** The filters that isle compiles, beside those that libseccomp makes of the same policies: both run by the interpreter. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { DEFAULT_CAPABILITIES } from '../../src/security/capabilities.ts';
import { compileSeccomp, DEFAULT_PROFILE, loadFilter, type SeccompContext } from '../../src/security/seccomp/index.ts';
import { INT_ARGUMENTS, MULTIPLEXED, SYSCALLS } from '../../src/security/seccomp/syscalls.ts';
import { ABIS } from '../../src/security/seccomp/testdata/literal.ts';
import {
  ANY_POLICY,
  generator,
  pick,
  type PolicyShape,
  randomPolicy,
  randomValue,
} from '../../src/security/seccomp/testdata/random-policy.ts';
import type { SeccompProfile } from '../../src/security/seccomp/types.ts';
import { isKnownToLibseccomp, translate } from '../fixtures/libseccomp.ts';

const POLICIES = 150;
const CALLS = 800;

const multiplexed = new Set(Object.values(MULTIPLEXED).flatMap((calls) => [...calls.keys()]));
/**
 * Left out is where isle means to differ: `int` arguments (decision 9), and calls of i386 whose arguments a filter cannot see.
 * And calls that one of the ABIs does not have: libseccomp 2.5.4 then may forget to load the call's number.
 */
const COMPARABLE = ANY_POLICY.names.filter((name) => {
  const differs = INT_ARGUMENTS[name] !== undefined || multiplexed.has(name);
  return isKnownToLibseccomp(name) && !differs && ABIS.every(({ arch }) => SYSCALLS[arch].has(name));
});

const SHAPE: PolicyShape = { ...ANY_POLICY, names: COMPARABLE, conditions: false, plain: true };
/** libseccomp looks at the lower halves of the arguments of i386 and x32 only; in i386 there is nothing else. */
const NARROW: PolicyShape = { ...SHAPE, value: (next) => BigInt.asUintN(32, randomValue(next)) };
const WIDE: PolicyShape = {
  ...SHAPE,
  profile: { ...SHAPE.profile, architectures: ['SCMP_ARCH_X86_64'] },
};

describe('beside libseccomp', () => {
  let directory: string;
  before(async () => void (directory = await mkdtemp(join(tmpdir(), 'isle-libseccomp-'))));
  after(() => rm(directory, { recursive: true }));

  /** The newest call that the policy has a rule for, by ABI: beyond it isle, as runc, answers ENOSYS. */
  const newest = (profile: SeccompProfile, arch: keyof typeof SYSCALLS): number =>
    Math.max(...profile.syscalls.flatMap(({ names }) => names.map((name) => SYSCALLS[arch].get(name) ?? -1)));

  for (const [what, shape] of [
    ['32-bit values, three ABIs', NARROW],
    ['64-bit values, the native ABI', WIDE],
  ] as const) {
    it(`decides random calls under random policies alike: ${what}`, async () => {
      const context: SeccompContext = { caps: [], arch: 'x86_64', kernel: [6, 18] };
      const next = generator(shape === WIDE ? 7 : 3);
      const profiles = Array.from({ length: POLICIES }, () => randomPolicy(next, shape));
      const policies = profiles.map(
        (profile, index) => ({ profile, context, optimize: index % 2 === 0 ? 1 : 2 }) as const,
      );
      const filters = await translate(directory, policies);
      let compared = 0;
      const abis = ABIS.filter(({ arch }) => shape.profile.architectures?.includes(arch));
      for (const [index, profile] of profiles.entries()) {
        const ours = loadFilter(compileSeccomp(profile, context).filter);
        const theirs = loadFilter(filters[index] ?? assert.fail());
        for (let call = 0; call < CALLS; call++) {
          const abi = pick(next, abis);
          const rule = pick(next, profile.syscalls);
          const named = SYSCALLS[abi.arch].get(pick(next, rule.names)) ?? -1;
          const nr = next(3) === 0 || named < 0 ? abi.base + next(460) : named;
          if (nr > newest(profile, abi.arch)) continue;
          const values = (rule.args ?? []).map(({ value }) => value);
          const value = () => (values.length > 0 && next(2) === 0 ? pick(next, values) : shape.value(next));
          const data = { nr, arch: abi.audit, args: Array.from({ length: 6 }, value) };
          const [own, other] = [ours.run(data).value, theirs.run(data).value];
          compared++;
          assert.equal(own, other, `policy ${index}: ${abi.arch} ${nr}(${data.args.join(', ')})`);
        }
      }
      assert.ok(compared > 80_000, String(compared));
    });
  }

  it('decides every call under the default policy alike, but where decision 9 and socketcall differ', async () => {
    const context: SeccompContext = { caps: DEFAULT_CAPABILITIES, arch: 'x86_64', kernel: [6, 18] };
    const [filter] = await translate(directory, [{ profile: DEFAULT_PROFILE, context, optimize: 1 }]);
    const ours = loadFilter(compileSeccomp(DEFAULT_PROFILE, context).filter);
    const theirs = loadFilter(filter ?? assert.fail());
    const values = [0n, 1n, 2n, 8n, 37n, 38n, 39n, 40n, 41n, 0x20000n, 0x20008n, 0x10000000n, 0x7e020000n, 0xffffffffn];
    let compared = 0;
    for (const { arch, audit } of ABIS) {
      const names = [...SYSCALLS[arch]].filter(([name]) => isKnownToLibseccomp(name) && name !== 'socketcall');
      for (const [name, nr] of names) {
        for (const value of values) {
          const data = { nr, arch: audit, args: [value] };
          assert.equal(ours.run(data).value, theirs.run(data).value, `${arch} ${name}(${value})`);
          compared++;
        }
      }
    }
    assert.ok(compared > 10_000);
  });
});
