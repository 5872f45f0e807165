/** User namespaces, and namespaces that are shared, on Debian's kernel (6.1) with pure cgroup v2. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, readlinkSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { api } from '../harness/api.ts';
import { giveIds } from '../harness/subids.ts';
import { type Guest, startGuest } from './guest.ts';

const [SHARED, POOL] = ['isletestshared', 'isletestpool'];
const [FIRST, OWN] = [500_000, 3_000_000_000];
const AUTO = ['--security-opt', 'userns=auto'];

describe('user namespaces on pure cgroup v2', () => {
  let guest: Guest;
  const ids: AsyncDisposable[] = [];
  before(async () => {
    ids.push(await giveIds(SHARED, { first: FIRST, count: 65_536 }));
    ids.push(await giveIds(POOL, { first: OWN, count: 4 * 65_536 }));
    guest = await startGuest(['--userns-remap', SHARED, '--userns-pool', POOL]);
  });
  after(async () => {
    await guest[Symbol.asyncDispose]();
    for (const range of ids) await range[Symbol.asyncDispose]();
  });

  const inside = (flags: string[], script: string) =>
    guest.daemon.ok(['run', '--rm', ...flags, guest.busybox, 'sh', '-c', script]);
  const started = (...flags: string[]) => guest.daemon.ok(['run', '-d', ...flags, guest.busybox, 'sleep', '1000']);
  const pidOf = async (id: string) => Number(await guest.daemon.ok(['inspect', '-f', '{{.State.Pid}}', id]));

  it('map root inside to a user of the host, with limits, network and a layer that stays as it is', async () => {
    const { daemon, busybox } = guest;
    const look = 'cat /proc/self/uid_map; stat -c %u:%g /bin; cat /sys/fs/cgroup/memory.max; ls /sys/class/net; ';
    const change = 'echo x >> /etc/passwd; touch /made; chown 7:8 /made; sleep 1000';
    const id = await daemon.ok(['run', '-d', '--name', 'mapped', '-m', '64m', busybox, 'sh', '-c', look + change]);
    const pid = await pidOf(id);
    assert.match(readFileSync(`/proc/${pid}/status`, 'utf8'), /^Uid:\t500000\t500000\t500000\t500000$/m);
    const [map, ...rest] = (await daemon.ok(['logs', id])).split('\n');
    assert.equal(map?.trim().replace(/ +/g, ' '), '0 500000 65536');
    assert.deepEqual(rest, ['0:0', '67108864', 'eth0', 'lo']);
    const upper = await daemon.ok(['inspect', '-f', '{{.GraphDriver.Data.UpperDir}}', id]);
    const owner = (path: string) => [statSync(path).uid, statSync(path).gid];
    assert.deepEqual(owner(join(upper, 'etc/passwd')), [FIRST, FIRST]);
    assert.deepEqual(owner(join(upper, 'made')), [FIRST + 7, FIRST + 8]);
    await daemon.ok(['rm', '-f', id]);
    assert.equal(await inside(['--userns', 'host'], 'stat -c %u:%g /bin /etc/passwd'), '0:0\n0:0');
  });

  it('have ranges of their own when asked, and the kernel enforces all that was asked for', async () => {
    const { daemon } = guest;
    const containers = [await started(...AUTO), await started(...AUTO, '-u', '1000:1000', '-m', '64m')];
    const uids = await Promise.all(containers.map(async (id) => statSync(`/proc/${await pidOf(id)}`).uid));
    assert.deepEqual(uids, [OWN, OWN + 65_536 + 1000]);
    for (const id of containers) {
      const { text } = await api(daemon, 'GET', `/isle/v1/explain/containers/${id}`);
      assert.match(text, /"whose ids these are","asked":"no other container's","enforced":"no other container's"/);
      assert.doesNotMatch(text, /"holds":false/);
    }
    await daemon.ok(['rm', '-f', ...containers]);
  });

  it('give files of a bind mount to the owner of the source, where the file system can do that', async () => {
    const { daemon } = guest;
    const directory = join(daemon.dataRoot, '..', 'bound');
    mkdirSync(directory, { mode: 0o700 });
    writeFileSync(join(directory, 'secret'), 'secret', { mode: 0o600 });
    for (const flags of [[], AUTO]) {
      const refused = await daemon.docker([
        'run',
        '--rm',
        ...flags,
        '-v',
        `${directory}:/data`,
        guest.busybox,
        'cat',
        '/data/secret',
      ]);
      assert.match(refused.stderr, /Permission denied/);
      assert.equal(
        await inside([...flags, '-v', `${directory}:/data:idmap`], 'cat /data/secret; echo > /data/made'),
        'secret',
      );
      assert.equal(statSync(join(directory, 'made')).uid, 0);
    }
    rmSync(directory, { recursive: true });
    // Linux has it for tmpfs from 6.3 on.
    const { code, stderr } = await daemon.docker(['run', '--rm', '-v', '/dev/shm:/data:idmap', guest.busybox, 'true']);
    assert.equal(code, 125);
    assert.match(stderr, /the file system of \/dev\/shm has no idmapped mounts.*leave the option idmap out/s);
  });

  it('are shared with the namespaces of another container', async () => {
    const { daemon } = guest;
    for (const flags of [[], AUTO]) {
      const donor = await started(...flags, '--ipc', 'shareable');
      const joins = ['--pid', `container:${donor}`, '--network', `container:${donor}`, '--ipc', `container:${donor}`];
      const joined = await started(...flags, ...joins);
      const [one, two] = [await pidOf(donor), await pidOf(joined)].map((pid) => readlinkSync(`/proc/${pid}/ns/user`));
      assert.equal(one, two);
      assert.match(await daemon.ok(['exec', joined, 'cat', '/proc/1/cmdline']), /^sleep\0/);
      assert.equal(await daemon.ok(['exec', donor, 'id', '-u']), '0');
      await daemon.ok(['rm', '-f', joined, donor]);
    }
  });

  it('go with a cgroup namespace of their own, or that of the host', async () => {
    for (const flags of [[], AUTO, ['--userns', 'host']]) {
      assert.equal(await inside(flags, 'cat /proc/self/cgroup'), '0::/');
      assert.match(
        await inside([...flags, '--cgroupns', 'host'], 'cat /proc/self/cgroup'),
        new RegExp(`^0::/${guest.daemon.cgroupParent}/[0-9a-f]{64}$`),
      );
    }
  });

  it('share the PID namespace of a container without one of their own, and end without it', async () => {
    const { daemon } = guest;
    const donor = await started('--userns', 'host');
    const joined = await started('--userns', 'host', '--pid', `container:${donor}`);
    const pid = await pidOf(joined);
    assert.match(await daemon.ok(['exec', joined, 'ps']), /^ +1 root .* sleep 1000$/m);
    await daemon.ok(['rm', '-f', donor]);
    assert.equal(await daemon.ok(['wait', joined]), '137');
    assert.ok(!existsSync(`/proc/${pid}`));
    await daemon.ok(['rm', joined]);
  });
});
