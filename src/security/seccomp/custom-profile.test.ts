import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { compileSeccomp, type SeccompContext } from './compile.ts';
import { loadFilter, type SeccompData } from './interpreter.ts';
import { parseProfile } from './parse.ts';
import { AUDIT_ARCH_I386, AUDIT_ARCH_X86_64, SYSCALLS, X32_BIT } from './syscalls.ts';
import type { SeccompProfile, SeccompRule } from './types.ts';

const CONTEXT: SeccompContext = { caps: [], arch: 'x86_64', kernel: [6, 18] };
const numberOf = (name: string): number => SYSCALLS.SCMP_ARCH_X86_64.get(name) ?? assert.fail(name);

function verdictsOf(profile: unknown): (name: string, ...args: bigint[]) => string {
  const filter = loadFilter(compileSeccomp(parseProfile(JSON.stringify(profile)), CONTEXT).filter);
  return (name, ...args) => {
    const { action, data } = filter.run({ nr: numberOf(name), arch: AUDIT_ARCH_X86_64, args });
    return action === 'errno' ? `errno ${data}` : action;
  };
}

describe('a custom profile', () => {
  it('bridges jumps over thousands of instructions', () => {
    const args = (value: number) => [{ index: 0, op: 'SCMP_CMP_EQ' as const, value: BigInt(value), valueTwo: 0n }];
    const names = [...SYSCALLS.SCMP_ARCH_X86_64.keys()].slice(0, 200);
    const syscalls = names.flatMap((name, index) =>
      [1, 2, 3].map(
        (value): SeccompRule => ({
          names: [name],
          action: 'SCMP_ACT_ERRNO',
          errnoRet: 1 + ((index + value) % 90),
          args: args(value),
        }),
      ),
    );
    const filter = loadFilter(compileSeccomp({ defaultAction: 'SCMP_ACT_ALLOW', syscalls }, CONTEXT).filter);
    assert.ok(filter.instructions.length > 1000);
    for (const [index, name] of names.entries()) {
      for (const value of [0, 1, 2, 3]) {
        const { data } = filter.run({ nr: numberOf(name), arch: AUDIT_ARCH_X86_64, args: [BigInt(value)] });
        assert.equal(data, value === 0 ? 0 : 1 + ((index + value) % 90), `${name} ${value}`);
      }
    }
  });

  it('refuses a profile that would be longer than the kernel takes', () => {
    const args = Array.from({ length: 3000 }, (_, value) => ({
      index: 1,
      op: 'SCMP_CMP_EQ' as const,
      value: BigInt(value),
      valueTwo: 0n,
    }));
    const profile: SeccompProfile = {
      defaultAction: 'SCMP_ACT_ALLOW',
      syscalls: [{ names: ['mmap'], action: 'SCMP_ACT_KILL', args }],
    };
    assert.throws(() => compileSeccomp(profile, CONTEXT), /more than 4096 instructions/);
  });

  it('allows all but what it names when the default allows, and leaves newer numbers alone then', () => {
    const profile = {
      defaultAction: 'SCMP_ACT_ALLOW',
      syscalls: [{ names: ['getcwd', 'chmod'], action: 'SCMP_ACT_ERRNO' }],
    };
    const verdict = verdictsOf(profile);
    assert.deepEqual([verdict('chmod'), verdict('getcwd'), verdict('read')], ['errno 1', 'errno 1', 'allow']);
    const { filter } = compileSeccomp(parseProfile(JSON.stringify(profile)), CONTEXT);
    assert.equal(loadFilter(filter).run({ nr: 4000, arch: AUDIT_ARCH_X86_64 }).action, 'allow');
  });

  it('has an action for each of the names that Docker knows', () => {
    const actions = ['KILL', 'KILL_THREAD', 'KILL_PROCESS', 'TRAP', 'ERRNO', 'TRACE', 'LOG', 'ALLOW'];
    const names = ['read', 'write', 'open', 'close', 'stat', 'fstat', 'lstat', 'mprotect'];
    const syscalls = actions.map((action, index) => ({ names: [names[index]], action: `SCMP_ACT_${action}` }));
    const verdict = verdictsOf({ defaultAction: 'SCMP_ACT_ERRNO', defaultErrnoRet: 13, syscalls });
    const results = names.map((name) => verdict(name));
    assert.deepEqual(results, [
      'kill-thread',
      'kill-thread',
      'kill-process',
      'trap',
      'errno 1',
      'trace',
      'log',
      'allow',
    ]);
    assert.equal(verdict('lseek'), 'errno 13');
  });

  it('takes several comparisons of one argument as alternatives, and of several arguments together, as runc does', () => {
    const eq = (index: number, value: number) => ({ index, value, op: 'SCMP_CMP_EQ' });
    const verdict = verdictsOf({
      defaultAction: 'SCMP_ACT_ERRNO',
      syscalls: [
        { names: ['mmap'], action: 'SCMP_ACT_ALLOW', args: [eq(1, 5), eq(1, 7)] },
        { names: ['mprotect'], action: 'SCMP_ACT_ALLOW', args: [eq(0, 5), eq(1, 7)] },
      ],
    });
    assert.deepEqual(
      [verdict('mmap', 0n, 5n), verdict('mmap', 0n, 7n), verdict('mmap', 0n, 6n)],
      ['allow', 'allow', 'errno 1'],
    );
    assert.deepEqual([verdict('mprotect', 5n, 7n), verdict('mprotect', 5n, 6n)], ['allow', 'errno 1']);
  });

  it('takes names that every object has for names of calls that there are none of', () => {
    const args = [{ index: 0, value: 1, op: 'SCMP_CMP_EQ' }];
    const syscalls = ['toString', '__proto__', 'constructor'].map((name) => ({
      names: [name],
      action: 'SCMP_ACT_KILL',
      args,
    }));
    const profile = parseProfile(JSON.stringify({ defaultAction: 'SCMP_ACT_ALLOW', syscalls }));
    assert.match(compileSeccomp(profile, CONTEXT).warnings.join(), /no effect: toString, __proto__, constructor$/);
  });

  it('says so when a rule without arguments makes others useless', () => {
    const profile = parseProfile(
      JSON.stringify({
        defaultAction: 'SCMP_ACT_ERRNO',
        syscalls: [
          { names: ['socket'], action: 'SCMP_ACT_KILL', args: [{ index: 0, value: 16, op: 'SCMP_CMP_EQ' }] },
          { names: ['socket'], action: 'SCMP_ACT_ALLOW' },
        ],
      }),
    );
    const program = compileSeccomp(profile, CONTEXT);
    assert.match(program.warnings.join(), /rules with arguments for `socket` have no effect/);
    assert.equal(
      loadFilter(program.filter).run({ nr: numberOf('socket'), arch: AUDIT_ARCH_X86_64, args: [16n] }).action,
      'allow',
    );
  });

  it('looks only at the 32 bits of an int argument, also when the profile writes -1 as 64 bits', () => {
    const verdict = verdictsOf({
      defaultAction: 'SCMP_ACT_ALLOW',
      syscalls: [
        { names: ['ioctl'], action: 'SCMP_ACT_ERRNO', args: [{ index: 1, value: 0x5412, op: 'SCMP_CMP_EQ' }] },
        { names: ['kill'], action: 'SCMP_ACT_ERRNO', args: [{ index: 0, value: 4294967295, op: 'SCMP_CMP_EQ' }] },
      ],
    });
    assert.equal(verdict('ioctl', 0n, 0x5412n), 'errno 1');
    assert.equal(verdict('ioctl', 0n, (7n << 32n) | 0x5412n), 'errno 1');
    assert.equal(verdict('kill', 0xffffffffffffffffn), 'errno 1');
    assert.equal(verdict('kill', 1n), 'allow');
  });
});

describe('architectures of a profile', () => {
  const allowGetpid = { defaultAction: 'SCMP_ACT_ERRNO', syscalls: [{ names: ['getpid'], action: 'SCMP_ACT_ALLOW' }] };
  const run = (profile: unknown, data: SeccompData) =>
    loadFilter(compileSeccomp(parseProfile(JSON.stringify(profile)), CONTEXT).filter).run(data).action;
  const x32 = { nr: X32_BIT + numberOf('getpid'), arch: AUDIT_ARCH_X86_64 };
  const i386 = { nr: SYSCALLS.SCMP_ARCH_X86.get('getpid') ?? 0, arch: AUDIT_ARCH_I386 };

  it('kills calls of the other ABIs when only the native one is named, but not a call that a tracer skips', () => {
    assert.deepEqual([run(allowGetpid, x32), run(allowGetpid, i386)], ['kill-process', 'kill-process']);
    assert.equal(run(allowGetpid, { nr: -1, arch: AUDIT_ARCH_X86_64 }), 'errno');
  });

  it('judges i386 and x32 by their own numbers when they are named', () => {
    const profile = { ...allowGetpid, architectures: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32'] };
    assert.deepEqual([run(profile, x32), run(profile, i386)], ['allow', 'allow']);
    assert.equal(run(profile, { nr: numberOf('getpid'), arch: AUDIT_ARCH_I386 }), 'errno');
  });

  it('carries a rule for a socket call over to socketcall, the way of i386', () => {
    const profile = (args?: object[]) => ({
      defaultAction: 'SCMP_ACT_ERRNO',
      architectures: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86'],
      syscalls: [{ names: ['socket'], action: 'SCMP_ACT_ALLOW', args }],
    });
    const socketcall = (call: bigint) => ({
      nr: SYSCALLS.SCMP_ARCH_X86.get('socketcall') ?? 0,
      arch: AUDIT_ARCH_I386,
      args: [call],
    });
    assert.deepEqual([run(profile(), socketcall(1n)), run(profile(), socketcall(2n))], ['allow', 'errno']);
    assert.equal(run(profile([{ index: 0, value: 2, op: 'SCMP_CMP_EQ' }]), socketcall(1n)), 'errno');
  });
});
