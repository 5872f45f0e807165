import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { compileSeccomp, DEFAULT_PROFILE, ociSeccomp, parseProfile } from './index.ts';

const CONTEXT = { caps: ['CAP_CHOWN'], arch: 'x86_64', kernel: [6, 1] } as const;
const exact = JSON as unknown as { rawJSON(text: string): unknown };
const written = (value: unknown): string =>
  JSON.stringify(value, (_key, entry: unknown) => (typeof entry === 'bigint' ? exact.rawJSON(String(entry)) : entry));

describe("the default policy in the spec's form", () => {
  for (const caps of [[], ['CAP_SYS_ADMIN'], ['CAP_BPF', 'CAP_SYS_PTRACE']]) {
    it(`compiles to the same filter as the profile, with ${caps.join(' and ') || 'no capability'}`, () => {
      const context = { ...CONTEXT, caps };
      const resolved = parseProfile(written(ociSeccomp(DEFAULT_PROFILE, context)));
      assert.deepEqual(
        // No condition is left: the context of another container must not change it.
        compileSeccomp(resolved, CONTEXT).filter,
        compileSeccomp(DEFAULT_PROFILE, context).filter,
      );
    });
  }

  it('has no conditions, and the architectures of this machine only', () => {
    const { architectures, syscalls, defaultErrnoRet } = ociSeccomp(DEFAULT_PROFILE, CONTEXT);
    assert.deepEqual(architectures.toSorted(), ['SCMP_ARCH_X32', 'SCMP_ARCH_X86', 'SCMP_ARCH_X86_64']);
    assert.equal(defaultErrnoRet, 1);
    for (const rule of syscalls) assert.ok(!('includes' in rule) && !('excludes' in rule));
    assert.ok(!syscalls.some(({ names }) => names.includes('mount')));
  });

  it('keeps the listener of a profile', () => {
    const listener = { path: '/run/agent.sock', metadata: 'of mine' };
    const { listenerPath, listenerMetadata } = ociSeccomp({ ...DEFAULT_PROFILE, listener }, CONTEXT);
    assert.deepEqual([listenerPath, listenerMetadata], ['/run/agent.sock', 'of mine']);
    const resolved = ociSeccomp({ ...DEFAULT_PROFILE, listener: { ...listener, metadata: '' } }, CONTEXT);
    assert.deepEqual(parseProfile(written(resolved)).listener, { path: '/run/agent.sock', metadata: '' });
  });

  it('keeps flags and errors of a profile', () => {
    const profile = parseProfile(
      '{"defaultAction":"SCMP_ACT_ALLOW","flags":["SECCOMP_FILTER_FLAG_LOG"],"syscalls":[{"names":["kill"],"action":"SCMP_ACT_ERRNO","errnoRet":95}]}',
    );
    const { flags, syscalls } = ociSeccomp(profile, CONTEXT);
    assert.deepEqual(flags, ['SECCOMP_FILTER_FLAG_LOG']);
    assert.equal(syscalls[0]?.errnoRet, 95);
  });
});
