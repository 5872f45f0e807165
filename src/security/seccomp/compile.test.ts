import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DEFAULT_CAPABILITIES } from '../capabilities.ts';
import { compileSeccomp, type SeccompContext } from './compile.ts';
import { DEFAULT_PROFILE } from './default-profile.ts';
import { loadFilter } from './interpreter.ts';
import { AUDIT_ARCH_X86_64, SYSCALLS } from './syscalls.ts';
import { ABIS, readLiterally } from './testdata/literal.ts';
import type { SeccompProfile } from './types.ts';

const context = (
  caps: readonly string[] = DEFAULT_CAPABILITIES,
  kernel: readonly [number, number] = [6, 18],
): SeccompContext => ({
  caps,
  arch: 'x86_64',
  kernel,
});

const TELLING_VALUES =
  `0 1 8 37 38 39 40 41 0x20000 0x20008 0xffffffff 0xffffffffffffffff 0x10000000 0x1200011 0x7e020000
  0x80000000 0x100000028 0x100000000 0xffffffff00000026`
    .split(/\s+/)
    .map(BigInt);

function assertAsWritten(profile: SeccompProfile, where: SeccompContext): void {
  const filter = loadFilter(compileSeccomp(profile, where).filter);
  const literally = readLiterally(profile, where);
  for (const { arch, audit, base } of ABIS) {
    for (let number = 0; number <= 600; number++) {
      for (const value of TELLING_VALUES) {
        // the kernel hands i386's registers over with an empty upper half
        const args = arch === 'SCMP_ARCH_X86' ? [value % (1n << 32n)] : [value];
        const verdict = filter.run({ nr: base + number, arch: audit, args });
        const expected = literally(arch, base + number, args);
        assert.equal(`${verdict.action} ${verdict.data}`, expected, `${arch} ${number} arg ${value}`);
      }
    }
  }
}

describe('the compiled default policy', () => {
  it('decides every number of every ABI as the policy read literally does', () => {
    assertAsWritten(DEFAULT_PROFILE, context());
  });

  it('does so for a container without capabilities, with every guarded call, and on a kernel before 4.8', () => {
    assertAsWritten(DEFAULT_PROFILE, context([]));
    assertAsWritten(
      DEFAULT_PROFILE,
      context(['CAP_SYS_ADMIN', 'CAP_SYS_MODULE', 'CAP_SYS_NICE', 'CAP_SYS_TIME', 'CAP_BPF']),
    );
    assertAsWritten(DEFAULT_PROFILE, context([], [4, 4]));
  });

  const filter = loadFilter(compileSeccomp(DEFAULT_PROFILE, context()).filter);
  const call = (name: string, ...args: bigint[]): string => {
    const { action, data } = filter.run({
      nr: SYSCALLS.SCMP_ARCH_X86_64.get(name) ?? -1,
      arch: AUDIT_ARCH_X86_64,
      args,
    });
    return action === 'errno' ? `errno ${data}` : action;
  };

  it('lets ordinary calls through and refuses those that reach out of a container', () => {
    for (const name of ['read', 'openat', 'execve', 'mmap', 'futex', 'ptrace', 'chroot', 'mseal'])
      assert.equal(call(name), 'allow', name);
    for (const name of [
      'mount',
      'unshare',
      'setns',
      'bpf',
      'init_module',
      'kexec_load',
      'keyctl',
      'io_uring_setup',
      'pivot_root',
    ]) {
      assert.equal(call(name), 'errno 1', name);
    }
  });

  it('answers clone3 with ENOSYS, so that the C library falls back to clone', () => {
    assert.equal(call('clone3'), 'errno 38');
  });

  it('lets clone make threads and processes, and no namespace', () => {
    assert.equal(call('clone', 0x3d0f00n), 'allow');
    for (const flag of [0x20000n, 0x2000000n, 0x4000000n, 0x8000000n, 0x10000000n, 0x20000000n, 0x40000000n]) {
      assert.equal(call('clone', flag | 17n), 'errno 1', flag.toString(16));
    }
  });

  it('refuses AF_ALG and AF_VSOCK, also with bits that the kernel does not look at', () => {
    assert.equal(call('socket', 2n), 'allow');
    assert.equal(call('socket', 39n), 'allow');
    for (const family of [38n, 40n]) {
      assert.equal(call('socket', family), 'errno 1');
      assert.equal(call('socket', (1n << 32n) | family), 'errno 1');
      assert.equal(call('socket', (0xffffffffn << 32n) | family), 'errno 1');
    }
  });

  it('lets personality ask and choose Linux, and refuses the ones that switch protections off', () => {
    for (const persona of [0n, 8n, 0x20000n, 0x20008n, 0xffffffffn])
      assert.equal(call('personality', persona), 'allow');
    assert.equal(call('personality', 0x0040000n), 'errno 1');
  });

  it('answers numbers that are newer than the policy with ENOSYS', () => {
    const nr = (SYSCALLS.SCMP_ARCH_X86_64.get('removexattrat') ?? 0) + 1;
    for (const number of [nr, 600, 0x3fffffff]) {
      const { action, data } = filter.run({ nr: number, arch: AUDIT_ARCH_X86_64 });
      assert.deepEqual([action, data], ['errno', 38]);
    }
  });

  it('kills calls from an architecture that it does not name', () => {
    assert.equal(filter.run({ nr: 0, arch: 0xc00000b7 }).action, 'kill-process');
  });

  it('is a shallow tree: no call costs more than 20 instructions', () => {
    for (let nr = 0; nr < 470; nr++) assert.ok(filter.run({ nr, arch: AUDIT_ARCH_X86_64 }).steps <= 20, `number ${nr}`);
    assert.ok(filter.instructions.length < 450, `${filter.instructions.length} instructions`);
  });

  it('answers a number of the future at once, on every ABI', () => {
    for (const { arch, audit, base } of ABIS) {
      const newest = Math.max(...SYSCALLS[arch].values());
      for (const nr of [newest + 1, base + 600, base + 0x3fffffff]) {
        const { steps } = filter.run({ nr, arch: audit });
        assert.ok(steps <= 7, `${arch} ${nr}: ${steps} instructions`);
      }
    }
  });

  it('is not run at all for what it always allows, natively and for i386: the kernel can remember that', () => {
    const conditional = new Set(['socket', 'personality', 'clone']);
    for (const { arch, audit } of ABIS.filter(({ base }) => base === 0)) {
      for (const [name, nr] of SYSCALLS[arch]) {
        const { action, unfiltered } = filter.run({ nr, arch: audit });
        assert.equal(unfiltered, action === 'allow' && !conditional.has(name), `${arch} ${name}`);
      }
    }
  });

  it('allows speculation as runc does, unless the profile gives flags', () => {
    assert.equal(compileSeccomp(DEFAULT_PROFILE, context()).flags, 4n);
    assert.equal(compileSeccomp({ ...DEFAULT_PROFILE, flags: [] }, context()).flags, 0n);
    assert.equal(compileSeccomp({ ...DEFAULT_PROFILE, flags: ['SECCOMP_FILTER_FLAG_LOG'] }, context()).flags, 2n);
  });

  it('is compiled once for the same capabilities', () => {
    const one = compileSeccomp(DEFAULT_PROFILE, context(['CAP_KILL', 'CAP_CHOWN']));
    assert.equal(compileSeccomp(DEFAULT_PROFILE, context(['CAP_CHOWN', 'CAP_KILL'])), one);
    assert.notEqual(compileSeccomp(DEFAULT_PROFILE, context(['CAP_SYS_ADMIN'])).instructions, one.instructions);
  });
});
