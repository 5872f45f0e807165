import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import type { Spec } from '../../oci/runtime-spec.ts';
import { createCgroupBackend } from '../cgroups/index.ts';
import { compileReadPlan, NETNS_FD } from './compile.ts';
import { CLONE, MOUNT_ATTR, MS, RLIM_INFINITY } from './constants.ts';
import { describeOp } from './describe.ts';
import { OPS, type Plan } from './table.ts';
import { argsOf, assertOrder, at, compile, ID, OVERLAY, V2 } from './testing/compiled.ts';

/** Writes the golden file anew before it is compared; to be formatted and read before it is committed. */
const UPDATE = process.env['ISLE_UPDATE_GOLDEN'] === '1';
const GOLDEN = new URL('./testdata/default-container.json', import.meta.url);

/** Flags as hexadecimal text and bytes as text, so that a difference can be read. */
function readable(plan: Plan): unknown[] {
  return plan.ops.map(({ op, section, step, args }) => {
    const values = Object.entries(args).map(([key, value]) => [key, toReadable(value)]);
    return { section, step, op, ...(Object.fromEntries(values) as object) };
  });
}

function toReadable(value: unknown): unknown {
  if (typeof value === 'bigint') return `0x${value.toString(16)}`;
  return value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : value;
}

describe('the default container', () => {
  const plan = compile();

  it('compiles to the plan of the golden file', () => {
    if (UPDATE) writeFileSync(GOLDEN, JSON.stringify(readable(plan), null, 2));
    assert.deepEqual(readable(plan), JSON.parse(readFileSync(GOLDEN, 'utf8')));
  });

  it('gets new mount, uts, ipc, pid and network namespaces at birth, a cgroup namespace when in its cgroup', () => {
    const flags = CLONE.mount | CLONE.uts | CLONE.ipc | CLONE.pid | CLONE.network;
    assert.deepEqual(argsOf(plan, 'clone'), [{ flags }]);
    assert.deepEqual(argsOf(plan, 'unshare'), [{ flags: CLONE.cgroup }]);
    assertOrder(plan, 'clone', 'mountPropagation', 'cgroupJoin', 'unshare', 'overlayRoot');
    assert.ok(plan.ops.findLastIndex(({ op }) => op === 'cgroupJoin') < at(plan, 'unshare'));
  });

  it('makes mounts slave before the first of them', () => {
    const children = plan.ops.filter(({ section }) => section === 'child');
    assert.equal(children[0]?.op, 'mountPropagation');
    assert.deepEqual(argsOf(plan, 'mountPropagation'), [{ path: '/', flags: MS.slave | MS.rec }]);
  });

  it('finishes the root before it changes into it', () => {
    assertOrder(
      plan,
      'overlayRoot',
      'mountFs',
      'mknodIn',
      'writeProc',
      'readonlyPath',
      'mask',
      'pivot',
      'chdir',
      'exec',
    );
  });

  it('waits for the network as late as it can, and before it is used', () => {
    assertOrder(plan, 'symlinkIn', 'waitParent', 'writeProc');
    const up = plan.ops.findIndex(({ op, section }) => op === 'netlink' && section === 'child');
    assert.equal(at(plan, 'writeProc'), up - 1, 'a link that is up has sent its first IPv6 packets');
    const batches = plan.ops.filter(({ op }) => op === 'netlink');
    assert.deepEqual(
      batches.map(({ section }) => section),
      ['parent', 'child'],
    );
    assert.deepEqual(argsOf(plan, 'childNetns'), [{ fd: NETNS_FD }]);
  });

  it('installs the filter while it still may, and drops its capabilities after', () => {
    assertOrder(plan, 'boundingSet', 'setGroups', 'setGid', 'seccomp', 'setUid', 'capset', 'exec');
    assert.equal(at(plan, 'noNewPrivs'), -1);
    assert.equal(at(plan, 'keepCaps'), -1);
    assert.equal(argsOf(plan, 'capset')[0]?.effective, 0xa80425fbn);
    assert.equal(argsOf(plan, 'capset')[0]?.inheritable, 0n);
  });

  it('shows its own cgroups read-only, made so after their mount points', () => {
    const binds = argsOf(plan, 'mountBind').filter(({ target }) => target.startsWith('/sys/fs/cgroup/'));
    assert.equal(binds.length, 9);
    for (const { source, attrs } of binds) {
      assert.ok(source.endsWith(`/isle/${ID}`));
      assert.equal(attrs & MOUNT_ATTR.rdonly, MOUNT_ATTR.rdonly);
    }
    assertOrder(plan, 'mountBind', 'mountAttrs', 'mknodIn');
    assert.deepEqual(argsOf(plan, 'mountAttrs'), [{ path: '/sys/fs/cgroup', attrs: MOUNT_ATTR.rdonly }]);
  });

  it('leaves the working directory out of the search path', () => {
    assert.deepEqual(argsOf(plan, 'exec')[0]?.searchPath, ['/usr/bin', '/bin']);
  });

  it('has exactly one program, which comes last in the child', () => {
    assert.equal(plan.ops.filter(({ section }) => section === 'child').at(-1)?.op, 'exec');
    assert.equal(argsOf(plan, 'exec').length, 1);
  });

  it('keeps to the table: every operation has its fields and no others', () => {
    for (const { op, args } of plan.ops) {
      assert.deepEqual(Object.keys(args).toSorted(), Object.keys(OPS[op]).toSorted(), op);
    }
  });

  it('can be told in words', () => {
    for (const entry of plan.ops) assert.match(describeOp(entry), /^[a-z].*[^.]$/);
    const words = plan.ops.map(describeOp).join('\n');
    assert.match(words, /make a process with new mount, uts, ipc, pid and network namespaces/);
    assert.match(words, /mount a new proc on `\/proc` \(nosuid, nodev, noexec\)/);
  });
});

describe('variations', () => {
  it('installs the filter last with no_new_privs, so that fewer calls have to pass it', () => {
    const plan = compile({ host: { SecurityOpt: ['no-new-privileges'] } });
    assertOrder(plan, 'noNewPrivs', 'boundingSet', 'setUid', 'capset', 'seccomp', 'exec');
  });

  it('leaves another user without capabilities, with one bounding set', () => {
    const plan = compile({ uid: 1000 });
    assert.deepEqual(argsOf(plan, 'capset'), [{ effective: 0n, permitted: 0n, inheritable: 0n }]);
    assert.deepEqual(argsOf(plan, 'boundingSet'), [{ keep: 0xa80425fbn }]);
    assert.equal(at(plan, 'keepCaps'), -1);
  });

  it('keeps capabilities over the change of user where the spec wants that', () => {
    const capabilities = { bounding: ['CAP_CHOWN'], permitted: ['CAP_CHOWN'], ambient: ['CAP_CHOWN'] };
    const change = (spec: Spec) => ({ ...spec, ...(spec.process && { process: { ...spec.process, capabilities } }) });
    assertOrder(compile({ uid: 1000, change }), 'keepCaps', 'setUid', 'capset', 'ambientSet');
  });

  it('installs no filter where there is none', () => {
    assert.equal(at(compile({ over: { seccomp: null } }), 'seccomp'), -1);
  });

  it("waits for nobody without a network, and touches none with the host's", () => {
    const none = compile({
      host: { NetworkMode: 'none' },
      over: { network: { mode: 'none', child: new Uint8Array(1) } },
    });
    assert.equal(at(none, 'waitParent'), -1);
    assert.equal(argsOf(none, 'netlink').length, 1);
    const shared = compile({ host: { NetworkMode: 'host' }, over: { network: { mode: 'host' } } });
    assert.equal(at(shared, 'netlink'), -1);
    assert.equal((argsOf(shared, 'clone')[0]?.flags ?? 0n) & CLONE.network, 0n);
  });

  it('refuses to run an inside batch where there is no inside', () => {
    assert.throws(() => compile({ host: { NetworkMode: 'host' } }), { kind: 'System' });
    assert.throws(() => compile({ over: { network: { mode: 'host' } } }), { kind: 'System' });
  });

  it('opens a terminal of the asked size before the pivot', () => {
    const plan = compile({ config: { Tty: true }, over: { consoleSize: { rows: 24, cols: 80 } } });
    assertOrder(plan, 'setsid', 'mountFs', 'pty', 'pivot');
    assert.deepEqual(argsOf(plan, 'pty'), [{ rows: 24, cols: 80, uid: 0 }]);
  });

  it('makes the working directory before the root becomes read-only', () => {
    const plan = compile({ host: { ReadonlyRootfs: true }, config: { WorkingDir: '/srv/app' } });
    assertOrder(plan, 'mkdirIn', 'readonlyRoot', 'pivot', 'chdir');
  });

  it('raises limits without end', () => {
    const plan = compile({ host: { Ulimits: [{ Name: 'nofile', Soft: 9, Hard: -1 }] } });
    assert.deepEqual(argsOf(plan, 'rlimit'), [{ resource: 7, soft: 9n, hard: RLIM_INFINITY }]);
  });

  it('hides nothing and leaves /sys writable for a privileged container', () => {
    const plan = compile({ host: { Privileged: true } });
    for (const name of ['mask', 'readonlyPath', 'mountAttrs'] as const) assert.equal(at(plan, name), -1, name);
    const sysfs = argsOf(plan, 'mountFs').find(({ fsType }) => fsType === 'sysfs');
    assert.equal((sysfs?.attrs ?? 0n) & MOUNT_ATTR.rdonly, 0n);
  });

  it('mounts one cgroup directory and joins none by hand on version 2', () => {
    const plan = compile({ over: { cgroups: createCgroupBackend(V2) } });
    assert.equal(at(plan, 'cgroupJoin'), -1);
    assertOrder(plan, 'cgroupInto', 'clone', 'unshare');
    const targets = argsOf(plan, 'mountBind').map(({ target }) => target);
    assert.equal(targets.filter((target) => target.startsWith('/sys/fs/cgroup')).length, 1);
  });

  it('leaves a /dev that was bound in alone', () => {
    const dev = { destination: '/dev', type: 'bind', source: '/dev', options: ['rbind', 'rslave'] };
    const plan = compile({ change: (spec) => ({ ...spec, mounts: [...(spec.mounts ?? []), dev] }) });
    assert.equal(at(plan, 'mknodIn'), -1);
    assert.equal(argsOf(plan, 'mountBind').at(-1)?.propagation, MS.slave | MS.rec);
  });

  it('refuses namespaces that it cannot make, and a spec without a program', () => {
    const linux = (namespaces: Spec['linux']) => ({
      change: (spec: Spec) => ({ ...spec, linux: { ...spec.linux, ...namespaces } }),
    });
    assert.throws(() => compile(linux({ namespaces: [{ type: 'network' }] })), /without a mount namespace/);
    const namespaces = [{ type: 'network' as const }, { type: 'mount' as const }, { type: 'user' as const }];
    assert.throws(() => compile(linux({ namespaces })), /needs linux\.uidMappings/);
    assert.throws(() => compile(linux({ rootfsPropagation: 'nonsense' })), /rootfsPropagation: "nonsense"/);
    const change = (spec: Spec) => ({ ...spec, ...(spec.process && { process: { ...spec.process, args: [] } }) });
    assert.throws(() => compile({ change }), { kind: 'InvalidParameter' });
  });
});

describe('compileReadPlan', () => {
  it('mounts the root read-only in a mount namespace of its own and reads the files', () => {
    const plan = compileReadPlan({ overlay: OVERLAY, paths: ['/etc/passwd', '/etc/group'], maxBytes: 99 });
    assert.deepEqual(
      plan.ops.map(({ op }) => op),
      ['unshare', 'mountPropagation', 'overlayRoot', 'readFileIn', 'readFileIn'],
    );
    assert.ok(plan.ops.every(({ section }) => section === 'setup'));
    assert.equal((argsOf(plan, 'overlayRoot')[0]?.flags ?? 0n) & MS.rdonly, MS.rdonly);
    assert.deepEqual(argsOf(plan, 'readFileIn')[1], { path: '/etc/group', maxBytes: 99 });
  });
});

describe('small parts', () => {
  it('starts the program by an init when asked', () => {
    assertOrder(compile({ over: { init: true } }), 'init', 'pivot', 'exec');
  });

  it('shifts the clocks of a time namespace before the clone', () => {
    const timeOffsets = { monotonic: { secs: 10 }, boottime: { secs: -1, nanosecs: 5 } };
    const change = (spec: Spec): Spec => ({
      ...spec,
      linux: { ...spec.linux, timeOffsets, namespaces: [...(spec.linux?.namespaces ?? []), { type: 'time' }] },
    });
    const [offsets] = argsOf(compile({ change }), 'timeOffsets');
    assert.equal(Buffer.from(offsets?.offsets ?? []).toString(), 'monotonic 10 0\nboottime -1 5\n');
  });

  it('sets read-only flags of one mount apart from those of a tree', () => {
    const withBind = (option: string) => {
      const bind = { destination: '/d', type: 'bind', source: '/s', options: ['rbind', option] };
      return compile({ change: (spec) => ({ ...spec, mounts: [bind] }) });
    };
    assert.equal(argsOf(withBind('rro'), 'mountBind')[0]?.attrs, MOUNT_ATTR.rdonly);
    assert.equal(argsOf(withBind('ro'), 'mountBind')[0]?.attrs, 0n);
    assert.deepEqual(argsOf(withBind('ro'), 'mountAttrs'), [{ path: '/d', attrs: MOUNT_ATTR.rdonly }]);
  });
});
