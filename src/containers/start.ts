/** `POST /containers/{id}/start`: the fast path. No process is spawned from here and no external program runs. */
import { mkdirSync, rmSync } from 'node:fs';
import { EngineError, toEngineError } from '../errors.ts';
import { connectMonitor } from '../runtime/monitor.ts';
import { createSources } from './binds.ts';
import type { Container } from './container.ts';
import { type ContainersContext, monitorSocket, stateDir } from './context.ts';
import { followMonitor } from './exit.ts';
import { writeEngineFiles } from './files.ts';
import { checkJoins } from './joins.ts';
import { buildStart, networkMode } from './launch-plan.ts';
import { publish } from './publish.ts';
import { formatTimeNs, ZERO_TIME } from './record.ts';
import { removeContainer } from './remove.ts';
import { startFailure } from './start-failure.ts';
import { resolveContainerUser } from './users.ts';

/** Starts a container that does not run; NotModified when it does. A failed start leaves it as it was, with the reason. */
export async function startContainer(context: ContainersContext, container: Container): Promise<void> {
  const { record } = container;
  if (container.paused) throw new EngineError('Conflict', 'cannot start a paused container, try unpause instead');
  if (container.running) throw new EngineError('NotModified', `container ${record.name} is already started`);
  // The last monitor's cleanup comes first; it may remove the container.
  await container.monitorGone;
  if (container.removing || record.state.status === 'dead') {
    throw new EngineError('Conflict', `container ${record.name} is marked for removal and cannot be started`);
  }
  try {
    await launch(context, container);
  } catch (thrown) {
    await recordFailedStart(context, container, thrown);
    throw startFailure(record, thrown).error;
  }
  publish(context, container, 'start');
}

async function launch(context: ContainersContext, container: Container): Promise<void> {
  const { record } = container;
  checkJoins(context, record);
  record.user = await resolveContainerUser(context, record);
  if (networkMode(record) === 'bridge') record.endpoint = context.bridge.connect();
  mkdirSync(stateDir(context, record.id), { recursive: true, mode: 0o700 });
  const waitAttach = container.pendingAttachments.size > 0;
  writeEngineFiles(context, record);
  createSources(record);
  const { plan } = buildStart(context, container, waitAttach);
  await context.cgroupParents.prepare(context, record);
  const started = await context.launcher.start(plan);
  const socket = monitorSocket(context, record.id);
  container.monitor = await connectMonitor(socket, { stdout: false, stderr: false, events: true, raw: false });
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
  await Promise.all([...container.pendingAttachments].map((attachment) => attachment.connect(socket)));
  container.pendingAttachments.clear();
  container.monitor?.go();
  context.store.update(record);
}

async function recordFailedStart(context: ContainersContext, container: Container, thrown: unknown): Promise<void> {
  const { record } = container;
  const { exitCode, error } = startFailure(record, thrown);
  if (record.endpoint !== null) context.bridge.release(record.endpoint);
  record.endpoint = null;
  // Left by a start that failed: the monitor has cleaned up behind itself, but for its directory.
  rmSync(stateDir(context, record.id), { recursive: true, force: true });
  // Output that will never come: the client sees its end instead of waiting.
  for (const attachment of container.pendingAttachments) attachment.finish();
  container.pendingAttachments.clear();
  await context.cgroupParents.release(context, record);
  record.state.exitCode = exitCode;
  record.state.error = toEngineError(error).message;
  context.store.update(record);
  container.notifyExit();
  if (record.hostConfig.AutoRemove === true) await removeContainer(context, container);
}
