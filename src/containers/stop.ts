/** Ending a container: stop (signal, patience, SIGKILL) and kill. */
import { EngineError } from '../errors.ts';
import type { Container } from './container.ts';
import type { ContainersContext } from './context.ts';
import { notRunning, thaw } from './pause.ts';
import { publish } from './publish.ts';
import { giveUpRestart } from './restart.ts';
import { parseSignal } from './signals.ts';

const SIGKILL = 9;
const DEFAULT_STOP_TIMEOUT_S = 10;
/** How long after a SIGKILL the kernel may take before we say that something is wrong. */
const KILL_PATIENCE_MS = 10_000;

/** The process, or its monitor, has gone. */
const HAS_ENDED = new Set(['ESRCH', 'EMONITORGONE']);

/** A user asks for its end: no policy starts it again. */
function wantEnd(container: Container, signal: NonNullable<Container['lastSignal']>): void {
  container.endIsWanted = true;
  container.lastSignal = signal;
  container.record.manuallyStopped = true;
}

async function signalContainer(container: Container, signo: number): Promise<void> {
  try {
    await container.monitor?.signal(signo);
  } catch (thrown) {
    // Between its death and our noticing there is nothing to signal.
    if (!(thrown instanceof EngineError && HAS_ENDED.has(thrown.code ?? ''))) throw thrown;
  }
}

/** Stops a running container; NotModified when it does not run. */
export async function stopContainer(
  context: ContainersContext,
  container: Container,
  options: { signal: string | undefined; timeoutS: number | undefined },
): Promise<void> {
  const { record } = container;
  if (container.restarting) {
    record.manuallyStopped = true;
    giveUpRestart(context, container);
    publish(context, container, 'stop');
    return;
  }
  if (!container.running) throw new EngineError('NotModified', `container ${record.name} is already stopped`);
  const signo = parseSignal(options.signal || record.config.StopSignal || 'SIGTERM');
  const timeoutS = options.timeoutS ?? record.config.StopTimeout ?? DEFAULT_STOP_TIMEOUT_S;
  wantEnd(container, { signo, by: 'stop' });
  const exited = container.nextExit(timeoutS < 0 ? Number.POSITIVE_INFINITY : timeoutS * 1000);
  await signalContainer(container, signo);
  publish(context, container, 'kill', { signal: String(signo) });
  // A frozen process receives nothing but SIGKILL.
  await thaw(context, container);
  if (!(await exited)) {
    wantEnd(container, { signo: SIGKILL, by: 'stop' });
    await killNow(context, container);
  }
  await container.monitorGone;
  publish(context, container, 'stop');
}

/** Sends one signal; SIGKILL also waits for the end, as Docker does. */
export async function killContainer(context: ContainersContext, container: Container, signo: number): Promise<void> {
  const { record } = container;
  if (container.restarting) {
    record.manuallyStopped = true;
    giveUpRestart(context, container);
    return;
  }
  if (!container.running) {
    throw notRunning(record);
  }
  const ends = signo === SIGKILL || signo === parseSignal(record.config.StopSignal || 'SIGTERM');
  if (ends) wantEnd(container, { signo, by: 'kill' });
  else container.lastSignal = { signo, by: 'kill' };
  if (signo === SIGKILL) {
    await killNow(context, container);
    return;
  }
  await signalContainer(container, signo);
  publish(context, container, 'kill', { signal: String(signo) });
  // As dockerd: the signal that stops it must reach it; any other waits for the unpause.
  if (ends) await thaw(context, container);
}

/** Kills a running container and waits for its end; one that does not run is left as it is. */
export async function killNow(context: ContainersContext, container: Container): Promise<void> {
  if (!container.running) return;
  const exited = container.nextExit(KILL_PATIENCE_MS);
  await signalContainer(container, SIGKILL);
  publish(context, container, 'kill', { signal: String(SIGKILL) });
  // Under v1's freezer even SIGKILL waits; under the unified hierarchy the process is dead already.
  if (context.cgroups.layout.unified === null) await thaw(context, container);
  if (!(await exited)) {
    throw new EngineError(
      'System',
      `container ${container.record.name} did not die within ${KILL_PATIENCE_MS / 1000} s of SIGKILL`,
      {
        hint: 'a process in uninterruptible sleep (a hung file system or device) cannot be killed; see /proc/PID/stack',
      },
    );
  }
}
