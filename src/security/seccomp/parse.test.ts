import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EngineError } from '../../errors.ts';
import { parseProfile } from './parse.ts';

const parse = (profile: unknown) => parseProfile(JSON.stringify(profile));
const rule = (more: object) => ({
  defaultAction: 'SCMP_ACT_ERRNO',
  syscalls: [{ names: ['read'], action: 'SCMP_ACT_ALLOW', ...more }],
});

describe('parseProfile', () => {
  it("reads Docker's form with conditions and architectures", () => {
    const profile = parse({
      defaultAction: 'SCMP_ACT_ERRNO',
      defaultErrnoRet: 1,
      archMap: [{ architecture: 'SCMP_ARCH_RISCV64', subArchitectures: null }],
      syscalls: [
        {
          names: ['clone'],
          action: 'SCMP_ACT_ALLOW',
          args: [{ index: 0, value: 2114060288, op: 'SCMP_CMP_MASKED_EQ' }],
          comment: 'not used',
          includes: { minKernel: '4.8', arches: ['amd64'] },
          excludes: { caps: ['CAP_SYS_ADMIN'] },
        },
      ],
    });
    assert.deepEqual(profile.archMap, [{ architecture: 'SCMP_ARCH_RISCV64', subArchitectures: [] }]);
    const [only] = profile.syscalls;
    assert.deepEqual(only?.args, [{ index: 0, value: 2114060288n, valueTwo: 0n, op: 'SCMP_CMP_MASKED_EQ' }]);
    assert.deepEqual(only?.includes, { caps: undefined, arches: ['amd64'], minKernel: [4, 8] });
    assert.deepEqual(only?.excludes?.caps, ['CAP_SYS_ADMIN']);
  });

  it('reads the old form with one name a rule, and the OCI form', () => {
    assert.deepEqual(
      parse({ defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ name: 'chmod', action: 'SCMP_ACT_ERRNO' }] }).syscalls[0]
        ?.names,
      ['chmod'],
    );
    const oci = parse({
      defaultAction: 'SCMP_ACT_ALLOW',
      architectures: ['SCMP_ARCH_X86_64'],
      flags: ['SECCOMP_FILTER_FLAG_LOG'],
      syscalls: null,
    });
    assert.deepEqual(oci.architectures, ['SCMP_ARCH_X86_64']);
    assert.deepEqual(oci.flags, ['SECCOMP_FILTER_FLAG_LOG']);
    assert.deepEqual(oci.syscalls, []);
  });

  it('keeps all 64 bits of a value', () => {
    const text =
      '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mmap"],"action":"SCMP_ACT_LOG","args":[{"index":5,"value":18446744073709551615,"valueTwo":9007199254740993,"op":"SCMP_CMP_NE"}]}]}';
    assert.deepEqual(parseProfile(text).syscalls[0]?.args?.[0], {
      index: 5,
      value: 18446744073709551615n,
      valueTwo: 9007199254740993n,
      op: 'SCMP_CMP_NE',
    });
  });

  const refused: [string, unknown, RegExp][] = [
    ['no object', [1], /must be an object/],
    ['no default action', { syscalls: [] }, /defaultAction: is missing; known are SCMP_ACT_KILL,/],
    ['an unknown action', rule({ action: 'ALLOW' }), /syscalls\[0\]\.action: "ALLOW" is not a seccomp action/],
    [
      'an unknown operator',
      rule({ args: [{ index: 0, value: 1, op: '==' }] }),
      /syscalls\[0\]\.args\[0\]\.op: "==" is not a seccomp operator/,
    ],
    [
      'an argument that no call has',
      rule({ args: [{ index: 6, value: 1, op: 'SCMP_CMP_EQ' }] }),
      /args\[0\]\.index: must be an integer from 0 to 5/,
    ],
    [
      'a negative value',
      rule({ args: [{ index: 0, value: -1, op: 'SCMP_CMP_EQ' }] }),
      /args\[0\]\.value: must be an integer from 0/,
    ],
    [
      'a fraction',
      rule({ args: [{ index: 0, value: 1.5, op: 'SCMP_CMP_EQ' }] }),
      /args\[0\]\.value: must be an integer/,
    ],
    [
      'an errno that is none',
      rule({ action: 'SCMP_ACT_ERRNO', errnoRet: 70000 }),
      /syscalls\[0\]\.errnoRet: must be an integer from 0 to 4095/,
    ],
    [
      'an errno for an action that returns none',
      rule({ errnoRet: 1 }),
      /syscalls\[0\]\.errnoRet: SCMP_ACT_ALLOW returns no/,
    ],
    [
      'a default errno likewise',
      { defaultAction: 'SCMP_ACT_KILL', defaultErrnoRet: 1 },
      /profile: defaultErrnoRet: SCMP_ACT_KILL returns no errno/,
    ],
    [
      'a listener without an absolute path',
      { ...rule({}), listenerPath: 'agent.sock' },
      /listenerPath: must be the absolute path of a unix socket/,
    ],
    [
      'a path that no socket can have',
      { ...rule({}), listenerPath: `/${'x'.repeat(107)}` },
      /listenerPath: is longer than 107 bytes/,
    ],
    ['name and names', rule({ name: 'write' }), /both 'name' and 'names' are specified/],
    ['a rule for nothing', rule({ names: [] }), /no 'names'/],
    ['an empty name', rule({ names: ['read', ''] }), /names\[1\]: must not be empty/],
    ['names that are no list', rule({ names: 'read' }), /syscalls\[0\]\.names: must be a list/],
    [
      'a kernel version that is none',
      rule({ includes: { minKernel: 'new' } }),
      /includes\.minKernel: "new" is not a kernel version/,
    ],
    [
      'an unknown architecture',
      { defaultAction: 'SCMP_ACT_ALLOW', architectures: ['x86_64'] },
      /architectures\[0\]: "x86_64" is not a seccomp architecture/,
    ],
    [
      'an object with numbers in it for a word',
      { defaultAction: 'SCMP_ACT_ALLOW', architectures: [{ a: { b: 1 } }] },
      /architectures\[0\]: an object is not a seccomp architecture/,
    ],
    [
      'an unknown flag',
      { defaultAction: 'SCMP_ACT_ALLOW', flags: ['FAST'] },
      /flags\[0\]: "FAST" is not a seccomp filter flag/,
    ],
    [
      'architectures and archMap',
      {
        defaultAction: 'SCMP_ACT_ALLOW',
        architectures: ['SCMP_ARCH_X86'],
        archMap: [{ architecture: 'SCMP_ARCH_X86' }],
      },
      /both 'architectures' and 'archMap'/,
    ],
  ];
  for (const [what, profile, message] of refused) {
    it(`refuses ${what} and says where`, () => {
      assert.throws(
        () => parse(profile),
        (error: unknown) =>
          error instanceof EngineError &&
          error.kind === 'InvalidParameter' &&
          message.test(error.message) &&
          error.hint !== undefined,
      );
    });
  }

  it('refuses text that is not JSON', () => {
    assert.throws(() => parseProfile('{"defaultAction": '), /invalid seccomp profile: not JSON: /);
  });

  it('reads who is the listener', () => {
    const profile = parse({
      ...rule({ action: 'SCMP_ACT_NOTIFY' }),
      listenerPath: '/run/agent.sock',
      listenerMetadata: 'a\n"b"',
    });
    assert.deepEqual(profile.listener, { path: '/run/agent.sock', metadata: 'a\n"b"' });
    assert.equal(parse({ ...rule({}), listenerPath: '', listenerMetadata: null }).listener, undefined);
  });

  it('names the fields that have no effect, misspelt ones and those of other tools', () => {
    const { warnings } = parse({ ...rule({ errno: 'EPERM', comment: 'why' }), listenerMetadata: 'x', syscall: [] });
    assert.deepEqual(warnings, [
      'seccomp profile: fields that have no effect: syscall, syscalls[].errno',
      'seccomp profile: listenerMetadata has no effect without listenerPath',
    ]);
    assert.deepEqual(parse(rule({})).warnings, []);
  });
});
