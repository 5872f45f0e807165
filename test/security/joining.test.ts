/**
 * CVE-2016-9962: a process on its way into a container still has what is the host's, while the container's own may trace it.
 * The attackers have CAP_SYS_PTRACE, against which it does not help that a process is not dumpable.
 */
import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Namespace } from '../../src/oci/runtime-spec.ts';
import { Box, type Config } from '../conformance/box.ts';
import { ISLE_RUNTIME } from '../conformance/runtimes.ts';
import { eventually, type Running } from '../harness/command.ts';
import { withoutLandlock } from '../fixtures/landlock.ts';
import type { TestDaemon } from '../harness/daemon.ts';
import { giveIds } from '../harness/subids.ts';
import { startWorld, type World } from '../harness/world.ts';
import { hostileImage } from './hostile-image.ts';
import { attackProgram } from './program.ts';
import { APPEARING_EARLY, without } from './unfenced.ts';

/** Enough for an attacker to catch at least one of them, if there is anything to catch. */
const JOINS = 8;
/** Where there is something to catch, it goes on until it has caught that. */
const JOINS_WITHOUT_FENCE = 300;
const POWER = ['power'];
const ROOT = ['root SECRET'];
const ALL = [...POWER, ...ROOT];
const USER = `isleattack${process.pid}`;
/** Neither AppArmor nor Landlock stands in the attacker's way. */
const OPEN = ['--security-opt', 'apparmor=unconfined'];
const skip = await withoutLandlock(false);
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

  /** What the attacker got hold of, each once: of some joins, or of as many as it takes to catch all that is `wanted`. */
  async function catches(
    attacker: Running,
    join: () => Promise<unknown>,
    wanted: readonly string[],
  ): Promise<string[]> {
    const caught = (): string[] => {
      const lines = attacker.stdout().split('\n');
      return [...new Set(lines.filter((line) => /SECRET|power/.test(line)))].map((line) => line.trim());
    };
    const isEnough = () => wanted.length > 0 && wanted.every((line) => caught().includes(line));
    await attacker.until(/waiting/);
    for (let i = 0; i < (wanted.length > 0 ? JOINS_WITHOUT_FENCE : JOINS) && !isEnough(); i++) await join();
    attacker.child.stdin?.end();
    await attacker.finished;
    return isEnough() ? [...wanted] : caught();
  }

  /** `join` makes something enter the attacker's container. */
  async function attack(
    daemon: TestDaemon,
    image: string,
    join: () => Promise<unknown>,
    { wanted = [], flags = [] }: { wanted?: readonly string[]; flags?: readonly string[] } = {},
  ): Promise<string[]> {
    const run = [
      'run',
      '--rm',
      '-i',
      '--name',
      'attacker',
      '--cap-add',
      'SYS_PTRACE',
      ...OPEN,
      ...flags,
      image,
      'inject',
      secret,
    ];
    await using attacker = await daemon.dockerStart(run, { keepStdin: true });
    return await catches(attacker, join, wanted);
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
        const caught = await attack(world.daemon, image, exec, { wanted: POWER, flags: early() });
        assert.deepEqual(caught, POWER);
      });
    });

    describe('as a container that shares the PID namespace', () => {
      const start = (...flags: string[]) =>
        world.daemon.ok(['run', '--rm', '--pid', 'container:attacker', ...flags, image, 'true']);

      it('is not seen before it has nothing left but its own rights', async () => {
        assert.deepEqual(await attack(world.daemon, image, start), []);
      });

      it('shows all of the host when a filter makes it appear early', async () => {
        const caught = await attack(world.daemon, image, () => start(...early()), { wanted: ALL });
        assert.deepEqual(caught, ALL);
      });
    });
  });

  it('shows no other procfs than that of the PID namespace it enters, whatever the other container shows as /proc', async () => {
    await using world = await startWorld();
    const { daemon, busybox } = world;
    const cover = 'mount --bind /shown /proc && echo covered && exec sleep 1000';
    const join = () => daemon.docker(['run', '--rm', '--pid', 'container:liar', busybox, 'cat', '/proc/1/comm']);
    const lie = async (use: () => Promise<void>) => {
      const open = ['--cap-add', 'SYS_ADMIN', '--security-opt', 'apparmor=unconfined', '-v', '/proc:/shown'];
      await daemon.ok(['run', '-d', '--name', 'liar', ...open, busybox, 'sh', '-c', cover]);
      await eventually(
        'it is covered',
        async () => /covered/.test((await daemon.docker(['logs', 'liar'])).stdout) || null,
      );
      await use();
      await daemon.ok(['rm', '-f', 'liar']);
    };
    await lie(async () => assert.match((await join()).stderr, /cannot check that it is the procfs of/));
    await without(daemon, ['procfs_of'], () =>
      lie(async () => assert.equal((await join()).stdout, readFileSync('/proc/1/comm', 'utf8'))),
    );
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
        async () => assert.deepEqual(await attack(world.daemon, image, start, { wanted: ROOT }), ROOT),
        REMAP,
      );
    });

    it('is kept from a tracer that Landlock confines, even where it is not hidden', { skip }, async () => {
      const flags = ['--security-opt', 'landlock=default'];
      await without(
        world.daemon,
        ['HIDDEN'],
        async () => assert.deepEqual(await attack(world.daemon, image, start, { flags }), []),
        REMAP,
      );
    });
  });

  describe('by isle-runtime', () => {
    let box: Box;
    before(async () => {
      box = await Box.make(ISLE_RUNTIME);
      box.addProgram('inject', program);
    });
    after(() => box[Symbol.asyncDispose]());

    const withFilter = (seccomp: object | undefined) => (config: Config) => {
      if (seccomp !== undefined) config.linux['seccomp'] = seccomp;
    };

    /** What an attacker in a container catches of those that `join` makes enter it. */
    async function attackOn(
      join: (id: string) => Promise<unknown>,
      { wanted = [], seccomp }: { wanted?: readonly string[]; seccomp?: object } = {},
    ): Promise<string[]> {
      const id = await box.started((config) => {
        const sets = config.process['capabilities'] as Record<string, string[]>;
        for (const [name, set] of Object.entries(sets)) sets[name] = [...set, 'CAP_SYS_PTRACE'];
        withFilter(seccomp)(config);
      });
      await using attacker = box.calling(['exec', id, 'inject', secret], { keepStdin: true });
      return await catches(attacker, () => join(id), wanted);
    }

    const exec = (id: string) => box.ok('exec', id, 'true');
    /** Makes, starts and removes a container in the PID namespace of that one. */
    const create = (seccomp?: object) => async (id: string) => {
      const { pid } = await box.state(id);
      const joined = await box.started((config) => {
        config.process['args'] = ['true'];
        config.linux['namespaces'] = (config.linux['namespaces'] as Namespace[]).map((own) =>
          own.type === 'pid' ? { ...own, path: `/proc/${pid}/ns/pid` } : own,
        );
        withFilter(seccomp)(config);
      });
      await box.ok('delete', '--force', joined);
    };

    it('is not seen before it has nothing left but the rights of the container', async () => {
      assert.deepEqual(await attackOn(exec), []);
    });

    it('is caught with all capabilities of the host when a filter makes it appear early', async () => {
      assert.deepEqual(await attackOn(exec, { wanted: POWER, seccomp: APPEARING_EARLY }), POWER);
    });

    it('is not seen while a container is made that shares the PID namespace', async () => {
      assert.deepEqual(await attackOn(create()), []);
    });

    it('shows all of the host while such a container is made and a filter makes it appear early', async () => {
      assert.deepEqual(await attackOn(create(APPEARING_EARLY), { wanted: ALL }), ALL);
    });
  });
});
