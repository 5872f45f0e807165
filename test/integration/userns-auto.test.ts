/** Containers with user ids that no other one has: --userns-remap auto, and the security option userns=auto. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { api } from '../harness/api.ts';
import { run } from '../harness/command.ts';
import { CLAIMS } from '../harness/instance.ts';
import { giveIds, idLines, takeIds } from '../harness/subids.ts';
import { startWorld, type World } from '../harness/world.ts';

const POOL = `isletestpool${process.pid}`;
const CLI = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));
const FIRST = 3_000_000_000;
const SIZE = 65_536;

interface IdMapping {
  first: number;
  size: number;
}

/** The range of a container as inspect tells it; of users and of groups it is the same here. */
async function idsOf({ daemon }: World, id: string): Promise<IdMapping> {
  const text = await daemon.ok(['inspect', '-f', '{{json .HostConfig.IDMappings}}', id]);
  const { UidMap, GidMap } = JSON.parse(text) as { UidMap: string[]; GidMap: string[] };
  assert.deepEqual(UidMap, GidMap);
  assert.equal(UidMap.length, 1);
  const [inside, first, size] = (UidMap[0] ?? '').split(':').map(Number);
  assert.equal(inside, 0);
  return { first: first ?? Number.NaN, size: size ?? Number.NaN };
}

describe('a range of user ids for each container', () => {
  let world: World;
  let pool: AsyncDisposable;
  let directory: string;
  before(async () => {
    // Room for three and a bit.
    pool = await giveIds(POOL, { first: FIRST, count: 3 * SIZE + 100 });
    world = await startWorld({ args: ['--userns-remap', 'auto', '--userns-pool', POOL] });
    directory = mkdtempSync(join(tmpdir(), 'isle-userns-'));
  });
  after(async () => {
    try {
      await world[Symbol.asyncDispose]();
    } finally {
      rmSync(directory, { recursive: true });
      await pool[Symbol.asyncDispose]();
    }
  });

  const create = async (...flags: string[]) => {
    const { code, stdout, stderr } = await world.daemon.docker(['create', ...flags, world.busybox, 'sleep', '1000']);
    return { code, id: stdout.trim(), stderr };
  };

  it('gives every container other ids, which the kernel maps and the layers follow', async () => {
    const { daemon, busybox } = world;
    const script = 'stat -c %u:%g /bin /etc/passwd; touch /made; chown 7:8 /made; stat -c %u:%g /made; sleep 1000';
    const ids = await Promise.all([1, 2, 3].map(() => daemon.ok(['run', '-d', busybox, 'sh', '-c', script])));
    const ranges = await Promise.all(ids.map((id) => idsOf(world, id)));
    const firsts = ranges.map(({ first }) => first).toSorted((a, b) => a - b);
    assert.deepEqual(firsts, [FIRST, FIRST + SIZE, FIRST + 2 * SIZE]);
    for (const [index, id] of ids.entries()) {
      const { first = 0, size } = ranges[index] ?? {};
      const pid = await daemon.ok(['inspect', '-f', '{{.State.Pid}}', id]);
      assert.equal(statSync(`/proc/${pid}`).uid, first);
      assert.equal(readFileSync(`/proc/${pid}/uid_map`, 'utf8').replace(/\s+/g, ' ').trim(), `0 ${first} ${size}`);
      assert.equal(await daemon.ok(['logs', id]), '0:0\n0:0\n7:8');
      const upper = await daemon.ok(['inspect', '-f', '{{.GraphDriver.Data.UpperDir}}', id]);
      assert.deepEqual([statSync(join(upper, 'made')).uid, statSync(join(upper, 'made')).gid], [first + 7, first + 8]);
    }
    await daemon.ok(['rm', '-f', ...ids]);
  });

  it('says so when no ids are free, and has them again after a removal', async () => {
    const { daemon } = world;
    const made = [await create(), await create(), await create()];
    const refused = await create();
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, new RegExp(`no 65536 ids in a row are free in the pool of "${POOL}" in /etc/subuid`));
    assert.match(refused.stderr, /of which 100 are free/);
    assert.match(refused.stderr, /remove containers.*auto:size=N.*FIRST:COUNT/);
    const small = await create('--security-opt', 'userns=auto:size=100');
    assert.equal(small.code, 0, small.stderr);
    assert.equal((await idsOf(world, small.id)).size, 100);
    const freed = made[1]?.id ?? '';
    const range = await idsOf(world, freed);
    await daemon.ok(['rm', freed]);
    const next = await create();
    assert.deepEqual(await idsOf(world, next.id), range);
    await daemon.ok(['rm', small.id, next.id, made[0]?.id ?? '', made[2]?.id ?? '']);
  });

  it('runs with few ids, as those that there are', async () => {
    const { daemon, busybox } = world;
    const idOf = (size: number, ...flags: string[]) =>
      daemon.docker(['run', '--rm', '--security-opt', `userns=auto:size=${size}`, ...flags, busybox, 'id', '-u']);
    assert.equal((await idOf(1)).stdout, '0\n');
    assert.equal((await idOf(1, '-t')).stdout, '0\r\n', 'group 5 of terminals is not mapped');
    assert.equal((await idOf(10, '-u', '9:9')).stdout, '9\n');
    assert.match((await idOf(10, '-u', '10')).stderr, /user id 10 is not mapped in the container's user namespace/);
  });

  it('keeps the ids of a container over its restarts and those of the daemon, and gives them to nobody else', async () => {
    const { daemon } = world;
    const [first, second] = [await create(), await create()];
    await daemon.ok(['start', second.id]);
    const before = [await idsOf(world, first.id), await idsOf(world, second.id)];
    await daemon.kill9();
    await daemon.restart();
    const third = await create();
    const ranges = [await idsOf(world, first.id), await idsOf(world, second.id)];
    assert.deepEqual(ranges, before);
    const firsts = [...ranges, await idsOf(world, third.id)].map((range) => range.first);
    assert.equal(new Set(firsts).size, 3, firsts.join());
    await daemon.ok(['restart', '-t', '0', second.id]);
    assert.deepEqual(await idsOf(world, second.id), before[1]);
    await daemon.ok(['rm', '-f', first.id, second.id, third.id]);
  });

  it('keeps the ids also of a container that runs and is not in its database any more', async () => {
    const { daemon, busybox } = world;
    const lost = await daemon.ok(['run', '-d', busybox, 'sleep', '1000']);
    const { first } = await idsOf(world, lost);
    const pid = Number(await daemon.ok(['inspect', '-f', '{{.State.Pid}}', lost]));
    const copy = join(directory, 'copy');
    await daemon.stop();
    const files = ['isle.db', 'isle.db-wal', 'isle.db-shm'].map((name) => join(daemon.dataRoot, name));
    for (const path of files) if (existsSync(path)) renameSync(path, `${copy}-${basename(path)}`);
    try {
      await daemon.restart();
      assert.match(daemon.log(), /a container runs that the database does not know/);
      assert.equal((await api(daemon, 'GET', `/containers/${lost}/json`)).status, 404);
      await daemon.ok(['pull', '-q', busybox]);
      for (const id of [(await create()).id, (await create()).id])
        assert.notEqual((await idsOf(world, id)).first, first);
      assert.match((await create()).stderr, /no 65536 ids in a row/);
      await daemon.ok(['rm', ...(await daemon.ok(['ps', '-aq'])).split('\n')]);
    } finally {
      process.kill(pid, 'SIGKILL');
      await daemon.restart();
    }
  });

  it('lets containers that share namespaces share the ids', async () => {
    const { daemon, busybox } = world;
    const donor = await daemon.ok(['run', '-d', '--ipc', 'shareable', busybox, 'sleep', '1000']);
    const flags = ['--network', `container:${donor}`, '--pid', `container:${donor}`, '--ipc', `container:${donor}`];
    const joined = await daemon.ok(['run', '-d', ...flags, busybox, 'sleep', '1000']);
    assert.deepEqual(await idsOf(world, joined), await idsOf(world, donor));
    const other = await create(...flags, '--security-opt', 'userns=auto:size=5');
    assert.match(other.stderr, /conflicting options: 5 ids, and namespaces of a container/);
    const { text } = await api(daemon, 'GET', `/isle/v1/explain/containers/${joined}`);
    assert.match(text, /"what":"whose ids these are","asked":"no other container's","enforced":"no other container's"/);
    await daemon.ok(['rm', '-f', joined, donor]);
  });

  it('tells of it in explain and audit', async () => {
    const { daemon, busybox } = world;
    const ids = [
      await daemon.ok(['run', '-d', busybox, 'sleep', '1000']),
      await daemon.ok(['run', '-d', busybox, 'sleep', '1000']),
    ];
    for (const id of ids) {
      const { first } = await idsOf(world, id);
      const { text } = await api(daemon, 'GET', `/isle/v1/explain/containers/${id}`);
      assert.match(text, new RegExp(`0-65535 are ${first}-${first + SIZE - 1}`));
      assert.match(
        text,
        /"whose ids these are","asked":"no other container's","enforced":"no other container's","source":"[^"]*1 other container","holds":true/,
      );
      assert.doesNotMatch(text, /"holds":false/);
      const audit = await api(daemon, 'GET', `/isle/v1/audit/containers/${id}`);
      assert.doesNotMatch(audit.text, /shared-user-ids|no-user-namespace/);
    }
    await daemon.ok(['rm', '-f', ...ids]);
  });

  it('leaves the host’s ids to who asks for them, and refuses what contradicts the rest', async () => {
    const { daemon, busybox } = world;
    const map = ['run', '--rm', '--userns', 'host', busybox, 'cat', '/proc/self/uid_map'];
    assert.match(await daemon.ok(map), /^\s*0\s+0\s+4294967295$/);
    const cases: [string[], RegExp][] = [
      [['--privileged'], /privileged mode is incompatible with user namespaces/],
      [['--network', 'host'], /cannot share the host's network namespace when user namespaces are enabled/],
      [['--security-opt', 'userns=auto:size=0'], /invalid USER mode: auto:size=0/],
      [['--userns', 'host', '--security-opt', 'userns=auto'], /conflicting options: UsernsMode "host"/],
    ];
    for (const [flags, message] of cases) assert.match((await create(...flags)).stderr, message);
  });
});

describe('a file system without idmapped mounts', () => {
  it('is named, with the way out, where layers lie or a source is to be mapped', async () => {
    await using _ids = await giveIds(`${POOL}fs`, { first: FIRST + 2 ** 20, count: SIZE });
    await using world = await startWorld({
      args: ['--userns-pool', `${POOL}fs`],
      dataRootBytes: 1 << 28,
      dataRootType: 'ramfs',
    });
    const { daemon, busybox } = world;
    const runs = (...flags: string[]) => daemon.docker(['run', '--rm', ...flags, busybox, 'true']);
    const own = await runs('--security-opt', 'userns=auto');
    assert.equal(own.code, 125);
    assert.match(
      own.stderr,
      /the file system of .*\/snapshots\/layers has no idmapped mounts.*keep --data-root there, or.*--userns host/s,
    );
    const bind = await runs('-v', `${daemon.dataRoot}/containers:/x:idmap`);
    assert.match(bind.stderr, /the file system of .*\/containers has no idmapped mounts.*leave the option idmap out/s);
    assert.equal((await runs('-v', `${daemon.dataRoot}/containers:/x`)).code, 0);
  });
});

describe('a pool that a machine does not have yet', () => {
  it('is made in /etc/subuid and /etc/subgid by the first container that needs it, and not by an audit', async () => {
    const name = `${POOL}new`;
    try {
      await using world = await startWorld({ args: ['--userns-pool', name] });
      const { daemon, busybox } = world;
      const draft = { Image: busybox, Cmd: ['sleep', '1000'], HostConfig: { UsernsMode: 'auto' } };
      assert.equal((await api(daemon, 'POST', '/isle/v1/audit', draft)).status, 200);
      await daemon.ok(['run', '--rm', busybox, 'true']);
      assert.deepEqual(idLines(name), []);
      const { status, text } = await api(daemon, 'POST', '/containers/create', draft);
      assert.equal(status, 201, text);
      const { Id } = JSON.parse(text) as { Id: string };
      const { first } = await idsOf(world, Id);
      assert.deepEqual(idLines(name), [`${name}:${first}:268435456`, `${name}:${first}:268435456`]);
      assert.ok(first >= 2 ** 31);
      await daemon.ok(['start', Id]);
      assert.equal(statSync(`/proc/${await daemon.ok(['inspect', '-f', '{{.State.Pid}}', Id])}`).uid, first);
      const isle = ['run', '--rm', '--userns=auto:size=9', busybox, 'cat', '/proc/self/uid_map'];
      const { stdout, stderr } = await run(process.execPath, ['--', CLI, ...isle], {
        env: { DOCKER_HOST: daemon.dockerHost },
      });
      assert.match(stdout, /^\s*0\s+\d{10}\s+9\n$/, stderr);
    } finally {
      await takeIds(name);
    }
  });

  it('is given out by one daemon of the machine: another one refuses, and names it and the way out', async () => {
    const name = `${POOL}shared`;
    await using _ids = await giveIds(name, { first: FIRST + 2 ** 21, count: SIZE });
    await using _others = await giveIds(`${name}2`, { first: FIRST + 2 ** 22, count: SIZE });
    await using first = await startWorld({ args: ['--userns-pool', name] });
    await using second = await startWorld({ args: ['--userns-pool', name] });
    const create = ({ daemon, busybox }: World) =>
      daemon.docker(['create', '--security-opt', 'userns=auto', busybox, 'true']);
    assert.equal((await create(first)).code, 0);
    const refusal = new RegExp(
      `the ids of the pool "${name}" are given out by the isled with --data-root ${first.daemon.dataRoot}[^]*--userns-pool NAME`,
    );
    const refused = await create(second);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, refusal);
    await assert.rejects(startWorld({ args: ['--userns-remap', 'auto', '--userns-pool', name] }), refusal);
    await second.daemon.restart({ args: ['--userns-pool', `${name}2`] });
    assert.equal((await create(second)).code, 0);

    // Its container has ids of the pool: nothing but that brings the claim back.
    const claim = join(CLAIMS, `${name}2.owner`);
    rmSync(claim);
    await second.daemon.restart({ args: ['--userns-pool', `${name}2`] });
    assert.equal(readFileSync(claim, 'utf8'), `${second.daemon.dataRoot}\n`);
  });
});
