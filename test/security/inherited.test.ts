/** What a container would have of the session that starts it, of other containers and of the host: keys, a terminal, sockets. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Box } from '../conformance/box.ts';
import { ISLE_RUNTIME, type Runtime } from '../conformance/runtimes.ts';
import { start } from '../harness/command.ts';
import { startWorld, type World } from '../harness/world.ts';
import { hostileImage } from './hostile-image.ts';
import { attackProgram } from './program.ts';
import { installRuntime } from './unfenced.ts';

const SWITCH = '/proc/sys/dev/tty/legacy_tiocsti';
const KEY = `isle-attack-${process.pid}`;

describe('a container of isle-runtime', () => {
  let directory: string;
  let keyring: Buffer;
  let type: Buffer;
  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'isle-inherited-'));
    [keyring, type] = await Promise.all([attackProgram('keyring'), attackProgram('type')]);
    writeFileSync(join(directory, 'keyring'), keyring, { mode: 0o755 });
  });
  after(() => rmSync(directory, { recursive: true }));

  describe('started by somebody who holds a key', () => {
    const attack = async ({ name, command }: Runtime) => {
      const held = [join(directory, 'keyring'), 'hold', KEY, 'SECRET', ...command] as const;
      await using box = await Box.make({ name, command: held });
      box.addProgram('keyring', keyring);
      return (await box.run((config) => void (config.process['args'] = ['keyring', 'find', KEY]))).stdout;
    };
    it('has a session keyring of its own', async () => assert.equal(await attack(ISLE_RUNTIME), 'ENOKEY\n'));
    it('reads the key without one', async () => {
      using runtime = installRuntime(['keyring']);
      assert.equal(await attack(runtime), 'SECRET\n');
    });
  });

  describe('started at a terminal', () => {
    /** What the next command at that terminal reads. */
    const attack = async (runtime: Runtime) => {
      await using box = await Box.make(runtime);
      box.addProgram('type', type);
      const { id, path } = box.bundle((config) => void (config.process['args'] = ['type', 'echo owned']));
      const line = `${box.line(['run', '--bundle', path, id])}; echo "<$(timeout --foreground 0.5 head -n 1)>"`;
      // Its input stays open: the end of it would be the end of the terminal's.
      await using shell = start('script', ['-qec', line, '/dev/null'], { keepStdin: true });
      return (await shell.until(/<(.*)>/))[1];
    };
    it('types nothing there: it is in a session of its own', async () => assert.equal(await attack(ISLE_RUNTIME), ''));
    it('types commands there from the session of its caller, if the kernel lets anybody', async () => {
      using runtime = installRuntime(['setsid']);
      // Before Linux 6.2 there is no such switch.
      const isOff = existsSync(SWITCH) && readFileSync(SWITCH, 'utf8') === '0\n';
      assert.equal(await attack(runtime), isOff ? '' : 'echo owned');
    });
  });
});

describe('a container of the engine', () => {
  let world: World;
  let image: string;
  before(async () => {
    world = await startWorld();
    const names = ['keyring', 'abstract'];
    const programs = await Promise.all(names.map(attackProgram));
    image = await hostileImage(world, {
      entries: names.map((name, at) => ({ name: `bin/${name}`, mode: 0o755, content: programs[at] })),
    });
  });
  after(() => world[Symbol.asyncDispose]());

  it('does not join the session keyring of another one; without the filter it reads the keys of the other', async () => {
    const { daemon } = world;
    const unconfined = ['--security-opt', 'seccomp=unconfined'];
    await using victim = await daemon.dockerStart([
      'run',
      '--rm',
      '--name',
      'victim',
      ...unconfined,
      image,
      'keyring',
      'add',
      KEY,
      'SECRET',
    ]);
    await victim.until(/added/);
    const id = await daemon.ok(['inspect', '-f', '{{.Id}}', 'victim']);
    const attack = async (...flags: string[]) =>
      (await daemon.docker(['run', '--rm', ...flags, image, 'keyring', 'steal', `_ses.${id}`, KEY])).stdout;
    assert.equal(await attack(), 'EPERM\n');
    assert.equal(await attack(...unconfined), 'SECRET\n');
    await daemon.ok(['rm', '-f', 'victim']);
  });

  /** CVE-2020-15257 */
  describe("and the host's abstract sockets", () => {
    it("does not reach them; with the host's network it does", async () => {
      await using server = createServer((socket) => socket.destroy()).listen(`\0${KEY}`);
      await once(server, 'listening');
      const attack = (...flags: string[]) => world.daemon.ok(['run', '--rm', ...flags, image, 'abstract', KEY]);
      assert.equal(await attack(), 'ECONNREFUSED');
      assert.equal(await attack('--network', 'host'), 'connected');
    });

    it('finds none of isle there', async () => {
      const { daemon } = world;
      const id = await daemon.ok(['run', '-d', '--network', 'host', image, 'sleep', '1000']);
      const [, , monitor = ''] = readFileSync(join(daemon.execRoot, 'containers', id, 'pid'), 'utf8')
        .trim()
        .split(' ');
      const launcher = readFileSync(`/proc/${daemon.pid()}/task/${daemon.pid()}/children`, 'utf8').trim();
      const sockets = new Set([daemon.pid(), launcher, monitor].flatMap(socketsOf));
      assert.ok(sockets.size >= 3, 'the API, the monitor, the launcher');
      const lines = readFileSync('/proc/net/unix', 'utf8').split('\n');
      const own = lines.filter((line) => sockets.has(line.trim().split(/\s+/)[6] ?? ''));
      assert.ok(
        own.some((line) => line.endsWith('monitor.sock')),
        own.join('\n'),
      );
      assert.deepEqual(
        own.filter((line) => line.includes('@')),
        [],
      );
      await daemon.ok(['rm', '-f', id]);
    });
  });
});

/** The inodes of a process's sockets. */
function socketsOf(pid: number | string): string[] {
  const links = readdirSync(`/proc/${pid}/fd`).map((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`);
    } catch {
      // The descriptor with which the directory was read.
      return '';
    }
  });
  return links.flatMap((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? []);
}
