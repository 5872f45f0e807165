/** `removeTree`: what a container has written goes, however deep and whatever its names, and nothing else. */
import assert from 'node:assert/strict';
import { existsSync, linkSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { PlanError } from '../../src/runtime/executor.ts';
import { removeTreesPlan } from '../../src/runtime/plan/compile.ts';
import { buildSanitized, ISLET_ASAN, IsletBox } from '../fixtures/islet-box.ts';
import { run } from '../harness/command.ts';

describe('removeTree', () => {
  let box: IsletBox;
  before(async () => {
    buildSanitized();
    box = await IsletBox.open(ISLET_ASAN);
  });
  after(() => box[Symbol.asyncDispose]());

  const remove = (...names: string[]) =>
    box.launcher.run(removeTreesPlan(names.map((name) => join(box.directory, name))));

  it('removes directories, files, links and nodes, and follows no link', async () => {
    const tree = join(box.directory, 'mixed');
    const outside = join(box.directory, 'outside');
    mkdirSync(join(tree, 'a/b/c'), { recursive: true });
    mkdirSync(outside);
    writeFileSync(join(outside, 'kept'), 'kept');
    symlinkSync(outside, join(tree, 'to-directory'));
    symlinkSync(join(outside, 'kept'), join(tree, 'a/to-file'));
    linkSync(join(outside, 'kept'), join(tree, 'a/b/hard'));
    for (let index = 0; index < 300; index++) writeFileSync(join(tree, `a/b/c/${index}`), '');
    await run('mkfifo', [join(tree, 'fifo')]);
    await remove('mixed');
    assert.equal(existsSync(tree), false);
    assert.deepEqual(readdirSync(outside), ['kept']);
  });

  it('removes a tree that is deeper than a path can be', async () => {
    // In steps, each relative to the one before: no path names the bottom.
    const script = "for (let i = 0; i < 3000; i++) { fs.mkdirSync('deep'); process.chdir('deep'); }";
    mkdirSync(join(box.directory, 'deep-tree'));
    const { code, stderr } = await run('sh', [
      '-c',
      'cd "$1" && exec "$2" -e "$3"',
      'sh',
      join(box.directory, 'deep-tree'),
      process.execPath,
      script,
    ]);
    assert.equal(code, 0, stderr);
    await remove('deep-tree');
    assert.equal(existsSync(join(box.directory, 'deep-tree')), false);
  });

  it('removes one that two remove at once, and finds nothing wrong with one that is not there', async () => {
    for (let index = 0; index < 400; index++)
      mkdirSync(join(box.directory, `shared/${index}/x/y`), { recursive: true });
    await Promise.all([remove('shared'), remove('shared'), remove('shared')]);
    assert.equal(existsSync(join(box.directory, 'shared')), false);
    await remove('shared', 'never/was/there');
  });

  it('removes a link and not what it leads to', async () => {
    mkdirSync(join(box.directory, 'target/full'), { recursive: true });
    symlinkSync('target', join(box.directory, 'link'));
    await remove('link');
    assert.equal(existsSync(join(box.directory, 'link')), false);
    assert.deepEqual(readdirSync(join(box.directory, 'target')), ['full']);
  });

  it('names what it cannot remove', async () => {
    await assert.rejects(
      box.launcher.run(removeTreesPlan(['/proc/self/task'])),
      (error) =>
        error instanceof PlanError && error.operation === 'removeTree' && error.message.includes('/proc/self/task'),
    );
  });
});
