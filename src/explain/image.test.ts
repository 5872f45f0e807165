import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { explainImage } from './image.ts';

const DIFF_IDS = ['sha256:1111111111111111', 'sha256:2222222222222222'];

const IMAGE = {
  reference: 'web:1',
  id: 'sha256:abc',
  repoTags: ['web:1', 'web:latest'],
  repoDigests: ['web@sha256:def'],
  sizeBytes: 3 * 2 ** 20,
  layerSizes: { 'sha256:1111111111111111': 2 * 2 ** 20 },
  config: {
    os: 'linux',
    architecture: 'arm64',
    variant: 'v8',
    created: '2024-01-01T00:00:00Z',
    rootfs: { type: 'layers' as const, diff_ids: DIFF_IDS },
    history: [
      { created_by: 'ADD  rootfs.tar /' },
      { created_by: 'ENV A=1', empty_layer: true },
      { created_by: 'RUN build' },
    ],
    config: {
      User: '1000',
      Entrypoint: ['/bin/web'],
      Cmd: ['--port', '80'],
      Env: ['A=1'],
      ExposedPorts: { '80/tcp': {} },
      WorkingDir: '/srv',
    },
  },
};

describe('explaining an image', () => {
  const explanation = explainImage(IMAGE);
  const fact = (what: string) =>
    explanation.layers.flatMap((layer) => layer.facts).find((candidate) => candidate.what === what);

  it('says what it is, what it is made of, what it runs and what it would be allowed', () => {
    assert.deepEqual(explanation.subject, {
      kind: 'image',
      id: 'sha256:abc',
      name: 'web:1',
      state: 'available',
      pid: null,
    });
    assert.deepEqual(
      explanation.layers.map((layer) => layer.name),
      ['image', 'rootfs', 'process', 'capabilities'],
    );
    assert.equal(fact('platform')?.asked, 'linux/arm64/v8');
    assert.equal(fact('names')?.asked, 'web:1, web:latest');
    assert.equal(fact('command')?.asked, '["/bin/web","--port","80"]');
    assert.equal(fact('ports')?.asked, '80/tcp');
    assert.match(fact('user')?.why ?? '', /Not root/);
    assert.match(fact('seccomp')?.asked ?? '', /^the default policy: 3\d\d of 3\d\d system calls let through$/);
    assert.deepEqual(explanation.plan, []);
  });

  it('gives each layer its maker, over history entries that made none', () => {
    assert.deepEqual(
      [fact('layer 1')?.asked, fact('layer 1')?.why],
      ['111111111111, 2.0 MiB', 'Made by: ADD rootfs.tar /'],
    );
    assert.deepEqual([fact('layer 2')?.asked, fact('layer 2')?.why], ['222222222222', 'Made by: RUN build']);
  });

  it('claims nothing about the kernel', () => {
    for (const layer of explanation.layers) {
      for (const { enforced, source, holds } of layer.facts)
        assert.deepEqual([enforced, source, holds], [null, null, null]);
    }
  });

  it('takes an image that states nothing', () => {
    const bare = {
      ...IMAGE,
      repoTags: [],
      repoDigests: [],
      config: { os: 'linux', architecture: 'amd64', rootfs: { type: 'layers' as const, diff_ids: [] } },
    };
    const facts = explainImage(bare).layers.flatMap((layer) => layer.facts);
    assert.equal(facts.find((candidate) => candidate.what === 'command')?.asked, 'none');
    assert.equal(facts.find((candidate) => candidate.what === 'names')?.asked, 'none');
  });
});
