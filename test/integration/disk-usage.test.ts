/** `docker system df`: what takes room on the disk. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { api } from '../harness/api.ts';
import { startWorld, type World } from '../harness/world.ts';

let world: World;

before(async () => {
  world = await startWorld();
});

after(() => world[Symbol.asyncDispose]());

interface Usage {
  LayersSize: number;
  Images: { Id: string; Containers: number }[];
  Containers: { Names: string[]; SizeRw: number }[];
}

async function usage(query = ''): Promise<Usage> {
  return JSON.parse((await api(world.daemon, 'GET', `/system/df${query}`)).text) as Usage;
}

describe('the disk usage', () => {
  it('counts images, what containers wrote, and their logs', async () => {
    await world.daemon.ok([
      'run',
      '--name',
      'writer',
      world.busybox,
      'dd',
      'if=/dev/zero',
      'of=/file',
      'bs=1M',
      'count=3',
    ]);
    await world.daemon.ok(['run', '--name', 'talker', world.busybox, 'sh', '-c', 'yes isle | head -n 20000']);
    const { LayersSize, Images, Containers } = await usage();
    assert.ok(LayersSize > 500_000, String(LayersSize));
    assert.deepEqual(
      Images.map((image) => image.Containers),
      [2],
    );
    const size = (name: string) => Containers.find(({ Names }) => Names[0] === `/${name}`)?.SizeRw ?? 0;
    assert.ok(size('writer') >= 3 * 1024 ** 2, String(size('writer')));
    assert.ok(size('talker') >= 20_000 * 50, String(size('talker')));
    assert.match(await world.daemon.ok(['system', 'df']), /Containers +2 +0 +[\d.]+MB/);
  });

  it('can be asked of one kind of object, and refuses another', async () => {
    assert.deepEqual(Object.keys(await usage('?type=container')), ['Containers']);
    const { status, message } = await api(world.daemon, 'GET', '/system/df?type=plugin');
    assert.deepEqual({ status, message }, { status: 400, message: 'unknown object type: plugin' });
  });
});
