/**
 * Container start: `docker run --rm IMAGE true` from the command to its exit, and bare OCI runtimes with a bundle. What a
 * start costs beyond the kernel's own work is measured by floor.ts.
 * Usage: bench/start.ts [--rounds N]
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { removeCgroups } from '../test/harness/instance.ts';
import { startWorld, type World } from '../test/harness/world.ts';
import { apiRunner } from './api-run.ts';
import { type Candidate, formatResults, inTurns, numberOption, thatWork } from './measure.ts';
import { type Dockerd, startDockerd } from './peers/dockerd.ts';
import { explainMissing } from './peers/find.ts';
import { preparePodman } from './peers/podman.ts';
import { check, isleRuntimeCgroup, runtimes } from './peers/runtimes.ts';
import { unmountBelow } from './peers/unmount.ts';

const PODMAN_CGROUP = 'isle-bench-podman';
const ROUNDS = numberOption('rounds', 20);

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

function dockerRun(world: World, dockerd: Dockerd | null, flags: string[]): Candidate[] {
  const args = ['run', '--rm', ...flags, world.busybox, 'true'];
  const isle: Candidate = { name: 'isle', run: () => check('isle', world.daemon.docker(args)) };
  if (dockerd === null) return [isle];
  return [isle, { name: 'dockerd', run: () => check('dockerd', dockerd.docker(args)) }];
}

async function main(): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), 'isle-bench-'));
  const removeIsleRuntimeCgroup = isleRuntimeCgroup();
  stack.defer(async () => {
    await unmountBelow(directory);
    await removeCgroups(PODMAN_CGROUP);
    await removeIsleRuntimeCgroup();
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
    { name: 'isle by its API, no network', run: () => alone.runAndRemove() },
    { name: 'isle by its API, bridge network', run: () => bridged.runAndRemove() },
    ...(await runtimes(directory)),
  ];
  console.log(
    formatResults('without a client: create, start, exit, removal', await inTurns(await thatWork(bare), ROUNDS)),
  );
  console.log(explainMissing(['dockerd', 'containerd', 'podman', 'runc', 'crun']));
}

await main();
