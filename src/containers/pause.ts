/** Pausing: the freezer stops a container's processes where they are; they notice nothing but the time that has passed. */
import { setTimeout as delay } from 'node:timers/promises';
import { EngineError } from '../errors.ts';
import { readFileOrNull } from './cgroup-parents.ts';
import type { Container } from './container.ts';
import { type ContainersContext, cgroupPath } from './context.ts';
import { publish } from './publish.ts';
import type { ContainerRecord } from './record.ts';

/** A process in the middle of a system call is frozen when that call ends or can be interrupted. */
const PATIENCE_MS = 10_000;
const POLL_MS = 2;

export function notRunning({ id }: Pick<ContainerRecord, 'id'>, options: { cause?: unknown } = {}): EngineError {
  return new EngineError('Conflict', `container ${id} is not running`, options);
}

/** In Docker's words. */
export function isRestarting({ id }: ContainerRecord): EngineError {
  return new EngineError('Conflict', `Container ${id} is restarting, wait until the container is running`);
}

/** As the kernel has it, which also outlives a daemon. */
export function isFrozen(context: ContainersContext, record: ContainerRecord): boolean {
  const { unified, v1 } = context.cgroups.layout;
  if (unified === null && !v1.some(({ controllers }) => controllers.includes('freezer'))) return false;
  const { stateFile, isReached } = context.cgroups.freeze(cgroupPath(context, record), true);
  return isReached(readFileOrNull(stateFile) ?? '');
}

/** Resolves when all processes are in the state asked for; false when the container ended meanwhile. */
async function setFrozen(context: ContainersContext, container: Container, frozen: boolean): Promise<boolean> {
  const { ops, stateFile, isReached } = context.cgroups.freeze(cgroupPath(context, container.record), frozen);
  try {
    await context.launcher.run({ ops });
  } catch (thrown) {
    if (readFileOrNull(stateFile) === null) return false;
    throw thrown;
  }
  for (const deadline = Date.now() + PATIENCE_MS; ; ) {
    const text = readFileOrNull(stateFile);
    if (text === null || !container.running) return false;
    if (isReached(text)) return true;
    if (Date.now() > deadline) break;
    await delay(POLL_MS);
  }
  const what = frozen ? 'frozen' : 'thawed';
  if (frozen) await context.launcher.run(context.cgroups.freeze(cgroupPath(context, container.record), false));
  throw new EngineError('System', `container ${container.record.name} was not ${what} within ${PATIENCE_MS / 1000} s`, {
    hint: 'a process in uninterruptible sleep (a hung file system or device) cannot be frozen; see /proc/PID/stack',
  });
}

export async function pauseContainer(context: ContainersContext, container: Container): Promise<void> {
  const { record } = container;
  if (container.restarting) throw isRestarting(record);
  if (!container.running) throw notRunning(record);
  if (container.paused) throw new EngineError('Conflict', `Container ${record.id} is already paused`);
  if (!(await setFrozen(context, container, true))) throw notRunning(record);
  record.state.status = 'paused';
  container.health?.stop();
  context.store.update(record);
  publish(context, container, 'pause');
}

export async function unpauseContainer(context: ContainersContext, container: Container): Promise<void> {
  const { record } = container;
  if (!container.paused) throw new EngineError('Conflict', `Container ${record.id} is not paused`);
  await thaw(context, container);
}

/** Lets a paused container go on; any other is left as it is. */
export async function thaw(context: ContainersContext, container: Container): Promise<void> {
  const { record } = container;
  if (!container.paused || !(await setFrozen(context, container, false))) return;
  record.state.status = 'running';
  context.store.update(record);
  publish(context, container, 'unpause');
  container.health?.start(false);
}
