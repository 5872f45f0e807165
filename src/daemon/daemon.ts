/** isled: makes its directories, takes its lock, starts islet, restores what runs, and answers on its socket. */
import { randomUUID } from 'node:crypto';
import { chmodSync, existsSync, lstatSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import type { Server } from 'node:http';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import type { Logger } from 'pino';
import { closeApiServer, createApiServer } from '../api/server.ts';
import { CgroupParents } from '../containers/cgroup-parents.ts';
import type { ContainersContext } from '../containers/context.ts';
import { Runtimes } from '../containers/runtimes/known.ts';
import type { LandlockPort } from '../containers/ports.ts';
import { ContainerService } from '../containers/service.ts';
import { ContainerStore } from '../containers/store.ts';
import { ContentStore } from '../content/store.ts';
import { EngineError } from '../errors.ts';
import { explainImage } from '../explain/index.ts';
import { ImageService } from '../images/service.ts';
import { BridgeNetwork } from '../networks/drivers/bridge.ts';
import { type Database, migrate, openDatabase, writeAheadLog } from '../platform/database.ts';
import { GroupFlush } from '../platform/group-flush.ts';
import { DiskRoom } from '../platform/disk-room.ts';
import { RecentMap } from '../platform/recent-map.ts';
import { DiskReserve, isDatabaseFull, type SpaceReserve, withReserve } from '../platform/reserve.ts';
import { type CgroupBackend, createCgroupBackend, readCgroupLayout } from '../runtime/cgroups/index.ts';
import { Launcher } from '../runtime/executor.ts';
import { compileLandlockPlan, removeTreesPlan } from '../runtime/plan/compile.ts';
import { SnapshotStore } from '../snapshots/store.ts';
import { type AppArmor, openAppArmor } from './apparmor.ts';
import { createBackend } from './backend.ts';
import type { DaemonConfig } from './config.ts';
import { EventBus } from './events.ts';
import { awaitOldLauncher, lockRoots, noteLauncher } from './lock.ts';
import { ENGINE_VERSION } from './system.ts';
import { labelStoreOps, readSelinux } from './selinux.ts';
import { HostIdPool, readAutoIds, readIdMap } from './userns.ts';

export interface RunningDaemon {
  /** Stops answering; containers run on. */
  close(): Promise<void>;
}

export type DaemonLog = Logger;

const OLD_LAUNCHER_PATIENCE_MS = 5000;
/** For a few hundred removals: each changes some pages of 4 KiB, and their log is written over again after 4 MiB. */
const RESERVE_BYTES = 4 << 20;
/** Images whose passwd and group files are kept in memory: with files of 64 KiB at most, 16 MiB. */
const CACHED_ACCOUNTS = 128;
/** What a loss of power may undo of starts and ends, whose containers it ends anyway. */
const FLUSH_DELAY_MS = 20;

/** Starts all of it, or, when a part fails, leaves nothing of it behind. */
export async function startDaemon(config: DaemonConfig, log: DaemonLog): Promise<RunningDaemon> {
  try {
    return await startParts(config, log);
  } catch (thrown) {
    throw stateError(config, thrown);
  }
}

async function startParts(config: DaemonConfig, log: DaemonLog): Promise<RunningDaemon> {
  const runtimes = new Runtimes({
    added: config.addedRuntimes,
    defaultName: config.defaultRuntime,
    stateRoot: join(config.execRoot, 'runtimes'),
    searchPath: process.env['PATH'] ?? '',
  });
  await using started = new AsyncDisposableStack();
  const containersDir = join(config.dataRoot, 'containers');
  const runDir = join(config.execRoot, 'containers');
  for (const directory of [config.dataRoot, config.execRoot, containersDir, runDir, dirname(config.pidFile)]) {
    mkdirSync(directory, { recursive: true, mode: 0o711 });
  }
  started.defer(lockRoots(config));
  const reserve = new DiskReserve(join(config.dataRoot, 'reserve'), RESERVE_BYTES);
  const databasePath = join(config.dataRoot, 'isle.db');
  const database = withReserve(reserve, () => openDatabase(databasePath));
  started.defer(() => {
    database.close();
    reserve.refill();
  });
  const store = openContainerStore(databasePath, reserve, log, started);
  // Compiling a profile takes a while: the rest is made meanwhile.
  const openingAppArmor = openAppArmor(log);
  const islet = join(config.programDir, 'islet');
  const launcher = await startLauncher(config, log, islet);
  started.defer(() => launcher.close());
  await launcher.run({ ops: createCgroupBackend(readCgroupLayout()).planRoot(config.cgroupParent) });
  // Which files containers will have shows in the parent that there is now.
  const cgroups = createCgroupBackend(readCgroupLayout(config.cgroupParent));
  const bridge = await BridgeNetwork.open({ name: config.bridge, bip: config.bip, launcher, database });
  const events = new EventBus();
  const landlock = { abi: await landlockAbi(launcher), byDefault: config.landlock };
  const appArmor = await openingAppArmor;
  const shared = { config, events, bridge, cgroups, appArmor, landlock, runtimes };
  const stores = { database, reserve, containersDir, runDir, islet, store };
  const containers = await openContainers({ ...shared, ...stores, log, launcher });
  const backend = createBackend({ ...shared, containers, engineId: engineId(database) });
  const server = createApiServer(backend, {
    version: ENGINE_VERSION,
    report: (err, request) => log.error({ err, request }, 'a request failed'),
  });
  await listen(server, config.socketPath);
  log.info({ socket: config.socketPath, dataRoot: config.dataRoot }, 'isled is ready');
  let closing = false;
  // Without the launcher nothing can be started: better to end and be started again than to pretend.
  void launcher.exited.then(() => {
    if (closing) return;
    log.fatal('the islet launcher ended; isled ends too, containers run on');
    process.exit(1);
  });
  const running = started.move();
  return {
    close: async () => {
      closing = true;
      await closeApiServer(server);
      rmSync(config.socketPath, { force: true });
      await running.disposeAsync();
    },
  };
}

/** Of its own connection: what happens to containers is written too often for a flush of the disk each time. */
function openContainerStore(
  path: string,
  reserve: SpaceReserve,
  log: DaemonLog,
  started: AsyncDisposableStack,
): ContainerStore {
  const connection = openDatabase(path, 'NORMAL');
  started.defer(() => connection.close());
  const flush = new GroupFlush(writeAheadLog(path), {
    delayMs: FLUSH_DELAY_MS,
    onError: (err) =>
      log.error({ err }, 'cannot bring the database to the disk; a loss of power may undo what was done'),
  });
  started.defer(() => flush.close());
  const store = new ContainerStore(connection, reserve, flush, ({ id }, err) =>
    log.error({ container: id, err }, 'cannot write the state of a container to the database'),
  );
  started.defer(() => store.close());
  return store;
}

async function startLauncher(config: DaemonConfig, log: DaemonLog, islet: string): Promise<Launcher> {
  if (!existsSync(islet))
    throw new EngineError('System', `there is no islet program at ${islet}`, { hint: 'run `npm run build`' });
  if (!(await awaitOldLauncher(config.execRoot, OLD_LAUNCHER_PATIENCE_MS)))
    log.warn('the launcher of an earlier isled does not end; a start of its may be missed');
  const launcher = await Launcher.spawn(islet);
  noteLauncher(config.execRoot, launcher.pid);
  return launcher;
}

async function landlockAbi(launcher: Launcher): Promise<number> {
  const [version] = await launcher.run(compileLandlockPlan());
  return Number(new TextDecoder().decode(version ?? new Uint8Array()));
}

/** SQLite's own words ("file is not a database") do not say which file, nor what to do. */
function stateError(config: DaemonConfig, thrown: unknown): unknown {
  if ((thrown as NodeJS.ErrnoException).code !== 'ERR_SQLITE_ERROR') return thrown;
  const path = join(config.dataRoot, 'isle.db');
  if (isDatabaseFull(thrown)) {
    return new EngineError('System', `no space left on the file system of ${config.dataRoot}`, {
      hint: 'free some: the database needs a few hundred KiB to be opened',
      cause: thrown,
    });
  }
  const reason = thrown instanceof Error ? thrown.message : String(thrown);
  return new EngineError('System', `cannot use the database ${path}: ${reason}`, {
    hint: 'put a good copy of it back, or move it away together with its -wal and -shm files: isle then starts without its containers and images',
    cause: thrown,
  });
}

interface Parts {
  config: DaemonConfig;
  log: DaemonLog;
  database: Database;
  reserve: SpaceReserve;
  launcher: Launcher;
  cgroups: CgroupBackend;
  bridge: BridgeNetwork;
  events: EventBus;
  appArmor: AppArmor;
  landlock: LandlockPort;
  runtimes: Runtimes;
  containersDir: string;
  runDir: string;
  islet: string;
  store: ContainerStore;
}

/** Opens the stores, connects images and containers with each other, and restores. */
async function openContainers(parts: Parts): Promise<{ containers: ContainerService; images: ImageService }> {
  const { config, log, database } = parts;
  const room = new DiskRoom(config.keepFreeBytes);
  const snapshots = new SnapshotStore({
    room,
    root: join(config.dataRoot, 'snapshots'),
    isletPath: parts.islet,
    removeTree: async (path) => void (await parts.launcher.run(removeTreesPlan([path]))),
  });
  await snapshots.init();
  const content = new ContentStore({ root: join(config.dataRoot, 'content'), room });
  const selinux = readSelinux(config.selinuxEnabled, log);
  if (selinux !== null) await parts.launcher.run({ ops: labelStoreOps(selinux, join(config.dataRoot, 'snapshots')) });
  content.init();
  const images = new ImageService({
    database,
    content,
    snapshots,
    helloPath: join(config.programDir, 'hello'),
    reserve: parts.reserve,
    usersOf: (imageId) => containers.usersOf(imageId),
    explain: (image) =>
      explainImage({
        reference: image.repoTags[0] ?? image.id,
        id: image.id,
        repoTags: image.repoTags,
        repoDigests: image.repoDigests,
        config: image.config,
        sizeBytes: image.sizeBytes,
        layerSizes: Object.fromEntries(image.diffIds.map((diffId) => [diffId, snapshots.size(diffId)])),
      }),
    onEvent: (action, id, attributes) => parts.events.publish('image', action, id, attributes),
  });
  const autoIds = readAutoIds(config.usernsRemap);
  const idPool = new HostIdPool(config.usernsPool, config.dataRoot);
  if (autoIds !== null) idPool.claim();
  const context: Omit<ContainersContext, 'directories' | 'lifecycle'> = {
    store: parts.store,
    launcher: parts.launcher,
    islet: parts.islet,
    cgroups: parts.cgroups,
    cgroupParent: config.cgroupParent,
    cgroupParents: new CgroupParents(database),
    runtimes: parts.runtimes,
    logDefaults: config.logDefaults,
    snapshots,
    images,
    bridge: parts.bridge,
    events: { publish: (action, id, attributes) => parts.events.publish('container', action, id, attributes) },
    log,
    dataDir: parts.containersDir,
    runDir: parts.runDir,
    appArmor: parts.appArmor,
    landlock: parts.landlock,
    capBounding: ownBoundingSet(),
    auditRefuse: config.auditRefuse,
    idMap: readIdMap(config.usernsRemap),
    autoIds,
    idPool,
    strayMaps: [],
    selinux,
    containers: new Map(),
    accounts: new RecentMap(CACHED_ACCOUNTS),
    execs: new Map(),
  };
  const containers = new ContainerService(context);
  await containers.restore();
  await images.start();
  return { containers, images };
}

/** CapBnd of this process: what it lacks, no container can get. */
function ownBoundingSet(): bigint {
  const hex = /^CapBnd:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
  return BigInt(`0x${hex ?? '0'}`);
}

function engineId(database: Database): string {
  migrate(database, 'engine', ['CREATE TABLE engine (id TEXT PRIMARY KEY) STRICT']);
  const row = database.prepare('SELECT id FROM engine').get();
  if (row !== undefined) return String(row['id']);
  const id = randomUUID();
  database.prepare('INSERT INTO engine VALUES (?)').run(id);
  return id;
}

/** Listens with mode 0660: who may write to this socket is root on this host. A socket that nobody answers is replaced. */
async function listen(server: Server, path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found !== undefined) {
    if (!found.isSocket()) {
      throw new EngineError('Conflict', `${path} is there and is no socket, so isled cannot listen on it`, {
        hint: 'move it away, or give this daemon another -H',
      });
    }
    if (await answers(path)) {
      throw new EngineError('Conflict', `another process listens on ${path}`, { hint: 'give this daemon another -H' });
    }
    rmSync(path);
  }
  mkdirSync(join(path, '..'), { recursive: true, mode: 0o711 });
  const umask = process.umask(0o117);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(path, resolve);
    });
  } finally {
    process.umask(umask);
  }
  chmodSync(path, 0o660);
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
