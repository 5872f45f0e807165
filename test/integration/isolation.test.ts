/** What a default container sees and may do inside, and what of it is to be seen outside. */
import assert from 'node:assert/strict';
import { readFileSync, statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { eventually } from '../harness/command.ts';
import { startWorld, type World } from '../harness/world.ts';
import { probeImage } from './probe/image.ts';

describe('isolation', () => {
  let world: World;
  let probe: string;
  before(async () => {
    world = await startWorld();
    const directory = await mkdtemp(join(tmpdir(), 'isle-probe-'));
    try {
      await world.registry.push(await probeImage(directory), 'probe:1');
    } finally {
      await rm(directory, { recursive: true });
    }
    probe = `${world.registry.host}/probe:1`;
    await world.daemon.ok(['pull', '-q', probe]);
  });
  after(() => world[Symbol.asyncDispose]());

  const inside = (...command: string[]) => world.daemon.ok(['run', '--rm', world.busybox, ...command]);

  it('makes the command process 1 of a world with no other process', async () => {
    assert.equal(await inside('sh', '-c', 'echo $$'), '1');
    assert.equal(await inside('sh', '-c', 'echo /proc/[0-9]*'), '/proc/1');
    const status = await inside('cat', '/proc/self/status');
    assert.match(status, /^NSpid:\t1$/m);
  });

  it('gives the container its short id as its host name, and an entry in /etc/hosts', async () => {
    const { daemon, busybox } = world;
    const id = await daemon.ok(['run', '-d', busybox, 'sleep', '100']);
    const [name, address] = (
      await daemon.ok(['inspect', '-f', '{{.Config.Hostname}} {{.NetworkSettings.Networks.bridge.IPAddress}}', id])
    ).split(' ');
    assert.equal(name, id.slice(0, 12));
    await daemon.ok(['rm', '-f', id]);
    const seen = await inside('sh', '-c', 'hostname; cat /etc/hostname; hostname -i; cat /etc/hosts');
    const [hostname, file, own, ...hosts] = seen.split('\n');
    assert.equal(hostname, file);
    assert.ok(
      hosts.some((line) => line.split(/\s+/).join(' ') === `${own} ${hostname}`),
      seen,
    );
    assert.match(address ?? '', /^10\.2/);
  });

  it('lives in namespaces of its own, the user namespace aside', async () => {
    const kinds = ['pid', 'mnt', 'net', 'uts', 'ipc', 'cgroup'];
    const list = [...kinds, 'user'].map((kind) => `/proc/self/ns/${kind}`).join(' ');
    const numbers = (await inside('sh', '-c', `for f in ${list}; do readlink $f; done`)).match(/\d+/g) ?? [];
    const ours = [...kinds, 'user'].map((kind) => String(statSync(`/proc/self/ns/${kind}`).ino));
    for (const [index, kind] of kinds.entries()) assert.notEqual(numbers[index], ours[index], kind);
    assert.equal(numbers[kinds.length], ours[kinds.length], 'user namespace, as under Docker without userns-remap');
  });

  it('shows no mount of the host', async () => {
    const virtual = new Set(['overlay', 'proc', 'tmpfs', 'devpts', 'sysfs', 'cgroup', 'cgroup2', 'mqueue']);
    const fromHost = ['/etc/resolv.conf', '/etc/hostname', '/etc/hosts'];
    const lines = (await inside('cat', '/proc/self/mountinfo')).split('\n');
    const points: string[] = [];
    for (const line of lines) {
      const [left = '', right = ''] = line.split(' - ');
      const point = left.split(' ')[4] ?? '';
      points.push(point);
      const isMask = right.startsWith('devtmpfs ') && left.split(' ')[3] === '/null';
      const isVirtual = virtual.has(right.split(' ')[0] ?? '');
      assert.ok(isVirtual || isMask || fromHost.includes(point), `a mount of the host: ${line}`);
      assert.ok(!/\b(shared|master):/.test(left), `mounts of the host would arrive here: ${line}`);
    }
    for (const expected of ['/', '/proc', '/dev', '/dev/pts', '/dev/shm', '/dev/mqueue', '/sys', ...fromHost]) {
      assert.ok(points.includes(expected), `${expected} is mounted`);
    }
  });

  it('has the devices of Docker, and no other', async () => {
    const devices = (await inside('ls', '/dev')).split('\n').sort();
    const expected = [
      'core',
      'fd',
      'full',
      'mqueue',
      'null',
      'ptmx',
      'pts',
      'random',
      'shm',
      'stderr',
      'stdin',
      'stdout',
    ];
    assert.deepEqual(devices, [...expected, 'tty', 'urandom', 'zero'].sort());
    assert.equal(
      await inside('sh', '-c', 'echo x > /dev/null; head -c 3 /dev/zero | wc -c; echo y > /dev/stderr'),
      '3',
    );
  });

  it('hides and protects the kernel files that Docker hides and protects', async () => {
    const masked = [
      'acpi',
      'asound',
      'kcore',
      'keys',
      'latency_stats',
      'sched_debug',
      'scsi',
      'timer_list',
      'timer_stats',
    ];
    const paths = [...masked.map((name) => `/proc/${name}`), '/sys/firmware', '/sys/devices/virtual/powercap'];
    const script = 'for p in "$@"; do if [ -d $p ]; then ls -A $p; elif [ -e $p ]; then wc -c < $p; fi; done | sort -u';
    assert.match(await inside('sh', '-c', script, 'sh', ...paths), /^0?$/, 'empty directories, empty files');
    const writes = [
      '/proc/sys/kernel/domainname',
      '/proc/sys/vm/swappiness',
      '/proc/sysrq-trigger',
      '/proc/irq/default_smp_affinity',
      '/sys/kernel/mm/transparent_hugepage/enabled',
    ];
    for (const path of writes) {
      const { code, stderr } = await world.daemon.docker([
        'run',
        '--rm',
        world.busybox,
        'sh',
        '-c',
        `echo x > ${path}`,
      ]);
      assert.notEqual(code, 0, path);
      assert.match(stderr, /Read-only file system|Permission denied|nonexistent directory/, path);
    }
  });

  it("has Docker's capabilities in each set, its seccomp filter, and may gain privileges as under Docker", async () => {
    const status = await inside('cat', '/proc/self/status');
    const field = (name: string) => new RegExp(`^${name}:\\s*(\\S+)$`, 'm').exec(status)?.[1];
    assert.equal(field('CapEff'), '00000000a80425fb');
    assert.equal(field('CapPrm'), '00000000a80425fb');
    assert.equal(field('CapBnd'), '00000000a80425fb');
    assert.equal(field('CapInh'), '0000000000000000');
    assert.equal(field('CapAmb'), '0000000000000000');
    assert.equal(field('Seccomp'), '2');
    assert.equal(field('NoNewPrivs'), '0');
  });

  it('leaves a user other than root no capability', async () => {
    const status = await world.daemon.ok(['run', '--rm', '-u', '1000', world.busybox, 'cat', '/proc/self/status']);
    assert.match(status, /^CapEff:\t0000000000000000$/m);
    assert.match(status, /^CapBnd:\t00000000a80425fb$/m);
    assert.match(status, /^Groups:\t0 $/m, 'the primary group alone');
  });

  it('refuses what would lead out: mounts, namespaces, devices, the kernel', async () => {
    const outcomes = await world.daemon.ok(['run', '--rm', probe]);
    const refused = outcomes
      .split('\n')
      .filter((line) => line.endsWith(' EPERM'))
      .map((line) => line.split(' ')[0]);
    const expected = [
      'mount',
      'remount',
      'umount',
      'unshare-user',
      'unshare-mount',
      'clone-user',
      'setns',
      'keyctl',
      'bpf',
      'perf',
      'open-by-handle',
      'reboot',
      'swapoff',
      'settime',
      'sethostname',
      'module',
      'disk',
    ];
    assert.deepEqual(
      expected.filter((name) => !refused.includes(name)),
      [],
      `not refused; the probe says:\n${outcomes}`,
    );
    assert.match(outcomes, /^chroot ok$/m, 'allowed, as under Docker: the filter is not merely deaf');
  });

  it('keeps a user from tracing and reading the processes of another', async () => {
    // The last command of a shell takes its place: `true` keeps process 1 root's.
    const script = 'su nobody -s /bin/sh -c "probe; cat /proc/1/environ"; true';
    const { stdout, stderr } = await world.daemon.docker(['run', '--rm', probe, 'sh', '-c', script]);
    assert.match(stdout, /^ptrace-init EPERM$/m);
    assert.match(stderr, /\/proc\/1\/environ.*Permission denied/);
  });

  it("keeps one container's files from another, and from the image", async () => {
    const { daemon, busybox } = world;
    await daemon.ok(['run', '--name', 'writer', busybox, 'sh', '-c', 'echo secret > /written; rm /etc/group']);
    assert.equal(
      await inside('sh', '-c', 'ls /written /etc/group 2>&1 | sort'),
      '/etc/group\nls: /written: No such file or directory',
    );
    await daemon.ok(['rm', 'writer']);
  });

  it("is not to be seen in the host's mount table, and is gone without a trace after `rm`", async () => {
    const { daemon, busybox } = world;
    const beforehand = daemon.leftovers();
    const mountsBefore = readFileSync('/proc/self/mountinfo', 'utf8');
    const id = await daemon.ok(['run', '-d', '-m', '64m', busybox, 'sleep', '100']);
    assert.equal(readFileSync('/proc/self/mountinfo', 'utf8'), mountsBefore);
    const during = daemon.leftovers().filter((line) => !beforehand.includes(line));
    for (const kind of ['cgroup', 'link', 'process', 'file']) {
      assert.ok(
        during.some((line) => line.startsWith(`${kind} `)),
        `the check sees a running container's ${kind}`,
      );
    }
    await daemon.ok(['rm', '-f', id]);
    await eventually('nothing is left', () => {
      return daemon.leftovers().every((line) => beforehand.includes(line)) ? true : null;
    });
  });
});
