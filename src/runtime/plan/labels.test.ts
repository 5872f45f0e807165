import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { HostConfig } from '../../oci/container-config.ts';
import type { Mount } from '../../oci/runtime-spec.ts';
import { buildSpec } from '../../oci/spec/build.ts';
import { createCgroupBackend } from '../cgroups/index.ts';
import { compileStartPlan } from './compile.ts';
import { labelOps } from './labels.ts';
import type { OpArgs, OpName, Plan, PlanOp } from './table.ts';

const LABELS = {
  process: 'system_u:system_r:container_t:s0:c1,c2',
  mount: 'system_u:object_r:container_file_t:s0:c1,c2',
};

function compile(hostConfig: HostConfig = {}, labels: typeof LABELS | null = LABELS, mounts: Mount[] = []): Plan {
  const spec = buildSpec({
    id: 'c1',
    config: {},
    hostConfig: { NetworkMode: 'none', ...hostConfig },
    hostname: 'c1',
    user: { uid: 0, gid: 0, additionalGids: [], home: '/' },
    argv: ['sh'],
    env: [],
    mounts,
    cgroupsPath: 'isle/c1',
    capBounding: 0n,
    labels: labels ?? undefined,
  });
  return compileStartPlan({
    spec,
    id: 'c1',
    stateDir: '/run/c1',
    bundle: '/lib/c1',
    logOps: [],
    monitorFlags: 0,
    overlay: { cwd: '/layers', target: '/merged', options: 'lowerdir=b:a,upperdir=/u,workdir=/w' },
    cgroups: createCgroupBackend({
      version: 2,
      v1: [],
      unified: { mountPoint: '/sys/fs/cgroup', controllers: ['pids'] },
      cpuset: null,
      swapAccounting: true,
    }),
    network: { mode: 'none', child: new Uint8Array() },
    seccomp: null,
    init: true,
  });
}

function argsOf<N extends OpName>(plan: Plan, name: N): OpArgs<N>[] {
  return plan.ops.flatMap((entry) => (entry.op === name ? [entry.args as OpArgs<N>] : []));
}
const writes = (plan: Plan) => argsOf(plan, 'writeSelf').map(({ path, data }) => [path, Buffer.from(data).toString()]);
const written = (ops: PlanOp[]) => writes({ ops });

describe('a container with labels', () => {
  const plan = compile();

  it("has the label of the process on its keyring, and on the program, while /proc is the host's", () => {
    assert.deepEqual(writes(plan), [
      ['attr/keycreate', LABELS.process],
      ['attr/exec', LABELS.process],
    ]);
    const order = plan.ops.map((entry) => (entry.op === 'writeSelf' ? entry.args.path : entry.op));
    const places = ['attr/keycreate', 'keyring', 'attr/exec', 'pivot', 'exec'].map((name) => order.indexOf(name));
    assert.deepEqual(
      places,
      places.toSorted((a, b) => a - b),
    );
  });

  it("has the label of its files on the root and on all file systems that are not the kernel's", () => {
    const [root] = argsOf(plan, 'overlayRoot');
    assert.equal(root?.options, `lowerdir=b:a,upperdir=/u,workdir=/w,context="${LABELS.mount}"`);
    const labelled = argsOf(plan, 'mountFs').map(({ target, options }) => [
      target,
      options.includes(`context=${LABELS.mount}`),
    ]);
    assert.deepEqual(labelled, [
      ['/proc', false],
      ['/dev', true],
      ['/dev/pts', true],
      ['/sys', false],
      ['/dev/mqueue', false],
      ['/dev/shm', true],
    ]);
    assert.ok(argsOf(plan, 'mask').every(({ label }) => label === LABELS.mount));
  });

  it("labels its message queues by their directory, unless they are another's", () => {
    assert.deepEqual(argsOf(plan, 'labelQueues'), [{ label: LABELS.mount }]);
    assert.deepEqual(argsOf(compile({ IpcMode: 'host' }), 'labelQueues'), []);
  });

  it('lets all containers execute the init process', () => {
    assert.deepEqual(argsOf(plan, 'init'), [{ label: 'system_u:object_r:container_file_t:s0' }]);
  });

  it('relabels what a mount asks for first of all, on the host', () => {
    const mount = { destination: '/d', type: 'bind', source: '/srv/d', options: ['rbind'], relabel: LABELS.mount };
    const [, first] = compile({}, LABELS, [mount]).ops;
    assert.deepEqual(first, {
      op: 'relabel',
      section: 'setup',
      step: 'lsm',
      args: { path: '/srv/d', label: LABELS.mount, once: 0 },
    });
  });

  it('has none on its process when it is privileged, whatever was asked for', () => {
    const privileged = compile({ Privileged: true });
    assert.deepEqual(writes(privileged), []);
    assert.match(argsOf(privileged, 'overlayRoot')[0]?.options ?? '', /context=/);
  });

  it('keeps a context that a mount brings along', () => {
    const own = { destination: '/t', type: 'tmpfs', source: 'tmpfs', options: ['context=u:object_r:t_t:s0'] };
    const found = argsOf(compile({}, LABELS, [own]), 'mountFs').find(({ target }) => target === '/t');
    assert.deepEqual(found?.options, ['context=u:object_r:t_t:s0']);
  });
});

describe('a container without labels', () => {
  it('has no operation for them', () => {
    const plan = compile({}, null);
    assert.deepEqual([...writes(plan), ...argsOf(plan, 'labelQueues'), ...argsOf(plan, 'relabel')], []);
    const options = [...argsOf(plan, 'overlayRoot'), ...argsOf(plan, 'mountFs')].flatMap((args) => args.options);
    assert.ok(options.length > 3 && !options.some((option) => option.includes('context=')));
    assert.deepEqual(argsOf(plan, 'init'), [{ label: '' }]);
  });
});

describe('labels for the next program', () => {
  it("go into AppArmor's own file where the kernel has one, and into the common one elsewhere", () => {
    const confined = { apparmorProfile: 'mine' };
    assert.deepEqual(written(labelOps(confined, 'attr/apparmor/exec')), [['attr/apparmor/exec', 'exec mine']]);
    assert.deepEqual(written(labelOps(confined)), [['attr/exec', 'exec mine']]);
  });

  it('are not written when none are asked for', () => {
    assert.deepEqual(labelOps({}), []);
    assert.deepEqual(labelOps({ apparmorProfile: '', selinuxLabel: '' }), []);
  });
});
