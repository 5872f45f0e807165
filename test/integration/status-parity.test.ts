/** What /proc/PID/status says of a container's processes, for the same flags under isled and under Debian's dockerd. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { capabilityNames } from '../../src/security/capabilities.ts';
import { allHere, capabilitiesHere, parseRights as parse, type Rights as Status, TOO_NEW } from '../fixtures/rights.ts';
import { TwoEngines } from '../fixtures/two-engines.ts';
import { eventually, start } from '../harness/command.ts';
import { findDocker } from '../harness/docker.ts';
import { tell, untilTold } from '../harness/go-ahead.ts';

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

const EXECS: readonly (readonly string[])[] = [
  [],
  ['--user', '1000'],
  ['--user', '0'],
  ['--user', '1000:7'],
  ['-u', 'nobody'],
];
const PRIVILEGED: readonly (readonly string[])[] = [['--privileged'], ['--privileged', '-u', '1000:7']];

describe('/proc/PID/status under isled and dockerd', () => {
  let engines: TwoEngines;
  let directory: string;
  before(async () => {
    engines = await TwoEngines.start();
    directory = await mkdtemp(join(tmpdir(), 'isle-parity-'));
    await writeFile(join(directory, 'profile.json'), JSON.stringify(PROFILE));
  });
  after(async () => {
    await engines[Symbol.asyncDispose]();
    await rm(directory, { recursive: true });
  });

  const given = (flags: readonly string[]) =>
    flags.map((flag) => flag.replace('PROFILE', join(directory, 'profile.json')));

  for (const flags of ROWS) {
    it(`is the same for the first process: ${flags.join(' ') || 'no flags'}`, async () => {
      const [own, other] = engines.both;
      assert.deepEqual(await engines.first(own, given(flags)), await engines.first(other, given(flags)));
    });
  }

  it('is that of a living process when the client of an exec was killed: the exec goes on, also if it says much', async () => {
    const docker = await findDocker();
    const script = `echo begun; ${untilTold}; yes | head -c 1000000; touch /ended; sleep 100`;
    const { world, dockerd } = engines;
    for (const engine of [world.daemon, dockerd]) {
      const id = (await engines.ok(engine, ['run', '-d', '--network', 'none', world.busybox, 'sleep', '1000'])).trim();
      const env = { DOCKER_HOST: `unix://${engine.socket}`, DOCKER_CONFIG: directory };
      await using client = start(docker, ['exec', id, 'sh', '-c', script], { env });
      await client.until(/begun/);
      client.child.kill('SIGKILL');
      await client.finished;
      tell(Number(await engines.ok(engine, ['inspect', '-f', '{{.State.Pid}}', id])));
      await eventually('the exec comes to its end', async () => {
        return (await engine.docker(['exec', id, 'test', '-e', '/ended'])).code === 0 || null;
      });
      assert.match(await engines.ok(engine, ['top', id]), /sleep 100$/m);
      await engines.ok(engine, ['rm', '-f', id]);
    }
  });

  it('is the same for further processes, whatever the container was given', async () => {
    const [own, other] = engines.both;
    for (const flags of [[], ROWS[4], ROWS[9], ROWS[14], ROWS[16], ROWS[19]]) {
      await engines.running(given(flags ?? []), async (further) => {
        for (const more of EXECS) {
          const what = `${flags?.join(' ')} exec ${more.join(' ')}`;
          assert.deepEqual(await further(own, more), await further(other, more), what);
        }
      });
    }
  });

  /** By name, as far as dockerd knows them. */
  const known = capabilityNames(capabilitiesHere()).filter((name) => !TOO_NEW.includes(name));
  /** Debian's dockerd gives what the kernel knows, also where its own bounding set lacks it; then runc fails. */
  const failed = (stderr: string): void => assert.match(stderr, /unable to apply caps/);

  for (const flags of [['--privileged'], ['--cap-add', 'ALL'], ['--cap-add', 'ALL', '--cap-drop', 'SYS_ADMIN']]) {
    it(`is all that this machine can give, as when dockerd is told all names: ${flags.join(' ')}`, async () => {
      const { dockerd } = engines;
      const own = await engines.first(engines.world.daemon, flags);
      const direct = await dockerd.docker(engines.line(flags));
      if (direct.code !== 0) failed(direct.stderr);
      const asked = known.filter((name) => name !== `CAP_${flags[3]}`);
      const filter = flags[0] === '--privileged' ? ['--security-opt', 'seccomp=unconfined'] : [];
      const named = await engines.first(dockerd, [...asked.flatMap((name) => ['--cap-add', name]), ...filter]);
      assert.deepEqual(own, direct.code === 0 ? parse(direct.stdout) : allHere(named));
    });
  }

  it('is all that this machine can give for a further process with --privileged, and the filter of the container', async () => {
    const [own, other] = engines.both;
    const added = known.flatMap((name) => ['--cap-add', name]);
    for (const flags of [[], ['--cap-drop', 'ALL'], ROWS[13], ROWS[16]] as string[][]) {
      const seen: Status[] = [];
      const expected: (Status | null)[] = [];
      await engines.running(flags, async (further) => {
        for (const more of PRIVILEGED) {
          seen.push(await further(own, more));
          expected.push(await further(other, more).catch((error: unknown) => (failed(String(error)), null)));
        }
      });
      const kept = flags.includes('--cap-drop') ? [] : flags;
      await engines.running([...kept, ...added], async (further) => {
        for (const [index, [, ...more]] of PRIVILEGED.entries()) {
          expected[index] ??= allHere(await further(other, more));
        }
      });
      assert.deepEqual(seen, expected, flags.join(' '));
    }
  });
});
