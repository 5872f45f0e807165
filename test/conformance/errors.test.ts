import assert from 'node:assert/strict';
import { readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { run as runProgram } from '../fixtures/process.ts';
import { leftovers } from '../harness/leftovers.ts';
import { Box, type Config } from './box.ts';
import { ISLE_RUNTIME } from './runtimes.ts';

/** A change that spoils a bundle, and the error that names the place. */
const SPOILT: readonly [name: string, change: (config: Config) => void, error: RegExp][] = [
  ['no program', (config) => (config.process['args'] = []), /config\.json: process\.args: must name a program/],
  [
    'arguments of another type',
    (config) => (config.process['args'] = 'sh'),
    /config\.json: process\.args: must be a list, is "sh"/,
  ],
  [
    'a number among the variables',
    (config) => (config.process['env'] = ['A=1', 2]),
    /config\.json: process\.env\[1\]: must be a string/,
  ],
  ['a relative directory', (config) => (config.process['cwd'] = 'bin'), /process\.cwd: must be an absolute path/],
  [
    'an id above 2^31',
    (config) => (config.process['user'] = { uid: 2 ** 31, gid: 0 }),
    /process\.user\.uid: must be from 0 to/,
  ],
  [
    'an unknown limit',
    (config) => (config.process['rlimits'] = [{ type: 'RLIMIT_X', soft: 1, hard: 1 }]),
    /rlimits\[0\]\.type: unknown/,
  ],
  [
    'a namespace twice',
    (config) => (config.linux['namespaces'] as object[]).push({ type: 'pid' }),
    /the pid namespace is listed twice/,
  ],
  [
    'an unknown namespace',
    (config) => (config.linux['namespaces'] as object[]).push({ type: 'x' }),
    /namespaces\[5\]\.type: must be one of/,
  ],
  [
    'a mount on the root',
    (config) => config.mounts.push({ destination: '/', type: 'tmpfs' }),
    /mounts\[5\]\.destination: the root itself/,
  ],
  [
    'a mount inside /proc',
    (config) => config.mounts.push({ destination: '/proc/sys/x', type: 'tmpfs' }),
    /inside \/proc/,
  ],
  [
    'something else as /proc',
    (config) => config.mounts.push({ destination: '/dev/../proc', type: 'tmpfs' }),
    /stand in for the kernel/,
  ],
  [
    'a source that is missing',
    (config) => config.mounts.push({ destination: '/x', type: 'bind', source: '/nosuch' }),
    /mounts\[5\]\.source: \/nosuch: no such file/,
  ],
  [
    'a masked path that leads up',
    (config) => (config.linux['maskedPaths'] = ['/proc/../etc']),
    /maskedPaths\[0\]: must not contain "\.\."/,
  ],
  ['cgroups that lead out', (config) => (config.linux['cgroupsPath'] = '/a/../../b'), /cgroupsPath: .* leads out/],
  ['no root', (config) => (config['root'] = { path: 'nosuch' }), /root\.path: /],
  ["the host's root", (config) => (config['root'] = { path: '/' }), /the host's root/],
  [
    'an AppArmor profile without AppArmor',
    (config) => (config.process['apparmorProfile'] = 'x'),
    /apparmorProfile: "x" cannot be applied/,
  ],
  ['resource directors', (config) => (config.linux['intelRdt'] = { closID: 'x' }), /linux\.intelRdt: is not supported/],
  [
    'a seccomp action that is none',
    (config) => (config.linux['seccomp'] = { defaultAction: 'X' }),
    /config\.json: linux\.seccomp\.defaultAction: /,
  ],
];

describe('isle-runtime: errors', () => {
  let box: Box;
  before(async () => void (box = await Box.make(ISLE_RUNTIME)));
  after(async () => box[Symbol.asyncDispose]());

  for (const [name, change, error] of SPOILT) {
    it(`names the place of ${name}`, async () => {
      const { id, path } = box.bundle(change);
      const { code, stderr } = await box.tryCreate(id, path);
      assert.equal(code, 1);
      assert.match(stderr, error);
      assert.notEqual((await box.call(['state', id])).code, 0);
    });
  }

  it('refuses a FIFO, or a link to one, in the place of a namespace, and does not wait for its writer', async () => {
    const fifo = join(box.directory, 'fifo');
    const link = join(box.directory, 'link-to-fifo');
    await runProgram('mkfifo', [fifo]);
    symlinkSync(fifo, link);
    for (const type of ['pid', 'network', 'ipc', 'uts', 'user', 'cgroup', 'time']) {
      for (const place of [fifo, link]) {
        const { id, path } = box.bundle((config) => {
          const others = (config.linux['namespaces'] as { type: string }[]).filter((one) => one.type !== type);
          config.linux['namespaces'] = [{ type, path: place }, ...others];
        });
        const { code, stderr } = await box.tryCreate(id, path);
        assert.equal(code, 1);
        assert.match(stderr, /config\.json: linux\.namespaces\[0\]\.path: \S*fifo is no namespace/);
        assert.notEqual((await box.call(['state', id])).code, 0);
      }
    }
  });

  it('warns of a capability that does not exist, and goes on without it', async () => {
    const { code, stderr } = await box.run((config) => {
      config.process['args'] = ['true'];
      config.process['capabilities'] = { bounding: ['CAP_NOSUCH', 'CAP_KILL'] };
    });
    assert.equal(code, 0);
    assert.match(stderr, /ignoring unknown or unavailable capabilities: CAP_NOSUCH/);
  });

  it('refuses what it does not do by name: --no-pivot, --rootless, a terminal without a socket, a hostile id', async () => {
    const { id, path } = box.bundle((config) => (config.process['terminal'] = true));
    const errors = [
      await box.call(['create', '--no-pivot', '--bundle', path, id]),
      await box.call(['--rootless', 'true', 'create', '--bundle', path, id]),
      await box.call(['create', '--bundle', path, id]),
      await box.call(['create', '--bundle', path, '../x']),
      await box.call(['checkpoint', id]),
    ].map(({ code, stderr }) => [code, stderr] as const);
    const expected = [
      /--no-pivot is refused/,
      /--rootless/,
      /--console-socket/,
      /invalid container ID/,
      /does not support checkpoints/,
    ];
    errors.forEach(([code, stderr], index) => {
      assert.equal(code, 1);
      assert.match(stderr, expected[index] ?? /never/);
    });
  });

  it('logs as JSON for engines', async () => {
    const log = join(box.directory, 'log.json');
    await box.call(['--log', log, '--log-format', 'json', 'state', 'nobody']);
    const entry = JSON.parse(readFileSync(log, 'utf8').trim()) as { level: string; msg: string };
    assert.equal(entry.level, 'error');
    assert.match(entry.msg, /container does not exist/);
  });

  it('leaves nothing behind', async () => {
    assert.equal((await box.run((config) => (config.process['args'] = ['true']))).code, 0);
    assert.deepEqual(leftovers({ root: box.directory, bridge: 'isle-none', cgroupParent: box.cgroupParent }), []);
  });
});
