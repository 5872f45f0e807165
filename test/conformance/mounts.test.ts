/** Mounts that cannot be, mounts over each other, and very many: each works or is refused by name, and nothing is left. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { leftovers } from '../harness/leftovers.ts';
import { Box, type Config } from './box.ts';
import { ISLE_RUNTIME } from './runtimes.ts';

type Mounts = (box: Box) => object[];

const tmpfs = (destination: string, ...options: string[]) => ({ destination, type: 'tmpfs', source: 'tmpfs', options });
const bind = (destination: string, source: string) => ({ destination, type: 'bind', source, options: ['rbind'] });

/** What cannot be mounted, and what has to be said of it: the mount by its place, and why. */
const IMPOSSIBLE: readonly [name: string, mounts: Mounts, error: RegExp][] = [
  [
    'a directory on a file',
    (box) => [bind('/file', box.out)],
    /cannot show \S+\/out at `\/file`: ENOTDIR .*a file at a file/s,
  ],
  [
    'a file on a directory',
    (box) => [bind('/directory', join(box.out, 'file'))],
    /cannot show \S+\/file at `\/directory`: EINVAL .*a file at a file/s,
  ],
  ['a bind mount below a file', (box) => [bind('/file/x', box.out)], /at `\/file\/x`: ENOTDIR/],
  ['a file system on a file', () => [tmpfs('/file')], /cannot mount a new tmpfs on `\/file`: ENOTDIR/],
  ['a file system below a file', () => [tmpfs('/file/x')], /cannot mount a new tmpfs on `\/file\/x`: ENOTDIR/],
  ['a link to itself', () => [tmpfs('/loop')], /on `\/loop`: ELOOP/],
  ['a place below a link to itself', () => [tmpfs('/loop/x')], /on `\/loop\/x`: ELOOP/],
  ['a missing source', () => [bind('/x', '/nosuch')], /mounts\[5\]\.source: \/nosuch: no such file/],
  ['a source below a file', (box) => [bind('/x', join(box.out, 'file/x'))], /mounts\[5\]\.source: .* not a directory/],
  [
    'an unknown file system',
    () => [{ destination: '/x', type: 'nosuchfs', source: 'x' }],
    /on `\/x`: ENODEV .*: file system nosuchfs/,
  ],
  ['an unknown option', () => [tmpfs('/x', 'nosuch=1')], /on `\/x`: EINVAL .*Unknown parameter 'nosuch'/],
  ['a size that is none', () => [tmpfs('/x', 'size=much')], /on `\/x`: EINVAL .*Bad value for 'size'/],
  [
    'a disk that is a directory',
    (box) => [{ destination: '/x', type: 'ext4', source: box.out }],
    /cannot mount a new ext4 on `\/x`: ENOTBLK/,
  ],
  ['a remount of nothing', () => [tmpfs('/nosuch', 'remount', 'ro')], /cannot change the mount at `\/nosuch`/],
  ['a new directory in sysfs', () => [tmpfs('/sys/nosuch')], /on `\/sys\/nosuch`: EROFS/],
  ['a new directory in a closed mount', () => [tmpfs('/x', 'ro'), tmpfs('/x/y')], /on `\/x\/y`: EROFS/],
];

const MANY = 9_990;
const many = (make: (index: number) => object) => Array.from({ length: MANY }, (_, index) => make(index));

describe('isle-runtime: mounts', () => {
  let box: Box;
  const left = () => leftovers({ root: box.directory, bridge: 'isle-none', cgroupParent: box.cgroupParent });
  const run = (command: string, mounts: object[], change: (config: Config) => void = () => undefined) =>
    box.run((config) => {
      config.process['args'] = ['sh', '-c', command];
      config.mounts.push(...mounts);
      change(config);
    });

  before(async () => {
    box = await Box.make(ISLE_RUNTIME);
    mkdirSync(join(box.rootfs, 'directory'));
    for (const file of [join(box.rootfs, 'file'), join(box.out, 'file')]) writeFileSync(file, 'content');
    symlinkSync('loop', join(box.rootfs, 'loop'));
  });
  after(async () => box[Symbol.asyncDispose]());

  function nothingIsLeft(): void {
    assert.deepEqual(left(), []);
    const state = join(box.directory, 'state');
    assert.deepEqual(existsSync(state) ? readdirSync(state) : [], []);
  }

  for (const [name, mounts, error] of IMPOSSIBLE) {
    it(`names ${name}, and nothing is left`, async () => {
      const { code, stdout, stderr } = await run('echo started', mounts(box));
      assert.deepEqual([code, stdout], [1, '']);
      assert.match(stderr, error);
      nothingIsLeft();
    });
  }

  it('two mounts at one place: the later one is seen', async () => {
    const mounts = [bind('/twice', box.out), tmpfs('/twice', 'size=64k')];
    const { stdout } = await run('ls /twice; grep -c " /twice " /proc/self/mountinfo', mounts);
    assert.equal(stdout, '2\n');
    const { stdout: turned } = await run('ls /twice', mounts.toReversed());
    assert.equal(turned, 'file\n');
    nothingIsLeft();
  });

  it('a mount below one that comes later is covered by it; in the other order both are seen', async () => {
    const mounts = [bind('/above/below', box.out), tmpfs('/above')];
    const { stdout } = await run('ls /above', mounts);
    assert.equal(stdout, '');
    const { stdout: turned } = await run('ls /above /above/below', mounts.toReversed());
    assert.equal(turned, '/above:\nbelow\n\n/above/below:\nfile\n');
    nothingIsLeft();
  });

  const crowds: readonly [name: string, Mounts][] = [
    ['file systems', () => many((index) => tmpfs(`/m/${index}`))],
    ['bind mounts', () => many((index) => bind(`/m/${index}`, box.out))],
    ['file systems at one place', () => many(() => tmpfs('/m/x'))],
    ['file systems in each other', () => many((index) => tmpfs(`/m${'/n'.repeat(index % 900)}`))],
  ];
  for (const [name, mounts] of crowds) {
    it(`${MANY} ${name} are all made, and all go`, async () => {
      const { code, stdout, stderr } = await run('grep -c " /m" /proc/self/mountinfo', mounts(box));
      assert.deepEqual([code, stdout], [0, `${MANY}\n`], stderr.slice(0, 1000));
      nothingIsLeft();
    });
  }

  it(`the last of ${MANY} fails: it is named, and the others go`, async () => {
    const { code, stderr } = await run('echo started', [...many((index) => tmpfs(`/m/${index}`)), tmpfs('/file/x')]);
    assert.equal(code, 1);
    assert.match(stderr, /cannot mount a new tmpfs on `\/file\/x`: ENOTDIR/);
    nothingIsLeft();
  });

  it('more than ten thousand are refused with the limit', async () => {
    const { code, stderr } = await run('echo started', [...many(() => tmpfs('/m/x')), ...many(() => tmpfs('/m/x'))]);
    assert.equal(code, 1);
    assert.match(stderr, /config\.json: mounts: has 19985 entries; 10000 is the limit/);
    nothingIsLeft();
  });
});
