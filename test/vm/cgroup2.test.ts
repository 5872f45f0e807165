/** On a machine whose controllers are all on the one hierarchy of cgroup v2: limits, counters, the view from inside. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Explanation } from '../../src/api/types/explain.ts';
import { readCgroupLayout } from '../../src/runtime/cgroups/read-layout.ts';
import { api } from '../harness/api.ts';
import { eventually } from '../harness/command.ts';
import { cgroups } from '../harness/leftovers.ts';
import { type Guest, startGuest } from './guest.ts';

describe('on pure cgroup v2', () => {
  let guest: Guest;
  before(async () => {
    guest = await startGuest();
  });
  after(() => guest[Symbol.asyncDispose]());

  const state = (name: string) =>
    guest.daemon.ok(['inspect', '-f', '{{.State.Status}} {{.State.ExitCode}} {{.State.OOMKilled}}', name]);
  const directory = (id: string) => `/sys/fs/cgroup/${guest.daemon.cgroupParent}/${id}`;
  const cgroupFile = (id: string, file: string) => readFileSync(join(directory(id), file), 'utf8').trim();
  const counter = (id: string, file: string, name: string) => {
    return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(cgroupFile(id, file))?.[1] ?? Number.NaN);
  };

  it('sees the one hierarchy, and no other', () => {
    const { version, v1, unified } = readCgroupLayout();
    assert.deepEqual([version, v1, unified?.mountPoint], [2, [], '/sys/fs/cgroup']);
    for (const name of ['cpuset', 'cpu', 'io', 'memory', 'pids']) assert.ok(unified?.controllers.includes(name), name);
  });

  it('tells its version to clients', async () => {
    assert.equal(await guest.daemon.ok(['info', '-f', '{{.CgroupVersion}} {{.CgroupDriver}}']), '2 cgroupfs');
  });

  it('runs the image that comes with isle, which reads its limits from inside', async () => {
    const { code, stdout, stderr } = await guest.isle('run', '--rm', '--memory', '64m', '--pids-limit', '50', 'hello');
    assert.equal(code, 0, stderr);
    // Before Linux 6.18 a mount or network namespace cannot be told from the host's by looking from inside.
    assert.match(stdout, /of its own: pid (?:mnt net )?uts ipc cgroup$/m);
    assert.match(stdout, /seccomp +mode 2/);
    assert.match(stdout, /memory 64 MiB, processes 50, CPU unlimited/);
  });

  it('writes all limits that were asked for, in the units of v2', async () => {
    const { daemon, busybox } = guest;
    const memory = ['-m', '64m', '--memory-swap', '96m', '--memory-reservation', '16m'];
    const cpu = ['--cpu-shares', '512', '--cpus', '0.5', '--cpuset-cpus', '1'];
    const id = await daemon.ok(['run', '-d', ...memory, ...cpu, '--pids-limit', '33', busybox, 'sleep', '1000']);
    const expected: Record<string, string> = {
      'memory.max': String(64 << 20),
      'memory.swap.max': String(32 << 20),
      'memory.low': String(16 << 20),
      'cpu.weight': '59',
      'cpu.max': '50000 100000',
      'cpuset.cpus': '1',
      'cpuset.cpus.effective': '1',
      'pids.max': '33',
    };
    for (const [file, value] of Object.entries(expected)) assert.equal(cgroupFile(id, file), value, file);
    await daemon.ok(['rm', '-f', id]);
  });

  it('puts the container there by the clone itself: its first process never was elsewhere', async () => {
    const { daemon, busybox } = guest;
    const id = await daemon.ok(['run', '-d', busybox, 'sleep', '1000']);
    const pid = await daemon.ok(['inspect', '-f', '{{.State.Pid}}', id]);
    assert.equal(readFileSync(`/proc/${pid}/cgroup`, 'utf8'), `0::/${daemon.cgroupParent}/${id}\n`);
    assert.equal(cgroupFile(id, 'cgroup.procs'), pid);
    await daemon.ok(['rm', '-f', id]);
  });

  it('kills a container that takes more memory than it may, and tells that from other deaths', async () => {
    const { daemon, busybox } = guest;
    const hog = ['run', '--name', 'hog', '-m', '16m', '--memory-swap', '16m', busybox, 'tail', '/dev/zero'];
    assert.equal((await daemon.docker(hog)).code, 137);
    assert.equal(await state('hog'), 'exited 137 true');
    await daemon.ok(['run', '-d', '--name', 'killed', '-m', '16m', busybox, 'sleep', '1000']);
    await daemon.ok(['kill', 'killed']);
    await daemon.ok(['wait', 'killed']);
    assert.equal(await state('killed'), 'exited 137 false');
    await daemon.ok(['rm', 'hog', 'killed']);
  });

  it('tells of an OOM kill at once, while the container goes on', async () => {
    const { daemon, busybox } = guest;
    const script = 'tail /dev/zero; echo survived; exec sleep 1000';
    const flags = ['-m', '16m', '--memory-swap', '16m'];
    await using events = await daemon.dockerStart([
      'events',
      '--filter',
      'event=oom',
      '--format',
      '{{.Action}} {{.ID}}',
    ]);
    const id = await daemon.ok(['run', '-d', ...flags, busybox, 'sh', '-c', script]);
    await events.until(new RegExp(`^oom ${id}$`, 'm'));
    await eventually('it goes on', async () => ((await daemon.ok(['logs', id])) === 'survived' ? true : null));
    assert.equal(counter(id, 'memory.events', 'oom_kill'), 1);
    assert.equal(await state(id), 'running 0 true');
    await daemon.ok(['rm', '-f', id]);
  });

  it('holds a fork bomb below its pids limit, and it can be removed', async () => {
    const { daemon, busybox } = guest;
    const bomb = 'b() { b | b & }; b; sleep 1000';
    const id = await daemon.ok(['run', '-d', '--pids-limit', '20', busybox, 'sh', '-c', bomb]);
    const refused = () => (counter(id, 'pids.events', 'max') > 0 ? true : null);
    await eventually('the limit refuses a fork', refused);
    assert.ok(Number(cgroupFile(id, 'pids.current')) <= 20);
    await daemon.ok(['rm', '-f', id]);
    assert.deepEqual(cgroups(daemon.cgroupParent), []);
  });

  it('gives a quarter of a processor to `--cpus 0.25`, as the kernel counts it', async () => {
    const { daemon, busybox } = guest;
    const id = await daemon.ok(['run', '-d', '--cpus', '0.25', busybox, 'sh', '-c', 'while :; do :; done']);
    const throttled = () => (counter(id, 'cpu.stat', 'nr_throttled') > 3 ? true : null);
    await eventually('it is throttled', throttled);
    const [began, used] = [performance.now(), counter(id, 'cpu.stat', 'usage_usec')];
    await new Promise((resolve) => setTimeout(resolve, 3000));
    const share = (counter(id, 'cpu.stat', 'usage_usec') - used) / (1000 * (performance.now() - began));
    assert.ok(share > 0.1 && share < 0.35, `a share of ${share}`);
    await daemon.ok(['rm', '-f', id]);
  });

  it('shows a container its own cgroup as the root, read-only', async () => {
    const { daemon, busybox } = guest;
    const script = `cat /proc/self/cgroup; cd /sys/fs/cgroup; cat memory.max; echo max > memory.max; ls cgroup.procs`;
    const { stdout, stderr } = await daemon.docker(['run', '--rm', '-m', '64m', busybox, 'sh', '-c', script]);
    assert.equal(stdout, `0::/\n${64 << 20}\ncgroup.procs\n`);
    assert.match(stderr, /Read-only file system/);
  });

  it("shows the host's tree to a container in the host's cgroup namespace", async () => {
    const { daemon, busybox } = guest;
    const script = 'cat /proc/self/cgroup; ls -d /sys/fs/cgroup/init.scope';
    const text = await daemon.ok(['run', '--rm', '--cgroupns', 'host', busybox, 'sh', '-c', script]);
    assert.match(text, new RegExp(`^0::/${daemon.cgroupParent}/[0-9a-f]{64}\n/sys/fs/cgroup/init.scope$`));
  });

  it('removes the cgroup at the end, and at `rm -f`', async () => {
    const { daemon, busybox } = guest;
    await daemon.ok(['run', '--name', 'short', busybox, 'true']);
    await eventually('it is gone', () => (cgroups(daemon.cgroupParent).length === 0 ? true : null));
    const id = await daemon.ok(['run', '-d', busybox, 'sleep', '1000']);
    assert.deepEqual(cgroups(daemon.cgroupParent), [directory(id)]);
    await daemon.ok(['rm', '-f', id, 'short']);
    assert.deepEqual(cgroups(daemon.cgroupParent), []);
  });

  const RATES = ['--device-read-bps', '/dev/vda:1mb', '--device-write-iops', '/dev/vda:50'];
  const KINDS: Record<string, string[]> = {
    plain: [],
    limited: [
      ...RATES,
      '--memory-reservation',
      '32m',
      '--shm-size',
      '8m',
      '-m',
      '64m',
      '--cpus',
      '0.5',
      '--pids-limit',
      '64',
      '--cpu-shares',
      '512',
      '--cpuset-cpus',
      '0',
    ],
    strict: ['--read-only', '-u', '1000:1000', '--cap-drop', 'ALL', '--security-opt', 'no-new-privileges'],
    privileged: ['--privileged'],
  };
  for (const [name, options] of Object.entries(KINDS)) {
    it(`finds, explaining a container, that the kernel enforces all that was asked for (${name})`, async () => {
      const { daemon, busybox } = guest;
      await daemon.ok(['run', '-d', '--name', name, ...options, busybox, 'sleep', '1000']);
      const answer = await api(daemon, 'GET', `/isle/v1/explain/containers/${name}`);
      assert.equal(answer.status, 200, answer.text);
      const facts = (JSON.parse(answer.text) as Explanation).layers.flatMap((layer) => layer.facts);
      assert.deepEqual(
        facts.filter((fact) => fact.holds === false),
        [],
      );
      assert.ok(facts.filter((fact) => fact.holds === true).length > 35, 'most facts can be told');
      const rates = facts.find(({ what }) => what.startsWith('rates of the disk'))?.enforced;
      assert.equal(rates, name === 'limited' ? 'reads 1 MiB a second, writes 50 operations a second' : undefined);
      await daemon.ok(['rm', '-f', name]);
    });
  }
});
