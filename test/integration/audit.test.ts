/** The audit of real containers, its warnings at create, the policy that refuses, and that its attacks are true. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { AuditFinding, AuditReport } from '../../src/api/types/audit.ts';

import { api } from '../harness/api.ts';
import { run } from '../harness/command.ts';
import { startWorld, type World } from '../harness/world.ts';

const CLI = new URL('../../dist/cli.js', import.meta.url).pathname;

describe('auditing containers', () => {
  let world: World;
  before(async () => {
    world = await startWorld();
  });
  after(async () => {
    await world[Symbol.asyncDispose]();
  });

  const create = (name: string, ...options: string[]) =>
    world.daemon.docker(['create', '--name', name, ...options, world.busybox, 'sleep', '1000']);

  async function findings(name: string): Promise<AuditFinding[]> {
    const answer = await api(world.daemon, 'GET', `/isle/v1/audit/containers/${name}`);
    assert.equal(answer.status, 200, answer.text);
    return (JSON.parse(answer.text) as AuditReport).findings;
  }

  const severe = (all: readonly AuditFinding[]): string[] =>
    all.filter(({ severity }) => severity === 'critical' || severity === 'high').map(({ id }) => id);
  const isle = (...args: string[]) =>
    run(process.execPath, [CLI, ...args], { env: { DOCKER_HOST: world.daemon.dockerHost } });

  it('finds nothing severe in a container as everyone makes it, and warns of nothing', async () => {
    const { code, stderr } = await create('plain');
    assert.deepEqual([code, stderr], [0, '']);
    const all = await findings('plain');
    assert.deepEqual(severe(all.filter(({ origin }) => origin !== 'host')), []);
    assert.ok(all.some(({ id }) => id === 'no-memory-limit'));
  });

  it('finds less in one that is narrowed', async () => {
    const narrow = ['-m', '64m', '--pids-limit', '64', '--read-only', '-u', '1000', '--cap-drop', 'ALL'];
    const { code, stderr } = await create('narrow', ...narrow, '--security-opt', 'no-new-privileges');
    assert.deepEqual([code, stderr], [0, '']);
    const ids = (await findings('narrow')).filter(({ origin }) => origin !== 'host').map(({ id }) => id);
    assert.ok(
      !ids.some((id) => /^(cap-|no-memory|no-pids|root-user|image-runs|writable-root|no-new)/.test(id)),
      ids.join(),
    );
  });

  const WIDE: readonly [name: string, options: string[], id: string][] = [
    ['privileged', ['--privileged'], 'privileged'],
    ['sysadmin', ['--cap-add', 'SYS_ADMIN'], 'cap-sys-admin'],
    ['unconfined', ['--security-opt', 'seccomp=unconfined'], 'seccomp-unconfined'],
    ['host-network', ['--network', 'host'], 'host-network'],
    ['joined', ['--network', 'container:host-network'], 'host-network'],
    ['host-pid', ['--pid', 'host', '--security-opt', 'apparmor=unconfined'], 'host-pid'],
    ['etc', ['-v', '/etc:/host/etc'], 'host-path-writable'],
    ['kernel-files', ['--security-opt', 'systempaths=unconfined'], 'kernel-files-writable'],
  ];
  for (const [name, options, id] of WIDE) {
    it(`warns at create, and creates all the same: ${options.join(' ')}`, async () => {
      const { code, stdout, stderr } = await create(name, ...options);
      assert.equal(code, 0, stderr);
      assert.match(stdout.trim(), /^[0-9a-f]{64}$/);
      assert.match(stderr, /^WARNING: audit: (critical|high): /m);
      assert.ok(severe(await findings(name)).includes(id));
      await world.daemon.ok(['start', name]);
      assert.ok(severe(await findings(name)).includes(id), 'also while it runs');
    });
  }

  it("is right: in the host's pid namespace a user's files are one step from its processes, and not without", async () => {
    const directory = mkdtempSync(join(tmpdir(), 'isle-audit-'));
    const [uid, gid] = [23456, 23456];
    const victim = spawn('sleep', ['100'], { uid, gid, stdio: 'ignore' });
    try {
      writeFileSync(join(directory, 'secret'), 'of the host');
      chmodSync(directory, 0o711);
      const read = ['cat', `/proc/${victim.pid}/root${directory}/secret`];
      const attempt = (...options: string[]) =>
        world.daemon.docker(['run', '--rm', '-u', `${uid}:${gid}`, ...options, world.busybox, ...read]);
      // Which takes Landlock away as well, where that has AppArmor's place.
      const open = ['--security-opt', 'apparmor=unconfined'];
      assert.equal((await attempt('--pid', 'host', ...open)).stdout, 'of the host');
      assert.notEqual((await attempt(...open)).code, 0);
    } finally {
      victim.kill();
      rmSync(directory, { recursive: true });
    }
  });

  it('is right: SYS_ADMIN mounts a procfs whose core_pattern can be written, and without it nothing is mounted', async () => {
    const files = '/tmp/proc/sys/kernel/core_pattern';
    const attack = `mkdir /tmp/proc && mount -t proc proc /tmp/proc && cat ${files} > /tmp/p && cat /tmp/p > ${files}`;
    const attempt = (...options: string[]) =>
      world.daemon.docker(['run', '--rm', ...options, world.busybox, 'sh', '-c', attack]);
    const opened = await attempt('--cap-add', 'SYS_ADMIN');
    assert.equal(opened.code, 0, opened.stderr);
    const kept = await attempt();
    assert.notEqual(kept.code, 0);
    assert.match(kept.stderr, /mount.*(denied|permitted)/i);
  });

  it('is right: root writes core_pattern once the kernel files are open, and not before', async () => {
    const write = 'cat /proc/sys/kernel/core_pattern > /tmp/p && cat /tmp/p > /proc/sys/kernel/core_pattern';
    const attempt = (...options: string[]) =>
      world.daemon.docker(['run', '--rm', ...options, world.busybox, 'sh', '-c', write]);
    assert.equal((await attempt('--security-opt', 'systempaths=unconfined')).code, 0);
    const kept = await attempt();
    assert.notEqual(kept.code, 0);
    assert.match(kept.stderr, /[Rr]ead-only file system/);
  });

  it('is right: the calls that it names of a custom profile are open, and were not before', async () => {
    const profile = {
      defaultAction: 'SCMP_ACT_ALLOW',
      syscalls: [{ names: ['kexec_load'], action: 'SCMP_ACT_ERRNO' }],
    };
    const HostConfig = { SecurityOpt: [`seccomp=${JSON.stringify(profile)}`] };
    const body = { Image: world.busybox, Cmd: ['unshare', '-U', 'true'], HostConfig };
    const answer = await api(world.daemon, 'POST', '/isle/v1/audit', body);
    const { findings: all } = JSON.parse(answer.text) as AuditReport;
    assert.match(all.find(({ id }) => id === 'seccomp-custom-wider')?.what ?? '', /unshare/);
    const outcome = async (request: object): Promise<number> => {
      const created = JSON.parse((await api(world.daemon, 'POST', '/containers/create', request)).text) as {
        Id: string;
      };
      await world.daemon.ok(['start', created.Id]);
      return Number(await world.daemon.ok(['wait', created.Id]));
    };
    assert.equal(await outcome(body), 0);
    assert.notEqual(await outcome({ ...body, HostConfig: {} }), 0);
  });

  it('audits a request of which nothing is made, also one that could not be', async () => {
    const before = await world.daemon.ok(['ps', '-aq']);
    const HostConfig = { Binds: ['/var/run/docker.sock:/s.sock'], Devices: [{ PathOnHost: '/dev/vda' }] };
    const body = { Image: world.busybox, Env: ['DB_PASSWORD=hunter2'], HostConfig };
    const answer = await api(world.daemon, 'POST', '/isle/v1/audit', body);
    assert.equal(answer.status, 200, answer.text);
    const ids = (JSON.parse(answer.text) as AuditReport).findings.map(({ id }) => id);
    for (const id of ['engine-socket', 'host-device', 'secret-in-env']) assert.ok(ids.includes(id), ids.join());
    assert.doesNotMatch(answer.text, /hunter2/);
    assert.equal(await world.daemon.ok(['ps', '-aq']), before);
    assert.equal((await api(world.daemon, 'POST', '/isle/v1/audit', { Image: 'nobody/has:this' })).status, 404);
  });

  it('is printed by the command line, whose exit code tells of the worst', async () => {
    await create('printed', '--cap-add', 'SYS_MODULE');
    const page = await isle('audit', 'printed');
    assert.equal(page.code, 0);
    assert.match(page.stdout, /1\. critical {2}May load kernel modules {2}cap-sys-module/);
    assert.equal((await isle('audit', '--fail-on', 'critical', 'printed')).code, 1);
    assert.equal((await isle('audit', '--fail-on', 'critical', 'plain')).code, 0);
  });

  it('and explain --diff sets two containers side by side', async () => {
    await world.daemon.ok(['run', '-d', '--name', 'left', world.busybox, 'sleep', '1000']);
    await world.daemon.ok(['run', '-d', '--name', 'right', '-m', '64m', world.busybox, 'sleep', '1000']);
    const { code, stdout } = await isle('explain', '--diff', '--json', 'left', 'right');
    assert.equal(code, 0);
    const difference = JSON.parse(stdout) as { layers: { facts: { what: string }[] }[]; same: number };
    const names = difference.layers.flatMap(({ facts }) => facts.map(({ what }) => what));
    assert.ok(names.includes('memory limit'), names.join());
    assert.ok(names.length < 12 && difference.same > 30, `${names.join()}; ${difference.same} the same`);
    assert.match((await isle('explain', '--diff', 'left', 'right')).stdout, /memory limit\n +no limit +64 MiB/);
  });
});

describe('a daemon that refuses findings', () => {
  let world: World;
  before(async () => {
    world = await startWorld({ args: ['--audit-refuse', 'critical'] });
  });
  after(async () => {
    await world[Symbol.asyncDispose]();
  });

  const create = (...options: string[]) => world.daemon.docker(['create', ...options, world.busybox, 'true']);

  it('names the finding, the way out and the policy', async () => {
    const { code, stderr } = await create('--privileged');
    assert.equal(code, 1);
    assert.match(stderr, /refuses findings of critical: privileged \(critical\): HostConfig.Privileged = true/);
    assert.match(stderr, /Hint: Name what the program needs: --cap-add/);
    assert.match(stderr, /--audit-refuse/);
    assert.equal(await world.daemon.ok(['ps', '-aq']), '');
  });

  it('answers with 403', async () => {
    const body = { Image: world.busybox, HostConfig: { CapAdd: ['SYS_ADMIN'] } };
    assert.equal((await api(world.daemon, 'POST', '/containers/create', body)).status, 403);
  });

  it('lets pass what is less severe, with its warning', async () => {
    const { code, stderr } = await create('--network', 'host');
    assert.equal(code, 0, stderr);
    assert.match(stderr, /WARNING: audit: high: /);
    assert.equal((await create()).code, 0);
  });
});
