import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseConfig } from './config.ts';

describe('parseConfig', () => {
  it('puts everything under the default roots when nothing is asked', () => {
    const config = parseConfig([], '/opt/isle');
    assert.deepEqual(config, {
      dataRoot: '/var/lib/isle',
      execRoot: '/run/isle',
      socketPath: '/run/isle/isle.sock',
      pidFile: '/run/isle/isled.pid',
      bridge: 'isle0',
      bip: undefined,
      cgroupParent: 'isle',
      logLevel: 'info',
      auditRefuse: 'off',
      landlock: true,
      usernsRemap: undefined,
      usernsPool: 'isle',
      keepFreeBytes: undefined,
      removeNetwork: false,
      selinuxEnabled: false,
      addedRuntimes: new Map(),
      defaultRuntime: 'isle',
      logDefaults: { Type: 'json-file', Config: {} },
      programDir: '/opt/isle',
    });
  });

  it('moves socket and pid file with the exec root', () => {
    const config = parseConfig(['--exec-root', '/tmp/x', '-H', 'unix:///tmp/other.sock'], '/opt/isle');
    assert.ok(typeof config === 'object');
    assert.equal(config.socketPath, '/tmp/other.sock');
    assert.equal(config.pidFile, '/tmp/x/isled.pid');
  });

  it('reads sizes in units of 1024', () => {
    const sizes = ['0', '4096', '64k', '500M', '2gb', '1T'].map((size) => {
      const config = parseConfig(['--keep-free', size], '/');
      return typeof config === 'object' ? config.keepFreeBytes : assert.fail();
    });
    assert.deepEqual(sizes, [0, 4096, 2 ** 16, 500 * 2 ** 20, 2 ** 31, 2 ** 40]);
  });

  it('takes runtimes, as many as there are', () => {
    const config = parseConfig(
      ['--add-runtime', 'a=/bin/a', '--add-runtime', 'b=b', '--default-runtime', 'a'],
      '/opt/isle',
    );
    assert.ok(typeof config === 'object');
    assert.deepEqual(
      [...config.addedRuntimes],
      [
        ['a', '/bin/a'],
        ['b', 'b'],
      ],
    );
    assert.equal(config.defaultRuntime, 'a');
  });

  const wrong: [string[], RegExp][] = [
    [['-H', 'tcp://0.0.0.0:2375'], /--host: isled listens on unix:/],
    [['-H', `unix:///${'x'.repeat(120)}`], /--host: the path is longer than 107 bytes/],
    [['--bridge', 'a-name-that-is-too-long'], /--bridge: an interface name/],
    [['--cgroup-parent', '../up'], /--cgroup-parent: give a name/],
    [['--bip', '10.0.0.0/24'], /network's own or its broadcast/],
    [['--log-level', 'loud'], /--log-level: choose one of/],
    [['--audit-refuse', 'hihg'], /--audit-refuse: choose one of critical, high, medium, low, info, off/],
    [['--landlock', 'maybe'], /--landlock: choose on or off/],
    [['--userns-pool', 'a:b'], /--userns-pool: give the name of a user/],
    [['--keep-free', '10%'], /--keep-free: give bytes, or a number with k, m, g or t/],
    [['--add-runtime', 'runc'], /--add-runtime: give NAME=PATH/],
    [['--nonsense'], /Unknown option '--nonsense'/],
    [['word'], /Unexpected argument 'word'/],
  ];
  for (const [argv, message] of wrong) {
    it(`refuses ${argv.join(' ').slice(0, 40)} and says why`, () =>
      assert.throws(() => parseConfig(argv, '/'), { message }));
  }
});
