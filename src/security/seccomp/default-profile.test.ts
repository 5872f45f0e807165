import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { capabilityFor, DEFAULT_PROFILE } from './default-profile.ts';
import { parseProfile } from './parse.ts';
import { SYSCALLS } from './syscalls.ts';
import type { SeccompCondition, SeccompProfile } from './types.ts';

/** Path of Docker's published default.json, to compare with it call for call; without it, the digest below stands for it. */
const REFERENCE = process.env['ISLE_DOCKER_SECCOMP_JSON'];

/** One line for each call and rule, in an order of its own, so that two profiles with the same content are equal. */
function canonical(profile: SeccompProfile): string[] {
  const condition = (given: SeccompCondition | undefined) => [
    (given?.caps ?? []).toSorted(),
    (given?.arches ?? []).toSorted(),
    given?.minKernel ?? [],
  ];
  const lines = profile.syscalls.flatMap(({ names, action, errnoRet, args, includes, excludes }) => {
    const compared = (args ?? []).map(({ index, op, value, valueTwo }) => `${index} ${op} ${value} ${valueTwo}`);
    const rest = JSON.stringify([action, errnoRet ?? null, compared, condition(includes), condition(excludes)]);
    return names.map((name) => `${name} ${rest}`);
  });
  return [...new Set(lines)].toSorted();
}

describe('the default policy', () => {
  it("has the content of Docker's, pinned by its digest", () => {
    const lines = canonical(DEFAULT_PROFILE);
    assert.equal(lines.length, 442);
    const digest = createHash('sha256').update(lines.join('\n')).digest('hex');
    assert.equal(digest, 'd1b169c4fc6141a9f94c264429e6c2e96e9b6ead27e380bd68d5cbfcbc1e015e');
  });

  const compare = (path: string) => {
    const docker = parseProfile(readFileSync(path, 'utf8'));
    assert.deepEqual(canonical(DEFAULT_PROFILE), canonical(docker));
    assert.equal(docker.defaultAction, DEFAULT_PROFILE.defaultAction);
    assert.equal(docker.defaultErrnoRet, DEFAULT_PROFILE.defaultErrnoRet);
    const families = (profile: SeccompProfile) =>
      Object.fromEntries(
        (profile.archMap ?? []).map((entry) => [entry.architecture, entry.subArchitectures.toSorted()]),
      );
    assert.deepEqual(families(DEFAULT_PROFILE), families(docker));
  };
  if (REFERENCE !== undefined) it("agrees with Docker's file, call for call", () => compare(REFERENCE));

  it('names a call once in each table', () => {
    const unconditional = DEFAULT_PROFILE.syscalls
      .filter((rule) => !rule.args && !rule.includes && !rule.excludes)
      .flatMap((rule) => rule.names);
    assert.equal(new Set(unconditional).size, unconditional.length);
  });

  it('can say which capability a refused call would need', () => {
    assert.equal(capabilityFor('mount')?.cap, 'CAP_SYS_ADMIN');
    assert.equal(capabilityFor('reboot')?.cap, 'CAP_SYS_BOOT');
    assert.equal(capabilityFor('syslog')?.cap, 'CAP_SYSLOG', 'the narrower one of two');
    assert.equal(capabilityFor('read'), undefined);
  });
});

describe('system call numbers', () => {
  it('are those of the kernel headers, from the first to the newest of Linux 6.18', () => {
    const [x64, i386, x32] = [SYSCALLS.SCMP_ARCH_X86_64, SYSCALLS.SCMP_ARCH_X86, SYSCALLS.SCMP_ARCH_X32];
    const pairs = {
      read: 0,
      rseq: 334,
      uretprobe: 335,
      pidfd_send_signal: 424,
      clone3: 435,
      cachestat: 451,
      file_setattr: 469,
    };
    for (const [name, number] of Object.entries(pairs)) assert.equal(x64.get(name), number, name);
    const old = {
      restart_syscall: 0,
      socketcall: 102,
      gettid: 224,
      io_setup: 245,
      clock_gettime64: 403,
      clone3: 435,
      mseal: 462,
    };
    for (const [name, number] of Object.entries(old)) assert.equal(i386.get(name), number, name);
    assert.deepEqual([x32.get('read'), x32.get('ioctl'), x32.get('uselib')], [0x40000000, 0x40000000 + 514, undefined]);
  });

  it('are given once', () => {
    for (const table of Object.values(SYSCALLS)) assert.equal(new Set(table.values()).size, table.size);
  });
});
