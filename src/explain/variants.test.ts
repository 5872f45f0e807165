import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Fact } from '../api/types/explain.ts';
import type { LandlockAbsence } from '../security/landlock.ts';
import type { Linux } from '../oci/runtime-spec.ts';
import { filterOps } from '../runtime/plan/seccomp.ts';
import { compileSeccomp } from '../security/seccomp/index.ts';
import { explainContainer } from './container.ts';
import { CONTAINER, RUNNING } from './testdata/running.ts';
import type { ContainerExplainInput, KernelText } from './types.ts';

const layer = (input: ContainerExplainInput, name: string) =>
  explainContainer(input).layers.find((candidate) => candidate.name === name) ?? assert.fail(name);
const summary = (facts: readonly Fact[]) =>
  facts.map(({ what, asked, enforced, holds }) => [what, asked, enforced, holds]);
const linux = (change: Partial<Linux>) => ({ ...CONTAINER.spec, linux: { ...CONTAINER.spec.linux, ...change } });

describe('explaining other kinds of containers', () => {
  it('expects process number 1 only in a PID namespace of its own', () => {
    const numbers = (path?: string) => {
      const namespaces = [{ type: 'pid' as const, ...(path === undefined ? {} : { path }) }];
      const { facts } = layer({ ...CONTAINER, spec: linux({ namespaces }), kernel: RUNNING }, 'namespaces');
      return facts.filter(({ what }) => what === 'number of the first process inside').length;
    };
    assert.deepEqual([numbers(), numbers('/proc/7/ns/pid')], [1, 0]);
  });

  it('reads the limits of cgroup v2 in its own units', () => {
    const v2 = (name: string, text: string): KernelText => ({
      path: `/sys/fs/cgroup/isle/4bd1/${name}`,
      text: `${text}\n`,
    });
    const cgroupFiles = {
      memoryLimit: v2('memory.max', '67108864'),
      memorySwapLimit: v2('memory.swap.max', '67108864'),
      cpuMax: v2('cpu.max', '50000 100000'),
      cpuWeight: v2('cpu.weight', '59'),
      pidsLimit: v2('pids.max', 'max'),
    };
    const resources = {
      memory: { limit: 67108864, swap: 134217728 },
      cpu: { quota: 50000, period: 100000, shares: 512 },
    };
    const facts = layer(
      { ...CONTAINER, spec: linux({ resources }), kernel: { ...RUNNING, cgroupFiles } },
      'cgroups',
    ).facts;
    assert.deepEqual(summary(facts.slice(1)), [
      ['memory limit', '64 MiB', '64 MiB', true],
      ['swap limit', '64 MiB', '64 MiB', true],
      ['CPU limit', '0.5 CPUs (50000 of every 100000 µs)', '0.5 CPUs (50000 of every 100000 µs)', true],
      ['CPU shares', '512, as weight 59', '512, as weight 59', true],
      ['process limit', 'no limit', 'no limit', true],
    ]);
  });

  it('knows the value that cgroup v1 prints for "no limit", and whole pages', () => {
    const file = (text: string) => ({ memoryLimit: { path: '/m', text } });
    const memory = (limit: number | undefined, text: string) =>
      layer(
        {
          ...CONTAINER,
          spec: linux({ resources: limit === undefined ? {} : { memory: { limit } } }),
          kernel: { ...RUNNING, cgroupFiles: file(text) },
        },
        'cgroups',
      ).facts.find((fact) => fact.what === 'memory limit')?.holds;
    assert.equal(memory(undefined, '9223372036854771712\n'), true);
    assert.equal(memory(10_000_000, '9998336\n'), true, 'the kernel rounds down to pages');
    assert.equal(memory(10_000_000, '9994240\n'), false);
    assert.equal(memory(undefined, '1048576\n'), false);
  });

  it('says which controllers the host does not have instead of claiming a limit', () => {
    const [, limit] = layer({ ...CONTAINER, kernel: { ...RUNNING, cgroupFiles: {} } }, 'cgroups').facts;
    assert.deepEqual([limit?.enforced, limit?.holds, limit?.source], [null, null, 'no memory controller on this host']);
  });

  it("tells that host networking is the host's", () => {
    const namespaces = (CONTAINER.spec.linux?.namespaces ?? []).filter((namespace) => namespace.type !== 'network');
    const input = {
      ...CONTAINER,
      spec: linux({ namespaces }),
      network: null,
      kernel: { ...RUNNING, namespaces: { ...RUNNING.namespaces, net: RUNNING.hostNamespaces.net ?? '' } },
    };
    assert.match(layer(input, 'network').summary, /shares the host's network/);
    const fact = layer(input, 'namespaces').facts.find((candidate) => candidate.what === 'network namespace');
    assert.equal(fact?.asked, "the host's");
    assert.equal(fact?.holds, true);
  });

  it('expects nothing but loopback without a network', () => {
    const none = {
      ...RUNNING,
      interfaces: { path: '/proc/4711/net/dev', text: 'a\nb\n lo: 0\n' },
      fibTrie: { path: '/f', text: '' },
    };
    assert.deepEqual(
      layer({ ...CONTAINER, network: null, kernel: none }, 'network').facts.map((fact) => fact.holds),
      [true, true],
    );
    assert.deepEqual(
      layer({ ...CONTAINER, network: null }, 'network').facts.map((fact) => fact.holds),
      [false, false],
    );
  });

  it('warns in words of a container without a filter', () => {
    const plan = { ops: CONTAINER.plan.ops.filter((operation) => operation.op !== 'seccomp') };
    const { facts } = layer(
      { ...CONTAINER, plan, kernel: { ...RUNNING, status: RUNNING.status.replace('Seccomp:\t2', 'Seccomp:\t0') } },
      'seccomp',
    );
    assert.deepEqual(summary(facts), [['seccomp mode', 'off', 'off', true]]);
    assert.match(facts[0]?.why ?? '', /can be an escape/);
  });

  it('says which calls a listener decides', () => {
    const syscalls = [{ names: ['mkdir', 'chmod'], action: 'SCMP_ACT_NOTIFY' }] as const;
    const listener = { path: '/run/agent.sock', metadata: '' };
    const program = compileSeccomp(
      { defaultAction: 'SCMP_ACT_ALLOW', listener, syscalls },
      { caps: [], arch: 'x86_64', kernel: [6, 18] },
    );
    const state = { ociVersion: '1.2.0', id: 'c', status: 'creating', bundle: '/' } as const;
    const plan = { ops: filterOps(program, state) };
    const { facts } = layer({ ...CONTAINER, plan }, 'seccomp');
    const told = summary(facts).find(([what]) => what === 'calls that a listener decides');
    assert.equal(told?.[1], 'mkdir, chmod: /run/agent.sock');
    assert.deepEqual(facts.find(({ what }) => what === 'notable calls refused')?.asked, 'none');
  });

  it('expects no capability to work for a user other than root, and all devices for a privileged container', () => {
    const process = CONTAINER.spec.process ?? assert.fail('no process');
    const spec = {
      ...linux({ resources: { devices: [{ allow: true, access: 'rwm' }] } }),
      process: { ...process, user: { uid: 1000, gid: 1000 }, noNewPrivileges: true },
    };
    const facts = layer({ ...CONTAINER, spec, kernel: null }, 'capabilities').facts;
    assert.deepEqual(
      facts.map((fact) => fact.asked.split(':')[0]),
      ['14', 'none', 'none', 'none', 'none'],
    );
    const devices = layer({ ...CONTAINER, spec }, 'devices').facts.at(-1);
    assert.equal(devices?.asked, 'a *:* rwm');
    assert.equal(devices?.holds, false);
  });

  const profiles: [what: string, asked: string | undefined, label: string, holds: boolean | null][] = [
    ['the profile that was asked for', 'mine', 'mine (enforce)\n', true],
    ['a child of that profile', 'mine', 'mine//sub (enforce)\n', true],
    ['one that only complains', 'mine', 'mine (complain)\n', null],
    ['another profile', 'mine', 'other (enforce)\n', false],
    ['none although one was asked for', 'mine', 'unconfined\n', false],
    ['none, as asked for', 'unconfined', 'unconfined\n', true],
    ['none, as the host has no profile to give', undefined, 'unconfined\n', true],
  ];
  for (const [what, asked, text, holds] of profiles) {
    it(`tells whether AppArmor confines it: ${what}`, () => {
      const label = { path: '/proc/4711/attr/apparmor/current', text };
      const process = { ...(CONTAINER.spec.process ?? assert.fail()), apparmorProfile: asked };
      const input = { ...CONTAINER, spec: { ...CONTAINER.spec, process }, kernel: { ...RUNNING, label } };
      const [fact] = layer(input as ContainerExplainInput, 'lsm').facts;
      assert.deepEqual(
        [fact?.what, fact?.asked, fact?.enforced, fact?.holds],
        ['AppArmor profile', asked ?? 'none', text.trim(), holds],
      );
    });
  }

  const fence = (landlock: ContainerExplainInput['landlock'], kernel = CONTAINER.kernel) =>
    layer({ ...CONTAINER, landlock, kernel }, 'lsm').facts.find(({ what }) => what === 'Landlock domain');

  it('tells which Landlock domain a start entered, as nobody else does', () => {
    const inside = fence({ asked: 'default', abi: 7, entered: 'default' });
    assert.equal(inside?.asked, inside?.enforced);
    assert.deepEqual([inside?.holds, inside?.source?.startsWith('the record of its start')], [true, true]);
    const changed = fence({ asked: 'strict', abi: 7, entered: null });
    assert.deepEqual([changed?.enforced, changed?.holds], ['none', false]);
    const stopped = fence({ asked: 'default', abi: 7, entered: 'default' }, null);
    assert.deepEqual([stopped?.enforced, stopped?.holds], [null, null]);
  });

  it('says why a container is in no Landlock domain', () => {
    const why = (absent: LandlockAbsence, abi = 7) => fence({ asked: { absent }, abi, entered: null });
    assert.match(why('kernel', 0)?.why ?? '', /no Landlock/);
    assert.match(why('kernel', 2)?.why ?? '', /version 2, .*version 6 \(Linux 6\.12\)/);
    for (const absent of ['unconfined', 'daemon', 'privileged', 'confined', 'module-off', 'joined-pid'] as const) {
      assert.deepEqual([why(absent)?.asked, why(absent)?.holds], ['none', true]);
    }
  });

  it('claims nothing of AppArmor on a host without it', () => {
    const label = { path: '/proc/4711/attr/current', text: null };
    const [fact] = layer({ ...CONTAINER, modules: ['landlock'], kernel: { ...RUNNING, label } }, 'lsm').facts;
    assert.deepEqual([fact?.asked, fact?.enforced, fact?.holds], ['none', null, null]);
  });
});
