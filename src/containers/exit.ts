/** What happens when a container has died: its exit is taken from the monitor exactly once and made known. */
import { removeTreesPlan } from '../runtime/plan/compile.ts';
import type { PlanOp } from '../runtime/plan/table.ts';
import { type ExitRecord, readExitRecord } from '../runtime/monitor.ts';
import type { Container } from './container.ts';
import { type ContainersContext, cgroupPath, stateDir } from './context.ts';
import { compressOldLogs } from './logging/compress.ts';
import { publish } from './publish.ts';
import { type ContainerRecord, formatTimeNs, nowNs, parseTimeNs } from './record.ts';
import { deathReason } from './death-reason.ts';
import { removeContainer } from './remove.ts';
import { scheduleRestart, wantsRestart } from './restart.ts';
import { removeRuntimeTraces } from './runtimes/cleanup.ts';
import { writeRecord } from './write-record.ts';

/** Docker's code for a container whose end nobody saw. */
const UNKNOWN_EXIT_CODE = 255;

/** Follows a running container's monitor to its end. `container.monitor` is connected with events. */
export function followMonitor(context: ContainersContext, container: Container): void {
  const monitor = container.monitor;
  if (monitor === null) return;
  monitor.onOom(() => {
    // Docker's word for it: some process of the container was killed, the container may go on.
    container.record.state.oomKilled = true;
    writeRecord(context, container.record);
    publish(context, container, 'oom');
  });
  compressOldLogs(context, container, monitor);
  const taken = monitor.exit.then(async (seen) => {
    container.monitor = null;
    // A monitor that was killed says nothing; what it wrote before counts.
    const exit = seen ?? readExitRecord(stateDir(context, container.record.id));
    // What another runtime made outlives its monitor: it must not be told to have ended while it runs.
    if (exit === null) await removeRuntimeTraces(context, container.record);
    return { kept: recordExit(context, container, exit), isSeen: seen !== null };
  });
  container.monitorGone = Promise.all([taken, monitor.closed])
    .then(([{ kept, isSeen }]) => {
      const errors = monitor.cleanupErrors;
      if (errors.length > 0) context.log.warn({ container: container.record.id, errors }, 'a cleanup step failed');
      return cleanAfterMonitor(context, container, { kept, isClean: isSeen && errors.length === 0 });
    })
    .catch((thrown: unknown) => {
      context.log.error({ container: container.record.id, err: thrown }, 'cannot finish the exit of a container');
    });
}

/**
 * Takes an exit into the record, and tells who waits for it whatever happens. A null exit is one that nobody saw.
 * False when it could not be written to the database: the monitor's exit record then has to stay.
 */
export function recordExit(context: ContainersContext, container: Container, exit: ExitRecord | null): boolean {
  const { record } = container;
  const { state } = record;
  container.health?.stop();
  state.pid = 0;
  state.exitCode = exit?.exitCode ?? UNKNOWN_EXIT_CODE;
  state.oomKilled = exit?.oomKilled ?? false;
  state.error = exit === null ? 'the monitor of the container died; how the container ended is not known' : '';
  const finishedNs = exit?.finishedAtNs ?? nowNs();
  state.finishedAt = formatTimeNs(finishedNs);
  if (record.endpoint !== null) context.bridge.release(record.endpoint);
  record.endpoint = null;
  const again = wantsRestart(record, state.exitCode, container.endIsWanted);
  state.status = again ? 'restarting' : 'exited';
  // With auto-remove the row goes in a moment: writing it now would be a disk flush for nothing. Should the daemon die
  // in between, it finds the exit record, and the row still asks for removal.
  const kept = record.hostConfig.AutoRemove === true || writeRecord(context, record);
  const seconds = (finishedNs - parseTimeNs(state.startedAt)) / 1_000_000_000n;
  publish(context, container, 'die', {
    exitCode: String(state.exitCode),
    execDuration: String(seconds),
    ...deathReason(container, exit),
  });
  container.notifyExit();
  container.ranSeconds = Number(seconds);
  return kept;
}

/** Ends and removes what a monitor that was killed could not; repeating it is harmless. */
export async function removeRemains(
  context: ContainersContext,
  record: Pick<ContainerRecord, 'id' | 'hostConfig'>,
): Promise<void> {
  await removeRuntimeTraces(context, record);
  const { cleanup } = context.cgroups.planContainer(cgroupPath(context, record), {});
  await context.launcher.run({ ops: cleanup.map((op): PlanOp => ({ ...op, section: 'setup' })) });
}

/** When the monitor has gone: what it could not clean is cleaned, its state directory goes, auto-remove happens. */
async function cleanAfterMonitor(
  context: ContainersContext,
  container: Container,
  { kept, isClean }: { kept: boolean; isClean: boolean },
): Promise<void> {
  const { record } = container;
  if (!isClean) await removeRemains(context, record);
  await context.cgroupParents.release(context, record);
  if (record.hostConfig.AutoRemove === true) {
    if (!container.removing) await removeContainer(context, container);
  } else if (kept) {
    // What it holds is told by the database then, whatever happens.
    await context.launcher.run(removeTreesPlan([stateDir(context, record.id)], context.store.unflushed()));
  }
  if (container.restarting) scheduleRestart(context, container, container.ranSeconds);
}
