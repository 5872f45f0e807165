import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { HostConfig } from '../../oci/container-config.ts';
import type { Mount } from '../../oci/runtime-spec.ts';
import { buildSpec } from '../../oci/spec/build.ts';
import type { IdMap, JoinedContainers } from '../../oci/spec/namespaces.ts';
import { type CgroupLayout, createCgroupBackend } from '../cgroups/index.ts';
import { NETNS_FD, type NetworkBatches } from './compile.ts';
import { MOUNT_ATTR } from './constants.ts';
import { compileDelegatedStart, type DelegatedStart, runtimeDeleteOps } from './delegate.ts';
import { describeOp } from './describe.ts';
import { encodePlan } from '../encode.ts';
import type { OpArgs, OpName, PlanOp } from './table.ts';

const HYBRID: CgroupLayout = {
  version: 1,
  v1: ['cpu', 'memory', 'devices', 'pids'].map((name) => ({
    mountPoint: `/sys/fs/cgroup/${name}`,
    controllers: [name],
    name: null,
  })),
  unified: { mountPoint: '/sys/fs/cgroup/unified', controllers: [] },
  cpuset: null,
  swapAccounting: true,
};
const V2: CgroupLayout = {
  ...HYBRID,
  version: 2,
  v1: [],
  unified: { mountPoint: '/sys/fs/cgroup', controllers: ['cpu', 'memory', 'pids'] },
};
const ID = '4bd1c0de'.repeat(8);
const STATE = `/run/isle/containers/${ID}`;
const RUNTIME = { name: 'runc', path: '/usr/sbin/runc', root: '/run/isle/runtimes/runc', env: ['PATH=/bin'] };
const BRIDGE: NetworkBatches = { mode: 'bridge', parent: new Uint8Array([1]), child: new Uint8Array([2]) };

interface Given {
  host?: HostConfig;
  network?: NetworkBatches;
  layout?: CgroupLayout;
  mounts?: Mount[];
  tty?: boolean;
  joined?: JoinedContainers;
  idMap?: IdMap;
}

function start({ host = {}, network = BRIDGE, layout = HYBRID, mounts = [], tty = false, ...more }: Given = {}) {
  const spec = buildSpec({
    id: ID,
    config: { Tty: tty },
    hostConfig: host,
    hostname: 'c1',
    user: { uid: 7, gid: 8, additionalGids: [], home: '/' },
    argv: ['sh'],
    env: [],
    mounts,
    cgroupsPath: `isle/${ID}`,
    capBounding: (1n << 41n) - 1n,
    ...more,
  });
  return compileDelegatedStart({
    spec,
    id: ID,
    stateDir: STATE,
    logOps: [],
    monitorFlags: 0,
    overlay: { cwd: '/lib/layers', target: '/lib/c/merged', options: 'lowerdir=a' },
    cgroups: createCgroupBackend(layout),
    network,
    runtime: RUNTIME,
    seccomp: null,
    initProgram: null,
  });
}

const names = ({ plan }: DelegatedStart, section: PlanOp['section']): OpName[] =>
  plan.ops.filter((entry) => entry.section === section).map(({ op }) => op);
function argsOf<N extends OpName>({ plan }: DelegatedStart, name: N): OpArgs<N>[] {
  return plan.ops.filter((entry) => entry.op === name).map((entry) => entry.args as OpArgs<N>);
}

function bind(destination: string, ...options: string[]): Mount {
  return { destination, type: 'bind', source: `/s${destination}`, options };
}

describe('a start by another runtime', () => {
  it('gets root and network ready where nobody else sees them, then hands over', () => {
    const delegated = start();
    const setup = names(delegated, 'setup').filter((name) => name !== 'mkdir' && name !== 'write');
    assert.deepEqual(setup, [
      'monitor',
      'oomWatch',
      'cgroupInto',
      'stdioOwner',
      'ownMounts',
      'unmount',
      'overlayRoot',
      'pinNetns',
      'netlink',
      'writeIn',
      'netlinkIn',
      'chdir',
    ]);
    assert.deepEqual(names(delegated, 'parent'), ['runtimeCreate', 'runProgram', 'hostMounts']);
    assert.deepEqual(names(delegated, 'child'), []);
    assert.equal(argsOf(delegated, 'pinNetns')[0]?.fd, NETNS_FD);
    assert.deepEqual(delegated.mountPoints, [{ path: `${STATE}/netns`, kind: 'file' }]);
    assert.deepEqual(
      delegated.config.linux.namespaces?.filter(({ path }) => path !== undefined),
      [{ type: 'network', path: `${STATE}/netns` }],
    );
    assert.equal(delegated.config.linux.cgroupsPath, `/isle/${ID}`);
  });

  it('runs create, start and delete as every runtime takes them', () => {
    const delegated = start();
    const common = ['/usr/sbin/runc', '--root', RUNTIME.root];
    const log = ['--log', `${STATE}/runtime.log`, '--log-format', 'json'];
    assert.deepEqual(argsOf(delegated, 'runtimeCreate')[0], {
      argv: [...common, ...log, 'create', '--bundle', STATE, '--pid-file', `${STATE}/runtime.pid`, ID],
      env: ['PATH=/bin'],
      pidFile: 'runtime.pid',
      console: '',
      inCgroup: 1,
    });
    assert.deepEqual(
      argsOf(delegated, 'runProgram').map(({ argv }) => argv),
      [
        [...common, ...log, 'start', ID],
        [...common, 'delete', '-f', ID],
      ],
    );
    // After the runtime has deleted its own: what it left.
    assert.equal(names(delegated, 'cleanup').at(-1), 'rmdir');
  });

  it('takes the terminal at a socket whose name is short', () => {
    const [create] = argsOf(start({ tty: true }), 'runtimeCreate');
    assert.equal(create?.console, 'console.sock');
    assert.deepEqual(create?.argv.slice(-3), ['--console-socket', 'console.sock', ID]);
  });

  it('leaves the cgroup2 hierarchy of a pure v2 host in sight, and the cgroup empty for the runtime', () => {
    const delegated = start({ layout: V2 });
    assert.ok(!names(delegated, 'setup').includes('unmount'));
    assert.equal(argsOf(delegated, 'runtimeCreate')[0]?.inCgroup, 0);
  });

  it('sets limits before the runtime does, and leaves devices to it', () => {
    for (const layout of [HYBRID, V2]) {
      const delegated = start({ layout, host: { Memory: 64 << 20 } });
      const written = argsOf(delegated, 'write').map(({ path }) => path);
      assert.ok(written.some((path) => /memory\.(max|limit_in_bytes)$/.test(path)));
      assert.ok(!written.some((path) => path.includes('devices')));
      assert.ok(!names(delegated, 'setup').includes('cgroupDevices'));
      assert.ok((delegated.config.linux.resources?.devices ?? []).length > 5);
      assert.equal(delegated.config.linux.resources?.memory?.limit, 64 << 20);
    }
  });

  it("makes no network where it is the host's or another container's", () => {
    const shared = start({ host: { NetworkMode: 'host' }, network: { mode: 'host' } });
    assert.ok(!names(shared, 'setup').some((name) => name.startsWith('netlink') || name === 'pinNetns'));
    assert.deepEqual(shared.mountPoints, []);
    const joined = start({ network: { mode: 'join' }, joined: { network: 9 } });
    assert.ok(joined.config.linux.namespaces?.some(({ path }) => path === '/proc/9/ns/net'));
    assert.deepEqual(joined.mountPoints, []);
    const alone = start({ network: { mode: 'none', child: new Uint8Array([3]) } });
    assert.deepEqual(names(alone, 'setup').slice(-4), ['pinNetns', 'writeIn', 'netlinkIn', 'chdir']);
  });

  it('gives the runtime standard mounts only, and opens before what it could not mount itself', () => {
    const maps = {
      uidMappings: [{ containerID: 0, hostID: 5, size: 1 }],
      gidMappings: [{ containerID: 0, hostID: 5, size: 1 }],
    };
    const delegated = start({
      mounts: [
        bind('/plain', 'rbind', 'rprivate', 'create=file'),
        bind('/shared', 'rbind', 'rshared'),
        { ...bind('/mapped', 'rbind', 'rprivate', 'ridmap', 'create=file'), ...maps },
      ],
      joined: { ipc: 9 },
    });
    const mount = (path: string) => delegated.config.mounts?.find(({ destination }) => destination === path);
    // Below a file there is nothing.
    assert.deepEqual(mount('/plain'), bind('/plain', 'bind', 'rprivate'));
    const opened = argsOf(delegated, 'holdTree').map(({ slot, nsPath, source }) => [slot, nsPath, source]);
    assert.deepEqual(opened, [
      [0, '/proc/9/ns/mnt', '/dev/shm'],
      [1, '', '/s/shared'],
      [2, '', '/s/mapped'],
    ]);
    assert.deepEqual(
      argsOf(delegated, 'attachHeld'),
      [0, 1, 2].map((slot) => ({ slot, path: `${STATE}/mount${slot}` })),
    );
    assert.deepEqual(mount('/mapped'), { ...bind('/mapped', 'bind', 'rprivate'), source: `${STATE}/mount2` });
    assert.equal(mount('/dev/shm')?.source, `${STATE}/mount0`);
    assert.ok(!('sourceNamespace' in (mount('/dev/shm') ?? {})));
    assert.deepEqual(
      delegated.mountPoints.map(({ kind }) => kind),
      ['directory', 'directory', 'file', 'file'],
    );
    // Out of the host's mount table, before the monitor leaves it.
    const setup = names(delegated, 'setup');
    assert.ok(setup.lastIndexOf('holdTree') < setup.indexOf('ownMounts'));
    assert.equal(delegated.config.linux.rootfsPropagation, 'rshared');
  });

  it('sets the flags of a tree itself, in case that the runtime sets those of its topmost mount only', () => {
    const delegated = start({
      mounts: [
        bind('/tree', 'rbind', 'rprivate', 'rro'),
        bind('/top', 'rbind', 'rprivate', 'ro'),
        bind('/one', 'bind', 'rprivate', 'ro'),
        bind('/file', 'rbind', 'rprivate', 'rro', 'create=file'),
      ],
    });
    const words = (path: string) =>
      delegated.config.mounts?.find(({ destination }) => destination === path)?.options?.join();
    assert.equal(words('/tree'), 'rbind,rprivate,ro');
    assert.equal(words('/top'), 'rbind,rprivate,ro');
    assert.equal(words('/one'), 'bind,rprivate,ro');
    assert.equal(words('/file'), 'bind,rprivate,ro');
    assert.deepEqual(
      argsOf(delegated, 'holdTree').map(({ source, attrs }) => [source, attrs]),
      [['/s/tree', MOUNT_ATTR.rdonly]],
    );
  });

  it('refuses user namespaces, naming the way out', () => {
    const idMap = { uid: [{ containerID: 0, hostID: 1, size: 9 }], gid: [{ containerID: 0, hostID: 1, size: 9 }] };
    assert.throws(() => start({ idMap }), { kind: 'NotImplemented', message: /"runc" in a user namespace/ });
  });

  it('can be encoded, and told in words', () => {
    const { plan } = start();
    assert.ok(encodePlan(plan).length > 100);
    const words = plan.ops.map(describeOp);
    assert.ok(words.includes('have /usr/sbin/runc make the container'));
    for (const text of words) assert.doesNotMatch(text, /undefined|[^.]\.$/);
  });

  it('can be cleaned up without the monitor, in a run plan', () => {
    const ops = runtimeDeleteOps('setup', RUNTIME, ID, createCgroupBackend(HYBRID));
    assert.ok(ops.every(({ section }) => section === 'setup'));
    assert.deepEqual(
      ops.map(({ op }) => op),
      ['ownMounts', 'unmount', 'runProgram', 'hostMounts'],
    );
  });
});
