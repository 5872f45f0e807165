import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FakeRegistry } from '../../test/fixtures/fake-registry.ts';
import { sha256Digest } from '../oci/digest.ts';
import type { Descriptor } from '../oci/image-spec.ts';
import { MAX_LAYERS } from './documents.ts';
import { parsePlatform } from './platform.ts';
import { resolveManifest } from './resolve.ts';
import type { ManifestSource } from './resolve.ts';

const signal = new AbortController().signal;
const LAYER = 'application/vnd.oci.image.layer.v1.tar';

/** Only the maps of the fake are used: nothing listens. */
function source(registry: FakeRegistry): ManifestSource {
  return {
    manifest: async (name) => {
      const found = registry.manifests.get(`app${name.includes(':') ? '@' : ':'}${name}`);
      return found ?? { bytes: Buffer.from('{}'), mediaType: '' };
    },
  };
}

function resolve(registry: FakeRegistry, name = 'x', platform = 'linux/amd64') {
  return resolveManifest(source(registry), name, parsePlatform(platform), signal);
}

function documented(document: object | string, mediaType = ''): FakeRegistry {
  const registry = new FakeRegistry();
  const bytes = Buffer.from(typeof document === 'string' ? document : JSON.stringify(document));
  registry.manifests.set('app:x', { mediaType, bytes });
  return registry;
}

const CONFIG = { mediaType: 'application/vnd.oci.image.config.v1+json', digest: sha256Digest('c'), size: 1 };

describe('resolving a reference', () => {
  it('follows an index to the entry for the platform and names the index by its digest', async () => {
    const registry = new FakeRegistry();
    const { manifest } = registry.addImage('app', undefined, {
      layers: [{ blob: Buffer.from('l'), diffId: sha256Digest('l') }],
    });
    const arm = registry.addImage('app', undefined, { layers: [], config: { architecture: 'arm64' } }).manifest;
    const index = registry.addIndex('app', 'x', [
      { ...arm, platform: { os: 'linux', architecture: 'arm64' } },
      { ...manifest, platform: { os: 'linux', architecture: 'amd64' } },
    ]);
    const resolved = await resolve(registry);
    assert.equal(resolved.digest, index.digest);
    assert.deepEqual(
      resolved.documents.map(({ digest }) => digest),
      [index.digest, manifest.digest],
    );
    assert.equal(resolved.manifest.layers.length, 1);
    const other = await resolve(registry, 'x', 'linux/arm64');
    assert.equal(other.documents[1]?.digest, arm.digest);
    const message = 'no matching manifest for linux/s390x in the manifest list entries';
    await assert.rejects(resolve(registry, 'x', 'linux/s390x'), {
      message,
      hint: 'the image is there for linux/arm64, linux/amd64',
    });
  });

  it('checks the bytes against the digest that names them', async () => {
    const registry = new FakeRegistry();
    const { manifest } = registry.addImage('app', 'x', { layers: [] });
    registry.manifests.set(`app@${manifest.digest}`, {
      mediaType: manifest.mediaType,
      bytes: Buffer.from('{"forged":1}'),
    });
    await assert.rejects(resolve(registry, manifest.digest), /manifest verification failed for digest sha256:/);
  });

  it('stops at an index that points to indexes without end', async () => {
    const registry = new FakeRegistry();
    let entry: Descriptor = registry.addImage('app', undefined, { layers: [] }).manifest;
    for (let depth = 0; depth < 10; depth++) entry = registry.addIndex('app', 'x', [entry]);
    await assert.rejects(resolve(registry), /image index nested more than 3 deep/);
  });

  it('refuses documents that are broken, too large, of another kind or readable in two ways', async () => {
    const base = { schemaVersion: 2, config: CONFIG, layers: [] as object[] };
    const layer = { mediaType: LAYER, digest: sha256Digest('l'), size: 1 };
    const refused: [object | string, RegExp][] = [
      ['{', /manifest is not JSON/],
      ['\xff\xfe', /not JSON/],
      [`{"a":"${'[{'.repeat(200)}\\"[`, /not JSON/],
      [`${'['.repeat(101)}${']'.repeat(101)}`, /nests deeper than the 100 levels/],
      [{}, /invalid manifest: schemaVersion/],
      [{ ...base, manifests: [] }, /both `manifests` and `layers`/],
      [{ ...base, layers: [{ ...layer, size: -1 }] }, /invalid manifest: layers\.0\.size/],
      [{ ...base, layers: [{ ...layer, digest: 'sha256:../../x' }] }, /layers\.0\.digest: not a sha256 digest/],
      [{ ...base, layers: Array.from({ length: MAX_LAYERS + 1 }, () => layer) }, /max depth exceeded/],
      [{ ...base, config: { ...CONFIG, size: 1e9 } }, /image configuration .* of 1000000000 bytes/],
      [
        { ...base, config: { ...CONFIG, mediaType: 'application/vnd.docker.plugin.v1+json' } },
        /Encountered remote .*\(plugin\) when fetching/,
      ],
      [
        { ...base, config: { ...CONFIG, mediaType: 'application/vnd.cncf.helm.config.v1+json' } },
        /\(unknown\) when fetching/,
      ],
      [{ schemaVersion: 1, fsLayers: [], history: [] }, /schema 1/],
      [{ schemaVersion: 2, manifests: Array.from({ length: 1001 }, () => layer) }, /image index with 1001 entries/],
    ];
    for (const [document, message] of refused) {
      await assert.rejects(resolve(documented(document)), { code: 'EMANIFEST', message }, String(message));
    }
  });

  it('refuses foreign and unknown layers by name', async () => {
    const withLayer = (mediaType: string) =>
      documented({ schemaVersion: 2, config: CONFIG, layers: [{ mediaType, digest: sha256Digest('l'), size: 1 }] });
    const foreign = 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip';
    await assert.rejects(resolve(withLayer(foreign)), /unsupported media type application\/vnd\.docker.*foreign layer/);
    const encrypted = `${LAYER}+gzip+encrypted`;
    await assert.rejects(resolve(withLayer(encrypted)), /encrypted of layer sha256:[0-9a-f]{64}: not a layer type/);
    assert.equal((await resolve(withLayer(`${LAYER}+zstd`))).manifest.layers.length, 1);
  });
});
