/**
 * Container start: `docker run --rm IMAGE true` from the command to its exit, and bare OCI runtimes with a bundle.
 * Usage: bench/start.ts [--rounds N]
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { busyboxImage } from '../test/fixtures/images.ts';
import { type Finished, run } from '../test/harness/command.ts';
import { startWorld, type World } from '../test/harness/world.ts';
import { type Candidate, formatResults, inTurns, numberOption } from './measure.ts';
import { makeBundle } from './peers/bundle.ts';
import { type Dockerd, startDockerd } from './peers/dockerd.ts';
import { explainMissing, findProgram } from './peers/find.ts';

const ROUNDS = numberOption('rounds', 20);

async function check(what: string, finished: Promise<Finished>): Promise<void> {
  const { code, stderr } = await finished;
  if (code !== 0) throw new Error(`${what} ended with ${code}: ${stderr}`);
}

/** Podman has no daemon; its roots are ours. Its own network needs helpers, so it takes part without a network only. */
async function podman(directory: string): Promise<Candidate[]> {
  const program = findProgram('podman');
  if (program === null) return [];
  const layout = await busyboxImage();
  const roots = [
    '--root',
    join(directory, 'root'),
    '--runroot',
    join(directory, 'run'),
    '--cgroup-manager',
    'cgroupfs',
  ];
  const options = { timeoutMs: 120_000 };
  await check('podman pull', run(program, [...roots, 'pull', '-q', `oci:${layout}`], options));
  const { stdout } = await run(program, [...roots, 'images', '-q'], options);
  const image = stdout.trim();
  const args = [...roots, 'run', '--rm', '--network', 'none', image, 'true'];
  return [{ name: 'podman', run: () => check('podman', run(program, args, options)) }];
}

async function runtimes(directory: string): Promise<Candidate[]> {
  const candidates: Candidate[] = [];
  for (const name of ['runc', 'crun']) {
    const program = findProgram(name);
    if (program === null) continue;
    const bundle = join(directory, name);
    await makeBundle(program, await busyboxImage(), bundle);
    let count = 0;
    const start = () => check(name, run(program, ['run', '--bundle', bundle, `isle-bench-${process.pid}-${count++}`]));
    candidates.push({ name: `${name}, bare, with a bundle`, run: start });
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
  stack.defer(() => rm(directory, { recursive: true, force: true }));
  const world = stack.use(await startWorld());
  const dockerd = stack.use(await startDockerd());
  if (dockerd !== null) await check('docker pull', dockerd.docker(['pull', '-q', world.busybox]));

  console.log(formatResults('docker run --rm, bridge network', await inTurns(dockerRun(world, dockerd, []), ROUNDS)));
  const without = [
    ...dockerRun(world, dockerd, ['--network', 'none']),
    ...(await podman(directory)),
    ...(await runtimes(directory)),
  ];
  console.log(formatResults('docker run --rm --network none', await inTurns(without, ROUNDS)));
  console.log(explainMissing(['dockerd', 'containerd', 'podman', 'runc', 'crun']));
}

await main();
