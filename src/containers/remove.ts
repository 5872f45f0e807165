/**
 * `DELETE /containers/{id}`. The row goes first, and is gone from the disk before anything else goes: a crash, or a loss of
 * power, leaves only directories, which start-up removes.
 */
import { EngineError, toEngineError } from '../errors.ts';
import { removeTreesPlan } from '../runtime/plan/compile.ts';
import type { Container } from './container.ts';
import { type ContainersContext, containerDir, stateDir } from './context.ts';
import { explainFullDisk } from './disk-full.ts';
import { publish } from './publish.ts';
import type { ContainerRecord } from './record.ts';
import { killNow } from './stop.ts';

export function removalInProgress({ name }: ContainerRecord): EngineError {
  return new EngineError('Conflict', `removal of container ${name} is already in progress`);
}

/** One that is being removed, or could not be removed wholly, does not start any more. */
export function refuseRemoving({ record, removing }: Container): void {
  if (!removing && record.state.status !== 'dead') return;
  throw new EngineError('Conflict', `container ${record.name} is marked for removal and cannot be started`);
}

export async function removeRequested(context: ContainersContext, container: Container, force: boolean): Promise<void> {
  const { record } = container;
  if (container.running) {
    if (!force && container.paused) {
      throw new EngineError(
        'Conflict',
        `cannot remove container "/${record.name}": container is paused and must be unpaused first`,
      );
    }
    if (!force) {
      throw new EngineError(
        'Conflict',
        `cannot remove container "/${record.name}": container is running: stop the container before removing or force remove`,
      );
    }
    await killNow(context, container);
  }
  if (container.restarting && !force) {
    throw new EngineError(
      'Conflict',
      `cannot remove container "/${record.name}": container is restarting: stop the container before removing or force remove`,
    );
  }
  await container.monitorGone;
  // With auto-remove the exit has done it already.
  if (!context.containers.has(record.id)) return;
  if (container.removing) {
    throw removalInProgress(record);
  }
  await removeContainer(context, container);
}

/** Removes a container that does not run. */
export async function removeContainer(context: ContainersContext, container: Container): Promise<void> {
  const { record } = container;
  container.removing = true;
  container.restartTimer.disarm();
  container.health?.stop();
  try {
    context.store.delete(record.id);
    // Its state directory is there still after an auto-remove, and when the exit could not be written to a full disk.
    const directories = [containerDir(context, record.id), stateDir(context, record.id)];
    const snapshot = context.snapshots.containerDirectory(record.id);
    if (snapshot !== null) directories.push(snapshot);
    // The row of one with auto-remove may come back with the power: its removal is then finished.
    const flushFirst = record.hostConfig.AutoRemove === true ? undefined : context.store.unflushed();
    await context.launcher.run(removeTreesPlan(directories, flushFirst));
    context.snapshots.forgetContainer(record.id);
  } catch (cause) {
    const thrown = explainFullDisk(cause, context.dataDir);
    record.state.status = 'dead';
    container.removing = false;
    // `docker run --rm` waits for the removal: it has to learn that there will be none.
    container.notifyRemoved(`cannot remove container ${record.name}: ${toEngineError(thrown).message}`);
    throw thrown;
  }
  context.containers.delete(record.id);
  for (const attachment of container.pendingAttachments) attachment.finish();
  publish(context, container, 'destroy');
  container.notifyRemoved();
}
