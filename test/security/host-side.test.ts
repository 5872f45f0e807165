/** What a container does to the host from outside of itself: by its network, and by the files that it leaves on a disk. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { run } from '../fixtures/process.ts';
import { eventually } from '../harness/command.ts';
import { startWorld, type World } from '../harness/world.ts';
import { hostileImage } from './hostile-image.ts';
import { attackProgram } from './program.ts';

describe('the host', () => {
  let world: World;
  let image: string;
  before(async () => {
    world = await startWorld();
    const names = ['advertise', 'show'];
    const programs = await Promise.all(names.map(attackProgram));
    image = await hostileImage(world, {
      entries: names.map((name, at) => ({ name: `bin/${name}`, mode: 0o755, content: programs[at] })),
    });
  });
  after(() => world[Symbol.asyncDispose]());

  /** CVE-2020-13401: IPv6 routers are believed without asking, and a container may send what it likes (NET_RAW). */
  it('does not take an address or a route from a container that says it is a router; where links accept that it does', async () => {
    const { daemon } = world;
    const sysctl = `/proc/sys/net/ipv6/conf/${daemon.bridge}/accept_ra`;
    if (!existsSync(sysctl)) return;
    const addresses = () => run('ip', ['-6', 'address', 'show', 'dev', daemon.bridge]);
    const hasBadAddress = async () => (await addresses()).includes('2001:db8:bad:');
    const id = await daemon.ok(['run', '-d', image, 'sleep', '1000']);
    await eventually('the bridge listens: it has tried its own address', async () => {
      return /fe80::\S+ scope link\s*$/m.test(await addresses()) ? true : null;
    });
    const advertise = () => daemon.ok(['exec', id, 'sh', '-c', 'advertise && sleep 0.2']);
    for (let i = 0; i < 3; i++) await advertise();
    assert.equal(await hasBadAddress(), false);
    writeFileSync(sysctl, '1');
    await eventually('the host believes it', async () => {
      await advertise();
      return (await hasBadAddress()) || null;
    });
    await daemon.ok(['rm', '-f', id]);
  });

  /** CVE-2021-41091: a set-user-id program of a container is one for the host's users too, if they get at it. */
  it("does not let its users at a container's files; where the directories are open, they become root by them", async () => {
    const { daemon } = world;
    const id = await daemon.ok(['run', '-d', image, 'sh', '-c', 'cat /bin/show > /show; chmod 4755 /show; sleep 1000']);
    const upper = await daemon.ok(['inspect', '-f', '{{.GraphDriver.Data.UpperDir}}', id]);
    const program = join(upper, 'show');
    await eventually('the program is there', () => {
      return (statSync(program, { throwIfNoEntry: false })?.mode ?? 0) & 0o4000 ? true : null;
    });
    const attack = () => spawnSync(program, ['/none'], { uid: 23456, gid: 23456, encoding: 'utf8' });
    assert.match(String(attack().error), /EACCES/);
    for (let path = dirname(program); path.startsWith(daemon.dataRoot); path = dirname(path)) chmodSync(path, 0o755);
    assert.equal(attack().stdout, '0\nENOENT\n');
    await daemon.ok(['rm', '-f', id]);
  });

  it("does not let its users at the daemon's database, sockets and logs", () => {
    const { daemon } = world;
    const files = [join(daemon.dataRoot, 'isle.db'), daemon.socket];
    const attack = (path: string) => spawnSync('cat', [path], { uid: 23456, gid: 23456, encoding: 'utf8' });
    for (const path of files) assert.match(attack(path).stderr, /Permission denied|No such device/, path);
    assert.equal(statSync(daemon.socket).mode & 0o007, 0);
    assert.doesNotThrow(() => readFileSync(files[0] ?? ''));
  });
});
