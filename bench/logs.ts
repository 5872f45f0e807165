/**
 * Logs and attached clients: how long a container takes whose output is logged, how long `docker logs` takes, and how fast
 * output gets to a client. isle and dockerd in turns, with the same driver, options and client.
 * Usage: bench/logs.ts [--rounds N] [--lines N]
 */
import { createConnection } from 'node:net';
import { api } from '../test/harness/api.ts';
import { startWorld, type World } from '../test/harness/world.ts';
import { type Candidate, formatResults, inTurns, median, numberOption } from './measure.ts';
import { type Dockerd, startDockerd } from './peers/dockerd.ts';
import { explainMissing } from './peers/find.ts';
import { check } from './peers/runtimes.ts';

const ROUNDS = numberOption('rounds', 3);
const LINES = numberOption('lines', 500_000);
const DRIVERS = ['json-file', 'local'];
/** 100 bytes with the newline. */
const PRINT = `yes $(printf %099d 7) | head -n ${LINES}`;
const ATTACHED_MB = 256;
const FLOOD = ['dd', 'if=/dev/zero', 'bs=64k', `count=${ATTACHED_MB * 16}`];

interface Engine {
  name: string;
  readonly docker: (args: readonly string[]) => Promise<{ code: number; stdout: string; stderr: string }>;
}

function engines(world: World, dockerd: Dockerd | null): Engine[] {
  const isle: Engine = { name: 'isle', docker: (args) => world.daemon.docker(args) };
  return dockerd === null ? [isle] : [isle, { name: 'dockerd', docker: (args) => dockerd.docker(args) }];
}

/** `docker wait` answers when the container has ended and its log is written. */
function writing(engine: Engine, image: string, driver: string): Candidate {
  const options = ['--network', 'none', '--log-driver', driver, '--log-opt', 'max-size=1g'];
  const files = driver === 'local' ? ['--log-opt', 'compress=false'] : [];
  const create = ['create', '--name', 'writer', ...options, ...files, image, 'sh', '-c', PRINT];
  return {
    name: engine.name,
    run: async () => {
      await check(engine.name, engine.docker(create));
      const start = performance.now();
      await check(engine.name, engine.docker(['start', 'writer']));
      await check(engine.name, engine.docker(['wait', 'writer']));
      return performance.now() - start;
    },
    reset: () => check(engine.name, engine.docker(['rm', '-f', 'writer'])),
  };
}

function reading(engine: Engine): Candidate {
  return { name: engine.name, run: () => check(engine.name, engine.docker(['logs', 'written'])) };
}

async function measureDriver(all: readonly Engine[], image: string, driver: string): Promise<void> {
  const title = `${LINES} lines of 100 bytes, ${driver}`;
  const written = await inTurns(
    all.map((engine) => writing(engine, image, driver)),
    ROUNDS,
  );
  console.log(formatResults(`written: ${title}`, written));
  const options = ['--network', 'none', '--log-driver', driver, '--log-opt', 'max-size=1g'];
  const files = driver === 'local' ? ['--log-opt', 'compress=false'] : [];
  for (const { name, docker } of all) {
    await check(name, docker(['run', '-d', '--name', 'written', ...options, ...files, image, 'sh', '-c', PRINT]));
    await check(name, docker(['wait', 'written']));
  }
  console.log(formatResults(`docker logs: ${title}`, await inTurns(all.map(reading), ROUNDS)));
  for (const { name, docker } of all) await check(name, docker(['rm', 'written']));
}

/** As fast as a client can be that only counts. */
async function attachedMs(socketPath: string, engine: { socket: string }, image: string): Promise<number> {
  const HostConfig = { NetworkMode: 'none', LogConfig: { Type: 'none' }, AutoRemove: true };
  const created = await api(engine, 'POST', '/containers/create', { Image: image, Cmd: FLOOD, HostConfig });
  const { Id } = JSON.parse(created.text) as { Id: string };
  const socket = createConnection({ path: socketPath });
  const head = 'Host: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 0';
  socket.write(`POST /containers/${Id}/attach?stream=1&stdout=1 HTTP/1.1\r\n${head}\r\n\r\n`);
  await new Promise((resolve) => socket.once('data', resolve));
  let bytes = 0;
  socket.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
  });
  const ended = new Promise((resolve) => socket.once('end', resolve));
  const start = performance.now();
  await api(engine, 'POST', `/containers/${Id}/start`);
  await ended;
  const timeMs = performance.now() - start;
  socket.destroy();
  if (bytes < ATTACHED_MB * 2 ** 20) throw new Error(`only ${bytes} bytes came`);
  return timeMs;
}

async function main(): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const world = stack.use(await startWorld());
  const dockerd = stack.use(await startDockerd());
  if (dockerd !== null) await check('docker pull', dockerd.docker(['pull', '-q', world.busybox]));
  const all = engines(world, dockerd);
  for (const driver of DRIVERS) await measureDriver(all, world.busybox, driver);
  const attached = ['run', '--rm', '--network', 'none', '--log-driver', 'none', world.busybox, ...FLOOD];
  const clients = all.map(({ name, docker }): Candidate => ({ name, run: () => check(name, docker(attached)) }));
  console.log(formatResults(`docker run, ${ATTACHED_MB} MiB to the client`, await inTurns(clients, ROUNDS)));
  const { socket } = world.daemon;
  const bare = { name: 'isle', run: () => attachedMs(socket, world.daemon, world.busybox) };
  const results = await inTurns([bare], ROUNDS);
  console.log(formatResults(`attach by the API, ${ATTACHED_MB} MiB`, results));
  const ms = median(results[0]?.timesMs ?? []);
  console.log(`  ${Math.round((ATTACHED_MB * 2 ** 20) / ms / 1000)} MB/s, the container's start included\n`);
  console.log(explainMissing(['dockerd', 'containerd', 'runc']));
}

await main();
