/** `isle explain` against real containers: it finds that everything holds, and it finds out when something does not. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import type { Explanation, Fact } from '../../src/api/types/explain.ts';
import { api } from '../harness/api.ts';
import { startWorld, type World } from '../harness/world.ts';

describe('explaining real containers', () => {
  let world: World;
  before(async () => {
    world = await startWorld();
  });
  after(async () => {
    await world[Symbol.asyncDispose]();
  });

  const run = (name: string, ...options: string[]): Promise<string> =>
    world.daemon.ok(['run', '-d', '--name', name, ...options, world.busybox, 'sleep', '1000']);

  async function explain(kind: 'containers' | 'images', name: string): Promise<Explanation> {
    const answer = await api(world.daemon, 'GET', `/isle/v1/explain/${kind}/${encodeURIComponent(name)}`);
    assert.equal(answer.status, 200, answer.text);
    return JSON.parse(answer.text) as Explanation;
  }

  async function facts(name: string): Promise<Fact[]> {
    const explanation = await explain('containers', name);
    return explanation.layers.flatMap((layer) => layer.facts);
  }

  const broken = (all: readonly Fact[]): Fact[] => all.filter((fact) => fact.holds === false);

  const KINDS: Record<string, string[]> = {
    plain: [],
    limited: ['--memory', '64m', '--cpus', '0.5', '--pids-limit', '64', '--cpu-shares', '512', '--cpuset-cpus', '0'],
    strict: [
      '--read-only',
      '-u',
      '1000:1000',
      '--cap-drop',
      'ALL',
      '--security-opt',
      'no-new-privileges',
      '--ulimit',
      'nofile=64:128',
    ],
    privileged: ['--privileged'],
    unconfined: ['--security-opt', 'seccomp=unconfined'],
    'network-none': ['--network', 'none'],
    'network-host': ['--network', 'host'],
  };
  for (const [name, options] of Object.entries(KINDS)) {
    it(`finds that the kernel enforces all that was asked for (${name})`, async () => {
      await run(name, ...options);
      const all = await facts(name);
      assert.deepEqual(broken(all), []);
      assert.ok(all.filter((fact) => fact.holds === true).length > 35, 'most facts can be told');
    });
  }

  it('tells each limit and setting as the kernel has it', async () => {
    const [, number] = /^(.*)$/m.exec(readFileSync('/sys/class/block/vda/dev', 'utf8')) ?? [];
    const limits = ['--memory', '64m', '--memory-reservation', '32m', '--device-read-bps', '/dev/vda:1mb'];
    limits.push('--device-write-iops', '/dev/vda:50', '--memory-swappiness', '10', '--oom-kill-disable');
    const settings = ['--shm-size', '8m', '--tmpfs', '/scratch:size=1m', '--ulimit', 'nproc=100:200'];
    settings.push('--oom-score-adj', '77', '--sysctl', 'kernel.shmmni=99', '--sysctl', 'net.core.somaxconn=17');
    await run('full', ...limits, ...settings);
    const all = await facts('full');
    const shown = new Map(all.map(({ what, asked, enforced, holds }) => [what, [asked, enforced, holds]]));
    const same = (what: string, text: string) => assert.deepEqual(shown.get(what), [text, text, true], what);
    same('memory reservation', '32 MiB');
    same('swappiness', '10');
    same('killing when memory is out', 'off');
    same(`read rate of the disk ${number}`, '1 MiB a second');
    same(`write operations of the disk ${number}`, '50 operations a second');
    same('/dev/shm', 'tmpfs (nosuid, nodev, noexec, 8 MiB)');
    assert.match(String(shown.get('/scratch')?.[1]), /1 MiB/);
    same('RLIMIT_NPROC', '100, at most 200');
    same('OOM score adjustment', '77');
    same('kernel.shmmni', '99');
    same('net.core.somaxconn', '17');
    same('net.ipv4.ip_unprivileged_port_start', '0');
    assert.deepEqual(broken(all), []);
  });

  it('finds out when a limit was changed behind its back', async () => {
    await run('changed', '--pids-limit', '64');
    const limit =
      (await facts('changed')).find((fact) => fact.what === 'process limit') ?? assert.fail('no process limit');
    assert.equal(limit.holds, true);
    writeFileSync(limit.source ?? '', 'max');
    assert.deepEqual(
      broken(await facts('changed')).map(({ what, asked, enforced }) => ({ what, asked, enforced })),
      [{ what: 'process limit', asked: '64 processes', enforced: 'no limit' }],
    );
  });

  it('claims nothing about a container that does not run', async () => {
    await run('ended');
    await world.daemon.ok(['kill', 'ended']);
    await world.daemon.ok(['wait', 'ended']);
    for (const fact of await facts('ended')) assert.deepEqual([fact.enforced, fact.holds], [null, null], fact.what);
  });

  it('explains an image', async () => {
    const { subject, layers, plan } = await explain('images', world.busybox);
    assert.deepEqual([subject.kind, layers.length, plan], ['image', 4, []]);
  });
});
