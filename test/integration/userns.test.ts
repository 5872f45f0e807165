/** Containers whose root is nobody on the host: --userns-remap, by the real docker command line. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { api } from '../harness/api.ts';
import { giveIds } from '../harness/subids.ts';
import { startWorld, type World } from '../harness/world.ts';

const USER = `isletest${process.pid}`;
const FIRST = 500_000;

describe('user namespaces', () => {
  let world: World;
  let directory: string;
  let ids: AsyncDisposable;
  before(async () => {
    ids = await giveIds(USER, { first: FIRST, count: 65_536 });
    world = await startWorld({ args: ['--userns-remap', USER] });
    directory = mkdtempSync(join(tmpdir(), 'isle-userns-'));
  });
  after(async () => {
    try {
      await world[Symbol.asyncDispose]();
    } finally {
      rmSync(directory, { recursive: true });
      await ids[Symbol.asyncDispose]();
    }
  });

  const docker = (flags: string[], script: string) =>
    world.daemon.docker(['run', '--rm', ...flags, world.busybox, 'sh', '-c', script]);
  const inside = (flags: string[], script: string) =>
    world.daemon.ok(['run', '--rm', ...flags, world.busybox, 'sh', '-c', script]);

  it('maps root inside to a user without rights outside', async () => {
    const { daemon, busybox } = world;
    assert.equal(
      (await inside([], 'cat /proc/self/uid_map /proc/self/gid_map')).replace(/\s+/g, ' ').trim(),
      '0 500000 65536 0 500000 65536',
    );
    const id = await daemon.ok(['run', '-d', busybox, 'sleep', '1000']);
    const pid = await daemon.ok(['inspect', '-f', '{{.State.Pid}}', id]);
    assert.equal(statSync(`/proc/${pid}`).uid, FIRST);
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    assert.match(status, /^Uid:\t500000\t500000\t500000\t500000$/m);
    assert.match(status, /^CapEff:\t00000000a80425fb$/m);
    await daemon.ok(['rm', '-f', id]);
  });

  it("shows the image's files with their owners, and writes with mapped owners, layers unchanged", async () => {
    const { daemon, busybox } = world;
    assert.equal(
      await inside([], 'stat -c %u:%g /bin /etc/passwd /root; echo x >> /etc/passwd; stat -c %u /etc/passwd'),
      '0:0\n0:0\n0:0\n0',
    );
    const id = await daemon.ok(['run', '-d', busybox, 'sh', '-c', 'touch /made; chown 7:8 /made; sleep 1000']);
    const upper = await daemon.ok(['inspect', '-f', '{{.GraphDriver.Data.UpperDir}}', id]);
    assert.equal(statSync(upper).uid, FIRST);
    await daemon.ok(['rm', '-f', id]);
    assert.equal(
      await inside(['--userns', 'host'], 'stat -c %u:%g /bin /etc/passwd'),
      '0:0\n0:0',
      'the layers are as they were',
    );
  });

  it('serves devices, terminals, network, /proc, /sys and cgroups inside', async () => {
    const script =
      'echo x > /dev/null && head -c2 /dev/zero | wc -c && ls /proc/1/fd > /dev/null && ls /sys/class/net && ls /sys/fs/cgroup > /dev/null && cat /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null | head -1; ip -o -4 addr show eth0 | wc -l; echo y > /dev/stderr';
    const { code, stdout } = await docker(['-m', '64m'], script);
    assert.equal(code, 0);
    assert.match(stdout, /^2\neth0\nlo\n(67108864\n)?1\n$/);
    assert.match((await docker(['-t'], 'tty; ls -ln /dev/pts/0')).stdout, /^\/dev\/pts\/0\r\ncrw--w---- +1 0 +5 /);
    const ping = await inside([], `ping -c1 -W5 ${world.daemon.gateway} | grep -c "1 packets received"`);
    assert.equal(ping, '1');
  });

  it('sets limits that only the host may raise, and runs as another user', async () => {
    assert.equal(
      await inside(['--ulimit', 'nofile=100:200', '--pids-limit', '5'], 'ulimit -n; ulimit -Hn'),
      '100\n200',
    );
    assert.equal(await inside(['-u', '1000:1000'], 'id -u; echo out > /dev/stdout'), '1000\nout');
    assert.match((await docker(['-u', '70000'], 'true')).stderr, /user id 70000 is not mapped/);
  });

  it('lets no power over the host be had by root inside', async () => {
    const { stderr, code } = await docker(
      ['--cap-add', 'ALL', '--security-opt', 'seccomp=unconfined'],
      'mknod /tmp/disk b 254 0 && : < /tmp/disk',
    );
    assert.notEqual(code, 0);
    assert.match(stderr, /Operation not permitted|Permission denied/);
    const secret = join(directory, 'secret');
    writeFileSync(secret, 'secret', { mode: 0o600 });
    const bound = await docker(['-v', `${directory}:/data`], 'cat /data/secret');
    assert.match(bound.stderr, /Permission denied/, 'root inside is not the owner');
  });

  it('gives files of a bind mount to the owner of the source with idmap', async () => {
    await inside(['-v', `${directory}:/data:idmap`], 'cat /data/secret > /data/copy');
    assert.equal(statSync(join(directory, 'copy')).uid, 0);
  });

  it('makes a missing source for the root inside', async () => {
    const source = join(directory, 'made');
    await inside(['-v', `${source}:/data`], 'touch /data/x');
    assert.equal(statSync(join(source, 'x')).uid, FIRST);
  });

  it('shares namespaces with another container of the same map', async () => {
    const { daemon, busybox } = world;
    await daemon.ok(['run', '-d', '--name', 'donor', '--ipc', 'shareable', busybox, 'sleep', '1000']);
    const flags = ['--pid', 'container:donor', '--network', 'container:donor', '--ipc', 'container:donor'];
    const seen = await inside(
      flags,
      'tr "\\0" " " < /proc/1/cmdline; echo; touch /dev/shm/x; ls /dev/shm; id -u; ls -A /proc/1/fd 2>&1 | head -1',
    );
    assert.match(seen, /^sleep 1000 \nx\n0\n/);
    await daemon.ok(['rm', '-f', 'donor']);
  });

  it('runs with an init', async () => {
    assert.equal(await inside(['--init'], 'tr "\\0" " " < /proc/1/cmdline | cut -d" " -f1,2'), '/sbin/docker-init --');
  });

  it("has the host's ids with --userns host, also privileged", async () => {
    assert.match(
      await inside(['--userns', 'host', '--privileged'], 'cat /proc/self/uid_map'),
      /^\s*0\s+0\s+4294967295$/,
    );
  });

  it('refuses what contradicts it, in the words of Docker', async () => {
    const cases: [string[], RegExp][] = [
      [['--privileged'], /privileged mode is incompatible with user namespaces/],
      [['--network', 'host'], /cannot share the host's network namespace when user namespaces are enabled/],
      [['--pid', 'host'], /cannot share the host PID namespace when user namespaces are enabled/],
      [['--ipc', 'host'], /cannot share the host IPC namespace when user namespaces are enabled/],
    ];
    for (const [flags, message] of cases) assert.match((await docker(flags, 'true')).stderr, message);
  });

  it('tells of it in info and explain', async () => {
    const { daemon, busybox } = world;
    assert.match(await daemon.ok(['info', '-f', '{{.SecurityOptions}}']), /name=userns/);
    const id = await daemon.ok(['run', '-d', '-u', '1000:1000', busybox, 'sleep', '1000']);
    const { text } = await api(daemon, 'GET', `/isle/v1/explain/containers/${id}`);
    assert.match(text, /0-65535 are 500000-565535/);
    assert.doesNotMatch(text, /"holds":false/, 'the kernel enforces all that was asked for');
    await daemon.ok(['rm', '-f', id]);
  });
});
