/** Devices of the host, --privileged, --init and further groups, by the real docker command line. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { eventually } from '../harness/command.ts';
import { startWorld, type World } from '../harness/world.ts';

describe('devices and init', () => {
  let world: World;
  before(async () => {
    world = await startWorld();
  });
  after(() => world[Symbol.asyncDispose]());

  const run = (flags: string[], ...command: string[]) =>
    world.daemon.docker(['run', '--rm', ...flags, world.busybox, ...command]);
  const inside = (flags: string[], script: string) =>
    world.daemon.ok(['run', '--rm', ...flags, world.busybox, 'sh', '-c', script]);

  it('gives a device under its own or another name, with the rights that were asked for', async () => {
    assert.equal(await inside(['--device', '/dev/fuse'], 'test -c /dev/fuse && echo yes'), 'yes');
    const renamed = await inside(
      ['--device', '/dev/fuse:/dev/sub/mine:r'],
      'stat -c %t:%T /dev/sub/mine; : < /dev/sub/mine && echo read',
    );
    assert.equal(renamed, 'a:e5\nread');
    const { stderr } = await run(['--device', '/dev/fuse:/dev/mine:r'], 'sh', '-c', ': > /dev/mine');
    assert.match(stderr, /Operation not permitted/);
  });

  it('opens a directory of devices out', async () => {
    const names = readdirSync('/dev/net').join(' ');
    assert.equal(await inside(['--device', '/dev/net'], 'ls /dev/net'), names);
    assert.equal(await inside(['--device', '/dev/net:/dev/other'], 'ls /dev/other'), names);
  });

  it('refuses what is no device of the host, in the words of Docker', async () => {
    const missing = await run(['--device', '/dev/no-such'], 'true');
    assert.notEqual(missing.code, 0);
    assert.match(missing.stderr, /adding custom device "\/dev\/no-such": no such file or directory/);
    assert.match((await run(['--device', '/etc/passwd:/dev/x'], 'true')).stderr, /not a device node/);
  });

  it('lets a node be used that a device rule allows', async () => {
    const script = 'mknod /tmp/fuse c 10 229; : < /tmp/fuse && echo open';
    assert.equal(await inside(['--device-cgroup-rule', 'c 10:229 rwm'], script), 'open');
    assert.match((await run([], 'sh', '-c', script)).stderr, /Operation not permitted/);
  });

  it("gives a privileged container all of the host's devices, and its own terminals", async () => {
    const devices = (await inside(['--privileged'], 'ls /dev')).split('\n');
    const expected = readdirSync('/dev', { withFileTypes: true })
      .filter((entry) => (entry.isCharacterDevice() || entry.isBlockDevice()) && entry.name !== 'console')
      .map(({ name }) => name);
    assert.deepEqual(
      expected.filter((name) => !devices.includes(name)),
      [],
    );
    assert.equal(await inside(['--privileged'], 'readlink /dev/ptmx; : < /dev/kmsg && echo open'), 'pts/ptmx\nopen');
  });

  it('puts a small init before the program with --init, which reaps orphans', async () => {
    const script =
      'tr "\\0" " " < /proc/1/cmdline; echo; (sh -c "sleep 0.1 & exec true"); sleep 0.5; zombies() { grep -l "^State:.Z" /proc/[0-9]*/status; }; n=0; while [ -n "$(zombies)" ] && [ $n -lt 200 ]; do n=$((n+1)); sleep 0.1; done; zombies | wc -l';
    const [line, zombies] = (await inside(['--init'], script)).split('\n');
    assert.match(line ?? '', /^\/sbin\/docker-init -- sh -c /);
    assert.equal(zombies, '0');
  });

  it('forwards signals and gives the exit code of the program', async () => {
    const { daemon, busybox } = world;
    assert.equal((await run(['--init'], 'sh', '-c', 'exit 42')).code, 42);
    assert.equal((await run(['--init'], 'sh', '-c', 'kill -9 $$')).code, 137);
    assert.equal((await run(['--init'], 'no-such-program')).code, 127);
    const script = 'trap "echo got it; exit 3" USR1; echo ready; while :; do sleep 0.05; done';
    await daemon.ok(['run', '-d', '--init', '--name', 'signalled', busybox, 'sh', '-c', script]);
    await eventually('it is ready', async () => ((await daemon.ok(['logs', 'signalled'])) === 'ready' ? true : null));
    await daemon.ok(['kill', '-s', 'USR1', 'signalled']);
    assert.equal(await daemon.ok(['wait', 'signalled']), '3');
    assert.equal(await daemon.ok(['logs', 'signalled']), 'ready\ngot it');
    await daemon.ok(['rm', 'signalled']);
  });

  it('serves a terminal under init, and keeps rights and filter of the program', async () => {
    const { stdout } = await run(['--init', '-t'], 'sh', '-c', 'tty; grep -E "CapEff|Seccomp:" /proc/1/status');
    assert.match(stdout, /\/dev\/pts\/0\r\nCapEff:\t00000000a80425fb\r\nSeccomp:\t2/);
  });

  it('adds groups by number and by the name in the image', async () => {
    assert.equal(await inside(['-u', '1000', '--group-add', '4321', '--group-add', 'root'], 'id -G'), '0 4321');
    assert.match((await run(['--group-add', 'nosuch'], 'true')).stderr, /unable to find group nosuch/i);
  });
});
