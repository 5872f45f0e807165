import assert from 'node:assert/strict';
import { link, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { treeSizeBytes } from './disk.ts';

describe('treeSizeBytes', () => {
  let root: string;
  before(async () => {
    root = await mkdtemp(join(tmpdir(), 'isle-disk-'));
    await mkdir(join(root, 'tree/sub/deep'), { recursive: true });
    await writeFile(join(root, 'tree/a'), 'x'.repeat(100));
    await writeFile(join(root, 'tree/sub/deep/b'), 'x'.repeat(20));
    await mkdir(join(root, 'outside'));
    await writeFile(join(root, 'outside/big'), 'x'.repeat(5000));
  });
  after(() => rm(root, { recursive: true }));

  it('counts files at every depth', async () => {
    assert.equal(await treeSizeBytes(join(root, 'tree')), 120);
  });

  it('counts a file with two names once', async () => {
    await link(join(root, 'tree/a'), join(root, 'tree/sub/again'));
    assert.equal(await treeSizeBytes(join(root, 'tree')), 120);
  });

  it('follows no link, neither to a file nor to a directory', async () => {
    await symlink(join(root, 'outside'), join(root, 'tree/directory'));
    await symlink(join(root, 'outside/big'), join(root, 'tree/file'));
    assert.equal(await treeSizeBytes(join(root, 'tree')), 120);
    assert.equal(await treeSizeBytes(join(root, 'tree/directory')), 0);
  });

  it('counts nothing of what is not there', async () => {
    assert.equal(await treeSizeBytes(join(root, 'gone')), 0);
  });

  it('comes back from a tree deeper than it looks', async () => {
    let path = join(root, 'pit');
    for (let level = 0; level < 300; level++) path = join(path, 'd');
    await mkdir(path, { recursive: true });
    await writeFile(join(path, 'f'), 'x');
    assert.equal(await treeSizeBytes(join(root, 'pit')), 0);
  });
});
