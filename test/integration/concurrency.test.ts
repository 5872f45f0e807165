/** Many clients at once: nothing fails for being one of many, and nothing is left of it. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { api } from '../harness/api.ts';
import { eventually } from '../harness/command.ts';
import { startWorld, type World } from '../harness/world.ts';

describe('many clients at once', () => {
  let world: World;
  before(async () => {
    world = await startWorld();
  });
  after(() => world[Symbol.asyncDispose]());

  const descriptors = () => readdirSync(`/proc/${world.daemon.pid()}/fd`).length;

  async function nothingIsLeft(): Promise<void> {
    const { daemon } = world;
    assert.equal(await daemon.ok(['ps', '-aq']), '');
    await eventually('nothing is left', () => daemon.leftovers().length === 0 || null).catch(() => {
      assert.deepEqual(daemon.leftovers(), []);
    });
  }

  /** Runs `body` for 0 to `count` - 1, `width` of them at a time. */
  async function inFlight(count: number, width: number, body: (index: number) => Promise<void>): Promise<void> {
    let next = 0;
    const worker = async () => {
      while (next < count) await body(next++);
    };
    await Promise.all(Array.from({ length: width }, worker));
  }

  it('gives 64 runs with --rm their own output and exit code', async () => {
    const { daemon, busybox } = world;
    const script = (index: number) => `echo out ${index}; exit ${index % 7}`;
    const runs = Array.from({ length: 64 }, (_, index) =>
      daemon.docker(['run', '--rm', busybox, 'sh', '-c', script(index)]),
    );
    for (const [index, finished] of (await Promise.all(runs)).entries()) {
      assert.deepEqual(finished, { code: index % 7, stdout: `out ${index}\n`, stderr: '' });
    }
    await nothingIsLeft();
  });

  it('takes 160 containers through their life, 16 at a time, and keeps no descriptor or link of them', async () => {
    const { daemon, busybox } = world;
    const before = descriptors();
    await inFlight(160, 16, async (index) => {
      const request = { Image: busybox, Cmd: ['sh', '-c', `exit ${index % 5}`] };
      const created = await api(daemon, 'POST', '/containers/create', request);
      const path = `/containers/${(JSON.parse(created.text) as { Id: string }).Id}`;
      assert.equal((await api(daemon, 'POST', `${path}/start`)).status, 204);
      const ended = JSON.parse((await api(daemon, 'POST', `${path}/wait`)).text) as { StatusCode: number };
      assert.equal(ended.StatusCode, index % 5);
      assert.equal((await api(daemon, 'DELETE', path)).status, 204);
    });
    await nothingIsLeft();
    await eventually('as many descriptors as before', () => descriptors() <= before + 2 || null).catch(() => {
      assert.equal(descriptors(), before);
    });
  });

  it('answers 8 clients that fight over one name with success or a refusal, never with a failure', async () => {
    const { daemon, busybox } = world;
    const script = 'trap "exit 3" TERM; i=0; while [ $i -lt 20 ]; do i=$((i+1)); sleep 0.02; done';
    const create = { Image: busybox, Cmd: ['sh', '-c', script] };
    const requests: [method: string, path: string, body?: unknown][] = [
      ['POST', '/containers/create?name=prize', create],
      ['POST', '/containers/create?name=prize', { ...create, HostConfig: { AutoRemove: true } }],
      ['POST', '/containers/prize/start'],
      ['POST', '/containers/prize/start'],
      ['POST', '/containers/prize/stop?t=1'],
      ['POST', '/containers/prize/kill'],
      ['POST', '/containers/prize/restart?t=1'],
      ['POST', '/containers/prize/rename?name=prize2'],
      ['POST', '/containers/prize2/rename?name=prize'],
      ['POST', '/containers/prize/wait'],
      ['GET', '/containers/prize/logs?follow=1&stdout=1'],
      ['DELETE', '/containers/prize'],
      ['DELETE', '/containers/prize?force=1'],
      ['DELETE', '/containers/prize2?force=1'],
    ];
    await inFlight(600, 8, async (index) => {
      // A linear congruence: an order without rounds, and the same in every run.
      const [method, path, body] = requests[((index * 1103515245 + 12345) >>> 8) % requests.length] ?? [
        'GET',
        '/_ping',
      ];
      const { status, text } = await api(daemon, method, path, body);
      assert.ok(status < 500, `${method} ${path}: ${status} ${text}`);
    });
    for (const name of ['prize', 'prize2']) await api(daemon, 'DELETE', `/containers/${name}?force=1`);
    await nothingIsLeft();
  });
});
