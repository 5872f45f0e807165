/**
 * Container start: `docker run --rm IMAGE true` from the command to its exit, and bare OCI runtimes with a bundle.
 * Usage: bench/start.ts [--rounds N]
 */
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { busyboxImage } from '../test/fixtures/images.ts';
import { type Finished, run } from '../test/harness/command.ts';
import { removeCgroups } from '../test/harness/instance.ts';
import { cgroupMounts } from '../test/harness/leftovers.ts';
import { startWorld, type World } from '../test/harness/world.ts';
import { apiRunner } from './api-run.ts';
import { type Candidate, formatResults, inTurns, numberOption, thatWork } from './measure.ts';
import { makeBundle } from './peers/bundle.ts';
import { type Dockerd, startDockerd } from './peers/dockerd.ts';
import { explainMissing, findProgram } from './peers/find.ts';
import { preparePodman } from './peers/podman.ts';
import { unmountBelow } from './peers/unmount.ts';

const PODMAN_CGROUP = 'isle-bench-podman';
/** Parent of containers whose bundle names no cgroup; isle-runtime keeps it for the next one. */
const ISLE_RUNTIME_CGROUP = 'isle-runtime';
const ISLE_RUNTIME = join(import.meta.dirname, '../isle-runtime');
const ROUNDS = numberOption('rounds', 20);

async function check(what: string, finished: Promise<Finished>): Promise<void> {
  const { code, stderr } = await finished;
  if (code !== 0) throw new Error(`${what} ended with ${code}: ${stderr}`);
}

async function podmanRun(directory: string, image: string): Promise<Candidate[]> {
  const podman = await preparePodman(directory, image);
  if (podman === null) return [];
  // Its default limits cannot be raised to on a machine whose root lacks CAP_SYS_RESOURCE.
  const flags = [
    '--rm',
    '--network',
    'none',
    '--cgroup-parent',
    `/${PODMAN_CGROUP}`,
    '--ulimit',
    'nofile=1024:2048',
    '--ulimit',
    'nproc=1024:2048',
  ];
  const start = () => check('podman', podman.run('run', ...flags, image, 'true'));
  return [{ name: 'podman', run: start }];
}

/** crun refuses hybrid cgroups, which isle and runc handle: there it runs in a mount namespace that hides the unified ones. */
const HIDING = ['unshare', '--mount', 'sh', '-c', 'umount "$0" && exec "$@"'];

async function runtimes(directory: string): Promise<Candidate[]> {
  const candidates: Candidate[] = [];
  for (const name of ['runc', 'crun', 'isle-runtime']) {
    const program = name === 'isle-runtime' ? ISLE_RUNTIME : findProgram(name);
    if (program === null) continue;
    const bundle = join(directory, name);
    await makeBundle(program, await busyboxImage(), bundle);
    const state = ['--root', join(directory, `${name}-state`)];
    const unified = '/sys/fs/cgroup/unified';
    const hide = name === 'crun' && existsSync(unified);
    const [command = '', ...prefix] = hide ? [...HIDING, unified, program] : [program];
    let count = 0;
    const id = () => `isle-bench-${process.pid}-${count++}`;
    candidates.push({
      name: `${name} run, with a bundle${hide ? ' (through unshare)' : ''}`,
      run: () => check(name, run(command, [...prefix, ...state, 'run', '--bundle', bundle, id()])),
    });
  }
  return candidates;
}

function dockerRun(world: World, dockerd: Dockerd | null, flags: string[]): Candidate[] {
  const args = ['run', '--rm', ...flags, world.busybox, 'true'];
  const isle: Candidate = { name: 'isle', run: () => check('isle', world.daemon.docker(args)) };
  if (dockerd === null) return [isle];
  return [isle, { name: 'dockerd', run: () => check('dockerd', dockerd.docker(args)) }];
}

async function main(): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), 'isle-bench-'));
  const isInUse = cgroupMounts().some((mount) => existsSync(join(mount, ISLE_RUNTIME_CGROUP)));
  stack.defer(async () => {
    await unmountBelow(directory);
    await removeCgroups(PODMAN_CGROUP);
    if (!isInUse) await removeCgroups(ISLE_RUNTIME_CGROUP);
    await rm(directory, { recursive: true, force: true });
  });
  const world = stack.use(await startWorld());
  const dockerd = stack.use(await startDockerd());
  if (dockerd !== null) await check('docker pull', dockerd.docker(['pull', '-q', world.busybox]));

  console.log(
    formatResults(
      'docker run --rm, bridge network',
      await inTurns(await thatWork(dockerRun(world, dockerd, [])), ROUNDS),
    ),
  );
  const without = [
    ...dockerRun(world, dockerd, ['--network', 'none']),
    ...(await podmanRun(join(directory, 'podman'), world.busybox)),
  ];
  console.log(formatResults('docker run --rm --network none', await inTurns(await thatWork(without), ROUNDS)));

  using bridged = apiRunner(world.daemon.socket, world.busybox, 'bridge');
  using alone = apiRunner(world.daemon.socket, world.busybox, 'none');
  const bare = [
    { name: 'isle by its API, no network', run: () => alone.run() },
    { name: 'isle by its API, bridge network', run: () => bridged.run() },
    ...(await runtimes(directory)),
  ];
  console.log(formatResults('without a client: create, start, exit seen', await inTurns(await thatWork(bare), ROUNDS)));
  console.log(explainMissing(['dockerd', 'containerd', 'podman', 'runc', 'crun']));
}

await main();
