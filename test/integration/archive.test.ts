/** Files into and out of containers: `docker cp`, `export`, `diff`, running and stopped. */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import { request } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { run } from '../fixtures/process.ts';
import { api } from '../harness/api.ts';
import { startWorld, type World } from '../harness/world.ts';

let world: World;
let directory: string;

before(async () => {
  world = await startWorld();
  directory = await mkdtemp(join(tmpdir(), 'isle-cp-'));
  await mkdir(join(directory, 'bound'));
  await world.daemon.ok([
    'run',
    '-d',
    '--name',
    'up',
    '-v',
    `${directory}/bound:/bound`,
    world.busybox,
    'sleep',
    '1000',
  ]);
  await world.daemon.ok([
    'create',
    '--name',
    'idle',
    '-v',
    `${directory}/bound:/bound`,
    world.busybox,
    'sleep',
    '1000',
  ]);
});

after(async () => {
  await world[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

const at = (name: string) => join(directory, name);
const cp = (from: string, to: string, ...flags: string[]) => world.daemon.docker(['cp', '-q', ...flags, from, to]);

async function copied(from: string, to: string, ...flags: string[]): Promise<void> {
  const { code, stderr } = await cp(from, to, ...flags);
  assert.equal(code, 0, stderr);
}

for (const box of ['up', 'idle']) {
  describe(`docker cp with a container that ${box === 'up' ? 'runs' : 'does not run'}`, () => {
    it('brings a file in and out again, its bytes, mode and time unchanged', async () => {
      const bytes = Buffer.alloc(300_001, 'isle ');
      await writeFile(at('file'), bytes, { mode: 0o640 });
      await run('touch', ['-d', '2001-02-03 04:05:06.789', at('file')]);
      await copied(at('file'), `${box}:/tmp/in`);
      await copied(`${box}:/tmp/in`, at('out'));
      assert.deepEqual(await readFile(at('out')), bytes);
      const [a, b] = await Promise.all([stat(at('file')), stat(at('out'))]);
      assert.deepEqual([b.mode & 0o777, Math.trunc(b.mtimeMs / 1000)], [a.mode & 0o777, Math.trunc(a.mtimeMs / 1000)]);
    });

    it('brings a tree in and out: links, hard links, empty directories, long names', async () => {
      const tree = at(`tree-${box}`);
      await mkdir(join(tree, 'empty'), { recursive: true });
      await writeFile(join(tree, `${'n'.repeat(150)}-ü`), 'long');
      await writeFile(join(tree, 'one'), 'same');
      await run('ln', [join(tree, 'one'), join(tree, 'two')]);
      await symlink('one', join(tree, 'link'));
      await copied(tree, `${box}:/tmp`);
      await copied(`${box}:/tmp/tree-${box}`, at('back'));
      await run('diff', ['-r', '--no-dereference', tree, at('back')]);
      const [one, two] = await Promise.all([stat(at('back/one')), stat(at('back/two'))]);
      assert.equal(one.ino, two.ino);
      await rm(at('back'), { recursive: true });
    });

    it('reaches bind mounts', async () => {
      await writeFile(at('bound/there'), 'bound');
      await copied(`${box}:/bound/there`, at('from-bound'));
      assert.equal(await readFile(at('from-bound'), 'utf8'), 'bound');
      await copied(at('file'), `${box}:/bound/put`);
      assert.ok((await stat(at('bound/put'))).isFile());
    });

    it('tells of paths that are not there, in Docker’s words', async () => {
      const missing = await cp(`${box}:/nowhere`, at('x'));
      assert.equal(missing.code, 1);
      assert.match(missing.stderr, new RegExp(`Could not find the file /nowhere in container ${box}`));
      const { status, message } = await api(world.daemon, 'PUT', `/containers/${box}/archive?path=/etc/passwd`, '');
      assert.deepEqual({ status, message }, { status: 400, message: 'extraction point is not a directory' });
    });

    it('does not follow a link out of the container, whichever way it is written', async () => {
      await writeFile(at('secret'), 'of the host');
      await symlink(at(''), at('leaving'));
      await copied(at('leaving'), `${box}:/tmp/leaving`);
      assert.notEqual((await cp(`${box}:/tmp/leaving/secret`, at('stolen'))).code, 0);
      assert.notEqual((await cp(at('file'), `${box}:/tmp/leaving/planted`)).code, 0);
      await assert.rejects(stat(at('planted')));
      await rm(at('leaving'));
    });

    it('replaces no directory by a file', async () => {
      await copied(at(`tree-${box}`), `${box}:/tmp/kept`);
      const { code, stderr } = await cp(at('file'), `${box}:/tmp/kept/empty`);
      assert.equal(code, 0, stderr);
      await copied(`${box}:/tmp/kept/empty/file`, at('in-directory'));
    });
  });
}

describe('HEAD of an archive', () => {
  it('tells a link’s target as the container resolves it', async () => {
    await world.daemon.ok([
      'exec',
      'up',
      'sh',
      '-c',
      'ln -s ../etc /tmp/e && ln -s e/passwd /tmp/p && ln -s /gone/x /tmp/g && ln -s "g o/#n?e%20" /tmp/odd && ln -s ../../..//up /tmp/out',
    ]);
    for (const [path, target] of [
      ['/tmp/p', '/etc/passwd'],
      ['/tmp/g', '/gone/x'],
      ['/tmp/odd', '/tmp/g o/#n?e%20'],
      ['/tmp/out', '/up'],
      ['/etc/passwd', ''],
    ] as const) {
      const { linkTarget, name } = await statOf('up', path);
      assert.deepEqual([linkTarget, name], [target, path.split('/').at(-1)]);
    }
  });

  it('tells of a time that no calendar has as the last that it can', async () => {
    // On /dev, a tmpfs: the file system of a writable layer may not hold such a time.
    await world.daemon.ok(['exec', 'up', 'touch', '-d', '@99999999999999', '/dev/late']);
    assert.equal((await statOf('up', '/dev/late')).mtime, '9999-12-31T23:59:59Z');
    await copied('up:/dev/late', at('late'));
  });
});

async function statOf(box: string, path: string): Promise<{ linkTarget: string; name: string; mtime: string }> {
  const response = await fetchHead(`/containers/${box}/archive?path=${encodeURIComponent(path)}`);
  return JSON.parse(Buffer.from(response, 'base64').toString()) as { linkTarget: string; name: string; mtime: string };
}

function fetchHead(path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath: world.daemon.socket, method: 'HEAD', path, agent: false }, (answer) => {
      answer.resume();
      resolve(String(answer.headers['x-docker-container-path-stat']));
    });
    asked.once('error', reject).end();
  });
}

describe('a tree nearly as deep as a path is long', () => {
  const DEPTH = 1900;
  it('is exported and compared', async () => {
    const { daemon, busybox } = world;
    const dig = `cd /tmp && mkdir -p ${'d/'.repeat(DEPTH)} && touch ${'d/'.repeat(DEPTH)}end`;
    await daemon.ok(['run', '--name', 'deep', busybox, 'sh', '-c', dig]);
    const end = `${'d/'.repeat(DEPTH)}end`;
    await daemon.ok(['export', '-o', at('deep.tar'), 'deep']);
    assert.ok((await run('tar', ['-tf', at('deep.tar')])).includes(`tmp/${end}`));
    assert.ok((await daemon.ok(['diff', 'deep'])).includes(`/tmp/${end}`));
    await daemon.ok(['rm', 'deep']);
  });
});

describe('a socket', () => {
  it('is told of, and has no place in an archive', async () => {
    const server = createServer().listen(at('bound/socket'));
    try {
      await once(server, 'listening');
      assert.equal((await statOf('up', '/bound/socket')).name, 'socket');
      const { status, text } = await api(world.daemon, 'GET', '/containers/up/archive?path=/bound/socket');
      assert.deepEqual([status, text], [200, '\0'.repeat(1024)]);
    } finally {
      server.close();
    }
  });
});

describe('docker export', () => {
  for (const box of ['up', 'idle']) {
    it(`gives the whole root of a container that ${box === 'up' ? 'runs' : 'does not run'}, and nothing that is mounted in it`, async () => {
      const file = at(`${box}.tar`);
      await world.daemon.ok(['export', '-o', file, box]);
      const names = (await run('tar', ['-tf', file])).split('\n');
      assert.ok(names.includes('bin/busybox'), 'busybox is there');
      assert.ok(!names.some((name) => /^(?:proc|bound|dev)\/./.test(name)), 'no mounts');
      await run('tar', ['-xf', file, '-C', directory, 'etc/passwd', '--one-top-level=exported']);
    });
  }
});

describe('docker diff', () => {
  it('tells what was added, changed and deleted, and nothing of the engine’s own files', async () => {
    const name = 'changed';
    const script = 'rm /etc/group; echo x >> /etc/passwd; mkdir /new; echo y > /new/file; touch /root';
    await world.daemon.ok(['run', '--name', name, '--tmpfs', '/scratch', world.busybox, 'sh', '-c', script]);
    const lines = (await world.daemon.ok(['diff', name])).split('\n');
    assert.deepEqual(lines, ['C /etc', 'D /etc/group', 'C /etc/passwd', 'A /new', 'A /new/file']);
  });

  it('is empty for a container that has changed nothing', async () => {
    await world.daemon.ok(['run', '--name', 'unchanged', world.busybox, 'true']);
    assert.equal(await world.daemon.ok(['diff', 'unchanged']), '');
  });
});

describe('docker cp with a user namespace', () => {
  it('shows and takes owners as the container has them', async () => {
    const remapped = await startWorld({ args: ['--userns-remap', 'auto'] });
    try {
      await remapped.daemon.ok(['run', '-d', '--name', 'up', remapped.busybox, 'sleep', '1000']);
      await remapped.daemon.ok(['create', '--name', 'idle', remapped.busybox, 'sleep', '1000']);
      for (const box of ['up', 'idle']) {
        await remapped.daemon.ok(['cp', '-q', at('file'), `${box}:/tmp/in`]);
        await remapped.daemon.ok(['cp', '-qa', `${box}:/etc/passwd`, at('passwd')]);
        assert.equal((await stat(at('passwd'))).uid, 0);
        await rm(at('passwd'));
      }
      assert.equal(await remapped.daemon.ok(['exec', 'up', 'stat', '-c', '%u', '/tmp/in']), '0');
    } finally {
      await remapped[Symbol.asyncDispose]();
    }
  });
});
