import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Explanation, Fact } from '../api/types/explain.ts';
import { explainContainer } from './container.ts';
import { CONTAINER, RUNNING } from './testdata/running.ts';
import type { ContainerExplainInput, KernelFacts } from './types.ts';

const factsOf = (explanation: Explanation): Fact[] => explanation.layers.flatMap((layer) => layer.facts);
const failing = (explanation: Explanation): string[] =>
  factsOf(explanation)
    .filter((fact) => fact.holds === false)
    .map((fact) => fact.what);

function factNamed(input: ContainerExplainInput, what: string): Fact {
  return factsOf(explainContainer(input)).find((fact) => fact.what === what) ?? assert.fail(`no fact "${what}"`);
}

const withKernel = (change: Partial<KernelFacts>): ContainerExplainInput => ({
  ...CONTAINER,
  kernel: { ...RUNNING, ...change },
});
const withText = (
  name: 'mountinfo' | 'cgroup' | 'route' | 'fibTrie' | 'interfaces' | 'limits' | 'inet6',
  from: string,
  to: string,
) => {
  const { path, text } = RUNNING[name];
  if (text?.includes(from) !== true) return assert.fail(`${name} has no "${from}"`);
  return withKernel({ [name]: { path, text: text.replaceAll(from, to) } });
};
const withStatus = (field: string, value: string) =>
  withKernel({ status: RUNNING.status.replace(new RegExp(`^${field}:.*$`, 'm'), `${field}:\t${value}`) });
const withLimit = (name: string, text: string) =>
  withKernel({
    cgroupFiles: { ...RUNNING.cgroupFiles, [name]: { path: RUNNING.cgroupFiles[name]?.path ?? '?', text } },
  });

describe('explaining a running container', () => {
  const explanation = explainContainer(CONTAINER);

  it('finds that the kernel enforces everything that was asked for', () => {
    assert.deepEqual(failing(explanation), []);
    assert.ok(factsOf(explanation).filter((fact) => fact.holds === true).length > 40);
  });

  it('goes through the layers from what is seen to how much is used', () => {
    assert.deepEqual(
      explanation.layers.map((layer) => layer.name),
      [
        'namespaces',
        'rootfs',
        'mounts',
        'devices',
        'user',
        'capabilities',
        'seccomp',
        'lsm',
        'cgroups',
        'network',
        'sysctls',
        'process',
      ],
    );
    for (const layer of explanation.layers) assert.ok(layer.summary.length > 40, layer.name);
    for (const fact of factsOf(explanation)) assert.ok(fact.why.length > 10, `${fact.what} has no reason`);
  });

  it('says where each enforced value was read', () => {
    for (const fact of factsOf(explanation)) {
      if (fact.enforced !== null)
        assert.match(fact.source ?? '', /^\/(proc|sys)\/|^the record of its start/, fact.what);
      else assert.equal(fact.holds, null, fact.what);
    }
  });

  it('shows values of the kernel beside those asked for', () => {
    const shown = (what: string) => {
      const { asked, enforced } = factNamed(CONTAINER, what);
      return [asked, enforced];
    };
    assert.deepEqual(shown('memory limit'), ['64 MiB', '64 MiB']);
    assert.deepEqual(shown('memory and swap limit'), ['128 MiB', '128 MiB']);
    assert.deepEqual(shown('CPU limit'), [
      '0.5 CPUs (50000 of every 100000 µs)',
      '0.5 CPUs (50000 of every 100000 µs)',
    ]);
    assert.deepEqual(shown('process limit'), ['64 processes', '64 processes']);
    assert.deepEqual(shown('CPUs that may be used'), ['0,1', '0,1']);
    assert.deepEqual(shown('/dev'), ['tmpfs (nosuid, 64 MiB)', 'tmpfs (nosuid, 64 MiB)']);
    assert.deepEqual(shown('net.ipv4.ping_group_range'), ['0 2147483647', '0 2147483647']);
    assert.deepEqual(shown('address'), ['172.17.0.2/16', '172.17.0.2/16']);
    assert.deepEqual(shown('hardware address'), ['02:42:ac:11:00:02', '02:42:ac:11:00:02']);
    assert.deepEqual(shown('/data'), ['/srv/my data of the host (ro)', '/srv/my data of /dev/vda (ro)']);
    assert.deepEqual(shown('RLIMIT_NOFILE'), ['1024, at most 4096', '1024, at most 4096']);
    assert.deepEqual(shown('hidden paths')[1], '2 paths hidden; 1 not on this kernel');
  });

  it("counts the calls that the plan's own filter lets through and names notable ones that it refuses", () => {
    assert.match(factNamed(CONTAINER, 'system calls let through').asked, /^3\d\d of 3\d\d$/);
    assert.match(factNamed(CONTAINER, 'notable calls refused').asked, /mount \(needs CAP_SYS_ADMIN\).*kexec_load/);
  });

  it('tells the plan in words', () => {
    assert.equal(explanation.plan.length, CONTAINER.plan.ops.length);
    assert.match(explanation.plan[0]?.text ?? '', /namespaces/);
    assert.deepEqual(explanation.subject, {
      kind: 'container',
      id: CONTAINER.id,
      name: 'box',
      state: 'running',
      pid: 4711,
    });
  });
});

describe('an explanation says no', () => {
  const cases: [string, ContainerExplainInput, string[]][] = [
    [
      "a namespace is the host's",
      withKernel({ namespaces: { ...RUNNING.namespaces, net: RUNNING.hostNamespaces.net ?? '' } }),
      ['network namespace'],
    ],
    ['the first process is not number 1', withStatus('NSpid', '4711'), ['number of the first process inside']],
    ['the root is another overlay', withText('mountinfo', 'bbbbbbbbbbbbbbbbbbbbbbbb/fs:', ''), ['layers']],
    ['the root is read-only', withText('mountinfo', '/ / rw,relatime', '/ / ro,relatime'), ['root file system']],
    [
      'a mount is shared with the host',
      withText(
        'mountinfo',
        '/sys ro,nosuid,nodev,noexec,relatime -',
        '/sys ro,nosuid,nodev,noexec,relatime shared:7 -',
      ),
      ['mounts shared with the host'],
    ],
    ['/proc lacks nosuid', withText('mountinfo', '/proc rw,nosuid', '/proc rw'), ['/proc']],
    [
      '/proc is something else',
      withText(
        'mountinfo',
        '/proc rw,nosuid,nodev,noexec,relatime - proc',
        '/proc rw,nosuid,nodev,noexec,relatime - tmpfs',
      ),
      ['/proc'],
    ],
    ['/dev is larger', withText('mountinfo', 'size=65536k', 'size=131072k'), ['/dev']],
    [
      'a sysctl is another',
      withKernel({ sysctls: { ...RUNNING.sysctls, 'net.ipv4.ping_group_range': { path: '/p', text: '1 0' } } }),
      ['net.ipv4.ping_group_range'],
    ],
    ['a volume is writable', withText('mountinfo', '/data ro', '/data rw'), ['/data']],
    ['a volume shows another directory', withText('mountinfo', '/srv/my\\040data', '/srv/other'), ['/data']],
    ['a masked path is visible', withText('mountinfo', '/null /proc/kcore', '/kcore /proc/kcore'), ['hidden paths']],
    [
      'a read-only path is writable',
      withText('mountinfo', '/sys /proc/sys ro', '/sys /proc/sys rw'),
      ['read-only paths'],
    ],
    ['another device may be opened', withLimit('devices', 'a *:* rwm\n'), ['devices that may be opened']],
    ['the user differs from one that cannot change it', withoutCapabilities(asUser(1000)), ['user id']],
    [
      'ids are mapped',
      withKernel({ uidMap: { path: '/proc/4711/uid_map', text: '0 100000 65536\n' } }),
      ['user id map'],
    ],
    ['a capability more is effective', withStatus('CapEff', '00000000a82425fb'), ['effective set (CapEff)']],
    ['the bounding set is larger', withStatus('CapBnd', '000001ffffffffff'), ['bounding set (CapBnd)']],
    ['a capability less is permitted', withStatus('CapPrm', '00000000a80425fa'), ['permitted set (CapPrm)']],
    ['something is inheritable', withStatus('CapInh', '00000000a80425fb'), ['inheritable set (CapInh)']],
    ['something is ambient', withStatus('CapAmb', '0000000000000001'), ['ambient set (CapAmb)']],
    ['there is no filter', withStatus('Seccomp', '0'), ['seccomp mode']],
    ['the memory limit is another', withLimit('memoryLimit', '9223372036854771712\n'), ['memory limit']],
    ['the CPU quota is another', withLimit('cpuQuota', '-1\n'), ['CPU limit']],
    ['the shares are others', withLimit('cpuShares', '512\n'), ['CPU shares']],
    ['the process limit is another', withLimit('pidsLimit', 'max\n'), ['process limit']],
    [
      'a hierarchy holds it elsewhere',
      withText('cgroup', '4:memory:/isle/4bd1', '4:memory:/other/4bd1'),
      ['control group'],
    ],
    ['it has another address', withText('fibTrie', '172.17.0.2', '172.17.0.9'), ['address']],
    ['it has another gateway', withText('route', '010011AC', 'FE0011AC'), ['gateway']],
    [
      'it has another hardware address',
      withKernel({ linkAddress: { path: RUNNING.linkAddress.path, text: '02:42:ac:11:00:09' } }),
      ['hardware address'],
    ],
    [
      'it has an IPv6 address',
      withText('inet6', '80       lo\n', '80       lo\nfe800000000000000042acfffe110002 02 40 20 80 eth0\n'),
      ['IPv6 address'],
    ],
    ['there is an interface more', withText('interfaces', '  eth0:', '  eth1:     0\n  eth0:'), ['interfaces']],
    [
      'its cable is plugged in elsewhere',
      withKernel({ linkMaster: { path: RUNNING.linkMaster.path, text: 'docker0' } }),
      ['bridge'],
    ],
    [
      'a resource limit is another',
      withText('limits', '1024                 4096', '1024                 1048576'),
      ['RLIMIT_NOFILE'],
    ],
    [
      'the OOM score is another',
      withKernel({ oomScoreAdj: { path: '/proc/4711/oom_score_adj', text: '-999\n' } }),
      ['OOM score adjustment'],
    ],
  ];
  for (const [what, input, expected] of cases) {
    it(`when ${what}`, () => assert.deepEqual(failing(explainContainer(input)), expected));
  }

  it('and what it means: the difference is named', () => {
    const { enforced } = factNamed(withStatus('CapEff', '00000000a82425fa'), 'effective set (CapEff)');
    assert.equal(enforced, '00000000a82425fa: also CAP_SYS_ADMIN; without CAP_CHOWN');
  });
});

/** A container that starts as this user, while the kernel shows root. */
function asUser(uid: number): ContainerExplainInput {
  const process = CONTAINER.spec.process ?? assert.fail('no process');
  const { bounding = [] } = process.capabilities ?? {};
  const spec = {
    ...CONTAINER.spec,
    process: { ...process, user: { ...process.user, uid }, capabilities: { bounding } },
  };
  return { ...CONTAINER, spec };
}

function withoutCapabilities(input: ContainerExplainInput): ContainerExplainInput {
  const status = RUNNING.status.replace(/^(Cap(?:Prm|Eff)):.*$/gm, '$1:\t0000000000000000');
  return { ...input, kernel: { ...RUNNING, status } };
}

describe('what is no breach', () => {
  it('is a program that started as root and has become another user, losing its capabilities', () => {
    const { kernel } = withoutCapabilities(CONTAINER);
    const status = kernel?.status.replace('Uid:\t0\t0\t0\t0', 'Uid:\t999\t999\t999\t999') ?? '';
    const input = withKernel({ status });
    assert.deepEqual(failing(explainContainer(input)), []);
    assert.equal(factNamed(input, 'user id').enforced, '999 (the program has changed it itself)');
  });

  it('is a program that has become another one', () => {
    const { holds, enforced } = factNamed(
      withKernel({ cmdline: { path: '/proc/4711/cmdline', text: 'sh\0-c\0a b\0' } }),
      'command',
    );
    assert.deepEqual([holds, enforced], [null, 'sh -c "a b"']);
  });

  it('is a stricter filter or no_new_privs that the program chose itself', () => {
    assert.deepEqual(failing(explainContainer(withStatus('Seccomp_filters', '3'))), []);
    assert.deepEqual(failing(explainContainer(withStatus('NoNewPrivs', '1'))), []);
  });
});

describe('explaining without a running process', () => {
  it('shows what was asked for and claims nothing', () => {
    const explanation = explainContainer({ ...CONTAINER, state: 'exited', pid: null, kernel: null });
    for (const fact of factsOf(explanation))
      assert.deepEqual([fact.enforced, fact.source, fact.holds], [null, null, null], fact.what);
    assert.ok(factsOf(explanation).length > 40);
  });

  it('claims nothing about what the kernel does not tell', () => {
    const mountinfo = { path: '/proc/4711/mountinfo', text: null };
    const { holds, enforced, source } = factNamed(withKernel({ mountinfo }), 'hidden paths');
    assert.deepEqual([holds, enforced, source], [null, null, '/proc/4711/mountinfo']);
    assert.equal(factNamed(withKernel({ presentPaths: null }), 'hidden paths').holds, null);
  });
});
