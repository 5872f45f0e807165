/**
 * Start-up after a stop or a crash: the kernel and the monitors are the truth, the database is made to agree with them.
 * Every container has one of three ends: its monitor answers (it runs), its exit record is there (it ended), or neither.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseIdMap } from '../oci/subids.ts';
import { connectMonitor, EVENTS_ONLY, type MonitorConnection, readExitRecord } from '../runtime/monitor.ts';
import { readPidFile } from '../runtime/pid-file.ts';
import { Container } from './container.ts';
import { restoreExecs } from './exec/start.ts';
import { watchHealth } from './health/monitor.ts';
import { type ContainersContext, containerDir, monitorSocket, stateDir } from './context.ts';
import { followMonitor, recordExit, removeRemains } from './exit.ts';
import { isFrozen } from './pause.ts';
import { type ContainerRecord, formatTimeNs, nowNs, parseTimeNs } from './record.ts';
import { removeContainer } from './remove.ts';
import { restartAfterBoot } from './restart.ts';
import { readStartRecord } from './start-record.ts';

const START_POLL_MS = 20;

export async function restoreContainers(context: ContainersContext): Promise<void> {
  for (const record of context.store.loadAll()) context.containers.set(record.id, new Container(record));
  const all = [...context.containers.values()];
  // Their claim may have been removed, or they may be older than claims are: nobody else may give out the ids that they have.
  if (all.some(({ record }) => record.idOwner !== undefined)) context.idPool.claim();
  // What a start has reserved that the database does not know yet.
  for (const { record } of all) Object.assign(record, readStartRecord(context, record.id));
  // Addresses in use are claimed before anything can be started.
  for (const { record } of all) if (record.endpoint !== null) context.bridge.adopt(record.endpoint);
  await Promise.all(all.map((container) => restoreOne(context, container)));
  await context.cgroupParents.restore(
    context,
    all.filter((container) => container.running).map(({ record }) => record),
  );
  await removeOrphans(context);
  restartAfterBoot(context);
}

async function restoreOne(context: ContainersContext, container: Container): Promise<void> {
  const { record } = container;
  if (await reconnect(context, container)) {
    await restoreExecs(context, container);
    watchHealth(context, container, true);
    return;
  }
  const directory = stateDir(context, record.id);
  const began = existsSync(directory);
  const exit = began ? readExitRecord(directory) : null;
  const unwritten = container.running ? null : unwrittenStart(record, directory);
  if (unwritten !== null) record.state.startedAt = formatTimeNs(unwritten);
  const ended = container.running || exit !== null || unwritten !== null;
  if (ended || began) await removeRemains(context, record);
  // Without room for it in the database the exit record stays where it is.
  if (ended && !recordExit(context, container, exit)) return;
  if (began) await context.store.durable();
  await rm(directory, { recursive: true, force: true });
  // Of a start that did not come about.
  if (record.endpoint !== null) context.bridge.release(record.endpoint);
  record.endpoint = null;
  // Also one that was never started, as in Docker: who would start it has lost its connection.
  if (record.hostConfig.AutoRemove === true) await removeContainer(context, container);
}

/** True when the container's monitor answered: it runs, or its end is about to be told. */
async function reconnect(context: ContainersContext, container: Container): Promise<boolean> {
  const { record } = container;
  const socket = monitorSocket(context, record.id);
  if (!existsSync(socket)) return false;
  try {
    container.monitor = await connectMonitor(socket, EVENTS_ONLY);
  } catch (thrown) {
    context.log.warn(
      { container: record.id, err: thrown },
      'the monitor of a container does not answer; it is taken for dead',
    );
    return false;
  }
  // Nobody is attached any more: a monitor that waited for that goes on.
  container.monitor.go();
  const pid = await initPid(container.monitor, stateDir(context, record.id));
  const wasRunning = container.running;
  record.state.status = isFrozen(context, record) ? 'paused' : 'running';
  record.state.pid = pid;
  if (!wasRunning) record.state.startedAt = formatTimeNs(startTimeNs(stateDir(context, record.id)) ?? nowNs());
  context.store.update(record);
  followMonitor(context, container);
  return true;
}

/** When a container was started, by its pid file, which its monitor wrote a moment before its program ran; null: it was not. */
function startTimeNs(directory: string): bigint | null {
  return statSync(join(directory, 'pid'), { bigint: true, throwIfNoEntry: false })?.mtimeNs ?? null;
}

/** The time of a start that the database does not know, as it came a moment before the daemon's death; null for none. */
function unwrittenStart({ state }: ContainerRecord, directory: string): bigint | null {
  const timeNs = startTimeNs(directory);
  return timeNs !== null && timeNs > parseTimeNs(state.finishedAt) ? timeNs : null;
}

/** The container's first process, 0 if it has ended. A start that was under way when the daemon died is waited for. */
async function initPid(monitor: MonitorConnection, directory: string): Promise<number> {
  let gone = false;
  void monitor.closed.then(() => {
    gone = true;
  });
  for (;;) {
    const found = readPidFile(directory);
    if (found !== null) return found.pid;
    if (gone) return 0;
    await delay(START_POLL_MS);
  }
}

/** A socket outlives a monitor that was killed. */
async function isAnswered(socket: string): Promise<boolean> {
  if (!existsSync(socket)) return false;
  try {
    const monitor = await connectMonitor(socket, { stdout: false, stderr: false, events: false, raw: false });
    monitor.close();
    return true;
  } catch {
    return false;
  }
}

/** Nobody else gets the ids of a container that is left alone. */
function keepIds(context: ContainersContext, id: string): void {
  const pid = readPidFile(stateDir(context, id))?.pid;
  // It has not begun: there is nothing to keep.
  if (pid === undefined) return;
  try {
    const [uid, gid] = ['uid_map', 'gid_map'].map((name) => parseIdMap(readFileSync(`/proc/${pid}/${name}`, 'utf8')));
    if (uid !== undefined && gid !== undefined) context.strayMaps.push({ uid, gid });
  } catch (thrown) {
    // It has just ended.
    if (!['ENOENT', 'ESRCH'].includes((thrown as NodeJS.ErrnoException).code ?? '')) throw thrown;
  }
}

/**
 * Directories and cgroups of containers that the database does not know: a create or remove that a crash cut short. One
 * that runs was made under another database: all that is its own stays.
 */
async function removeOrphans(context: ContainersContext): Promise<void> {
  const names = [context.dataDir, context.runDir].flatMap((directory) => readdirSync(directory));
  const unknown = new Set([...context.snapshots.listContainers(), ...names]);
  for (const id of unknown) {
    if (!/^[0-9a-f]{64}$/.test(id) || context.containers.has(id)) continue;
    if (await isAnswered(monitorSocket(context, id))) {
      context.log.warn({ container: id }, 'a container runs that the database does not know; it is left alone');
      keepIds(context, id);
      continue;
    }
    await removeRemains(context, { id, hostConfig: {} });
    await context.snapshots.removeContainer(id);
    for (const path of [containerDir(context, id), stateDir(context, id)])
      await rm(path, { recursive: true, force: true });
  }
}
