/** SELinux labels on trees of the host. A kernel without SELinux keeps them like any other attribute. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { readCgroupLayout } from '../../src/runtime/cgroups/index.ts';
import type { PlanOp } from '../../src/runtime/plan/table.ts';
import { CLONE, MOUNT_ATTR, MS } from '../../src/runtime/plan/constants.ts';
import { op } from '../../src/runtime/plan/op.ts';
import { buildSanitized, ISLET_ASAN, IsletBox } from '../fixtures/islet-box.ts';
import { xattrsOf } from '../fixtures/layer-box.ts';

const LABEL = 'system_u:object_r:container_file_t:s0:c1,c2';
const OTHER = 'system_u:object_r:container_file_t:s0';
const DEPTH = 1500;
const NAME = 'd'.repeat(200);

const labelOf = async (path: string): Promise<string | undefined> =>
  (await xattrsOf(path)).get('security.selinux')?.toString().replace(/\0$/, '');
const relabel = (path: string, label = LABEL, once = 0): PlanOp => op('setup', 'lsm', 'relabel', { path, label, once });

const bind = (source: string, target: string): PlanOp =>
  op('setup', 'mounts', 'mountBind', { source, target, recursive: 0, attrs: 0n, propagation: 0n, createTarget: 1 });
/** What follows sees the directory as a mount of its own; nobody else does. */
const privately = (source: string, attrs: bigint): PlanOp[] => [
  op('setup', 'namespaces', 'unshare', { flags: CLONE.mount }),
  op('setup', 'namespaces', 'mountPropagation', { path: '/', flags: MS.slave | MS.rec }),
  op('setup', 'rootfs', 'bindRoot', { source, target: '', recursive: 0, attrs }),
];

describe('labelling a tree', () => {
  let box: IsletBox;
  let directory: string;
  before(async () => {
    buildSanitized();
    box = await IsletBox.open(ISLET_ASAN);
    directory = mkdtempSync(join(tmpdir(), 'isle-labels-'));
  });
  after(async () => {
    await box[Symbol.asyncDispose]();
    // Node's own removal goes by paths, which have an end.
    execFileSync('rm', ['-rf', directory]);
  });
  const run = async (...ops: PlanOp[]) => {
    await box.launcher.run({ ops });
  };
  const make = (name: string, ...files: string[]): string => {
    const top = join(directory, name);
    mkdirSync(top);
    for (const file of files) writeFileSync(join(top, file), '');
    return top;
  };

  it('reaches everything in it: directories, files, pipes, sockets, links, and nothing behind the links', async () => {
    const top = make('kinds', 'file');
    const beside = make('beside', 'file');
    mkdirSync(join(top, 'one/two'), { recursive: true });
    writeFileSync(join(top, 'one/two/file'), '');
    symlinkSync(join(beside, 'file'), join(top, 'link'));
    symlinkSync(beside, join(top, 'one/directory'));
    execFileSync('mkfifo', [join(top, 'pipe')]);
    const server = createServer().listen(join(top, 'socket'));
    await run(relabel(top));
    const inside = ['.', 'file', 'one', 'one/two', 'one/two/file', 'link', 'one/directory', 'pipe'];
    for (const name of inside) assert.equal(await labelOf(join(top, name)), LABEL, name);
    assert.deepEqual([await labelOf(beside), await labelOf(join(beside, 'file'))], [undefined, undefined]);
    await run(relabel(join(top, 'socket'), OTHER), relabel(join(top, 'file'), OTHER));
    assert.equal(await labelOf(join(top, 'file')), OTHER);
    assert.equal(await labelOf(top), LABEL);
    await new Promise((resolve) => server.close(resolve));
  });

  it('goes deeper than paths and descriptors reach', async () => {
    const top = make('deep');
    const back = process.cwd();
    process.chdir(top);
    try {
      for (let depth = 0; depth < DEPTH; depth++) {
        mkdirSync(NAME);
        process.chdir(NAME);
      }
      writeFileSync('bottom', '');
      await run(relabel(top));
      // The path of this directory is longer than any program takes.
      const archive = execFileSync('tar', ['--xattrs', '--xattrs-include=*', '-cf', '-', 'bottom'], {
        encoding: 'latin1',
      });
      assert.ok(archive.includes(`security.selinux=${LABEL}`));
    } finally {
      process.chdir(back);
    }
    assert.equal(await labelOf(top), LABEL);
  });

  it('follows no link on the way to the top', async () => {
    const top = make('real', 'file');
    symlinkSync(top, join(directory, 'alias'));
    for (const path of [join(directory, 'alias'), join(directory, 'alias/file')]) {
      await assert.rejects(run(relabel(path)), { operation: 'relabel', errno: 'ELOOP', path });
    }
    assert.equal(await labelOf(top), undefined);
    await assert.rejects(run(relabel(join(top, 'missing'))), { operation: 'relabel', errno: 'ENOENT' });
  });

  it('enters other mounts, but not what the kernel shows of itself', async () => {
    const [top, beside] = [make('mounts'), make('mounted')];
    const cgroup = join(readCgroupLayout().unified?.mountPoint ?? '', `isle-labels-${process.pid}`);
    mkdirSync(cgroup);
    try {
      await run(...privately(top, 0n), bind(beside, '/directory'), bind(cgroup, '/cgroup'), relabel(top));
      assert.deepEqual([await labelOf(beside), await labelOf(cgroup)], [LABEL, undefined]);
      await assert.rejects(run(relabel(cgroup)), { operation: 'relabel', errno: 'EINVAL', path: cgroup });
    } finally {
      rmdirSync(cgroup);
    }
  });

  it('can be done once, by the label of the top, which comes last', async () => {
    const top = make('once', 'file');
    await run(relabel(top, LABEL, 1));
    writeFileSync(join(top, 'later'), '');
    await run(relabel(top, LABEL, 1));
    assert.deepEqual([await labelOf(join(top, 'file')), await labelOf(join(top, 'later'))], [LABEL, undefined]);
    await run(relabel(top, OTHER, 1));
    assert.equal(await labelOf(join(top, 'later')), OTHER);
    rmSync(top, { recursive: true });
  });

  it('leaves alone what is labelled right, so that it can be read-only', async () => {
    const top = make('readonly', 'file');
    await run(relabel(top));
    const readonly = privately(top, MOUNT_ATTR.rdonly);
    await run(...readonly, relabel(top));
    await assert.rejects(run(...readonly, relabel(top, OTHER)), { operation: 'relabel', errno: 'EROFS' });
  });
});
