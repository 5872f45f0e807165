/** The snapshot store's life: repeats, aborts, full disks, crashes, overlay mounts. Root, kernel. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { describe, it } from 'node:test';
import type { OverlayMount } from '../../src/mounts/mount.ts';
import { DiskRoom } from '../../src/platform/disk-room.ts';
import { SnapshotStore } from '../../src/snapshots/store.ts';
import { inPieces } from '../fixtures/chunks.ts';
import { ISLET } from '../fixtures/islet-box.ts';
import { digestOf, LayerBox } from '../fixtures/layer-box.ts';
import { type RawEntry, tarBytes } from '../fixtures/tar-bytes.ts';

/** Mounts the overlay in a mount namespace of its own, runs a shell there, returns what it prints. */
function inside({ cwd, target, options }: OverlayMount, script: string): string {
  const args = [
    '-m',
    'sh',
    '-c',
    'mount -t overlay overlay -o "$1" "$2" && cd "$2" && eval "$3"',
    'sh',
    options,
    target,
    script,
  ];
  return execFileSync('unshare', args, { cwd, encoding: 'utf8' });
}

async function layers(box: LayerBox, ...contents: RawEntry[][]): Promise<string[]> {
  const diffIds: string[] = [];
  for (const entries of contents) diffIds.push((await box.unpackBytes(tarBytes(entries))).diffId);
  return diffIds;
}

const BIG = tarBytes(Array.from({ length: 60 }, (_, i) => ({ path: `d/file-${i}`, body: 'x'.repeat(200_000) })));

describe('the snapshot store', () => {
  it('does not read the source of a layer that is there, but closes it', async () => {
    await using box = await LayerBox.make(ISLET);
    const bytes = tarBytes([{ path: 'a' }]);
    const first = await box.unpackBytes(bytes);
    const source = new Readable({ read: () => assert.fail('the source was read') });
    assert.deepEqual(await box.store.unpack({ diffId: first.diffId, source }), first);
    assert.ok(source.destroyed);
  });

  it('unpacks a layer once when it is asked for twice at the same time', async () => {
    await using box = await LayerBox.make(ISLET);
    const diffId = digestOf(BIG);
    const results = await Promise.all([1, 2, 3].map(() => box.store.unpack({ diffId, source: inPieces(BIG) })));
    assert.deepEqual(
      results,
      [1, 2, 3].map(() => ({ diffId, sizeBytes: 12_000_000 })),
    );
    assert.deepEqual(box.store.list(), [{ diffId, sizeBytes: 12_000_000 }]);
  });

  it('lets the second of two unpacks succeed when the first fails', async () => {
    await using box = await LayerBox.make(ISLET);
    const diffId = digestOf(BIG);
    const bad = box.store.unpack({ diffId, source: inPieces(BIG.subarray(0, 5_000_000)) });
    const good = box.store.unpack({ diffId, source: inPieces(BIG) });
    await assert.rejects(bad, { kind: 'InvalidParameter' });
    assert.equal((await good).diffId, diffId);
  });

  it('refuses content with another digest, naming both', async () => {
    await using box = await LayerBox.make(ISLET);
    const wrong = `sha256:${'0'.repeat(64)}`;
    await assert.rejects(box.unpackBytes(BIG, wrong), {
      code: 'EDIGEST',
      message: new RegExp(`${wrong}.*${digestOf(BIG)}`),
    });
    assert.equal(box.store.has(wrong), false);
  });

  it('leaves nothing when it is aborted, before, in the middle, or while the source hangs', async () => {
    await using box = await LayerBox.make(ISLET);
    const diffId = digestOf(BIG);
    await assert.rejects(
      box.store.unpack({ diffId, source: inPieces(BIG), signal: AbortSignal.abort(new Error('early')) }),
      /early/,
    );
    const controller = new AbortController();
    const onBytes = (total: number): void => {
      if (total > 3_000_000) controller.abort(new Error('enough'));
    };
    await assert.rejects(
      box.store.unpack({ diffId, source: inPieces(BIG), signal: controller.signal, onBytes }),
      /enough/,
    );
    const hanging = new Readable({ read: () => {} });
    hanging.push(BIG.subarray(0, 1_000_000));
    await assert.rejects(box.store.unpack({ diffId, source: hanging, signal: AbortSignal.timeout(50) }), {
      name: 'TimeoutError',
    });
    assert.ok(hanging.destroyed);
    assert.deepEqual(box.store.list(), []);
    box.assertClean();
  });

  it("passes the source's own error on and leaves nothing", async () => {
    await using box = await LayerBox.make(ISLET);
    async function* failing(): AsyncGenerator<Buffer> {
      yield BIG.subarray(0, 4_000_000);
      throw new RangeError('the registry is down');
    }
    await assert.rejects(box.store.unpack({ diffId: digestOf(BIG), source: failing() }), { name: 'RangeError' });
    box.assertClean();
  });

  it('names a full disk and leaves nothing on it', async () => {
    const root = mkdtempSync(join(tmpdir(), 'isle-full-'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=6m', 'isle-full', root]);
    try {
      const refusing = new SnapshotStore({ root, isletPath: ISLET });
      await refusing.init();
      await assert.rejects(refusing.unpack({ diffId: digestOf(BIG), source: inPieces(BIG) }), {
        code: 'ENOSPC',
        message:
          /cannot unpack layer sha256:[0-9a-f]{64} beyond its first \d+ bytes: no space left on device for images/,
      });
      // As if others had used up what was there when it was looked.
      const store = new SnapshotStore({ root, isletPath: ISLET, room: new DiskRoom(Number.NEGATIVE_INFINITY) });
      await store.init();
      await assert.rejects(store.unpack({ diffId: digestOf(BIG), source: inPieces(BIG) }), {
        kind: 'System',
        code: 'ENOSPC',
        message: /cannot unpack layer sha256:.*: write `d\/file-\d+`: ENOSPC \(no space left on device\)/,
        hint: /is full/,
      });
      assert.deepEqual([readdirSync(join(root, 'ingest')), readdirSync(join(root, 'trash'))], [[], []]);
      const small = tarBytes([{ path: 'a', body: 'fits' }]);
      await store.unpack({ diffId: digestOf(small), source: inPieces(small) });
    } finally {
      execFileSync('umount', [root]);
      rmSync(root, { recursive: true });
    }
  });

  it('says so when islet is missing', async () => {
    const root = mkdtempSync(join(tmpdir(), 'isle-missing-'));
    const store = new SnapshotStore({ root, isletPath: join(root, 'no-islet') });
    try {
      await store.init();
      await assert.rejects(store.unpack({ diffId: digestOf(BIG), source: inPieces(BIG) }), {
        kind: 'System',
        message: /cannot start islet: .*no-islet ENOENT/,
      });
    } finally {
      rmSync(root, { recursive: true });
    }
  });

  it('removes at the start what a crash left half-made, and keeps the rest', async () => {
    await using box = await LayerBox.make(ISLET);
    const [base = ''] = await layers(box, [{ path: 'a', body: 'abc' }]);
    const mount = await box.store.prepare('kept', [base]);
    const root = join(box.root, 'snapshots');
    for (const path of [
      'ingest/1/fs/d',
      'trash/2/fs/d',
      'trash/3/upper/x',
      'containers/cut/upper',
      `layers/${'1'.repeat(24)}/fs/x`,
    ]) {
      mkdirSync(join(root, path), { recursive: true });
      writeFileSync(join(root, path, 'file'), '');
    }
    const again = new SnapshotStore({ root, isletPath: ISLET });
    await again.init();
    assert.deepEqual(again.list(), [{ diffId: base, sizeBytes: 3 }]);
    assert.deepEqual(again.listContainers(), ['kept']);
    assert.deepEqual(again.container('kept'), mount);
    assert.deepEqual(readdirSync(join(root, 'containers')), ['kept']);
    assert.deepEqual(readdirSync(join(root, 'layers')).toSorted(), [base.slice(7, 31), 'empty'].toSorted());
    box.assertClean();
    await box.store.removeContainer('kept');
  });
});

describe('a container snapshot', () => {
  it('shows the layers in order, with whiteouts and opaque directories, and takes writes', async () => {
    await using box = await LayerBox.make(ISLET);
    const diffIds = await layers(
      box,
      [
        { path: 'd/low', body: '1' },
        { path: 'o/low', body: '1' },
        { path: 'same', body: 'base' },
        { path: 'gone', body: '1' },
      ],
      [{ path: 'd/mid', body: '2' }, { path: 'same', body: 'middle' }, { path: '.wh.gone' }],
      [
        { path: './', type: '5', mode: 0o711, uid: 3, gid: 4 },
        { path: 'o/.wh..wh..opq' },
        { path: 'o/top', body: '3' },
      ],
    );
    const mount = await box.store.prepare('c1', diffIds);
    assert.equal(
      inside(mount, 'ls d o; cat same; ls; stat -c "%a %u %g" .; echo new > d/low'),
      'd:\nlow\nmid\n\no:\ntop\nmiddled\no\nsame\n711 3 4\n',
    );
    assert.equal(statSync(join(box.store.upperDir('c1'), 'd/low')).size, 4);
    assert.equal(inside(box.store.container('c1'), 'cat d/low'), 'new\n');
    await box.store.removeContainer('c1');
    await box.store.removeContainer('c1');
    assert.ok(!existsSync(join(box.root, 'snapshots/containers/c1')));
  });

  it('leaves out what lies below a layer with an opaque root', async () => {
    await using box = await LayerBox.make(ISLET);
    const diffIds = await layers(
      box,
      [{ path: 'low', body: '1' }],
      [{ path: '.wh..wh..opq' }, { path: 'mid', body: '2' }],
      [{ path: 'top', body: '3' }],
    );
    const mount = await box.store.prepare('c1', diffIds);
    assert.equal(inside(mount, 'ls'), 'mid\ntop\n');
    // The mark is kept on disk.
    const again = new SnapshotStore({ root: join(box.root, 'snapshots'), isletPath: ISLET });
    await again.init();
    assert.deepEqual(
      await again.prepare('c2', diffIds).then(({ options }) => options.split(',')[0]),
      mount.options.split(',')[0],
    );
    await again.removeContainer('c2');
    await box.store.removeContainer('c1');
  });

  it('works for an image without layers, and for one that has a layer twice', async () => {
    await using box = await LayerBox.make(ISLET);
    const [base = ''] = await layers(box, [{ path: 'a', body: '1' }]);
    assert.equal(inside(await box.store.prepare('none', []), 'ls; touch x; ls'), 'x\n');
    assert.equal(inside(await box.store.prepare('twice', [base, base]), 'ls'), 'a\n');
    for (const id of box.store.listContainers()) await box.store.removeContainer(id);
  });

  it('mounts 120 layers', async () => {
    await using box = await LayerBox.make(ISLET);
    const diffIds = await layers(box, ...Array.from({ length: 120 }, (_, i) => [{ path: `f${i}`, body: 'x' }]));
    assert.equal(inside(await box.store.prepare('many', diffIds), 'ls | wc -l').trim(), '120');
    await box.store.removeContainer('many');
  });

  it('keeps its layers from being removed', async () => {
    await using box = await LayerBox.make(ISLET);
    const [base = ''] = await layers(box, [{ path: 'a', body: '1' }]);
    await box.store.prepare('c1', [base]);
    await assert.rejects(box.store.remove(base), { kind: 'Conflict', message: /in use by container c1/ });
    await box.store.removeContainer('c1');
    await box.store.remove(base);
    await assert.rejects(box.store.remove(base), { kind: 'NotFound' });
  });

  it('is refused for a missing layer, a second time, and for an id that is a path', async () => {
    await using box = await LayerBox.make(ISLET);
    await assert.rejects(box.store.prepare('c1', [`sha256:${'a'.repeat(64)}`]), { kind: 'NotFound' });
    await assert.rejects(box.store.prepare('c1', ['sha256:short']), { kind: 'InvalidParameter' });
    await assert.rejects(box.store.prepare('../c1', []), { kind: 'InvalidParameter' });
    await box.store.prepare('c1', []);
    await assert.rejects(box.store.prepare('c1', []), { kind: 'Conflict' });
    assert.throws(() => box.store.container('c2'), { kind: 'NotFound' });
    await box.store.removeContainer('c1');
  });

  it('is removed however deep the container made its tree', async () => {
    await using box = await LayerBox.make(ISLET);
    const mount = await box.store.prepare('deep', []);
    inside(mount, `n=$(printf %0200d 1); for i in $(seq 60); do mkdir $n && cd -P ./$n || exit 1; done`);
    await box.store.removeContainer('deep');
    box.assertClean();
  });
});
