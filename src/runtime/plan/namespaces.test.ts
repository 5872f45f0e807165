import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { HostConfig } from '../../oci/container-config.ts';
import { landlockRuleset } from '../../security/landlock.ts';
import { createCgroupBackend } from '../cgroups/index.ts';
import { CLONE } from './constants.ts';
import { describeOp } from './describe.ts';
import { argsOf, assertOrder, at, compile, LAYOUT } from './testing/compiled.ts';

describe('shared namespaces', () => {
  it('joins by path, the PID namespace last of all, with the procfs of the other container', () => {
    const joined = { pid: 7, ipc: 7, network: 7 };
    const plan = compile({ joined, over: { network: { mode: 'join' }, seccomp: null } });
    assert.deepEqual(argsOf(plan, 'clone'), [{ flags: CLONE.mount | CLONE.uts }]);
    const held = argsOf(plan, 'holdNamespace');
    assert.deepEqual(
      held.map(({ path }) => path),
      ['/proc/7/ns/net', '/proc/7/ns/ipc', '/proc/7/ns/pid'],
    );
    const trees = argsOf(plan, 'holdTree');
    assert.deepEqual(
      [...trees, ...held].map(({ slot }) => slot),
      [...trees, ...held].map((_, index) => index),
    );
    assert.ok(argsOf(plan, 'mountFs').every(({ fsType }) => fsType !== 'proc'));
    const proc = trees.find(({ source }) => source === '/proc');
    assert.deepEqual([proc?.nsPath, proc?.recursive], ['/proc/7/ns/mnt', 0]);
    assertOrder(plan, 'holdNamespace', 'clone', 'hideProcess', 'setnsHeld', 'mountHeld', 'pivot');
    assertOrder(plan, 'pivot', 'setUid', 'capset', 'appear', 'exec');
    assert.equal(at(plan, 'netlink'), -1, "the other container's network is set up");
  });

  it("makes none of those that are the host's, and names nothing there", () => {
    const host: HostConfig = { PidMode: 'host', IpcMode: 'host', UTSMode: 'host' };
    const plan = compile({ host });
    assert.deepEqual(argsOf(plan, 'clone'), [{ flags: CLONE.mount | CLONE.network }]);
    assert.equal(at(plan, 'setHostname'), -1);
  });

  it('refuses a shared PID namespace where no cgroup2 hierarchy could end its processes', () => {
    const cgroups = createCgroupBackend({ ...LAYOUT, unified: null });
    assert.throws(() => compile({ host: { PidMode: 'host' }, over: { cgroups } }), { kind: 'Unavailable' });
  });
});

describe('a container with a user namespace', () => {
  const map = [{ containerID: 0, hostID: 100_000, size: 65_536 }];
  const plan = compile({
    idMap: { uid: map, gid: map },
    uid: 5,
    host: { Ulimits: [{ Name: 'nofile', Soft: 9, Hard: 9 }] },
  });

  it('prepares the root and all binds with the rights of the host, before the clone', () => {
    assertOrder(plan, 'monitor', 'userNs', 'stdioOwner', 'idmapOver', 'overlayRoot', 'holdRoot', 'holdTree', 'clone');
    assert.deepEqual(argsOf(plan, 'userNs'), [{ uidMap: '0 100000 65536\n', gidMap: '0 100000 65536\n' }]);
    assert.deepEqual(argsOf(plan, 'stdioOwner'), [{ uid: 100_005, gid: 100_005 }]);
    assert.equal(at(plan, 'mountBind'), -1);
    assert.equal(at(plan, 'mknodIn'), -1, 'a node made here could not be opened');
  });

  it('joins cgroups as the host knows the process, and mounts as root of the namespace', () => {
    const ops = plan.ops.map(({ op: name }) => name);
    const become = ops.indexOf('setUid');
    assert.ok(ops.indexOf('cgroupJoin') < become && ops.indexOf('attachRoot') < become);
    assert.ok(ops.indexOf('mountFs') > become && ops.indexOf('mountHeld') > become);
  });

  it('has its limits set from outside, and waits for that', () => {
    assert.deepEqual(
      plan.ops.filter(({ op: name }) => name === 'rlimit').map(({ section }) => section),
      ['parent'],
    );
    assert.notEqual(at(plan, 'waitParent'), -1);
  });

  it('is described in words', () => {
    const words = plan.ops.map(describeOp);
    assert.ok(words.includes('make a user namespace (user ids: 0 to 65535 are 100000 to 165535 outside)'));
  });
});

describe('a container that a security module confines', () => {
  it("asks for an AppArmor profile while /proc still is the host's", () => {
    assertOrder(compile({ apparmorProfile: 'isle-default' }), 'overlayRoot', 'writeSelf', 'pivot', 'exec');
  });

  it('shares a Landlock domain with its monitor, which enters it when all of others is open, and still may mount', () => {
    const plan = compile({
      joined: { network: 7 },
      over: { network: { mode: 'join' }, landlock: landlockRuleset('default') },
    });
    assertOrder(plan, 'holdNamespace', 'landlock', 'clone', 'setnsHeld', 'mountFs', 'pivot');
    assert.equal(plan.ops[at(plan, 'clone') - 1]?.op, 'landlock');
    assert.equal(at(compile(), 'landlock'), -1);
  });
});
