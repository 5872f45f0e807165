import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { mergeImageConfig } from './merge.ts';

const IMAGE = {
  Entrypoint: ['/entry'],
  Cmd: ['default'],
  Env: ['PATH=/image', 'A=image'],
  WorkingDir: '/srv',
  User: 'web',
};

describe('mergeImageConfig', () => {
  it("takes the image's values where the container has none", () => {
    const { Entrypoint, Cmd, Env, WorkingDir, User } = mergeImageConfig({ Entrypoint: null, Cmd: null }, IMAGE);
    assert.deepEqual({ Entrypoint, Cmd, Env, WorkingDir, User }, IMAGE);
  });

  it("puts a given command behind the image's entrypoint", () => {
    const { Entrypoint, Cmd } = mergeImageConfig({ Cmd: ['other'] }, IMAGE);
    assert.deepEqual([Entrypoint, Cmd], [['/entry'], ['other']]);
  });

  it("drops the image's command where an entrypoint is given", () => {
    const { Entrypoint, Cmd } = mergeImageConfig({ Entrypoint: ['/mine'] }, IMAGE);
    assert.deepEqual([Entrypoint, Cmd], [['/mine'], null]);
  });

  it("drops the image's entrypoint for an empty one", () => {
    assert.deepEqual(mergeImageConfig({ Entrypoint: [''], Cmd: ['sh'] }, IMAGE).Entrypoint, null);
    assert.deepEqual(mergeImageConfig({ Entrypoint: [''] }, IMAGE).Cmd, null);
    assert.deepEqual(mergeImageConfig({ Entrypoint: [], Cmd: ['sh'] }, IMAGE).Entrypoint, []);
  });

  it('keeps a variable that the container sets or unsets', () => {
    const { Env } = mergeImageConfig({ Env: ['A=mine', 'PATH'] }, IMAGE);
    assert.deepEqual(Env, ['A=mine', 'PATH']);
  });

  it('joins labels, ports and volumes, the container first in labels', () => {
    const merged = mergeImageConfig(
      { Labels: { a: 'mine' }, ExposedPorts: { '1/tcp': {} } },
      { Labels: { a: 'image', b: 'image' }, ExposedPorts: { '2/tcp': {} }, Volumes: { '/data': {} } },
    );
    assert.deepEqual(merged.Labels, { a: 'mine', b: 'image' });
    assert.deepEqual(Object.keys(merged.ExposedPorts ?? {}).toSorted(), ['1/tcp', '2/tcp']);
    assert.deepEqual(merged.Volumes, { '/data': {} });
  });

  it('fills a health check field by field', () => {
    const image = { Healthcheck: { Test: ['CMD', 'check'], Interval: 5e9, Retries: 3 } };
    assert.deepEqual(mergeImageConfig({ Healthcheck: { Test: [], Interval: 1e9 } }, image).Healthcheck, {
      Test: ['CMD', 'check'],
      Interval: 1e9,
      Retries: 3,
    });
    assert.deepEqual(mergeImageConfig({}, image).Healthcheck, image.Healthcheck);
  });

  it('changes neither of its arguments', () => {
    const own = { Env: ['A=mine'], Labels: {} };
    mergeImageConfig(own, IMAGE);
    assert.deepEqual(own, { Env: ['A=mine'], Labels: {} });
    assert.deepEqual(IMAGE.Env, ['PATH=/image', 'A=image']);
  });
});
