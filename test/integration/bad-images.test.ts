/** Pulls that must fail: corrupt and cut layers, registries that are down, a disk that is full. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { statfsSync } from 'node:fs';
import { mkdtemp, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { busyboxImage } from '../fixtures/images.ts';
import { tar, writeLayout } from '../fixtures/layout.ts';
import { startRegistry } from '../fixtures/registry.ts';
import { startBrokenRegistry } from '../harness/broken-registry.ts';
import { startDaemon, type TestDaemon } from '../harness/daemon.ts';

const FULL_DISK_BYTES = 48 << 20;

describe('a pull that fails', () => {
  let daemon: TestDaemon;
  let layout: string;
  before(async () => {
    daemon = await startDaemon({ dataRootBytes: FULL_DISK_BYTES });
    layout = await busyboxImage();
  });
  after(() => daemon[Symbol.asyncDispose]());

  const nothingIsThere = async () => {
    assert.equal(await daemon.ok(['images', '-aq']), '');
    const { bfree, bsize } = await statfs(daemon.dataRoot);
    return bfree * bsize;
  };

  it('because a layer is corrupt says so, and works when the layer is sound again', async () => {
    await using registry = await startBrokenRegistry(layout, { corruptLayer: true });
    const image = `${registry.host}/broken:1`;
    const { code, stderr } = await daemon.docker(['pull', image]);
    assert.equal(code, 1);
    assert.match(stderr, /sha256:[0-9a-f]{64}|corrupt|digest|verif/i);
    await nothingIsThere();
    registry.mend();
    await daemon.ok(['pull', image]);
    assert.equal(await daemon.ok(['run', '--rm', image, 'echo', 'sound']), 'sound');
    await daemon.ok(['rmi', image]);
  });

  it('because the registry goes down in the middle of a layer ends with an error, and can be repeated', async () => {
    await using registry = await startBrokenRegistry(layout, { cutLayerAfterBytes: 1000 });
    const image = `${registry.host}/broken:1`;
    const { code, stderr } = await daemon.docker(['pull', image], { timeoutMs: 120_000 });
    assert.equal(code, 1);
    assert.ok(stderr.trim() !== '', 'the error is told');
    assert.ok(registry.cuts > 0);
    await nothingIsThere();
    registry.mend();
    await daemon.ok(['pull', image]);
    await daemon.ok(['rmi', image]);
  });

  it('because nobody listens there names the address', async () => {
    const registry = await startRegistry();
    const { host } = registry;
    await registry[Symbol.asyncDispose]();
    const { code, stderr } = await daemon.docker(['pull', `${host}/busybox:1`]);
    assert.equal(code, 1);
    assert.ok(stderr.includes(host), stderr);
    assert.match(stderr, /refused/);
  });

  it('because the registry answers 500 says that', async () => {
    await using registry = await startBrokenRegistry(layout, { status: 500 });
    const { code, stderr } = await daemon.docker(['pull', `${registry.host}/broken:1`], { timeoutMs: 120_000 });
    assert.equal(code, 1);
    assert.match(stderr, /500/);
  });

  it('because a small layer grows larger than the disk stops before the disk is full, and gives the space back', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'isle-bomb-'));
    try {
      const bomb = await tar([{ name: 'zeros', content: Buffer.alloc(60 << 20) }]);
      await writeLayout(join(directory, 'layout'), { layers: [bomb], compression: 'gzip', config: { Cmd: ['x'] } });
      await using registry = await startRegistry();
      await registry.push(join(directory, 'layout'), 'bomb:1');
      const free = await nothingIsThere();
      let least = free;
      const watch = setInterval(() => {
        const { bavail, bsize } = statfsSync(daemon.dataRoot);
        least = Math.min(least, bavail * bsize);
      }, 2);
      const { code, stderr } = await daemon.docker(['pull', `${registry.host}/bomb:1`]);
      clearInterval(watch);
      assert.equal(code, 1);
      assert.match(
        stderr,
        /cannot unpack layer sha256:[0-9a-f]{64} beyond its first \d{8} bytes: no space left on device/,
      );
      assert.match(stderr, /file system of .*ingest.* has \d+ bytes, of which 2516582 are kept free/);
      assert.match(stderr, /isled --keep-free/);
      assert.ok(least >= FULL_DISK_BYTES / 20, `${least} bytes were left`);
      assert.ok(free - (await nothingIsThere()) < 2 << 20);
      // Without the fence the disk does fill up.
      await using unfenced = await startDaemon({ dataRootBytes: FULL_DISK_BYTES, args: ['--keep-free', '0'] });
      const { stderr: kernels } = await unfenced.docker(['pull', `${registry.host}/bomb:1`]);
      assert.match(kernels, /write `zeros`: ENOSPC|beyond its first \d+ bytes: .* of which 0 are kept free/);
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  it('because the disk is full says so and gives the space back', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'isle-large-'));
    try {
      const large = await tar([{ name: 'large', content: randomBytes(60 << 20) }]);
      await writeLayout(join(directory, 'layout'), { layers: [large], compression: 'none', config: { Cmd: ['x'] } });
      await using registry = await startRegistry();
      await registry.push(join(directory, 'layout'), 'large:1');
      await registry.push(layout, 'busybox:1');
      const free = await nothingIsThere();
      const { code, stderr } = await daemon.docker(['pull', `${registry.host}/large:1`]);
      assert.equal(code, 1);
      assert.match(stderr, /cannot take in blob sha256:[0-9a-f]{64} of \d{8} bytes: no space left on device/);
      const freeAfter = await nothingIsThere();
      assert.ok(free - freeAfter < 2 << 20, `${free - freeAfter} bytes are still taken`);
      await daemon.ok(['pull', '-q', `${registry.host}/busybox:1`]);
      assert.equal(await daemon.ok(['run', '--rm', `${registry.host}/busybox:1`, 'echo', 'fits']), 'fits');
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});
