import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { ImageEngine, layerOf } from '../../test/fixtures/image-engine.ts';
import { chainIds, shortId } from '../oci/digest.ts';

describe('images', () => {
  let engine: ImageEngine;
  let host = '';
  const ids: Record<string, string> = {};

  beforeEach(async () => {
    engine = await ImageEngine.start();
    ({ host } = engine.registry);
    const labels = { config: { Labels: { tier: 'web', empty: '' } } };
    const one = { layers: [layerOf('a')], config: { created: '2024-01-01T00:00:00Z', ...labels } };
    const two = { layers: [layerOf('a'), layerOf('b')], config: { created: '2024-02-01T00:00:00Z' } };
    ids['one'] = engine.registry.addImage('one', 'x', one).imageId;
    ids['two'] = engine.registry.addImage('two', 'x', two).imageId;
    await engine.pull('one:x');
    await engine.pull('two:x');
    engine.events.length = 0;
  });
  afterEach(() => engine[Symbol.asyncDispose]());

  const idOf = (name: string) => ids[name] ?? '';
  const use = (name: string, running: boolean) =>
    engine.users.push({ imageId: idOf(name), id: 'c'.repeat(64), running });
  const remove = (name: string, force = false) => engine.service.remove(name, { force });
  const untagged = (name: string) => ({ Untagged: name });

  async function listed(filters: Record<string, string[]>): Promise<string[]> {
    const list = await engine.service.list({ sharedSize: false, filters: new Map(Object.entries(filters)) });
    return list.map(({ Id }) => Object.keys(ids).find((name) => ids[name] === Id) ?? '?');
  }

  it('are found by name, id, and the beginning of an id', () => {
    for (const name of [
      `${host}/one:x`,
      idOf('one'),
      idOf('one').slice(7),
      idOf('one').slice(7, 19),
      idOf('one').slice(0, 20),
    ]) {
      assert.equal(engine.service.resolve(name).id, idOf('one'), name);
    }
    assert.throws(() => engine.service.resolve('one'), { kind: 'NotFound', message: 'No such image: one:latest' });
    assert.throws(() => engine.service.resolve('f'.repeat(64)), { message: `No such image: sha256:${'f'.repeat(64)}` });
    assert.throws(() => engine.service.resolve('A B'), { kind: 'InvalidParameter' });
  });

  it('are listed newest first, with their sizes', async () => {
    const list = await engine.service.list({ sharedSize: true, filters: new Map() });
    assert.deepEqual(
      list.map(({ Id, Size, SharedSize, Created }) => [Id, Size, SharedSize, Created]),
      [
        [idOf('two'), 2000, 1000, 1706745600],
        [idOf('one'), 1000, 1000, 1704067200],
      ],
    );
    assert.deepEqual(list[1]?.['RepoTags'], [`${host}/one:x`]);
  });

  it('are filtered', async () => {
    assert.deepEqual(await listed({ reference: [`${host}/one`] }), ['one']);
    assert.deepEqual(await listed({ reference: [`${host}/*:x`] }), ['two', 'one']);
    assert.deepEqual(await listed({ reference: ['*'] }), []);
    assert.deepEqual(await listed({ label: ['tier'] }), ['one']);
    assert.deepEqual(await listed({ label: ['tier=web', 'empty='] }), ['one']);
    assert.deepEqual(await listed({ label: ['tier=db'] }), []);
    assert.deepEqual(await listed({ before: [`${host}/two:x`] }), ['one']);
    assert.deepEqual(await listed({ since: [`${host}/one:x`] }), ['two']);
    assert.deepEqual(await listed({ until: ['2024-01-15'] }), ['one']);
    assert.deepEqual(await listed({ dangling: ['false'] }), ['two', 'one']);
    assert.deepEqual(await listed({ dangling: ['true'] }), []);
    await assert.rejects(listed({ colour: ['red'] }), { kind: 'InvalidParameter', message: "invalid filter 'colour'" });
    await assert.rejects(listed({ dangling: ['maybe'] }), /invalid filter 'dangling=\[maybe\]'/);
    await assert.rejects(listed({ reference: ['[a'] }), /syntax error in pattern/);
    await assert.rejects(listed({ before: ['nothing'] }), /No such image: nothing:latest/);
  });

  it('are inspected', async () => {
    const image = await engine.service.inspect(`${host}/one:x`);
    assert.equal(image['Id'], idOf('one'));
    assert.equal(image['Os'], 'linux');
    assert.deepEqual(image['RootFS'], { Type: 'layers', Layers: [layerOf('a').diffId] });
    assert.deepEqual(Reflect.get(Object(image['Config']), 'Labels'), { tier: 'web', empty: '' });
  });

  it('lose a name that another image gets, and are then dangling', async () => {
    await engine.service.tag(`${host}/one:x`, 'app', '');
    await engine.service.tag(`${host}/two:x`, 'app', 'latest');
    assert.equal(engine.service.resolve('app').id, idOf('two'));
    await assert.rejects(engine.service.tag('app', 'A', ''), { kind: 'InvalidParameter' });
    await assert.rejects(engine.service.tag('app', 'sha256', 'x'), /ambiguous tag/);
    await assert.rejects(engine.service.tag('nothing', 'app', ''), { kind: 'NotFound' });
    engine.registry.addImage('one', 'x', { layers: [layerOf('c')] });
    await engine.pull('one:x');
    assert.deepEqual(engine.service.resolve(idOf('one')).repoTags, []);
    assert.deepEqual(await listed({ dangling: ['true'] }), ['one']);
  });

  it('go with their last name, and with them what no other image needs', async () => {
    const [digest = ''] = engine.service.resolve(`${host}/two:x`).repoDigests;
    const chain = chainIds([layerOf('a').diffId, layerOf('b').diffId])[1] ?? '';
    const removed = await remove(`${host}/two:x`);
    assert.deepEqual(removed, [
      untagged(`${host}/two:x`),
      untagged(digest),
      { Deleted: idOf('two') },
      { Deleted: chain },
    ]);
    assert.deepEqual([...engine.layers.layers.keys()], [layerOf('a').diffId]);
    assert.throws(() => engine.service.resolve(idOf('two')), /No such image/);
    assert.deepEqual(
      engine.events.map((event) => event.split(' ')[0]),
      ['untag', 'untag', 'delete'],
    );
    await remove(`${host}/one:x`);
    assert.deepEqual(engine.contents(), []);
  });

  it('only lose the name while they have another one', async () => {
    await engine.service.tag(`${host}/one:x`, 'app', '1');
    assert.deepEqual(await remove('app:1'), [untagged('app:1')]);
    await assert.rejects(remove('app:1'), { kind: 'NotFound', message: 'No such image: app:1' });
    assert.equal(engine.service.resolve(`${host}/one:x`).id, idOf('one'));
  });

  it('with names in several repositories go by id only when forced', async () => {
    await engine.service.tag(`${host}/one:x`, 'app', '1');
    const short = shortId(idOf('one'));
    const message = `conflict: unable to delete ${short} (must be forced) - image is referenced in multiple repositories`;
    await assert.rejects(remove(short), { kind: 'Conflict', message });
    // As dockerd: the names are told of before a stopped container.
    use('one', false);
    await assert.rejects(remove(short), { kind: 'Conflict', message });
    engine.users = [];
    assert.equal((await remove(short, true)).length, 4);
  });

  it('stay while a container runs from them', async () => {
    use('one', true);
    const [image, container] = [shortId(idOf('one')), 'c'.repeat(12)];
    const byName = `conflict: unable to remove repository reference "${host}/one:x" (must force) - container ${container} is using its referenced image ${image}`;
    await assert.rejects(remove(`${host}/one:x`), { kind: 'Conflict', message: byName });
    const byId = `conflict: unable to delete ${image} (cannot be forced) - image is being used by running container ${container}`;
    await assert.rejects(remove(image, true), { kind: 'Conflict', message: byId });
    // Forced by name, the name goes and the image stays, as with dockerd.
    assert.equal((await remove(`${host}/one:x`, true))[0] !== undefined, true);
    assert.equal(engine.service.resolve(idOf('one')).repoTags.length, 0);
  });

  it('forced away from a stopped container keep its layers until it is gone', async () => {
    use('one', false);
    const image = shortId(idOf('one'));
    const message = `conflict: unable to delete ${image} (must be forced) - image is being used by stopped container ${'c'.repeat(12)}`;
    await assert.rejects(remove(image), { kind: 'Conflict', message });
    await remove(image, true);
    assert.throws(() => engine.service.resolve(idOf('one')), /No such image/);
    await remove(`${host}/two:x`);
    assert.deepEqual([...engine.layers.layers.keys()], [layerOf('a').diffId]);
    engine.users = [];
    await engine.service.start();
    assert.deepEqual(engine.contents(), []);
  });

  it('come back when they are pulled again after that', async () => {
    use('one', false);
    await remove(shortId(idOf('one')), true);
    await engine.pull('one:x');
    assert.deepEqual(engine.service.resolve(`${host}/one:x`).diffIds, [layerOf('a').diffId]);
  });
});
