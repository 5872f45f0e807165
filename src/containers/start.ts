/** `POST /containers/{id}/start`: the fast path. No process is spawned from here and no external program runs. */
import { mkdirSync, rmSync } from 'node:fs';
import { EngineError, toEngineError } from '../errors.ts';
import { LAUNCHER_GONE, PlanError } from '../runtime/executor.ts';
import type { MonitoredStart } from '../runtime/monitored-start.ts';
import { createSources } from './binds.ts';
import { checkLandlock, startPlan } from './confinement.ts';
import type { Container } from './container.ts';
import { type ContainersContext, monitorSocket, stateDir } from './context.ts';
import { explainFullDisk } from './disk-full.ts';
import { followMonitor, removeRemains } from './exit.ts';
import { writeEngineFiles } from './files.ts';
import { watchHealth } from './health/monitor.ts';
import { checkJoins } from './joins.ts';
import { buildStart, networkMode } from './launch-plan.ts';
import { mendLog } from './logging/mend.ts';
import { resolveLogTarget } from './logging/settings.ts';
import { publish } from './publish.ts';
import { formatTimeNs, ZERO_TIME } from './record.ts';
import { refuseRemoving, removeContainer } from './remove.ts';
import { startDelegated, writeBundle } from './runtimes/delegation.ts';
import { checkSelinuxIsThere } from './selinux.ts';
import { startFailure } from './start-failure.ts';
import { writeStartRecord } from './start-record.ts';
import { writeRecord } from './write-record.ts';
import { resolveContainerUser } from './users.ts';

const SIGKILL = 9;

/** Starts a container that does not run; NotModified when it does. A failed start leaves it as it was, with the reason. */
export async function startContainer(context: ContainersContext, container: Container): Promise<void> {
  const { record } = container;
  if (container.paused) throw new EngineError('Conflict', 'cannot start a paused container, try unpause instead');
  if (container.running) throw new EngineError('NotModified', `container ${record.name} is already started`);
  // The last monitor's cleanup comes first; it may remove the container.
  await container.monitorGone;
  refuseRemoving(container);
  container.restartTimer.disarm();
  container.endIsWanted = false;
  container.lastSignal = null;
  try {
    await launch(context, container);
  } catch (cause) {
    const thrown = explainFullDisk(cause, context.dataDir);
    // The daemon ends with its launcher: the next one sees whether the container runs.
    if (thrown instanceof EngineError && thrown.code === LAUNCHER_GONE) throw thrown;
    await recordFailedStart(context, container, thrown);
    throw startFailure(record, thrown).error;
  }
  publish(context, container, 'start');
  watchHealth(context, container);
}

async function launch(context: ContainersContext, container: Container): Promise<void> {
  const { record } = container;
  checkJoins(context, record);
  checkSelinuxIsThere(record);
  checkLandlock(context, record.hostConfig);
  record.user = await resolveContainerUser(context, record);
  if (networkMode(record) === 'bridge') record.endpoint = context.bridge.connect();
  mkdirSync(stateDir(context, record.id), { recursive: true, mode: 0o700 });
  const waitAttach = container.pendingAttachments.size > 0;
  writeEngineFiles(context, record);
  await mendLog(context, record);
  container.syslogHost = await resolveLogTarget(container);
  createSources(record);
  const { plan, landlock, delegated } = buildStart(context, container, waitAttach);
  record.landlock = typeof landlock === 'string' ? landlock : null;
  writeStartRecord(context, record);
  if (delegated !== null) writeBundle(stateDir(context, record.id), delegated);
  await context.cgroupParents.prepare(context, record);
  const start =
    delegated === null
      ? await startPlan(context, context.launcher, plan, monitorSocket(context, record.id))
      : await startDelegated(context, record, delegated);
  try {
    await takeOver(context, container, start);
  } catch (thrown) {
    await killStarted(container);
    throw thrown;
  }
}

/** The container runs; from here on its exit is followed, whatever fails. */
async function takeOver(
  context: ContainersContext,
  container: Container,
  { started, monitor }: MonitoredStart,
): Promise<void> {
  const { record } = container;
  const socket = monitorSocket(context, record.id);
  container.monitor = await monitor;
  record.state = {
    ...record.state,
    status: 'running',
    pid: started.pid,
    exitCode: 0,
    error: '',
    oomKilled: false,
    startedAt: formatTimeNs(started.startedAtNs),
    finishedAt: ZERO_TIME,
  };
  followMonitor(context, container);
  await Promise.all([...container.pendingAttachments].map((attachment) => attachment.connectOrEnd(socket)));
  container.pendingAttachments.clear();
  container.monitor?.go();
  // With auto-remove it may have gone meanwhile.
  if (context.containers.has(record.id) && !container.removing) context.store.updateSoon(record);
}

/** A start that is reported as failed must not leave a container that runs. */
async function killStarted(container: Container): Promise<void> {
  container.monitor?.signal(SIGKILL).catch(() => undefined);
  container.monitor?.go();
  await container.monitorGone;
}

/** islet's answer in the place of a monitor that was killed before it could give its own, or clean up. */
function isMonitorDead(thrown: unknown): boolean {
  return thrown instanceof PlanError && thrown.opIndex < 0 && thrown.errno === 'EPIPE';
}

async function recordFailedStart(context: ContainersContext, container: Container, thrown: unknown): Promise<void> {
  const { record } = container;
  const { exitCode, error } = startFailure(record, thrown);
  if (record.endpoint !== null) context.bridge.release(record.endpoint);
  record.endpoint = null;
  if (isMonitorDead(thrown)) {
    await removeRemains(context, record).catch((err: unknown) => {
      context.log.error({ container: record.id, err }, 'cannot clean up after a start whose monitor died');
    });
  }
  // Left by a start that failed: the monitor has cleaned up behind itself, but for its directory.
  rmSync(stateDir(context, record.id), { recursive: true, force: true });
  // Output that will never come: the client sees its end instead of waiting.
  for (const attachment of container.pendingAttachments) attachment.finish();
  container.pendingAttachments.clear();
  await context.cgroupParents.release(context, record);
  record.state.exitCode = exitCode;
  record.state.error = toEngineError(error).message;
  // With auto-remove, the end of one that was killed again has removed it.
  if (!context.containers.has(record.id)) return;
  writeRecord(context, record);
  container.notifyExit();
  if (record.hostConfig.AutoRemove !== true || container.removing) return;
  // The client has to hear why the start failed, whatever becomes of the removal.
  await removeContainer(context, container).catch((err: unknown) => {
    context.log.error({ container: record.id, err }, 'cannot remove a container whose start failed');
  });
}
