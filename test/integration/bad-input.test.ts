/** What cannot work says why, with the API's status code, and leaves nothing half-made. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { type Answer, api } from '../harness/api.ts';
import { eventually } from '../harness/command.ts';
import { startWorld, type World } from '../harness/world.ts';

interface Case {
  title: string;
  ask: () => Promise<Answer>;
  status: number;
  message: RegExp;
}

describe('bad input', () => {
  let world: World;
  before(async () => {
    world = await startWorld();
  });
  after(() => world[Symbol.asyncDispose]());

  const create = (body: object, query = '') => api(world.daemon, 'POST', `/containers/create${query}`, body);
  const createBusybox = (body: object) => create({ Image: world.busybox, ...body });
  const pull = (query: string) => api(world.daemon, 'POST', `/images/create?${query}`);

  const cases: Case[] = [
    {
      title: 'an image that is not there',
      ask: () => create({ Image: 'nosuch' }),
      status: 404,
      message: /No such image: nosuch:latest/,
    },
    {
      title: 'a reference that is none',
      ask: () => create({ Image: 'Upper' }),
      status: 400,
      message: /invalid reference format/,
    },
    {
      title: 'a pull of a bad reference',
      ask: () => pull('fromImage=a%20b&tag=1'),
      status: 400,
      message: /invalid reference/,
    },
    {
      title: 'a pull of an unknown image',
      ask: () => pull(`fromImage=${world.registry.host}/nosuch&tag=1`),
      status: 404,
      message: /nosuch/,
    },
    {
      title: 'a pull of an unknown tag',
      ask: () => pull(`fromImage=${world.registry.host}/busybox&tag=nosuch`),
      status: 404,
      message: /nosuch/,
    },
    {
      title: 'a body that is no JSON',
      ask: () => api(world.daemon, 'POST', '/containers/create', '{'),
      status: 400,
      message: /./,
    },
    { title: 'a body of the wrong type', ask: () => createBusybox({ Cmd: 7 }), status: 400, message: /Cmd/ },
    {
      title: 'no command at all',
      ask: () => createBusybox({ Cmd: [], Entrypoint: [''] }),
      status: 400,
      message: /[Nn]o command/,
    },
    {
      title: 'a name with a slash',
      ask: () => create({ Image: world.busybox }, '?name=a/b'),
      status: 400,
      message: /Invalid container name \(a\/b\)/,
    },
    {
      title: 'memory below the minimum',
      ask: () => createBusybox({ HostConfig: { Memory: 1 << 20 } }),
      status: 400,
      message: /Minimum memory limit allowed is 6MB/,
    },
    {
      title: 'swap below memory',
      ask: () => createBusybox({ HostConfig: { Memory: 64 << 20, MemorySwap: 32 << 20 } }),
      status: 400,
      message: /Minimum memoryswap limit/,
    },
    {
      title: 'more processors than there are',
      ask: () => createBusybox({ HostConfig: { NanoCpus: 10_000e9 } }),
      status: 400,
      message: /CPUs/,
    },
    {
      title: 'an unknown capability',
      ask: () => createBusybox({ HostConfig: { CapAdd: ['FLYING'] } }),
      status: 400,
      message: /FLYING/,
    },
    {
      title: 'a working directory that is not absolute',
      ask: () => createBusybox({ WorkingDir: 'here' }),
      status: 400,
      message: /here/,
    },
    {
      title: 'a stop signal that is none',
      ask: () => createBusybox({ StopSignal: 'SIGNOTHING' }),
      status: 400,
      message: /SIGNOTHING/,
    },
    {
      title: 'a container that is not there',
      ask: () => api(world.daemon, 'POST', '/containers/none/start'),
      status: 404,
      message: /none/,
    },
    {
      title: 'a path that is not there',
      ask: () => api(world.daemon, 'GET', '/nowhere'),
      status: 404,
      message: /page not found/,
    },
  ];

  for (const { title, ask, status, message } of cases) {
    it(`of the kind "${title}" is answered with ${status}`, async () => {
      const before = world.daemon.leftovers();
      const answer = await ask();
      assert.equal(answer.status, status, answer.text);
      assert.match(answer.message, message);
      assert.equal(await world.daemon.ok(['ps', '-aq']), '');
      assert.deepEqual(world.daemon.leftovers(), before);
    });
  }

  it('in a version of the API that does not exist is answered with 400', async () => {
    const { code, stderr } = await world.daemon.docker(['ps'], { env: { DOCKER_API_VERSION: '9.99' } });
    assert.equal(code, 1);
    assert.match(stderr, /too new/);
  });

  it('of a name that is taken is a conflict that names the holder', async () => {
    const { daemon, busybox } = world;
    const id = await daemon.ok(['create', '--name', 'taken', busybox]);
    const answer = await create({ Image: busybox }, '?name=taken');
    assert.equal(answer.status, 409);
    assert.ok(answer.message.includes('"/taken" is already in use') && answer.message.includes(id), answer.message);
    await daemon.ok(['rm', 'taken']);
  });

  it('that shows only at the start fails the start, and leaves the container as created', async () => {
    const { daemon, busybox } = world;
    const resources = () => daemon.leftovers().filter((line) => !line.startsWith('file '));
    const attempts: [string[], RegExp, number][] = [
      [[busybox, 'no-such-command'], /no-such-command.*executable file not found in \$PATH/, 127],
      [[busybox, '/no/such/path'], /\/no\/such\/path.*no such file or directory/, 127],
      [[busybox, '/etc/passwd'], /\/etc\/passwd.*permission denied/, 126],
      [['-u', 'nosuchuser', busybox, 'true'], /unable to find user nosuchuser/, 125],
      [['-u', '0:nosuchgroup', busybox, 'true'], /unable to find group nosuchgroup/, 125],
    ];
    for (const [args, message, code] of attempts) {
      const before = resources();
      const result = await daemon.docker(['run', '--name', 'tried', ...args]);
      assert.equal(result.code, code, result.stderr);
      assert.match(result.stderr, message);
      const state = await daemon.ok(['inspect', '-f', '{{.State.Status}} {{.State.Running}} {{.State.Pid}}', 'tried']);
      assert.equal(state, 'created false 0');
      // The kernel takes the link down with the network namespace, a little after its last process.
      await eventually('no more is there than before', () => (isDeepStrictEqual(resources(), before) ? true : null));
      await daemon.ok(['rm', 'tried']);
    }
  });
});
