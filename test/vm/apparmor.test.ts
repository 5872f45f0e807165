/** On a machine where AppArmor is active: the engine's profile, those of users, and none. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { AuditReport } from '../../src/api/types/audit.ts';
import type { Explanation } from '../../src/api/types/explain.ts';
import { Box, type Config } from '../conformance/box.ts';
import { api } from '../harness/api.ts';
import { run } from '../harness/command.ts';
import { startDaemon } from '../harness/daemon.ts';
import { type Guest, startGuest } from './guest.ts';

const PARSER = '/usr/sbin/apparmor_parser';
const RUNTIME = fileURLToPath(new URL('../../dist/runtime.js', import.meta.url));
const OPEN = ['--security-opt', 'apparmor=unconfined'];
const PATHS = ['--security-opt', 'systempaths=unconfined'];

const loaded = () => readFileSync('/sys/kernel/security/apparmor/profiles', 'utf8');

async function parser(flag: string, text: string): Promise<void> {
  const { code, stderr } = await run(PARSER, ['--skip-cache', flag], { stdin: text });
  assert.equal(code, 0, stderr);
}

describe('beside AppArmor', () => {
  let guest: Guest;
  before(async () => {
    guest = await startGuest();
  });
  after(() => guest[Symbol.asyncDispose]());

  const inside = (flags: string[], script: string) =>
    guest.daemon.ok(['run', '--rm', ...flags, guest.busybox, 'sh', '-c', script]);
  const attempt = (flags: string[], script: string) =>
    guest.daemon.docker(['run', '--rm', ...flags, guest.busybox, 'sh', '-c', script]);

  it('is on a kernel that enforces it', () => {
    assert.match(readFileSync('/sys/kernel/security/lsm', 'utf8'), /\bapparmor\b/);
    assert.equal(readFileSync('/sys/module/apparmor/parameters/enabled', 'utf8'), 'Y\n');
  });

  it('confines every container by isle-default, and tells so', async () => {
    const { daemon, busybox } = guest;
    assert.match(loaded(), /^isle-default \(enforce\)$/m);
    const label = await daemon.ok(['run', '--name', 'plain', busybox, 'cat', '/proc/self/attr/current']);
    assert.equal(label, 'isle-default (enforce)');
    assert.equal(await daemon.ok(['inspect', '-f', '{{.AppArmorProfile}}', 'plain']), 'isle-default');
    assert.match(await daemon.ok(['info', '-f', '{{json .SecurityOptions}}']), /"name=apparmor"/);
    await daemon.ok(['rm', 'plain']);
    for (const flags of [
      ['--init'],
      ['--security-opt', 'userns=auto'],
      ['--security-opt', 'no-new-privileges'],
      ['-u', '1000'],
    ]) {
      assert.equal(await inside(flags, 'cat /proc/self/attr/current'), 'isle-default (enforce)', flags.join());
    }
  });

  it('leaves a container alone that asks for it, and a privileged one', async () => {
    const { daemon, busybox } = guest;
    for (const flags of [OPEN, ['--security-opt', 'apparmor:unconfined'], ['--privileged']]) {
      const name = ['--name', 'free'];
      const label = await daemon.ok(['run', ...name, ...flags, busybox, 'cat', '/proc/self/attr/current']);
      assert.equal(label, 'unconfined');
      assert.equal(await daemon.ok(['inspect', '-f', '{{.AppArmorProfile}}', 'free']), 'unconfined');
      await daemon.ok(['rm', 'free']);
    }
  });

  /** [what, flags that take the other fences away, script that says "done" where the profile does not refuse] */
  const ATTACKS: [what: string, flags: string[], script: string][] = [
    ['a write to /proc/sysrq-trigger', PATHS, 'echo h > /proc/sysrq-trigger && echo done'],
    ['a write to a setting of the kernel', PATHS, 'cd /proc/sys/kernel; cat sysrq > sysrq && echo done'],
    ['a write to a file of /sys', ['-v', '/sys:/sys'], 'cd /sys/kernel/mm/ksm; cat run > run && echo done'],
    ['reading the firmware tables', PATHS, 'ls /sys/firmware/acpi/ > /dev/null && echo done'],
    ['mounting', ['--cap-add', 'SYS_ADMIN'], 'mkdir /m; mount -t tmpfs none /m && echo done'],
    ['remounting', ['--cap-add', 'SYS_ADMIN'], 'mount -o remount,bind,rw /sys && echo done'],
  ];
  for (const [what, flags, script] of ATTACKS) {
    it(`refuses ${what}, which works without the profile`, async () => {
      const confined = await attempt(flags, script);
      assert.doesNotMatch(confined.stdout, /done/);
      assert.match(confined.stderr, /denied|not permitted/i);
      const open = await attempt([...flags, ...OPEN], script);
      assert.match(open.stdout, /done/, open.stderr);
    });
  }

  describe('to processes of the host', () => {
    let victim: ChildProcess;
    before(() => {
      victim = spawn('sleep', ['1000'], { env: { SECRET: 'of-the-host' }, stdio: 'ignore' });
    });
    after(() => victim.kill('SIGKILL'));

    it('lets through no signal and no look inside, also for a container that sees them', async () => {
      const flags = ['--pid', 'host', '--cap-add', 'SYS_PTRACE'];
      const signal = () => `kill -CONT ${victim.pid} && echo done`;
      const look = () => `readlink /proc/${victim.pid}/exe && ls /proc/${victim.pid}/root/ > /dev/null && echo done`;
      for (const script of [signal(), look()]) {
        assert.doesNotMatch((await attempt(flags, script)).stdout, /done/, script);
        assert.match((await attempt([...flags, ...OPEN], script)).stdout, /done/, script);
      }
    });

    it('lets containers signal and look at their own, and be signalled by the host', async () => {
      const own = 'sleep 1000 & readlink /proc/$!/exe && ls /proc/1/root/ > /dev/null && kill $! && echo done';
      assert.match(await inside([], own), /done/);
      const { daemon, busybox } = guest;
      const id = await daemon.ok(['run', '-d', busybox, 'sleep', '1000']);
      await daemon.ok(['kill', '-s', 'KILL', id]);
      assert.equal(await daemon.ok(['wait', id]), '137');
      await daemon.ok(['rm', id]);
    });
  });

  it('leaves alone what programs do every day', async () => {
    const script = [
      'mkdir /data /data/a && echo x > /data/a/f && mv /data/a/f /data/g && ln /data/g /data/h && rm -r /data',
      'echo 100 > /proc/self/oom_score_adj && echo name > /proc/self/comm',
      'su -s /bin/sh nobody -c id > /dev/null; chmod 600 /etc/passwd; mknod /tmp/p p',
      'echo x > /dev/shm/y && cat /proc/meminfo > /dev/null && ls /sys/fs/cgroup > /dev/null && echo done',
    ];
    assert.equal(await inside(['--tmpfs', '/tmp'], script.join('\n')), 'done');
  });

  it('confines by a profile of the user', async () => {
    const { daemon, busybox } = guest;
    const rules = 'file, capability, network, deny /etc/passwd r,';
    await parser('--replace', `profile isle-test-mine flags=(attach_disconnected) { ${rules} }`);
    const flags = ['--security-opt', 'apparmor=isle-test-mine'];
    assert.equal(await inside(flags, 'cat /proc/self/attr/current'), 'isle-test-mine (enforce)');
    const { code, stderr } = await attempt(flags, 'cat /etc/hosts > /dev/null && cat /etc/passwd');
    assert.notEqual(code, 0);
    assert.match(stderr, /\/etc\/passwd.*Permission denied/);
    const id = await daemon.ok(['create', ...flags, busybox, 'true']);
    assert.equal(await daemon.ok(['inspect', '-f', '{{.AppArmorProfile}}', id]), 'isle-test-mine');
    await daemon.ok(['rm', id]);
    const privileged = await daemon.docker(['run', '--rm', '--privileged', ...flags, busybox, 'cat', '/etc/passwd']);
    assert.match(privileged.stderr, /the AppArmor profile "isle-test-mine" is discarded/);
    assert.equal(privileged.code, 0);
  });

  it('fails to start a container whose profile the kernel does not have, and names it', async () => {
    const { daemon, busybox } = guest;
    const { code, stderr } = await daemon.docker([
      'run',
      '--name',
      'lost',
      '--security-opt',
      'apparmor=isle-test-nosuch',
      busybox,
      'true',
    ]);
    // As under dockerd: the client reads "no such file or directory".
    assert.equal(code, 127);
    assert.match(stderr, /unable to apply apparmor profile: the kernel has no profile "isle-test-nosuch"/);
    assert.match(stderr, /apparmor_parser --replace/);
    assert.equal(await daemon.ok(['inspect', '-f', '{{.State.Status}} {{.State.ExitCode}}', 'lost']), 'created 128');
    await daemon.ok(['rm', 'lost']);
  });

  it('puts its profile back when something has removed it', async () => {
    await parser('--remove', 'profile isle-default {}');
    assert.doesNotMatch(loaded(), /^isle-default /m);
    assert.equal(await inside([], 'cat /proc/self/attr/current'), 'isle-default (enforce)');
  });

  it('confines what is executed in a container as the container is, also with --privileged', async () => {
    const { daemon, busybox } = guest;
    const label = ['cat', '/proc/self/attr/current'];
    for (const [flags, expected] of [
      [[], 'isle-default (enforce)'],
      [OPEN, 'unconfined'],
    ] as const) {
      const id = await daemon.ok(['run', '-d', ...flags, busybox, 'sleep', '1000']);
      assert.equal(await daemon.ok(['exec', id, ...label]), expected);
      assert.equal(await daemon.ok(['exec', '--privileged', id, ...label]), expected);
      // One profile: it may look into the first process and signal it.
      const script = 'ls /proc/1/root/ > /dev/null && readlink /proc/1/exe && kill -CONT 1';
      assert.equal(await daemon.ok(['exec', id, 'sh', '-c', script]), '/bin/sleep');
      await daemon.ok(['rm', '-f', id]);
    }
  });

  it('is explained and audited', async () => {
    const { daemon, busybox } = guest;
    const ask = async <T>(path: string): Promise<T> => JSON.parse((await api(daemon, 'GET', path)).text) as T;
    for (const [flags, asked, enforced, findings] of [
      [[], 'isle-default', 'isle-default (enforce)', []],
      [OPEN, 'unconfined', 'unconfined', ['apparmor-unconfined']],
    ] as const) {
      const id = await daemon.ok(['run', '-d', ...flags, busybox, 'sleep', '1000']);
      const { layers } = await ask<Explanation>(`/isle/v1/explain/containers/${id}`);
      const fact = layers.flatMap(({ facts }) => facts).find(({ what }) => what === 'AppArmor profile');
      assert.deepEqual([fact?.asked, fact?.enforced, fact?.holds], [asked, enforced, true]);
      const report = await ask<AuditReport>(`/isle/v1/audit/containers/${id}`);
      const found = report.findings.map((finding) => finding.id).filter((name) => /apparmor|lsm/.test(name));
      assert.deepEqual(found, findings);
      await daemon.ok(['rm', '-f', id]);
    }
  });

  it('refuses a Landlock domain that was asked for by name, which this kernel is too old for', async () => {
    const { stderr, code } = await attempt(['--security-opt', 'landlock=default'], 'true');
    assert.equal(code, 125);
    assert.match(stderr, /landlock=default needs Landlock of version 6, and this kernel has /);
    assert.doesNotMatch(await guest.daemon.ok(['info', '-f', '{{json .SecurityOptions}}']), /landlock/);
    assert.equal(await inside(['--security-opt', 'landlock=unconfined'], 'echo done'), 'done');
  });

  it('says what is missing where nothing can load the profile, and runs containers all the same', async () => {
    await parser('--remove', 'profile isle-default {}');
    renameSync(PARSER, `${PARSER}.away`);
    try {
      await using daemon = await startDaemon();
      assert.match(daemon.log(), /no apparmor_parser.*install the package apparmor.*not confined/);
      assert.match(await daemon.ok(['info', '-f', '{{json .Warnings}}']), /install the package apparmor/);
      assert.doesNotMatch(await daemon.ok(['info', '-f', '{{json .SecurityOptions}}']), /apparmor/);
      const id = await daemon.ok(['create', 'hello']);
      assert.equal(await daemon.ok(['inspect', '-f', '{{.AppArmorProfile}}', id]), '');
      assert.match(await daemon.ok(['start', '-a', id]), /isle/);
      await daemon.ok(['rm', id]);
    } finally {
      renameSync(`${PARSER}.away`, PARSER);
    }
  });

  describe('isle-runtime', () => {
    let box: Box;
    before(async () => {
      box = await Box.make({ name: 'isle-runtime', command: [process.execPath, RUNTIME] });
      await parser(
        '--replace',
        'profile isle-test-oci flags=(attach_disconnected) { file, capability, network, signal, }',
      );
    });
    after(() => box[Symbol.asyncDispose]());

    const profile = (name: string) => (config: Config) => (config.process['apparmorProfile'] = name);
    const LABEL = 'cat /proc/self/attr/current';

    it('applies process.apparmorProfile, and leaves the process alone without', async () => {
      assert.equal(await box.see(LABEL, profile('isle-test-oci')), 'isle-test-oci (enforce)');
      assert.equal(await box.see(LABEL), 'unconfined');
    });

    it('confines what is executed in the container too, by the same profile or the one that is named', async () => {
      const id = await box.started(profile('isle-test-oci'));
      const process = join(box.directory, 'process.json');
      await run('sh', ['-c', `echo '{"cwd":"/","args":["cat","/proc/self/attr/current"]}' > ${process}`]);
      assert.equal(await box.ok('exec', id, 'cat', '/proc/self/attr/current'), 'isle-test-oci (enforce)\n');
      assert.equal(await box.ok('exec', '--process', process, id), 'isle-test-oci (enforce)\n');
      const other = ['exec', '--apparmor', 'unconfined', id, 'cat', '/proc/self/attr/current'];
      assert.equal(await box.ok(...other), 'unconfined\n');
      await box.ok('delete', '--force', id);
    });

    it('refuses a profile that the kernel does not have', async () => {
      const { id, path } = box.bundle(profile('isle-test-nosuch'));
      const { code, stderr } = await box.tryCreate(id, path);
      assert.equal(code, 1);
      assert.match(stderr, /unable to apply apparmor profile: .*no such file or directory/);
    });
  });
});
