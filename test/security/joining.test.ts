/**
 * CVE-2016-9962: a process on its way into a container still has what is the host's, while the container's own may trace it.
 * The attackers have CAP_SYS_PTRACE, against which it does not help that a process is not dumpable.
 */
import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Box } from '../conformance/box.ts';
import { ISLE_RUNTIME } from '../conformance/runtimes.ts';
import type { TestDaemon } from '../harness/daemon.ts';
import { giveIds } from '../harness/subids.ts';
import { startWorld, type World } from '../harness/world.ts';
import { hostileImage } from './hostile-image.ts';
import { attackProgram } from './program.ts';
import { APPEARING_EARLY, without } from './unfenced.ts';

/** Enough for an attacker to catch at least one of them, if there is anything to catch. */
const JOINS = 12;
const USER = `isleattack${process.pid}`;
const REMAP = ['--userns-remap', USER];

describe('a process that enters a container whose processes trace it', () => {
  let directory: string;
  let secret: string;
  let program: Buffer;
  let profile: string;
  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'isle-secret-'));
    chmodSync(directory, 0o755);
    secret = join(directory, 'secret');
    writeFileSync(secret, 'SECRET');
    profile = join(directory, 'profile.json');
    writeFileSync(profile, JSON.stringify(APPEARING_EARLY));
    program = await attackProgram('inject');
  });
  after(() => rmSync(directory, { recursive: true }));

  /** What the attacker got hold of, each once. */
  const catches = (output: string): string[] => [
    ...new Set(output.split('\n').filter((line) => /SECRET|power/.test(line))),
  ];

  /** `join` makes something enter the attacker's container. */
  async function attack(
    daemon: TestDaemon,
    image: string,
    join: () => Promise<unknown>,
    ...flags: string[]
  ): Promise<string[]> {
    const run = [
      'run',
      '--rm',
      '-i',
      '--name',
      'attacker',
      '--cap-add',
      'SYS_PTRACE',
      ...flags,
      image,
      'inject',
      secret,
    ];
    await using attacker = await daemon.dockerStart(run, { keepStdin: true });
    await attacker.until(/waiting/);
    for (let i = 0; i < JOINS; i++) await join();
    attacker.child.stdin?.end();
    return catches((await attacker.finished).stdout);
  }

  describe('by the engine', () => {
    let world: World;
    let image: string;
    before(async () => {
      world = await startWorld();
      image = await hostileImage(world, { entries: [{ name: 'bin/inject', mode: 0o755, content: program }] });
    });
    after(() => world[Symbol.asyncDispose]());

    const early = () => ['--security-opt', `seccomp=${profile}`];

    describe('as a further process', () => {
      const exec = () => world.daemon.ok(['exec', 'attacker', 'true']);

      it('is not seen before it has nothing left but the rights of the container', async () => {
        assert.deepEqual(await attack(world.daemon, image, exec), []);
      });

      it('is caught with all capabilities of the host when a filter makes it appear early', async () => {
        const caught = await attack(world.daemon, image, exec, ...early());
        assert.ok(caught.includes('power '), caught.join());
      });
    });

    describe('as a container that shares the PID namespace', () => {
      const start = (...flags: string[]) =>
        world.daemon.ok(['run', '--rm', '--pid', 'container:attacker', ...flags, image, 'true']);

      it('is not seen before it has nothing left but its own rights', async () => {
        assert.deepEqual(await attack(world.daemon, image, start), []);
      });

      it('shows all of the host when a filter makes it appear early', async () => {
        const caught = await attack(world.daemon, image, () => start(...early()));
        assert.ok(caught.includes('power ') && caught.includes('root SECRET'), caught.join());
      });
    });
  });

  describe('of a user namespace', () => {
    let world: World;
    let image: string;
    let ids: AsyncDisposable;
    before(async () => {
      ids = await giveIds(USER, { first: 600_000, count: 65_536 });
      world = await startWorld({ args: REMAP });
      image = await hostileImage(world, { entries: [{ name: 'bin/inject', mode: 0o755, content: program }] });
    });
    after(async () => {
      try {
        await world[Symbol.asyncDispose]();
      } finally {
        await ids[Symbol.asyncDispose]();
      }
    });

    const start = () => {
      const early = ['--security-opt', `seccomp=${profile}`];
      return world.daemon.ok(['run', '--rm', '--pid', 'container:attacker', ...early, image, 'true']);
    };

    it('is not to be traced when a filter makes it appear early', async () => {
      assert.deepEqual(await attack(world.daemon, image, start), []);
    });

    it('shows all of the host to its tracer where it is not hidden', async () => {
      await without(
        world.daemon,
        ['HIDDEN'],
        async () => assert.ok((await attack(world.daemon, image, start)).includes('root SECRET')),
        REMAP,
      );
    });
  });

  it('by isle-runtime is not seen before it has nothing left but the rights of the container', async () => {
    await using box = await Box.make(ISLE_RUNTIME);
    box.addProgram('inject', program);
    const attackWith = async (seccomp?: object) => {
      const id = await box.started((config) => {
        const sets = config.process['capabilities'] as Record<string, string[]>;
        for (const [name, set] of Object.entries(sets)) sets[name] = [...set, 'CAP_SYS_PTRACE'];
        if (seccomp !== undefined) config.linux['seccomp'] = seccomp;
      });
      await using attacker = box.calling(['exec', id, 'inject', secret], { keepStdin: true });
      await attacker.until(/waiting/);
      for (let i = 0; i < JOINS; i++) await box.ok('exec', id, 'true');
      attacker.child.stdin?.end();
      return catches((await attacker.finished).stdout);
    };
    assert.deepEqual(await attackWith(), []);
    const caught = await attackWith(APPEARING_EARLY);
    assert.ok(caught.includes('power '), caught.join());
  });
});
