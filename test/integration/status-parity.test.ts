/** What /proc/PID/status says of a container's processes, for the same flags under isled and under Debian's dockerd. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Dockerd, startDockerd } from '../../bench/peers/dockerd.ts';
import { capabilityMask, capabilityNames, formatMask, parseMask } from '../../src/security/capabilities.ts';
import { fetchDockerd } from '../fixtures/dockerd.ts';
import { parseRights as parse, type Rights as Status } from '../fixtures/rights.ts';
import { startWorld, type World } from '../harness/world.ts';

/** Of Linux 5.8 and 5.9: dockerd 20.10 does not know them. */
const TOO_NEW = ['CAP_PERFMON', 'CAP_BPF', 'CAP_CHECKPOINT_RESTORE'];

/** The status of a process that has these capabilities as well. */
function withMore(status: Status, mask: bigint): Status {
  const more = ['CapPrm', 'CapEff', 'CapBnd'].map((name) => [
    name,
    formatMask((parseMask(status[name] ?? '') ?? 0n) | mask),
  ]);
  return { ...status, ...(Object.fromEntries(more) as Status) };
}

const PROFILE = {
  defaultAction: 'SCMP_ACT_ALLOW',
  syscalls: [{ names: ['mkdir'], action: 'SCMP_ACT_ERRNO', errnoRet: 28 }],
};

const ROWS: readonly (readonly string[])[] = [
  [],
  ['--cap-drop', 'ALL'],
  ['--cap-drop', 'CHOWN', '--cap-drop', 'CAP_KILL'],
  ['--cap-add', 'NET_ADMIN', '--cap-add', 'SYS_PTRACE'],
  ['--cap-add', 'SYS_ADMIN', '--cap-drop', 'MKNOD'],
  ['--cap-add', 'NET_BIND_SERVICE', '--cap-drop', 'ALL'],
  ['--cap-add', 'sys_time', '--cap-drop', 'all'],
  ['--user', '1000'],
  ['--user', '1000:1001', '--group-add', '2000', '--group-add', '3000'],
  ['--user', '1000', '--cap-add', 'NET_BIND_SERVICE'],
  ['--user', '1000', '--cap-drop', 'ALL'],
  ['--user', '0:7', '--cap-add', 'SYS_NICE'],
  ['--user', 'nobody'],
  ['--security-opt', 'no-new-privileges'],
  ['--security-opt', 'no-new-privileges:true', '--user', '1000'],
  ['--security-opt', 'no-new-privileges=false'],
  ['--security-opt', 'seccomp=unconfined'],
  ['--security-opt', 'seccomp=unconfined', '--security-opt', 'no-new-privileges'],
  ['--security-opt', 'seccomp=PROFILE'],
  ['--security-opt', 'seccomp=PROFILE', '--user', '1000', '--cap-add', 'SYS_ADMIN'],
  ['--init'],
  ['--init', '--user', '1000', '--cap-drop', 'ALL'],
];

const EXECS: readonly (readonly string[])[] = [[], ['--user', '1000'], ['--user', '0'], ['--user', '1000:7']];

describe('/proc/PID/status under isled and dockerd', () => {
  let world: World;
  let dockerd: Dockerd;
  let directory: string;
  before(async () => {
    await fetchDockerd();
    world = await startWorld();
    directory = await mkdtemp(join(tmpdir(), 'isle-parity-'));
    await writeFile(join(directory, 'profile.json'), JSON.stringify(PROFILE));
    dockerd = (await startDockerd()) ?? assert.fail('no dockerd');
    await run(dockerd, ['pull', '-q', world.busybox]);
  });
  after(async () => {
    await dockerd[Symbol.asyncDispose]();
    await world[Symbol.asyncDispose]();
    await rm(directory, { recursive: true });
  });

  type Engine = Pick<Dockerd, 'docker'>;
  const run = async (engine: Engine, args: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await engine.docker(args);
    assert.equal(code, 0, `docker ${args.join(' ')}: ${stderr}`);
    return stdout;
  };
  const given = (flags: readonly string[]) =>
    flags.map((flag) => flag.replace('PROFILE', join(directory, 'profile.json')));
  const inside = (flags: readonly string[], ...command: string[]) => [
    'run',
    '--rm',
    '--network',
    'none',
    ...given(flags),
    world.busybox,
    ...command,
  ];
  const first = async (engine: Engine, flags: readonly string[]) =>
    parse(await run(engine, inside(flags, 'cat', '/proc/self/status')));

  for (const flags of ROWS) {
    it(`is the same for the first process: ${flags.join(' ') || 'no flags'}`, async () => {
      assert.deepEqual(await first(world.daemon, flags), await first(dockerd, flags));
    });
  }

  it('is the same for further processes, whatever the container was given', async () => {
    for (const flags of [[], ROWS[4], ROWS[9], ROWS[14], ROWS[16], ROWS[19]]) {
      const ids = new Map<Engine, string>();
      for (const engine of [world.daemon, dockerd]) {
        const args = ['run', '-d', '--network', 'none', ...given(flags ?? []), world.busybox, 'sleep', '100'];
        ids.set(engine, (await run(engine, args)).trim());
      }
      for (const more of EXECS) {
        const [own, other] = await Promise.all(
          [world.daemon, dockerd].map((engine) =>
            run(engine, ['exec', ...more, ids.get(engine) ?? '', 'cat', '/proc/self/status']),
          ),
        );
        assert.deepEqual(parse(own ?? ''), parse(other ?? ''), `${flags?.join(' ')} exec ${more.join(' ')}`);
      }
      for (const [engine, id] of ids) await run(engine, ['rm', '-f', id]);
    }
  });

  for (const flags of [['--privileged'], ['--cap-add', 'ALL'], ['--cap-add', 'ALL', '--cap-drop', 'SYS_ADMIN']]) {
    it(`is all that this machine can give, as when dockerd is told all names: ${flags.join(' ')}`, async () => {
      const own = await first(world.daemon, flags);
      const direct = await dockerd.docker(inside(flags, 'cat', '/proc/self/status'));
      // Debian's dockerd gives what the kernel knows, also where its own bounding set lacks it; then runc fails.
      if (direct.code !== 0) assert.match(direct.stderr, /unable to apply caps/);
      const status = await readFile('/proc/self/status', 'utf8');
      const names = capabilityNames(parseMask(parse(status)['CapBnd'] ?? '') ?? 0n);
      const known = names.filter((name) => !TOO_NEW.includes(name) && name !== `CAP_${flags[3]}`);
      const filter = flags[0] === '--privileged' ? ['--security-opt', 'seccomp=unconfined'] : [];
      const named = await first(dockerd, [...known.flatMap((name) => ['--cap-add', name]), ...filter]);
      const added = capabilityMask(names.filter((name) => TOO_NEW.includes(name)));
      assert.deepEqual(own, direct.code === 0 ? parse(direct.stdout) : withMore(named, added));
    });
  }
});
