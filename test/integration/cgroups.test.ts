/** Limits, device rules, pausing and figures of real containers, as the kernel has them. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { DEFAULT_DEVICE_RULES } from '../../src/oci/spec/devices.ts';
import { deviceProgram, encodeBpf } from '../../src/runtime/cgroups/device-program.ts';
import { createCgroupBackend, readCgroupLayout } from '../../src/runtime/cgroups/index.ts';
import { Launcher } from '../../src/runtime/executor.ts';
import { op } from '../../src/runtime/plan/op.ts';
import { ISLET } from '../fixtures/islet-box.ts';
import { api } from '../harness/api.ts';
import { eventually } from '../harness/command.ts';
import { cgroupMounts } from '../harness/leftovers.ts';
import { startWorld, type World } from '../harness/world.ts';

/** A file of the container's cgroup, in whichever hierarchy has it. */
function cgroupFile(parent: string, id: string, ...names: string[]): string {
  for (const name of names) {
    for (const mount of cgroupMounts()) {
      const path = join(mount, parent, id, name);
      if (existsSync(path)) return readFileSync(path, 'utf8').trim();
    }
  }
  throw new Error(`no cgroup ${parent}/${id} has ${names.join(' or ')}`);
}

/** A disk of this machine, for limits of a device: the one that a directory lies on, if it can be told. */
function someDisk(): { path: string; number: string } | null {
  for (const name of ['vda', 'sda', 'nvme0n1', 'xvda']) {
    const path = `/dev/${name}`;
    if (!existsSync(path) || !statSync(path).isBlockDevice()) continue;
    return { path, number: readFileSync(`/sys/block/${name}/dev`, 'utf8').trim() };
  }
  return null;
}

describe('cgroups of containers', () => {
  let world: World;
  before(async () => {
    world = await startWorld();
  });
  after(() => world[Symbol.asyncDispose]());

  const run = async (...args: string[]) => world.daemon.ok(['run', '-d', ...args, world.busybox, 'sleep', '1000']);
  const failure = async (...args: string[]) => {
    const { code, stderr } = await world.daemon.docker(args);
    assert.notEqual(code, 0, `docker ${args.join(' ')} succeeded`);
    return stderr;
  };

  it('hold every limit that was asked for', async () => {
    const { daemon } = world;
    const disk = someDisk();
    const block =
      disk === null ? [] : ['--device-read-bps', `${disk.path}:1mb`, '--device-write-iops', `${disk.path}:77`];
    const realtime = readCgroupLayout().realtimeRuntimeUs !== undefined;
    const memory = ['-m', '64m', '--memory-swap', '96m', '--memory-reservation', '32m'];
    const cpu = ['--cpu-period', '50000', '--cpu-quota', '25000', '--cpu-shares', '512'];
    const places = ['--cpuset-cpus', '0', '--cpuset-mems', '0'];
    const budget = realtime ? ['--cpu-rt-period', '1000000', '--cpu-rt-runtime', '10000'] : [];
    const id = await run(...memory, ...cpu, ...places, '--pids-limit', '33', ...budget, ...block);
    const read = (...names: string[]) => cgroupFile(daemon.cgroupParent, id, ...names);
    assert.equal(read('memory.limit_in_bytes', 'memory.max'), String(64 << 20));
    assert.equal(Number(read('memory.memsw.limit_in_bytes', 'memory.swap.max')) % (32 << 20), 0);
    assert.equal(read('memory.soft_limit_in_bytes', 'memory.low'), String(32 << 20));
    assert.match(read('cpu.cfs_quota_us', 'cpu.max'), /^25000( 50000)?$/);
    assert.match(read('cpu.shares', 'cpu.weight'), /^(512|59)$/);
    assert.equal(read('cpuset.cpus'), '0');
    assert.equal(read('cpuset.mems'), '0');
    assert.equal(read('pids.max'), '33');
    if (realtime) assert.equal(read('cpu.rt_runtime_us'), '10000');
    if (disk !== null) {
      assert.match(read('blkio.throttle.read_bps_device', 'io.max'), new RegExp(`^${disk.number} (rbps=)?1048576`));
      assert.match(read('blkio.throttle.write_iops_device', 'io.max'), /77/);
    }
    await daemon.ok(['rm', '-f', id]);
  });

  it('take new limits while the container runs, in both directions, and keep them over a restart', async () => {
    const { daemon } = world;
    const id = await run('-m', '64m');
    const limits = () =>
      ['memory.limit_in_bytes', 'memory.memsw.limit_in_bytes']
        .map((file) => Number(cgroupFile(daemon.cgroupParent, id, file, 'memory.max')) >> 20)
        .join();
    const v1 = readCgroupLayout().version === 1;
    const sizes = (memory: number, sum: number) => (v1 ? `${memory},${sum}` : `${memory},${memory}`);
    assert.equal(limits(), sizes(64, 128));
    await daemon.ok(['update', '-m', '256m', '--memory-swap', '300m', '--pids-limit', '44', id]);
    assert.equal(limits(), sizes(256, 300));
    await daemon.ok(['update', '-m', '32m', '--memory-swap', '48m', id]);
    assert.equal(limits(), sizes(32, 48));
    await daemon.ok(['update', '--pids-limit', '-1', '--cpus', '0.5', id]);
    assert.equal(cgroupFile(daemon.cgroupParent, id, 'pids.max'), 'max');
    await daemon.restart();
    await daemon.ok(['restart', '-t', '0', id]);
    assert.equal(limits(), sizes(32, 48));
    assert.match(cgroupFile(daemon.cgroupParent, id, 'cpu.cfs_quota_us', 'cpu.max'), /^50000/);
    const format =
      '{{.HostConfig.Memory}} {{.HostConfig.MemorySwap}} {{.HostConfig.NanoCpus}} {{.HostConfig.PidsLimit}}';
    assert.equal(await daemon.ok(['inspect', '-f', format, id]), `${32 << 20} ${48 << 20} 500000000 <no value>`);
    await daemon.ok(['rm', '-f', id]);
  });

  it("refuse an update in Docker's words, and then change nothing", async () => {
    const { daemon } = world;
    const id = await run('-m', '64m', '--cpus', '0.5');
    assert.match(await failure('update', '-m', '200m', id), /smaller than already set memoryswap limit/);
    assert.match(await failure('update', '--cpu-quota', '5000', id), /CPU Quota cannot be updated as NanoCPUs has/);
    assert.match(await failure('update', '-m', '1m', id), /Minimum memory limit allowed is 6MB/);
    assert.match(await failure('update', '--cpuset-cpus', '4096', id), /Requested CPUs are not available/);
    assert.equal(cgroupFile(daemon.cgroupParent, id, 'memory.limit_in_bytes', 'memory.max'), String(64 << 20));
    const answer = await api(daemon, 'POST', `/containers/${id}/update`, { ShmSize: 5 });
    assert.equal(answer.status, 400);
    assert.match(answer.message, /HostConfig.ShmSize cannot be changed by an update/);
    await daemon.ok(['rm', '-f', id]);
  });

  it('freeze all processes of a paused container, also over the death of the daemon', async () => {
    const { daemon, busybox } = world;
    const script = 'i=0; while :; do i=$((i+1)); echo $i > /n; usleep 1000; done';
    const id = await daemon.ok(['run', '-d', busybox, 'sh', '-c', script]);
    const usage = () =>
      Number(cgroupFile(daemon.cgroupParent, id, 'cpuacct.usage', 'cpu.stat').replace(/\D*(\d+)[^]*/, '$1'));
    await daemon.ok(['pause', id]);
    const frozenAt = usage();
    assert.match(await daemon.ok(['ps', '--filter', `id=${id}`, '--format', '{{.Status}}']), /\(Paused\)$/);
    assert.match(await failure('pause', id), /is already paused/);
    assert.match(await failure('start', id), /cannot start a paused container, try unpause instead/);
    assert.match(await failure('rm', id), /is paused and must be unpaused first/);
    assert.match(await failure('attach', id), /paused/);
    await daemon.kill9();
    await daemon.restart();
    assert.equal(
      await daemon.ok(['inspect', '-f', '{{.State.Status}} {{.State.Paused}} {{.State.Running}}', id]),
      'paused true true',
    );
    assert.equal(usage(), frozenAt, 'it used CPU time while it was paused');
    await daemon.ok(['unpause', id]);
    assert.match(await failure('unpause', id), /is not paused/);
    await eventually('it goes on', () => (usage() > frozenAt ? true : null));
    await daemon.ok(['rm', '-f', id]);
  });

  it('let a paused container be stopped by its signal, and killed', async () => {
    const { daemon, busybox } = world;
    const exits = 'trap "exit 7" TERM; while :; do usleep 10000; done';
    const stopped = await daemon.ok(['run', '-d', busybox, 'sh', '-c', exits]);
    await daemon.ok(['pause', stopped]);
    await daemon.ok(['stop', '-t', '10', stopped]);
    assert.equal(await daemon.ok(['inspect', '-f', '{{.State.ExitCode}} {{.State.Paused}}', stopped]), '7 false');
    const killed = await run();
    await daemon.ok(['pause', killed]);
    await daemon.ok(['kill', killed]);
    assert.equal(await daemon.ok(['inspect', '-f', '{{.State.Status}} {{.State.ExitCode}}', killed]), 'exited 137');
    const removed = await run();
    await daemon.ok(['pause', removed]);
    await daemon.ok(['rm', '-f', removed, stopped, killed]);
  });

  it('are read for `stats`, once and as a stream', async () => {
    const { daemon, busybox } = world;
    const id = await daemon.ok(['run', '-d', '-m', '64m', '--cpus', '0.2', busybox, 'sh', '-c', 'while :; do :; done']);
    const seen: string[] = [];
    // On a machine that others keep busy it may get less, and one reading of a measurement may be late.
    await eventually('a fifth of a processor is 20 %', async () => {
      const line = await daemon.ok(['stats', '--no-stream', '--format', '{{.CPUPerc}} {{.MemUsage}} {{.PIDs}}', id]);
      assert.match(line, /^[\d.]+% [\d.]+[KM]iB \/ 64MiB 1$/);
      seen.push(line);
      const percent = Number(line.slice(0, line.indexOf('%')));
      return (percent > 13 && percent < 27) || null;
    }).catch((cause: unknown) => assert.fail(`${String(cause)}: ${seen.join('; ')}`));
    const once = JSON.parse((await api(daemon, 'GET', `/containers/${id}/stats?stream=0&one-shot=1`)).text);
    assert.equal(once.id, id);
    assert.equal(once.preread, '0001-01-01T00:00:00Z');
    assert.ok(once.cpu_stats.cpu_usage.total_usage > 0);
    assert.ok(once.networks.eth0.rx_bytes >= 0);
    await using stream = await daemon.dockerStart(['stats', '--format', '{{.Name}}:{{.PIDs}}', id]);
    await stream.until(/:1[^]*:1/);
    await daemon.ok(['rm', '-f', id]);
    assert.equal((await api(daemon, 'GET', `/containers/${id}/stats?stream=0`)).status, 404);
  });

  it('say which processes `top` shows', async () => {
    const { daemon, busybox } = world;
    const id = await daemon.ok(['run', '-d', '-u', '0', busybox, 'sh', '-c', 'sleep 1234 & wait']);
    await eventually('both processes are there', async () => {
      const text = await daemon.ok(['top', id]);
      return /^UID\s+PID\s+PPID[^]*sh -c sleep 1234[^]*\d\s+sleep 1234$/.test(text) ? true : null;
    });
    const pid = await daemon.ok(['inspect', '-f', '{{.State.Pid}}', id]);
    assert.match(await daemon.ok(['top', id, '-o', 'pid,comm']), new RegExp(`^PID\\s+COMMAND\\n${pid}\\s+sh\\n`));
    assert.match(await failure('top', id, '--forest'), /not supported by isle/);
    await daemon.ok(['kill', id]);
    assert.match(await failure('top', id), /is not running/);
    await daemon.ok(['rm', id]);
  });

  it('tell of an OOM kill while the container goes on', async () => {
    const { daemon, busybox } = world;
    const name = 'oom-lives';
    const told = ['--filter', 'event=oom', '--format', '{{.Action}} {{.Actor.Attributes.name}}'];
    await using events = await daemon.dockerStart(['events', '--since', '10m', ...told]);
    const script = 'tail /dev/zero; echo survived $?; sleep 1000';
    await daemon.ok(['run', '-d', '--name', name, '-m', '32m', busybox, 'sh', '-c', script]);
    await events.until(/oom oom-lives/);
    await eventually('the shell survives its child', async () =>
      (await daemon.ok(['logs', name])).includes('survived 137') ? true : null,
    );
    await daemon.ok(['rm', '-f', name]);
  });

  it('lie below the parent that was asked for, which goes with its last container', async () => {
    const { daemon } = world;
    const parent = `${daemon.cgroupParent}-teams`;
    const exists = (path: string) => cgroupMounts().some((mount) => existsSync(join(mount, path)));
    const [blue, red] = [
      await run('--cgroup-parent', `/${parent}/blue`),
      await run('--cgroup-parent', `/${parent}/red`, '-m', '32m'),
    ];
    assert.equal(cgroupFile(`${parent}/red`, red, 'memory.limit_in_bytes', 'memory.max'), String(32 << 20));
    await daemon.ok(['rm', '-f', blue]);
    assert.equal(exists(`${parent}/blue`), false);
    assert.equal(exists(`${parent}/red`), true);
    await daemon.kill9();
    await daemon.restart();
    await daemon.ok(['rm', '-f', red]);
    await eventually('nothing is left of it', () => (exists(parent) ? null : true));
    const slice = await run('--cgroup-parent', `${parent.replaceAll('-', '_')}-ci.slice`);
    const top = `${parent.replaceAll('-', '_')}.slice`;
    assert.equal(exists(`${top}/${top.replace('.slice', '-ci.slice')}/${slice}`), true);
    await daemon.ok(['rm', '-f', slice]);
    await eventually('no slice is left', () => (exists(top) ? null : true));
  });

  it('leave a parent that was there before, with what it holds', async () => {
    const { daemon } = world;
    const [mount] = cgroupMounts();
    const parent = join(mount ?? '', daemon.cgroupParent, 'mine');
    await using launcher = await disposable(Launcher.spawn(ISLET));
    await launcher.run({ ops: [op('setup', 'test', 'mkdir', { path: parent, mode: 0o755 })] });
    const id = await run('--cgroup-parent', `/${daemon.cgroupParent}/mine`);
    await daemon.ok(['rm', '-f', id]);
    assert.equal(existsSync(parent), true);
    await launcher.run({ ops: [op('setup', 'test', 'rmdir', { path: parent })] });
  });

  it('take the limits of the OCI spec that Docker has no words for, and give them back', async () => {
    const layout = readCgroupLayout(world.daemon.cgroupParent);
    const backend = createCgroupBackend(layout);
    const id = 'spec';
    const path = `${world.daemon.cgroupParent}/${id}`;
    const hasHugetlb = layout.unified?.controllers.includes('hugetlb') === true;
    const root = join(layout.unified?.mountPoint ?? '', 'cgroup.subtree_control');
    const wasPassedOn = hasHugetlb && readFileSync(root, 'utf8').includes('hugetlb');
    const resources = {
      cpu: { quota: 50_000, period: 100_000, burst: 20_000, shares: 300, idle: 1 },
      unified: { 'cgroup.max.depth': '3' },
      ...(hasHugetlb ? { hugepageLimits: [{ pageSize: '2MB', limit: 4 << 20 }] } : {}),
    };
    await using launcher = await disposable(Launcher.spawn(ISLET));
    const { setup, warnings, cleanup } = backend.planContainer(path, resources);
    await launcher.run({ ops: setup });
    const read = (...names: string[]) => cgroupFile(world.daemon.cgroupParent, id, ...names);
    try {
      assert.deepEqual(warnings, []);
      assert.equal(read('cpu.cfs_burst_us', 'cpu.max.burst'), '20000');
      assert.equal(read('cpu.idle'), '1');
      assert.equal(read('cgroup.max.depth'), '3');
      if (hasHugetlb) assert.equal(read('hugetlb.2MB.max'), String(4 << 20));
      await launcher.run({ ops: backend.planUpdate(path, resources, { cpu: { quota: 20_000, shares: 512 } }).ops });
      assert.equal(read('cpu.cfs_burst_us', 'cpu.max.burst'), '0');
      assert.equal(read('cpu.idle'), '0');
      assert.match(read('cpu.cfs_quota_us', 'cpu.max'), /^20000/);
    } finally {
      await launcher.run({ ops: cleanup.map((operation) => ({ ...operation, section: 'setup' as const })) });
      if (hasHugetlb && !wasPassedOn) {
        const below = join(layout.unified?.mountPoint ?? '', world.daemon.cgroupParent, 'cgroup.subtree_control');
        const data = Buffer.from('-hugetlb');
        await launcher.run({ ops: [below, root].map((file) => op('setup', 'test', 'write', { path: file, data })) });
      }
    }
  });

  it('have device rules on cgroup2 too: a program that the kernel asks', async () => {
    const { unified } = readCgroupLayout();
    assert.ok(unified !== null, 'this test needs a cgroup2 hierarchy');
    const path = join(unified.mountPoint, world.daemon.cgroupParent, 'devices');
    const program = encodeBpf(deviceProgram([...DEFAULT_DEVICE_RULES]) ?? []);
    await using launcher = await disposable(Launcher.spawn(ISLET));
    const tryOpen = async () => {
      // kmsg is not among the default devices, null is.
      const script = `echo $$ > ${path}/cgroup.procs; for d in null kmsg; do (exec 3< /dev/$d) && echo $d; done; echo done`;
      const child = spawn('sh', ['-c', script], { stdio: ['ignore', 'pipe', 'ignore'] });
      return (await child.stdout.toArray()).join('').trim().split('\n').join(' ');
    };
    await launcher.run({ ops: [op('setup', 'test', 'mkdir', { path, mode: 0o755 })] });
    try {
      assert.equal(await tryOpen(), 'null kmsg done', 'without the program both can be opened');
      await launcher.run({ ops: [op('setup', 'test', 'cgroupDevices', { path, program })] });
      assert.equal(await tryOpen(), 'null done');
      const broken = encodeBpf((deviceProgram([{ allow: false }]) ?? []).slice(0, -1));
      await assert.rejects(
        launcher.run({ ops: [op('setup', 'test', 'cgroupDevices', { path, program: broken })] }),
        /device program/,
      );
    } finally {
      await launcher.run({ ops: [op('setup', 'test', 'rmdir', { path })] });
    }
  });
});

async function disposable(spawned: Promise<Launcher>): Promise<Launcher & AsyncDisposable> {
  const launcher = await spawned;
  return Object.assign(launcher, { [Symbol.asyncDispose]: () => launcher.close() });
}
