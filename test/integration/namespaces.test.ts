/** Namespaces shared with the host or with another container, by the real docker command line. */
import assert from 'node:assert/strict';
import { readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { after, before, describe, it } from 'node:test';
import { api } from '../harness/api.ts';
import { eventually } from '../harness/command.ts';
import { startWorld, type World } from '../harness/world.ts';

describe('namespace modes', () => {
  let world: World;
  before(async () => {
    world = await startWorld();
    await start('donor', '--ipc', 'shareable');
  });
  after(() => world[Symbol.asyncDispose]());

  const inside = (flags: string[], script: string) =>
    world.daemon.ok(['run', '--rm', ...flags, world.busybox, 'sh', '-c', script]);
  const start = (name: string, ...flags: string[]) =>
    world.daemon.ok(['run', '-d', '--name', name, ...flags, world.busybox, 'sleep', '1000']);
  const refusal = async (...flags: string[]) => {
    const { code, stderr } = await world.daemon.docker(['run', '--rm', ...flags, world.busybox, 'true']);
    assert.equal(code, 125, flags.join(' '));
    return stderr;
  };
  const link = (kind: string) => readlinkSync(`/proc/self/ns/${kind}`);

  it("shows the host's processes with --pid host, and leaves none of its own behind", async () => {
    const { daemon, busybox } = world;
    assert.equal(await inside(['--pid', 'host'], 'readlink /proc/self/ns/pid'), link('pid'));
    const script = 'sleep 1234567 & sleep 1234567';
    const id = await daemon.ok(['run', '-d', '--pid', 'host', busybox, 'sh', '-c', script]);
    const count = () => inside(['--pid', 'host'], 'ps | grep -c "[s]leep 1234567$"; true');
    await eventually('both run', async () => ((await count()) === '2' ? true : null));
    await daemon.ok(['rm', '-f', id]);
    assert.equal(await count(), '0');
  });

  it("shows another container's processes with --pid container:NAME", async () => {
    const seen = await inside(['--pid', 'container:donor'], 'echo $$; cat /proc/1/cmdline | tr "\\0" " "');
    const [own, first] = seen.split('\n');
    assert.notEqual(own, '1');
    assert.equal(first, 'sleep 1000');
  });

  it('ends with the container whose PID namespace it shares', async () => {
    const { daemon } = world;
    await start('short');
    await start('guest', '--pid', 'container:short');
    await daemon.ok(['kill', 'short']);
    assert.equal(await daemon.ok(['wait', 'guest']), '137');
    assert.match(
      (await daemon.docker(['start', 'guest'])).stderr,
      /cannot join the PID namespace of a non running container: short/,
    );
    await daemon.ok(['rm', 'guest', 'short']);
  });

  it("gives the address, the name and /etc/hosts of another container's network", async () => {
    const { daemon } = world;
    const flags = ['--network', 'container:donor'];
    const script = 'readlink /proc/self/ns/net; hostname; cat /etc/hosts; ip -o -4 addr show eth0';
    const donorPid = await daemon.ok(['inspect', '-f', '{{.State.Pid}}', 'donor']);
    const [net, name, ...rest] = (await inside(flags, script)).split('\n');
    assert.equal(net, readlinkSync(`/proc/${donorPid}/ns/net`));
    assert.equal(name, await daemon.ok(['inspect', '-f', '{{.Config.Hostname}}', 'donor']));
    const address = await daemon.ok(['inspect', '-f', '{{.NetworkSettings.IPAddress}}', 'donor']);
    assert.ok(
      rest.some((line) => line.startsWith(address)),
      'hosts',
    );
    assert.ok(rest.at(-1)?.includes(`${address}/`), 'eth0');
    for (const conflict of [
      ['--hostname', 'x'],
      ['--dns', '1.1.1.1'],
      ['--add-host', 'a:1.2.3.4'],
      ['--expose', '80'],
    ]) {
      assert.match(await refusal(...flags, ...conflict), /conflicting options/);
    }
  });

  it('shares the IPC namespace and POSIX memory with --ipc container:NAME, if that container lets it', async () => {
    const { daemon } = world;
    await inside(['--ipc', 'container:donor'], 'echo from-the-first > /dev/shm/file');
    assert.equal(await inside(['--ipc', 'container:donor'], 'cat /dev/shm/file'), 'from-the-first');
    const pid = await daemon.ok(['inspect', '-f', '{{.State.Pid}}', 'donor']);
    const ipc = readlinkSync(`/proc/${pid}/ns/ipc`);
    assert.equal(await inside(['--ipc', 'container:donor'], 'readlink /proc/self/ns/ipc'), ipc);
    await start('private');
    assert.match(await refusal('--ipc', 'container:private'), /non-shareable IPC/);
    await daemon.ok(['rm', '-f', 'private']);
    assert.equal(await inside(['--ipc', 'none'], 'grep -c " /dev/shm " /proc/mounts; true'), '0');
    assert.equal(await inside(['--ipc', 'host'], 'readlink /proc/self/ns/ipc'), link('ipc'));
    assert.equal(await inside(['--ipc', 'host'], 'grep " /dev/shm " /proc/mounts | cut -d" " -f1'), 'tmpfs');
  });

  it("has the host's name with --uts host, and sets none", async () => {
    assert.equal(
      await inside(['--uts', 'host'], 'readlink /proc/self/ns/uts; hostname'),
      `${link('uts')}\n${hostname()}`,
    );
    assert.match(await refusal('--uts', 'host', '--hostname', 'x'), /conflicting options: hostname and the UTS mode/);
  });

  it('sees its own cgroup as the root, unless --cgroupns host', async () => {
    assert.equal(await inside(['--cgroupns', 'host'], 'readlink /proc/self/ns/cgroup'), link('cgroup'));
    assert.match(await inside(['--cgroupns', 'host'], 'cat /proc/self/cgroup'), /isle-test-/);
    assert.doesNotMatch(await inside([], 'cat /proc/self/cgroup'), /isle-test-/);
  });

  it('shows the modes in inspect by the id, which a rename does not change', async () => {
    const { daemon, busybox } = world;
    const id = await daemon.ok(['inspect', '-f', '{{.Id}}', 'donor']);
    const flags = ['--pid', 'container:donor', '--ipc', 'container:donor', '--network', 'container:donor'];
    await daemon.ok(['create', '--name', 'made', ...flags, busybox, 'readlink', '/proc/self/ns/pid']);
    const format = '{{.HostConfig.PidMode}} {{.HostConfig.IpcMode}} {{.HostConfig.NetworkMode}}';
    assert.equal(await daemon.ok(['inspect', '-f', format, 'made']), `container:${id} container:${id} container:${id}`);
    await daemon.ok(['rename', 'donor', 'renamed']);
    const pid = await daemon.ok(['inspect', '-f', '{{.State.Pid}}', 'renamed']);
    assert.equal(await daemon.ok(['start', '-a', 'made']), readlinkSync(`/proc/${pid}/ns/pid`));
    await daemon.ok(['rename', 'renamed', 'donor']);
    await daemon.ok(['rm', 'made']);
  });

  it('names a container that is not there, or is not running', async () => {
    const { daemon, busybox } = world;
    assert.match(await refusal('--pid', 'container:nobody'), /No such container: nobody/);
    await daemon.ok(['create', '--name', 'idle', busybox, 'true']);
    for (const [flag, word] of [
      ['--pid', 'PID'],
      ['--ipc', 'IPC'],
      ['--network', 'network'],
    ] as const) {
      const message = `cannot join the ${word} namespace of a non running container: idle`;
      assert.ok((await refusal(flag, 'container:idle')).includes(message), message);
    }
    await daemon.ok(['rm', 'idle']);
  });

  it('takes sysctls of its own namespaces, and refuses those of shared ones by name', async () => {
    const flags = ['--sysctl', 'net.core.somaxconn=100', '--sysctl', 'kernel.msgmax=5000'];
    const paths = '/proc/sys/net/core/somaxconn /proc/sys/kernel/msgmax';
    assert.equal(await inside(flags, `cat ${paths}`), '100\n5000');
    assert.match(
      await refusal('--ipc', 'host', '--sysctl', 'kernel.msgmax=1'),
      /"kernel\.msgmax" not allowed in host ipc/,
    );
    const body = { Image: world.busybox, HostConfig: { Sysctls: { 'vm.swappiness': '1' } } };
    const { status, message } = await api(world.daemon, 'POST', '/containers/create', body);
    assert.equal(status, 400);
    assert.match(message, /"vm\.swappiness" is not in a separate kernel namespace/);
  });

  it('sets domain name, shared memory size, OOM score, limits and a read-only root', async () => {
    const flags = [
      '--domainname',
      'example.org',
      '--shm-size',
      '1m',
      '--oom-score-adj',
      '500',
      '--ulimit',
      'nofile=100:200',
    ];
    const script =
      'cat /proc/sys/kernel/domainname; df -k /dev/shm | tail -1 | tr -s " " | cut -d" " -f2; cat /proc/self/oom_score_adj; ulimit -Sn; ulimit -Hn; touch /x 2>&1; true';
    assert.deepEqual((await inside([...flags, '--read-only'], script)).split('\n'), [
      'example.org',
      '1024',
      '500',
      '100',
      '200',
      'touch: /x: Read-only file system',
    ]);
  });
});
