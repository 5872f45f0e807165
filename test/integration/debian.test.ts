/** A real distribution: Debian from debootstrap, through a registry, as users run it. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { debianImage } from '../fixtures/images.ts';
import { startWorld, type World } from '../harness/world.ts';

describe('a Debian image', () => {
  let world: World;
  let debian: string;
  before(async () => {
    world = await startWorld();
    await world.registry.push(await debianImage(), 'debian:12');
    debian = `${world.registry.host}/debian:12`;
    await world.daemon.ok(['pull', '-q', debian]);
  });
  after(() => world[Symbol.asyncDispose]());

  const bash = (script: string) => world.daemon.ok(['run', '--rm', debian, 'bash', '-c', script]);

  it('runs its own bash, dpkg and perl', async () => {
    assert.match(await bash('. /etc/os-release; echo $ID $VERSION_ID'), /^debian 12$/);
    assert.ok(Number(await bash('dpkg -l | grep -c ^ii')) > 50);
    assert.equal(await bash('perl -e "print 6 * 7"'), '42');
  });

  it('has owners, modes, links and set-user-id bits as they were packed', async () => {
    const seen = await bash('stat -c "%a %U:%G" /tmp /usr/bin/su /etc/shadow; readlink /bin; stat -c %h /usr/bin/perl');
    const lines = seen.split('\n');
    assert.deepEqual(lines.slice(0, 4), ['1777 root:root', '4755 root:root', '640 root:shadow', 'usr/bin']);
    assert.ok(Number(lines[4]) >= 2, 'perl is a hard link to its versioned name');
  });

  it('keeps what a package manager needs: installing a package changes only the container', async () => {
    const script = [
      'mkdir -p /tmp/p/DEBIAN /tmp/p/usr/share/isle',
      'echo data > /tmp/p/usr/share/isle/file',
      'printf "Package: isle-test\\nVersion: 1\\nArchitecture: all\\nMaintainer: x <x@x>\\nDescription: test\\n" > /tmp/p/DEBIAN/control',
      'dpkg-deb -b /tmp/p /tmp/p.deb > /dev/null && dpkg -i /tmp/p.deb > /dev/null && dpkg -L isle-test | tail -1',
    ].join(' && ');
    assert.equal(await bash(script), '/usr/share/isle/file');
    assert.equal(await bash('dpkg -s isle-test > /dev/null 2>&1 || echo absent'), 'absent');
  });

  it('cannot mount, unshare or trace with its own tools either', async () => {
    const script =
      'mount -t tmpfs none /mnt; unshare -U true; unshare -m true; cat /proc/1/environ > /dev/null && echo own';
    const { stdout, stderr } = await world.daemon.docker(['run', '--rm', debian, 'bash', '-c', script]);
    assert.match(stderr, /mount: .*(permission denied|not permitted)/);
    assert.match(stderr, /unshare: unshare failed: Operation not permitted\n.*unshare: unshare failed/s);
    assert.equal(stdout, 'own\n');
  });

  it('runs as another user with its groups', async () => {
    const id = await world.daemon.ok(['run', '--rm', '-u', 'games', debian, 'id']);
    assert.equal(id, 'uid=5(games) gid=60(games) groups=60(games)');
  });
});
