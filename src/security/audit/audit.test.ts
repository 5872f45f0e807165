import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { audit, type Finding, type Severity } from './index.ts';
import { type Changes, plain, tight } from './testdata/containers.ts';

const found = (changes: Changes, id: string): Finding[] => audit(plain(changes)).filter((finding) => finding.id === id);
const namespaces = (...types: string[]) => ({ namespaces: types.map((type) => ({ type })) });

describe('an audit', () => {
  it('finds nothing in a container that is as tight as can be', () => {
    assert.deepEqual(audit(tight()), []);
  });

  it('finds nothing severe in a container as everyone makes it, and nothing that was asked for', () => {
    assert.deepEqual(
      audit(plain()).map(({ id, severity, origin }) => `${severity} ${id} ${origin}`),
      [
        'low image-runs-as-root default',
        'low no-memory-limit default',
        'low no-pids-limit default',
        'info cap-net-raw default',
        'info no-lsm-profile host',
        'info no-new-privileges-unset default',
        'info no-user-namespace default',
        'info writable-root default',
      ],
    );
  });

  it('tells the worst first', () => {
    const severities = audit(plain({ hostConfig: { Privileged: true, PidMode: 'host' } })).map(
      ({ severity }) => severity,
    );
    assert.deepEqual(severities.slice(0, 3), ['critical', 'high', 'low']);
  });

  it('says for each finding what, how and what instead', () => {
    for (const finding of audit(plain({ hostConfig: { Privileged: true, Binds: ['/:/host'], NetworkMode: 'host' } }))) {
      for (const part of [finding.title, finding.what, finding.attack, finding.fix, finding.reference]) {
        assert.notEqual(part.trim(), '', finding.id);
      }
    }
  });

  it('has each of its findings in the documentation', () => {
    const directory = new URL('.', import.meta.url);
    const sources = readdirSync(directory).filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'));
    const text = sources.map((name) => readFileSync(new URL(name, directory), 'utf8')).join('\n');
    const ids = new Set(
      [...text.matchAll(/\bid: '([a-z-]+)'|'(host-path-[a-z]+)'/g)].map(([, id, path]) => id ?? path),
    );
    assert.ok(ids.size > 35, `${ids.size} ids`);
    const page = readFileSync(new URL('../../../docs/audit.md', import.meta.url), 'utf8');
    for (const id of ids) assert.ok(page.includes(`| \`${id}\` |`), id);
  });
});

/** Each of these changes one thing of a plain container. */
const BITES: readonly [id: string, severity: Severity, what: RegExp, changes: Changes][] = [
  ['privileged', 'critical', /Privileged = true/, { hostConfig: { Privileged: true } }],
  ['host-pid', 'high', /PidMode = host/, { hostConfig: { PidMode: 'host' } }],
  [
    'host-pid',
    'high',
    /no pid namespace of its own/,
    { linux: namespaces('mount', 'uts', 'ipc', 'network', 'cgroup') },
  ],
  ['host-network', 'high', /NetworkMode = host/, { hostConfig: { NetworkMode: 'host' } }],
  ['host-ipc', 'high', /IpcMode = host/, { hostConfig: { IpcMode: 'host' } }],
  ['host-uts', 'low', /UTSMode = host/, { hostConfig: { UTSMode: 'host' } }],
  ['host-uts', 'medium', /UTSMode = host/, { hostConfig: { UTSMode: 'host' }, capabilities: ['CAP_SYS_ADMIN'] }],
  ['host-cgroup', 'low', /CgroupnsMode = host/, { hostConfig: { CgroupnsMode: 'host' } }],
  ['joined-namespace', 'low', /PidMode = container:web/, { hostConfig: { PidMode: 'container:web' } }],
  ['no-user-namespace', 'info', /UsernsMode = host/, { hostConfig: { UsernsMode: 'host' } }],
  ['shared-user-ids', 'info', /one range/, { linux: namespaces('user'), sharesIds: true }],
  ['cap-sys-admin', 'critical', /CAP_SYS_ADMIN/, { capabilities: ['CAP_SYS_ADMIN'] }],
  ['cap-sys-module', 'critical', /CAP_SYS_MODULE/, { capabilities: ['CAP_SYS_MODULE'] }],
  ['host-pid', 'medium', /PidMode = host/, { hostConfig: { PidMode: 'host' }, landlock: 'default' }],
  ['cap-sys-ptrace', 'low', /CAP_SYS_PTRACE/, { capabilities: ['CAP_SYS_PTRACE'] }],
  ['cap-sys-ptrace', 'critical', /CAP_/, { capabilities: ['CAP_SYS_PTRACE'], hostConfig: { PidMode: 'host' } }],
  [
    'cap-sys-ptrace',
    'critical',
    /CAP_/,
    { capabilities: ['CAP_SYS_PTRACE'], hostConfig: { PidMode: 'host' }, landlock: 'default' },
  ],
  [
    'cap-sys-ptrace',
    'low',
    /CAP_/,
    {
      capabilities: ['CAP_SYS_PTRACE'],
      hostConfig: { PidMode: 'host' },
      host: { lsms: ['apparmor'] },
      process: { capabilities: { bounding: ['CAP_SYS_PTRACE'] }, apparmorProfile: 'isle-default' },
    },
  ],
  ['cap-dac-read-search', 'critical', /CAP_DAC_READ/, { capabilities: ['CAP_DAC_READ_SEARCH'] }],
  ['cap-net-admin', 'medium', /CAP_NET_ADMIN/, { capabilities: ['CAP_NET_ADMIN'] }],
  ['cap-net-admin', 'high', /CAP_/, { capabilities: ['CAP_NET_ADMIN'], hostConfig: { NetworkMode: 'host' } }],
  ['cap-net-raw', 'high', /CAP_NET_RAW/, { hostConfig: { NetworkMode: 'host' } }],
  ['cap-sys-rawio', 'high', /CAP_SYS_RAWIO/, { capabilities: ['CAP_SYS_RAWIO'] }],
  ['cap-bpf', 'high', /CAP_BPF/, { capabilities: ['CAP_BPF'] }],
  ['cap-perfmon', 'high', /CAP_PERFMON/, { capabilities: ['CAP_PERFMON'] }],
  ['cap-sys-boot', 'low', /CAP_SYS_BOOT/, { capabilities: ['CAP_SYS_BOOT'] }],
  ['cap-sys-boot', 'high', /CAP_SYS_BOOT/, { capabilities: ['CAP_SYS_BOOT'], seccomp: { kind: 'unconfined' } }],
  ['cap-syslog', 'medium', /CAP_SYSLOG/, { capabilities: ['CAP_SYSLOG'] }],
  ['cap-sys-time', 'medium', /CAP_SYS_TIME/, { capabilities: ['CAP_SYS_TIME'] }],
  ['cap-sys-resource', 'low', /CAP_SYS_RESOURCE/, { capabilities: ['CAP_SYS_RESOURCE'] }],
  ['cap-mac-admin', 'medium', /CAP_MAC_ADMIN/, { capabilities: ['CAP_MAC_ADMIN'] }],
  ['cap-audit-control', 'info', /CAP_AUDIT_CONTROL/, { capabilities: ['CAP_AUDIT_CONTROL'] }],
  ['cap-audit-control', 'medium', /CAP_/, { capabilities: ['CAP_AUDIT_CONTROL'], hostConfig: { PidMode: 'host' } }],
  ['seccomp-unconfined', 'high', /seccomp=unconfined/, { seccomp: { kind: 'unconfined' } }],
  [
    'apparmor-unconfined',
    'medium',
    /apparmor=unconfined/,
    { hostConfig: { SecurityOpt: ['apparmor=unconfined'] }, host: { lsms: ['apparmor'] } },
  ],
  [
    'selinux-disabled',
    'medium',
    /label:disable/,
    { hostConfig: { SecurityOpt: ['label:disable'] }, host: { lsms: ['selinux'] } },
  ],
  ['no-lsm-profile', 'info', /neither AppArmor nor SELinux/, {}],
  ['no-lsm-profile', 'info', /runs apparmor; no profile/, { host: { lsms: ['apparmor'] } }],
  [
    'no-lsm-profile',
    'info',
    /runs apparmor/,
    { host: { lsms: ['apparmor'] }, process: { apparmorProfile: 'unconfined' } },
  ],
  ['other-runtime', 'low', /Runtime = runc/, { runtime: { name: 'runc', isDefault: false } }],
  [
    'landlock-off',
    'low',
    /landlock=unconfined/,
    { hostConfig: { SecurityOpt: ['landlock=unconfined'] }, landlock: { absent: 'unconfined' } },
  ],
  [
    'landlock-off',
    'low',
    /apparmor:unconfined/,
    { hostConfig: { SecurityOpt: ['apparmor:unconfined'] }, landlock: { absent: 'module-off' } },
  ],
  ['landlock-off', 'low', /isled --landlock off/, { landlock: { absent: 'daemon' } }],
  ['kernel-files-writable', 'critical', /lacks .*\/proc\/sys/, { linux: { readonlyPaths: [] } }],
  ['kernel-files-visible', 'medium', /lacks \/proc\/kcore, \/proc\/keys/, { linux: { maskedPaths: [] } }],
  ['no-memory-limit', 'low', /Memory = 0/, {}],
  ['no-pids-limit', 'low', /PidsLimit = 0/, {}],
  ['root-user', 'low', /User = root/, { config: { User: 'root' }, imageUser: 'app' }],
  ['image-runs-as-root', 'low', /names no User/, {}],
  ['image-runs-as-root', 'low', /User = 0:0/, { config: { User: '0:0' }, imageUser: '0:0' }],
  ['no-new-privileges-unset', 'low', /noNewPrivileges/, { config: { User: 'app' } }],
  ['writable-root', 'info', /ReadonlyRootfs/, {}],
  ['secret-in-env', 'medium', /DB_PASSWORD/, { config: { Env: ['DB_PASSWORD=hunter2'] } }],
];

describe('a finding bites', () => {
  for (const [id, severity, what, changes] of BITES) {
    it(`${id} (${severity}): ${what.source}`, () => {
      const [finding, ...more] = found(changes, id);
      assert.equal(finding?.severity, severity);
      assert.match(finding?.what ?? '', what);
      assert.equal(more.length, 0);
    });
  }

  it('and not when its cause is absent', () => {
    const usual = new Set(audit(plain()).map(({ id }) => id));
    const never = new Set(audit(tight()).map(({ id }) => id));
    for (const [id, , , changes] of BITES) {
      // What every container has is absent from the tight one only.
      const absent = usual.has(id) ? never : usual;
      assert.ok(!absent.has(id), `${id} without ${JSON.stringify(changes)}`);
    }
  });
});

describe('capabilities', () => {
  it('count less for a user who has to find a set-uid program first', () => {
    const user = { config: { User: 'app' }, capabilities: ['CAP_SYS_ADMIN'] };
    assert.equal(found(user, 'cap-sys-admin')[0]?.severity, 'high');
  });

  it('cannot be reached by a user who can gain no privileges', () => {
    const user = { User: 'app' };
    const process = { noNewPrivileges: true, capabilities: { bounding: ['CAP_SYS_ADMIN'] } };
    assert.deepEqual(found({ config: user, process }, 'cap-sys-admin'), []);
  });

  it('of a user namespace count for little, and those that ask for the host for nothing', () => {
    const linux = namespaces('mount', 'uts', 'pid', 'ipc', 'network', 'cgroup', 'user');
    const capabilities = ['CAP_SYS_ADMIN', 'CAP_SYS_MODULE', 'CAP_BPF'];
    assert.equal(found({ linux, capabilities }, 'cap-sys-admin')[0]?.severity, 'low');
    assert.deepEqual(found({ linux, capabilities }, 'cap-sys-module'), []);
    assert.deepEqual(found({ linux, capabilities }, 'cap-bpf'), []);
  });

  it('are told by `privileged` for all of them at once', () => {
    const changes = { hostConfig: { Privileged: true }, capabilities: ['CAP_SYS_ADMIN'], linux: { maskedPaths: [] } };
    const ids = audit(plain(changes)).map(({ id }) => id);
    assert.ok(ids.includes('privileged'));
    assert.ok(!ids.some((id) => id.startsWith('cap-') || id.startsWith('kernel-files')), ids.join());
  });

  it('that every container has are not called asked for', () => {
    assert.equal(found({}, 'cap-net-raw')[0]?.origin, 'default');
    assert.equal(found({ capabilities: ['CAP_BPF'] }, 'cap-bpf')[0]?.origin, 'asked');
  });
});

describe('namespaces', () => {
  it('by a path into init are those of the host', () => {
    const linux = { namespaces: [{ type: 'pid', path: '/proc/1/ns/pid' }] };
    assert.equal(found({ linux }, 'host-pid').length, 1);
    const other = { namespaces: [{ type: 'pid', path: '/run/netns/blue' }] };
    assert.equal(found({ linux: other }, 'host-pid').length, 0);
  });

  it("of a container that is in those of the host are the host's", () => {
    const linux = { namespaces: [{ type: 'network', path: '/proc/1/ns/net' }] };
    const [finding] = found({ hostConfig: { NetworkMode: 'container:web' }, linux }, 'host-network');
    assert.equal(finding?.what, 'HostConfig.NetworkMode = container:web');
  });

  it('of another container are not taken for those of the host before they are resolved', () => {
    const linux = namespaces('mount', 'uts', 'pid', 'ipc', 'cgroup');
    const changes = { hostConfig: { NetworkMode: 'container:web' }, linux };
    assert.equal(found(changes, 'host-network').length, 0);
    assert.equal(found(changes, 'joined-namespace').length, 1);
  });
});

describe('a Landlock domain that is not there', () => {
  const unconfined = { landlock: { absent: 'unconfined' } } as const;

  it('is nothing to tell where it could not have been, or something else stands there', () => {
    for (const changes of [
      { ...unconfined, host: { landlockAbi: 5 } },
      { ...unconfined, hostConfig: { Privileged: true } },
      { ...unconfined, process: { apparmorProfile: 'isle-default' } },
      { ...unconfined, process: { selinuxLabel: 'system_u:system_r:container_t:s0' } },
      { landlock: { absent: 'module-off' }, host: { lsms: ['apparmor'] } },
      { landlock: { absent: 'joined-pid' } },
      { landlock: { absent: 'kernel' } },
    ] as const) {
      assert.deepEqual(found(changes as Changes, 'landlock-off'), [], JSON.stringify(changes));
    }
  });
});

describe('kernel files', () => {
  it('are no way out for a user, or for the root of a user namespace', () => {
    assert.equal(
      found({ config: { User: 'app' }, linux: { readonlyPaths: [] } }, 'kernel-files-writable')[0]?.severity,
      'medium',
    );
  });

  it('may be covered by a directory above', () => {
    assert.deepEqual(
      found({ linux: { readonlyPaths: ['/proc'], maskedPaths: ['/proc', '/sys'] } }, 'kernel-files-writable'),
      [],
    );
  });

  it('are named one by one where only some are missing', () => {
    const [finding] = found({ linux: { readonlyPaths: ['/proc/sys', '/proc/bus'] } }, 'kernel-files-writable');
    assert.match(finding?.what ?? '', /lacks \/proc\/sysrq-trigger$/);
  });
});
