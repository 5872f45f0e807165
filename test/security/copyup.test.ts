/** tmpcopyup of a hostile image: what it has in the directory is copied, and nothing of the host is read, written or waited for. */
import assert from 'node:assert/strict';
import { linkSync, mkdirSync, readdirSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import { Box, type Config } from '../conformance/box.ts';
import { ISLE_RUNTIME } from '../conformance/runtimes.ts';
import { run } from '../fixtures/process.ts';
import { type Running, start } from '../harness/command.ts';
import { leftovers } from '../harness/leftovers.ts';

const SECRET = 'a secret of the host';
/** Some rounds for the secret to come through, and more if none has gone through whole, which the swaps hinder. */
const ROUNDS = 30;
const MAX_ROUNDS = 300;

/** Puts in turn a file and a link to the host, a directory and a link to the host, in the same places; until it is ended. */
const SWAPPER = `
  const { linkSync, renameSync, symlinkSync, writeFileSync, mkdirSync, unlinkSync } = require('node:fs');
  const [directory, host] = process.argv.slice(1);
  const at = (name) => directory + '/' + name;
  writeFileSync(at('.file'), 'of the image');
  for (let round = 0; ; round++) {
    linkSync(at('.file'), at('.next')); renameSync(at('.next'), at('file'));
    symlinkSync(host + '/secret', at('.next')); renameSync(at('.next'), at('file'));
    renameSync(at('tree'), at('.tree')); symlinkSync(host, at('tree'));
    unlinkSync(at('tree')); renameSync(at('.tree'), at('tree'));
    if (round === 10) console.log('swapping');
  }`;

describe('tmpcopyup of a hostile image', () => {
  let box: Box;
  let host: string;
  let count = 0;
  /** The directory of the image over which the tmpfs comes, and its path in the container. */
  let image: string;
  let place: string;

  before(async () => {
    box = await Box.make(ISLE_RUNTIME);
    host = join(box.directory, 'host');
    mkdirSync(host);
    writeFileSync(join(host, 'secret'), SECRET);
    mkdirSync(join(host, 'inner'));
    for (const applet of ['find', 'sort', 'wc']) symlinkSync('busybox', join(box.rootfs, 'bin', applet));
  });
  beforeEach(() => {
    place = `/copied${count++}`;
    image = join(box.rootfs, place);
    mkdirSync(image);
  });
  after(async () => box[Symbol.asyncDispose]());

  const withCopy =
    (destination: string, command: string, ...options: string[]) =>
    (config: Config) => {
      config.process['args'] = ['sh', '-c', command];
      config.mounts.push({ destination, type: 'tmpfs', source: 'tmpfs', options: ['tmpcopyup', ...options] });
    };

  function copied(command: string, destination = place, ...options: string[]) {
    return box.run(withCopy(destination, command, ...options));
  }

  /** The host's directory is as it was, and of the container nothing is left. */
  function hostIsUntouched(): void {
    assert.deepEqual(readdirSync(host).toSorted(), ['inner', 'secret']);
    assert.deepEqual(readdirSync(join(host, 'inner')), []);
    assert.equal(readFileSync(join(host, 'secret'), 'utf8'), SECRET);
    assert.deepEqual(leftovers({ root: box.directory, bridge: 'isle-none', cgroupParent: box.cgroupParent }), []);
  }

  it('links out of it are copied as links, and lead to nothing of the host', async () => {
    const up = '../'.repeat(30);
    symlinkSync(join(host, 'secret'), join(image, 'absolute'));
    symlinkSync(up + join(host, 'secret').slice(1), join(image, 'relative'));
    symlinkSync(host, join(image, 'directory'));
    symlinkSync('/proc/1/root', join(image, 'magic'));
    symlinkSync('.', join(image, 'itself'));
    const { code, stdout } = await copied(
      `cd ${place}; find . -type l | wc -l; cat absolute relative directory/secret`,
    );
    assert.notEqual(code, 0);
    assert.equal(stdout, '5\n');
    hostIsUntouched();
  });

  it('a link for the directory itself is followed inside the image only', async () => {
    const link = `${place}-link`;
    symlinkSync(`${'../'.repeat(30)}${host.slice(1)}`, join(box.rootfs, link));
    const { stdout } = await copied(`echo new > ${link}/new; find ${link}/`, link);
    assert.equal(stdout, `${link}/\n${link}/new\n`);
    hostIsUntouched();
  });

  it('devices, FIFOs and sockets are neither opened nor copied', async () => {
    await run('mkfifo', [join(image, 'fifo')]);
    await run('mknod', [join(image, 'zeros'), 'c', '1', '5']);
    await run('mknod', [join(image, 'disk'), 'b', '7', '0']);
    // Its opening would wait for a carrier.
    await run('mknod', [join(image, 'terminal'), 'c', '4', '64']);
    const server = createServer().listen(join(image, 'socket'));
    await new Promise((resolve) => server.once('listening', resolve));
    writeFileSync(join(image, 'file'), 'content');
    const { code, stdout, stderr } = await copied(`find ${place} | sort; cat ${place}/file`);
    server.close();
    assert.deepEqual([code, stdout], [0, `${place}\n${place}/file\ncontent`], stderr);
    hostIsUntouched();
  });

  it('a hard link becomes a file of its own: writing to it changes neither the image nor what it was linked to', async () => {
    writeFileSync(join(image, 'one'), 'content');
    linkSync(join(image, 'one'), join(image, 'two'));
    linkSync(join(host, 'secret'), join(image, 'linked'));
    const { stdout } = await copied(`cd ${place}; for f in *; do echo x > $f; done; stat -c %h one two linked`);
    assert.equal(stdout, '1\n1\n1\n');
    assert.equal(readFileSync(join(image, 'one'), 'utf8'), 'content');
    hostIsUntouched();
  });

  it('a tree of 120 levels is copied, one of thousands is refused by name', async () => {
    mkdirSync(join(image, 'd/'.repeat(120)), { recursive: true });
    assert.equal((await copied(`find ${place} -type d | wc -l`)).stdout, '121\n');
    mkdirSync(join(image, 'd/'.repeat(1900)), { recursive: true });
    const { code, stderr } = await copied('echo started');
    assert.equal(code, 1);
    assert.match(stderr, new RegExp(`${place}.*: more than 128 directories deep`));
    hostIsUntouched();
  });

  it('a file larger than the tmpfs is refused by name', async () => {
    writeFileSync(join(image, 'sparse'), '');
    truncateSync(join(image, 'sparse'), 1024 ** 4);
    const { code, stderr } = await copied('echo started', place, 'size=64k');
    assert.equal(code, 1);
    assert.match(stderr, new RegExp(`${place}.*ENOSPC .*: sparse`));
    hostIsUntouched();
  });

  it('what becomes a link while it is copied shows nothing of the host', { timeout: 300_000 }, async () => {
    mkdirSync(join(image, 'tree/inner'), { recursive: true });
    await using swapper: Running = start(process.execPath, ['-e', SWAPPER, image, host]);
    await swapper.until(/swapping/);
    const command = `cd ${place}; find . -type f; for f in $(find . -type f); do cat $f; echo; done`;
    let works = 0;
    for (let round = 0; round < ROUNDS || (works === 0 && round < MAX_ROUNDS); round++) {
      const { code, stdout, stderr } = await copied(command);
      assert.doesNotMatch(stdout, /secret/);
      if (code === 0) works++;
      // What went between the listing and the look at it.
      else assert.match(stderr, new RegExp(`${place}.*(ENOENT|EEXIST)`));
    }
    assert.ok(works > 0, 'no copy went through');
    assert.equal(swapper.child.exitCode, null, swapper.stderr());
    await swapper[Symbol.asyncDispose]();
    hostIsUntouched();
  });
});
