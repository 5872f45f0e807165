/** Restart policies: which exits are followed by another start, and when. */
import { toEngineError } from '../errors.ts';
import type { Container } from './container.ts';
import type { ContainersContext } from './context.ts';
import { donorsOf } from './joins.ts';
import type { ContainerRecord } from './record.ts';
import { writeRecord } from './write-record.ts';

/** Does the policy ask for another start after this exit? `stopped`: somebody asked for the end. */
export function wantsRestart(record: ContainerRecord, exitCode: number, stopped: boolean): boolean {
  const { Name = 'no', MaximumRetryCount = 0 } = record.hostConfig.RestartPolicy ?? {};
  if (stopped) return false;
  if (Name === 'always' || Name === 'unless-stopped') return true;
  if (Name !== 'on-failure' || exitCode === 0) return false;
  return MaximumRetryCount === 0 || record.restartCount < MaximumRetryCount;
}

/** The wait for the next start begins; the container is in the state `restarting`. */
export function scheduleRestart(context: ContainersContext, container: Container, ranSeconds: number): void {
  armRestart(context, container, container.restartTimer.next(ranSeconds));
}

function armRestart(context: ContainersContext, container: Container, delayMs: number): void {
  container.restartTimer.arm(delayMs, () => {
    void container
      .exclusive(() => startAgain(context, container))
      .catch((thrown: unknown) => {
        context.log.error({ container: container.record.id, err: thrown }, 'cannot restart a container');
      });
  });
}

async function startAgain(context: ContainersContext, container: Container): Promise<void> {
  const { record } = container;
  // One whose namespaces it joins may be about to start too.
  for (const donor of donorsOf(context, record)) await donor.exclusive(async () => undefined);
  if (!container.restarting || container.removing) return;
  record.restartCount++;
  try {
    await context.lifecycle.start(container);
  } catch (thrown) {
    // As dockerd: what cannot be started is not tried for ever; its state tells why.
    context.log.warn({ container: record.id, reason: toEngineError(thrown).message }, 'a restart failed');
    giveUpRestart(context, container);
  }
}

/** It stays as its last exit left it. */
export function giveUpRestart(context: ContainersContext, container: Container): void {
  container.restartTimer.reset();
  if (!container.restarting) return;
  container.record.state.status = 'exited';
  writeRecord(context, container.record);
  container.notifyExit();
}

/**
 * After a daemon's start: what its policy wants running and does not run. `always` also what a user stopped, as in
 * Docker; a container that never ran is left alone.
 */
export function restartAfterBoot(context: ContainersContext): void {
  // Those that others join come first.
  const all = [...context.containers.values()];
  for (const container of all.toSorted(
    (a, b) => donorsOf(context, a.record).length - donorsOf(context, b.record).length,
  )) {
    const { record } = container;
    const { status, exitCode } = record.state;
    const policy = record.hostConfig.RestartPolicy?.Name;
    const stopped = record.manuallyStopped === true && policy !== 'always';
    const ended = status === 'exited' || status === 'restarting';
    if (!ended || !wantsRestart({ ...record, restartCount: 0 }, exitCode, stopped)) {
      if (status === 'restarting') giveUpRestart(context, container);
      continue;
    }
    record.restartCount = 0;
    record.state.status = 'restarting';
    armRestart(context, container, 0);
  }
}
