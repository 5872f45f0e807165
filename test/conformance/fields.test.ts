/** Fields of the spec that runtimes have learnt at different times: each is tried on those of Debian's peers that know it. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { getPriority } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { run } from '../fixtures/process.ts';
import { Box, type Config } from './box.ts';
import { type Runtime, RUNTIMES } from './runtimes.ts';

function only(...names: Runtime['name'][]): readonly Runtime[] {
  return RUNTIMES.filter(({ name }) => names.includes(name));
}

/** One box for each runtime, for all tests of it. */
function on(runtimes: readonly Runtime[], tests: (box: () => Box) => void): void {
  for (const runtime of runtimes) {
    describe(`${runtime.name}: fields of the spec`, () => {
      let box: Box;
      before(async () => void (box = await Box.make(runtime)));
      after(async () => box[Symbol.asyncDispose]());
      tests(() => box);
    });
  }
}

const fieldOf = (text: string, name: string) => new RegExp(`^${name}\\s*:\\s*(\\S+)$`, 'm').exec(text)?.[1];

on(RUNTIMES, (box) => {
  const withTmpfs = (config: Config, ...options: string[]) =>
    config.mounts.push({ destination: '/bin', type: 'tmpfs', source: 'tmpfs', options: ['mode=711', ...options] });

  it('tmpcopyup: a tmpfs begins with what the image has there, owners and links too', async () => {
    const seen = await box().see('stat -c "%F %a %s" /bin/busybox; stat -c %N /bin/cat; touch /bin/new', (config) =>
      withTmpfs(config, 'tmpcopyup'),
    );
    const [busybox, link] = seen.split('\n');
    assert.match(busybox ?? '', /^regular file 755 \d{6,}$/);
    assert.match(link ?? '', /cat. -> .busybox/);
    const later = await box().see('ls /bin/new 2>&1; true', () => undefined);
    assert.match(later, /No such file/, 'the image has not changed');
  });

  it('tmpcopyup on a read-only tmpfs: filled, then closed', async () => {
    const seen = await box().see('ls /bin | grep -c busybox; touch /bin/new 2>&1; true', (config) =>
      withTmpfs(config, 'tmpcopyup', 'ro'),
    );
    assert.match(seen, /^1\n.*Read-only file system/s);
  });

  it('an overlay whose directories have long names', async () => {
    const directory = join(box().directory, 'd'.repeat(200), 'e'.repeat(200));
    for (const name of ['lower', 'upper', 'work']) mkdirSync(join(directory, name), { recursive: true });
    writeFileSync(join(directory, 'lower/file'), 'from below');
    const seen = await box().see(
      'cat /o/file; touch /o/new; grep -c " /o overlay rw,nosuid" /proc/mounts',
      (config) => {
        const [lower, upper, work] = ['lower', 'upper', 'work'].map((name) => join(directory, name));
        const options = [`lowerdir=${lower}`, `upperdir=${upper}`, `workdir=${work}`, 'nosuid'];
        config.mounts.push({ destination: '/o', type: 'overlay', source: 'overlay', options });
      },
    );
    assert.equal(seen, 'from below1');
    assert.ok(existsSync(join(directory, 'upper/new')));
  });

  it('remount: changes what is mounted, its file system and its flags', async () => {
    const seen = await box().see('grep " /dev/shm " /proc/mounts; touch /dev/shm/x 2>&1; true', (config) => {
      config.mounts.push({
        destination: '/dev/shm',
        type: 'tmpfs',
        source: 'shm',
        options: ['remount', 'ro', 'size=32k'],
      });
    });
    assert.match(seen, /^shm \/dev\/shm tmpfs ro,[^ ]*size=32k/);
    assert.match(seen, /Read-only file system/);
  });

  it('devices of all types: u is a character device, p a FIFO without numbers', async () => {
    const seen = await box().see('stat -c "%F %t:%T" /dev/u /dev/p', (config) => {
      config.linux['devices'] = [
        { path: '/dev/u', type: 'u', major: 1, minor: 5 },
        { path: '/dev/p', type: 'p' },
      ];
    });
    assert.deepEqual(seen.split('\n'), ['character special file 1:5', 'fifo 0:0']);
  });
});

// crun runs in a mount namespace of its own here: see runtimes.ts.
on(only('isle-runtime', 'runc'), (box) => {
  it('rootfsPropagation: with slave, what the host mounts later is seen; with private it is not', async () => {
    const shared = join(box().directory, 'shared');
    mkdirSync(join(shared), { recursive: true });
    await run('mount', ['-t', 'tmpfs', 'isle-test', shared]);
    try {
      await run('mount', ['--make-shared', shared]);
      await run('cp', ['-a', join(box().directory, 'rootfs'), shared]);
      const late = join(shared, 'rootfs/late');
      mkdirSync(late);
      const seen: string[] = [];
      for (const rootfsPropagation of ['rslave', 'rprivate']) {
        const id = await box().started((config) => {
          config['root'] = { path: join(shared, 'rootfs') };
          Object.assign(config.linux, { rootfsPropagation });
        });
        await run('mount', ['-t', 'tmpfs', 'isle-late', late]);
        seen.push((await box().ok('exec', id, 'sh', '-c', 'grep -c isle-late /proc/mounts || true')).trim());
        await run('umount', [late]);
        await box().ok('delete', '--force', id);
      }
      assert.deepEqual(seen, ['1', '0']);
    } finally {
      await run('umount', ['--lazy', shared]);
    }
  });
});

on(only('isle-runtime', 'crun'), (box) => {
  it('personality: the program believes to be on a machine of 32 bits, and so does what is executed later', async () => {
    const change = (config: Config) => Object.assign(config.linux, { personality: { domain: 'LINUX32' } });
    assert.equal(await box().see('cat /proc/self/personality', change), '00000008');
    const id = await box().started(change);
    assert.equal((await box().ok('exec', id, 'cat', '/proc/self/personality')).trim(), '00000008');
    assert.equal(await box().see('cat /proc/self/personality'), '00000000');
  });

  it('domainname', async () => {
    const change = (config: Config) => (config['domainname'] = 'example.test');
    assert.equal(await box().see('cat /proc/sys/kernel/domainname', change), 'example.test');
  });

  it('seccomp: an errno with an action that has none is an error', async () => {
    const { code, stderr } = await box().run((config) => {
      const syscalls = [{ names: ['reboot'], action: 'SCMP_ACT_ALLOW', errnoRet: 5 }];
      config.linux['seccomp'] = { defaultAction: 'SCMP_ACT_ALLOW', syscalls };
    });
    assert.notEqual(code, 0);
    assert.match(stderr, /SCMP_ACT_ALLOW/);
  });
});

const MAP = [{ containerID: 0, hostID: 200_000, size: 1000 }];

function withUser(config: Config): void {
  (config.linux['namespaces'] as object[]).push({ type: 'user' });
  Object.assign(config.linux, { uidMappings: MAP, gidMappings: MAP });
}

on(only('isle-runtime'), (box) => {
  it('scheduler and ioPriority, in a user namespace too, where the process has no right to them', async () => {
    const look = 'cat /proc/self/sched; ionice -p $$';
    const change = (config: Config) => {
      config.process['scheduler'] = { policy: 'SCHED_BATCH', nice: -3, flags: ['SCHED_FLAG_RESET_ON_FORK'] };
      config.process['ioPriority'] = { class: 'IOPRIO_CLASS_RT', priority: 6 };
    };
    for (const user of [() => undefined, withUser]) {
      const seen = await box().see(`exec sh -c 'cat /proc/1/sched; ionice -p 1'`, (config) => {
        change(config);
        user(config);
      });
      // SCHED_BATCH; 120 stands for nice 0
      assert.deepEqual([fieldOf(seen, 'policy'), fieldOf(seen, 'prio')], ['3', '117']);
      assert.match(seen, /realtime: prio 6/);
    }
    const plain = await box().see(look);
    // Without the field it has what the caller has.
    assert.deepEqual([fieldOf(plain, 'policy'), fieldOf(plain, 'prio')], ['0', String(120 + getPriority())]);
  });

  it('memoryPolicy', async () => {
    const change = (config: Config) => Object.assign(config.linux, { memoryPolicy: { mode: 'MPOL_BIND', nodes: '0' } });
    assert.match(await box().see('cat /proc/self/numa_maps', change), / bind:0 /);
    const id = await box().started(change);
    assert.match(await box().ok('exec', id, 'cat', '/proc/self/numa_maps'), / bind:0 /);
    assert.doesNotMatch(await box().see('cat /proc/self/numa_maps'), / bind/);
  });

  it('execCPUAffinity: of what is executed later, not of the first process', async () => {
    const id = await box().started((config) => (config.process['execCPUAffinity'] = { initial: '1', final: '0' }));
    const cpus = (text: string) => fieldOf(text, 'Cpus_allowed_list');
    assert.equal(cpus(await box().ok('exec', id, 'cat', '/proc/self/status')), '0');
    assert.notEqual(cpus(await box().ok('exec', id, 'cat', '/proc/1/status')), '0');
    const file = join(box().directory, 'process.json');
    const wanted = { args: ['true'], cwd: '/', env: ['PATH=/bin'], execCPUAffinity: { final: '4096' } };
    writeFileSync(file, JSON.stringify(wanted));
    const { code, stderr } = await box().call(['exec', '--process', file, id]);
    assert.equal(code, 255);
    assert.match(stderr, /cannot run on the CPUs 4096: EINVAL.*none of these CPUs is one that it may run on/);
  });

  it('oomScoreAdj: left as it is unless it is given', async () => {
    const { id, path } = box().bundle((config) => (config.process['args'] = ['cat', '/proc/self/oom_score_adj']));
    const script = `echo 77 > /proc/self/oom_score_adj; exec "$@"`;
    const runtime = [...(RUNTIMES[0]?.command ?? []), '--root', join(box().directory, 'state')];
    const inherited = await run('sh', ['-c', script, 'sh', ...runtime, 'run', '--bundle', path, id]);
    assert.equal(inherited, '77\n');
    assert.equal(await box().see('cat /proc/self/oom_score_adj', (config) => (config.process['oomScoreAdj'] = 5)), '5');
  });
});

on(only('isle-runtime'), (box) => {
  it('mounts with mapped owners: the map of the mount, or that of the container', async () => {
    const source = join(box().directory, 'owned');
    mkdirSync(source, { recursive: true });
    writeFileSync(join(source, 'file'), '');
    // A mapped root may not make mount points in a directory of the host's: one that is not makes the usual ones.
    await box().see('true');
    mkdirSync(join(box().directory, 'rootfs/owned'));
    const mount = { destination: '/owned', type: 'bind', source };
    const look = 'stat -c %u /owned/file';
    const inside =
      (options: string[], more: object = {}) =>
      (config: Config) => {
        withUser(config);
        config.mounts.push({ ...mount, options, ...more });
      };
    assert.equal(await box().see(look, inside(['rbind'])), '65534');
    assert.equal(await box().see(look, inside(['rbind', 'ridmap'])), '0');
    const maps = { containerID: 0, hostID: 200_005, size: 1 };
    // Without the word for it, too: a map that is there is meant.
    const own = { uidMappings: [maps], gidMappings: [maps] };
    assert.equal(await box().see(look, inside(['bind'], own)), '5');
  });

  it('mounts: propagation and the options that only some file systems have', async () => {
    const seen = await box().see('grep " /s " /proc/self/mountinfo', (config) => {
      const options = ['rshared', 'sync', 'dirsync', 'lazytime', 'iversion', 'silent', 'loud', 'rnodev', 'norelatime'];
      config.mounts.push({ destination: '/s', type: 'tmpfs', source: 'tmpfs', options });
    });
    assert.match(seen, / \/s rw,nodev,relatime shared:\d+ - tmpfs tmpfs rw,sync,dirsync,lazytime/);
  });
});
