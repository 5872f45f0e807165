/** One suite for every runtime that a container can be asked to run with: isle's own, runc, crun, and isle-runtime. */
import assert from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { AuditReport } from '../../src/api/types/audit.ts';
import type { Explanation } from '../../src/api/types/explain.ts';
import { api } from '../harness/api.ts';
import { run } from '../fixtures/process.ts';
import { eventually, type Finished, type RunOptions } from '../harness/command.ts';
import { dockerOnTerminal } from '../harness/terminal.ts';
import { startWorld, type World } from '../harness/world.ts';

const ISLE_RUNTIME = join(import.meta.dirname, '../../isle-runtime');
const BUNDLED = 'bundled';
/** What runc and crun do otherwise, and explain finds out: see docs/runtimes.md. */
const KNOWN_DIFFERENCES = ['/sys/fs/cgroup', 'devices that may be opened'];
const RUNTIMES = ['isle', 'runc', 'crun', BUNDLED] as const;

let world: World;
let directory: string;

before(async () => {
  world = await startWorld({ args: ['--add-runtime', `${BUNDLED}=${ISLE_RUNTIME}`] });
  directory = mkdtempSync(join(tmpdir(), 'isle-runtimes-'));
  chmodSync(directory, 0o755);
  writeFileSync(join(directory, 'file'), 'of the host\n');
});
after(async () => {
  await world[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true });
});

const state = (name: string, format = '{{.State.Status}} {{.State.ExitCode}}'): Promise<string> =>
  world.daemon.ok(['inspect', '-f', format, name]);

/** Names in the runtimes' own state directories: what they know of containers. */
function known(): string[] {
  const root = join(world.daemon.execRoot, 'runtimes');
  return existsSync(root)
    ? readdirSync(root).flatMap((name) => readdirSync(join(root, name)).filter((id) => id.length === 64))
    : [];
}

for (const runtime of RUNTIMES) {
  describe(`a container of ${runtime === BUNDLED ? 'isle-runtime' : runtime}`, () => {
    const docker = (flags: string[], command: string[], options?: RunOptions): Promise<Finished> =>
      world.daemon.docker(['run', '--rm', '--runtime', runtime, ...flags, world.busybox, ...command], options);
    const inside = async (flags: string[], script: string, options?: RunOptions): Promise<string> => {
      const { code, stdout, stderr } = await docker(flags, ['sh', '-c', script], options);
      assert.equal(code, 0, stderr);
      return stdout.trim();
    };
    const background = (name: string, flags: string[], script: string): Promise<string> =>
      world.daemon.ok(['run', '-d', '--runtime', runtime, '--name', name, ...flags, world.busybox, 'sh', '-c', script]);

    after(async () => {
      // The kernel takes a link down a little after the container's network namespace has gone.
      await eventually('nothing is left', () => world.daemon.leftovers().length + known().length === 0 || null).catch(
        () => assert.deepEqual([world.daemon.leftovers(), known()], [[], []]),
      );
    });

    it('says hello, keeps its streams apart, and is shown with its runtime', async () => {
      const { code, stdout, stderr } = await docker(['--name', 'hello'], ['sh', '-c', 'echo out; echo err >&2']);
      assert.deepEqual([code, stdout, stderr], [0, 'out\n', 'err\n']);
      await background('shown', [], 'sleep 100');
      assert.equal(await state('shown', '{{.HostConfig.Runtime}}'), runtime);
      await world.daemon.ok(['rm', '-f', 'shown']);
    });

    it("ends with the program's code, or with Docker's where there is no program", async () => {
      assert.equal((await docker([], ['sh', '-c', 'exit 3'])).code, 3);
      const missing = await docker(['--name', 'missing'], ['nope']);
      assert.equal(missing.code, 127, missing.stderr);
      assert.match(missing.stderr, /nope/);
      assert.equal((await docker([], ['/etc/passwd'])).code, 126);
      assert.equal((await docker([], ['/no/such/path'])).code, 127);
    });

    it('reads what it is given, to the end', async () => {
      assert.equal(await inside(['-i'], 'cat; echo end', { stdin: 'one\ntwo\n' }), 'one\ntwo\nend');
      assert.equal(await inside([], 'cat; echo end'), 'end');
    });

    it('has a terminal of the size of the one outside, which can change', async () => {
      const script =
        'tty; trap "stty size" WINCH; while s=$(stty size); [ "$s" = "0 0" ]; do sleep 0.05; done; echo $s; while :; do sleep 0.1; done';
      const args = ['run', '--rm', '-it', '--runtime', runtime, world.busybox, 'sh', '-c', script];
      await using terminal = await dockerOnTerminal(world.daemon, args, { rows: 33, columns: 101 });
      await terminal.until(/\/dev\/pts\/0\s+33 101/);
      await terminal.resize(40, 132);
      await terminal.until(/40 132/);
      terminal.write('\x03');
      assert.equal((await terminal.finished).code, 130);
    });

    it('sees directories and files of the host, writable or not', async () => {
      const bind = (options: string) => ['-v', `${directory}:/data${options}`];
      assert.equal(await inside(bind(''), 'cat /data/file; echo made > /data/made'), 'of the host');
      assert.equal(readFileSync(join(directory, 'made'), 'utf8'), 'made\n');
      assert.equal(await inside(['-v', `${directory}/file:/etc/issue`], 'cat /etc/issue'), 'of the host');
      assert.match((await docker(bind(':ro'), ['touch', '/data/file'])).stderr, /Read-only file system/);
    });

    it('shares memory with another container, and carries mounts as it was asked to', async () => {
      await background('donor', ['--ipc', 'shareable'], 'exec sleep 100');
      const joined = ['--ipc', 'container:donor'];
      await inside(joined, 'echo of-the-first > /dev/shm/file');
      assert.equal(await inside(joined, 'cat /dev/shm/file'), 'of-the-first');
      assert.equal(await inside([], 'ls /dev/shm'), '');
      await world.daemon.ok(['rm', '-f', 'donor']);
      const shared = join(directory, `shared-${runtime}`);
      mkdirSync(join(shared, 'below'), { recursive: true });
      await run('mount', ['-t', 'tmpfs', 'isle-test', shared]);
      try {
        await run('mount', ['--make-shared', shared]);
        mkdirSync(join(shared, 'below'));
        await run('mount', ['-t', 'tmpfs', 'isle-test', join(shared, 'below')]);
        const touch = 'touch /data/x /data/below/x 2>&1 | grep -c Read-only; true';
        assert.equal(await inside(['-v', `${shared}:/data:ro`], touch), '2', 'what is mounted below is read-only too');
        const mounting = ['--cap-add', 'SYS_ADMIN', '--security-opt', 'apparmor=unconfined'];
        const mount = 'mkdir /data/inner && mount -t tmpfs of-the-container /data/inner && echo mounted';
        assert.equal(await inside([...mounting, '-v', `${shared}:/data`], mount), 'mounted');
        assert.doesNotMatch(readFileSync('/proc/self/mountinfo', 'utf8'), /of-the-container/);
        await inside([...mounting, '-v', `${shared}:/data:rshared`], `rmdir /data/inner; ${mount}`);
        assert.match(readFileSync('/proc/self/mountinfo', 'utf8'), /of-the-container/);
      } finally {
        await run('umount', ['--recursive', shared]);
      }
    });

    it('makes files for the owner of a directory that was mounted with idmap', async () => {
      const project = join(directory, `project-${runtime}`);
      await inside(['-v', `${project}:/new`], 'true');
      chownSync(project, 4242, 4343);
      await inside(['-u', '1000:1001', '-v', `${project}:/src:idmap`], 'echo x > /src/file');
      const { uid, gid } = statSync(join(project, 'file'));
      assert.deepEqual([uid, gid], [4242, 4343]);
    });

    it('is reached at its address, and knows its name', async () => {
      const serve = 'mkdir /www; echo from-inside > /www/index.html; exec httpd -f -p 8080 -h /www';
      await background('server', ['--hostname', 'web', '--domainname', 'example.org'], serve);
      const address = await state('server', '{{.NetworkSettings.Networks.bridge.IPAddress}}');
      const text = await eventually('it answers', () =>
        fetch(`http://${address}:8080/`).then(
          (response) => response.text(),
          () => null,
        ),
      );
      assert.equal(text, 'from-inside\n');
      const joined = ['--network', 'container:server'];
      assert.equal(await inside(joined, 'wget -qO- http://127.0.0.1:8080/; hostname'), 'from-inside\nweb');
      assert.equal(
        await inside(['--ipc', 'none', '--domainname', 'example.org'], 'cat /proc/sys/kernel/domainname'),
        'example.org',
      );
      await world.daemon.ok(['rm', '-f', 'server']);
    });

    it('has loopback only without a network, and the links of the host on its network', async () => {
      assert.match(
        await inside(['--network', 'none'], 'ls /sys/class/net; ip addr show lo'),
        /^lo\n.*LOOPBACK,UP.*127\.0\.0\.1/s,
      );
      assert.ok((await inside(['--network', 'host'], 'ls /sys/class/net')).split('\n').includes(world.daemon.bridge));
    });

    it('cannot write to a read-only root, and can without it', async () => {
      assert.match((await docker(['--read-only'], ['touch', '/x'])).stderr, /Read-only file system/);
      assert.equal(await inside(['--read-only', '--tmpfs', '/tmp'], 'touch /tmp/x && ls /tmp'), 'x');
      assert.equal(await inside([], 'touch /x && ls /x'), '/x');
    });

    it('is killed when it takes more memory than it may, and that is told', async () => {
      await world.daemon.docker([
        'run',
        '--runtime',
        runtime,
        '--name',
        'hog',
        '-m',
        '32m',
        world.busybox,
        'tail',
        '/dev/zero',
      ]);
      assert.equal(await state('hog', '{{.State.ExitCode}} {{.State.OOMKilled}}'), '137 true');
      await world.daemon.ok(['rm', 'hog']);
      const script = 'head -c 8000000 /dev/zero | tail -c 8000000 | wc -c';
      assert.equal(await inside(['-m', '64m'], script), '8000000');
    });

    it('cannot fork beyond its limit of processes, and can below it', async () => {
      const script = 'for i in $(seq 30); do sleep 100 & done; echo all';
      // Not lower: runc's own init is a Go program, whose threads count as well until it becomes this one.
      const { stderr } = await docker(['--pids-limit', '20'], ['sh', '-c', script]);
      assert.match(stderr, /can't fork|Resource temporarily unavailable/);
      assert.equal(await inside(['--pids-limit', '50'], script), 'all');
    });

    it('runs as the user that was asked for, with the capabilities that were', async () => {
      assert.equal(await inside(['-u', '1000:1001', '--group-add', '7'], 'id -u; id -g; id -G'), '1000\n1001\n1001 7');
      assert.equal(await inside(['-u', '1000'], 'echo x > /dev/stdout'), 'x');
      assert.match(
        (await docker([], ['sh', '-c', 'mount -t tmpfs t /mnt 2>&1; exit 0'])).stdout,
        /denied|not permitted/,
      );
      const mounting = ['--cap-add', 'SYS_ADMIN', '--security-opt', 'apparmor=unconfined'];
      assert.equal(await inside(mounting, 'mkdir -p /mnt; mount -t tmpfs t /mnt && echo mounted'), 'mounted');
      assert.match((await docker(['--cap-drop', 'CHOWN'], ['chown', '1', '/tmp'])).stderr, /not permitted/);
    });

    it('has the system call filter and the masks of any other container', async () => {
      // Without the filter a new user namespace gives all capabilities in it.
      const unshare = ['unshare', '-U', 'true'];
      assert.notEqual((await docker([], unshare)).code, 0);
      assert.equal((await docker(['--security-opt', 'seccomp=unconfined'], unshare)).code, 0);
      assert.equal(
        await inside([], 'cat /proc/keys | wc -c; grep Seccomp: /proc/self/status | tr -d "\\t"'),
        '0\nSeccomp:2',
      );
      assert.match(
        (await docker([], ['sh', '-c', 'echo 1 > /proc/sys/kernel/pid_max'])).stderr,
        /Read-only file system/,
      );
    });

    it('opens the devices that it was given and no others', async () => {
      const script = 'mknod /zero c 1 5; mknod /fuse c 10 229; head -c 1 /zero | wc -c; : < /fuse; true';
      const { stdout, stderr } = await docker([], ['sh', '-c', script]);
      assert.equal(stdout, '1\n');
      assert.match(stderr, /not permitted/);
      assert.equal(await inside(['--device', '/dev/fuse:/dev/mine:r'], ': < /dev/mine && echo opened'), 'opened');
    });

    it('has an init process when asked, which reaps and ends with the program', async () => {
      const script =
        'head -c 17 /proc/1/cmdline; (sleep 0.1 &) ; sleep 0.5; n=0; while ps -o stat | grep -q Z && [ $n -lt 200 ]; do n=$((n+1)); sleep 0.1; done; ps -o stat | grep -c Z; exit 7';
      const { code, stdout } = await docker(['--init', '-u', '1000'], ['sh', '-c', script]);
      assert.deepEqual([code, stdout], [7, '/sbin/docker-init0\n']);
    });

    it('stops, restarts, pauses and is killed; its log is kept', async () => {
      const { daemon } = world;
      await background('life', [], 'trap "echo bye; exit 5" TERM; echo ready; while :; do sleep 0.1; done');
      const logs = (text: string) =>
        eventually(text, async () => ((await daemon.ok(['logs', 'life'])).endsWith(text) ? true : null));
      await logs('ready');
      await daemon.ok(['stop', 'life']);
      assert.equal(await state('life'), 'exited 5');
      await daemon.ok(['start', 'life']);
      await logs('bye\nready');
      await daemon.ok(['pause', 'life']);
      assert.equal(await state('life'), 'paused 0');
      await daemon.ok(['unpause', 'life']);
      await daemon.ok(['restart', 'life']);
      await daemon.ok(['pause', 'life']);
      await daemon.ok(['kill', 'life']);
      assert.equal(await state('life'), 'exited 137');
      await daemon.ok(['rm', 'life']);
    });

    it('is counted, listed and limited while it runs', async () => {
      const { daemon } = world;
      await background('live', ['-m', '64m'], 'exec sleep 100');
      // `runc start` does not wait until its own init, which has threads, has become the container's program.
      await eventually('it is the program that was asked for', async () =>
        (await daemon.ok(['top', 'live', '-o', 'args'])).endsWith('sleep 100') ? true : null,
      );
      assert.match(
        await daemon.ok(['stats', '--no-stream', '--format', '{{.MemUsage}} {{.PIDs}}', 'live']),
        / \/ 64MiB 1$/,
      );
      await daemon.ok(['update', '-m', '48m', '--memory-swap', '48m', 'live']);
      assert.match(await daemon.ok(['stats', '--no-stream', '--format', '{{.MemUsage}}', 'live']), / \/ 48MiB$/);
      await daemon.ok(['rm', '-f', 'live']);
    });

    it('runs further processes, confined as its first one, and is restarted and checked', async () => {
      const { daemon } = world;
      const flags = ['--restart', 'on-failure:1', '--health-cmd', 'test -e /healthy', '--health-interval', '100ms'];
      await background('host', flags, 'trap "exit 3" USR1; while :; do sleep 0.1; done');
      const script = 'cat; id -u; grep -c . /proc/self/cgroup > /dev/null; unshare -U true 2> /dev/null; echo $?';
      const exec = (...args: string[]) => daemon.ok(['exec', ...args], { stdin: 'in ' });
      assert.equal(await exec('-i', '-u', '7', 'host', 'sh', '-c', script), 'in 7\n1');
      assert.equal((await daemon.docker(['exec', 'host', 'sh', '-c', 'exit 9'])).code, 9);
      await exec('host', 'touch', '/healthy');
      await eventually('it is healthy', async () =>
        (await state('host', '{{.State.Health.Status}}')) === 'healthy' ? true : null,
      );
      await daemon.ok(['kill', '-s', 'USR1', 'host']);
      await eventually('it is started again', async () =>
        (await state('host', '{{.RestartCount}} {{.State.Status}}')) === '1 running' ? true : null,
      );
      await daemon.ok(['rm', '-f', 'host']);
    });

    it('is explained by what the kernel says, and audited, with the runtime that made it', async () => {
      await background('shown', ['-m', '64m'], 'exec sleep 1000');
      const explained = await api(world.daemon, 'GET', '/isle/v1/explain/containers/shown');
      const facts = (JSON.parse(explained.text) as Explanation).layers.flatMap((layer) => layer.facts);
      const broken = facts.filter(({ holds }) => holds === false).map(({ what }) => what);
      assert.deepEqual(
        broken.filter((what) => !KNOWN_DIFFERENCES.includes(what)),
        [],
      );
      assert.ok(facts.filter(({ holds }) => holds === true).length > 40);
      assert.ok(facts.some(({ what }) => what === 'notable calls refused'));
      const maker = facts.find(({ what }) => what === 'runtime')?.asked ?? '';
      assert.ok(runtime === 'isle' ? maker === '' && broken.length === 0 : maker.startsWith(`${runtime} (/`), maker);
      const audited = JSON.parse(
        (await api(world.daemon, 'GET', '/isle/v1/audit/containers/shown')).text,
      ) as AuditReport;
      const finding = audited.findings.find(({ id }) => id === 'other-runtime');
      assert.equal(finding?.what, runtime === 'isle' ? undefined : `HostConfig.Runtime = ${runtime}`);
      await world.daemon.ok(['rm', '-f', 'shown']);
    });

    it('takes what is typed into it when somebody attaches', async () => {
      const { daemon } = world;
      await background('attached', ['-i'], 'while read -r line; do echo "got $line"; done');
      await using attached = await daemon.dockerStart(['attach', '--sig-proxy=false', 'attached'], { keepStdin: true });
      attached.write('hello\n');
      await attached.until(/got hello/);
      await using waiting = await daemon.dockerStart(['wait', 'attached']);
      await daemon.ok(['kill', 'attached']);
      assert.equal((await waiting.finished).stdout, '137\n');
      await daemon.ok(['rm', 'attached']);
    });

    it('leaves no process of a shared PID namespace behind', async () => {
      await background('sharing', ['--pid', 'host'], 'sleep 4711 & exec sleep 100');
      await world.daemon.ok(['kill', 'sharing']);
      await eventually('its other process ends', () =>
        world.daemon.leftovers().some((line) => line.includes('sleep 4711')) ? null : true,
      );
      await world.daemon.ok(['rm', 'sharing']);
    });
  });
}
