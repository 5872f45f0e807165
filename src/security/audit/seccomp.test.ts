import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DEFAULT_CAPABILITIES } from '../capabilities.ts';
import { compileSeccomp, DEFAULT_PROFILE, type SeccompProfile } from '../seccomp/index.ts';
import { audit, type Finding } from './index.ts';
import { compareFilters } from './seccomp-difference.ts';
import { plain } from './testdata/containers.ts';

const context = { caps: DEFAULT_CAPABILITIES, arch: 'x86_64', kernel: [6, 18] } as const;
const byDefault = compileSeccomp(DEFAULT_PROFILE, context).filter;

const allowing = (...names: string[]): SeccompProfile => ({
  ...DEFAULT_PROFILE,
  syscalls: [{ names, action: 'SCMP_ACT_ALLOW' }, ...DEFAULT_PROFILE.syscalls],
});

const filterOf = (profile: SeccompProfile): Uint8Array => compileSeccomp(profile, context).filter;

function found(profile: SeccompProfile): Finding | undefined {
  const seccomp = { kind: 'custom', filter: filterOf(profile), byDefault, listener: null } as const;
  return audit(plain({ seccomp })).find(({ id }) => id === 'seccomp-custom-wider');
}

describe('a custom seccomp profile', () => {
  it('is nothing to tell when it allows no more than the default', () => {
    assert.equal(found(DEFAULT_PROFILE), undefined);
    const narrow = {
      defaultAction: 'SCMP_ACT_ERRNO',
      syscalls: [{ names: ['read'], action: 'SCMP_ACT_ALLOW' }],
    } as const;
    assert.equal(found(narrow), undefined);
  });

  it('is high when it opens a call that leads out, which is named', () => {
    const finding = found(allowing('unshare', 'mount', 'vmsplice'));
    assert.equal(finding?.severity, 'high');
    assert.match(finding?.what ?? '', /beyond the default: unshare, mount/);
    assert.match(finding?.attack ?? '', /Calls unshare, .* all capabilities/);
  });

  it('is medium when the calls are others', () => {
    const finding = found(allowing('sysfs'));
    assert.equal(finding?.severity, 'medium');
    assert.match(finding?.what ?? '', /beyond the default: sysfs/);
  });

  it('names only the worst of a profile that allows everything', () => {
    const finding = found({ defaultAction: 'SCMP_ACT_ALLOW', syscalls: [] });
    assert.match(finding?.what ?? '', /unshare, .* and \d+ more$/);
  });
});

describe('a listener', () => {
  const listening = (rule: object) => {
    const profile = {
      ...DEFAULT_PROFILE,
      listener: { path: '/run/agent.sock', metadata: '' },
      syscalls: [{ action: 'SCMP_ACT_NOTIFY', ...rule }, ...DEFAULT_PROFILE.syscalls],
    } as SeccompProfile;
    const { filter, listener } = compileSeccomp(profile, context);
    const findings = audit(plain({ seccomp: { kind: 'custom', filter, byDefault, listener: listener?.path ?? null } }));
    return findings.filter(({ id }) => id.startsWith('seccomp-')).map(({ id, what }) => `${id}: ${what}`);
  };

  it('is told of with the calls that it decides', () => {
    const asked = 'seccomp-listener: seccomp profile: /run/agent.sock is asked about';
    assert.deepEqual(listening({ names: ['mount', 'umount2'] }), [`${asked} mount, umount2`]);
    const args = [{ index: 3, op: 'SCMP_CMP_EQ', value: 7n, valueTwo: 0n }];
    assert.deepEqual(listening({ names: ['mount'], args }), [`${asked} some calls, by their arguments`]);
  });

  it('is nothing to tell where no call is left to it', () => {
    assert.deepEqual(listening({ names: ['mount'], excludes: { caps: ['CAP_CHOWN'] } }), []);
  });
});

describe('the difference of two filters', () => {
  it('is found by argument where the argument decides', () => {
    const { dangerous } = compareFilters(filterOf(allowing('clone')), byDefault);
    assert.deepEqual(dangerous, ['clone (CLONE_NEWUSER)', 'clone (CLONE_NEWNS)']);
    const { others } = compareFilters(filterOf(allowing('personality')), byDefault);
    assert.ok(others.includes('personality (ADDR_NO_RANDOMIZE)'), others.join());
  });

  it('is empty for a filter against itself', () => {
    assert.deepEqual(compareFilters(byDefault, byDefault), { dangerous: [], others: [] });
  });

  it('is told with the ABI where only another one is open', () => {
    const { dangerous, others } = compareFilters(filterOf(allowing('mount', 'umount')), byDefault);
    // umount has no number of its own on x86_64
    assert.deepEqual(dangerous, ['mount']);
    assert.deepEqual(others, ['umount (i386)']);
  });
});
