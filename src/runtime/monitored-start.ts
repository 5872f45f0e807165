/** A start whose monitor is connected to while the container is still being made, so that nothing is left to do after it. */
import type { Started } from './executor.ts';
import { EVENTS_ONLY, type MonitorConnection, openMonitor } from './monitor.ts';
import type { Plan } from './plan/table.ts';

/** As PlanChannel.start. */
export interface PlanStarter {
  start(plan: Plan, onListening: () => void): Promise<Started>;
}

export interface MonitoredStart {
  readonly started: Started;
  /** With events. Rejects with EMONITORGONE when the monitor has died since. */
  readonly monitor: Promise<MonitorConnection>;
}

/** Executes a start plan whose monitor listens on `socketPath`. Rejects as `launcher.start` does; then nothing is left. */
export async function startMonitored(launcher: PlanStarter, plan: Plan, socketPath: string): Promise<MonitoredStart> {
  const connect = (): Promise<MonitorConnection> => {
    const connecting = openMonitor(socketPath, EVENTS_ONLY);
    // It is looked at when the start's answer has come.
    connecting.catch(() => undefined);
    return connecting;
  };
  let monitor: Promise<MonitorConnection> | null = null;
  try {
    const started = await launcher.start(plan, () => {
      monitor = connect();
    });
    return { started, monitor: monitor ?? connect() };
  } catch (thrown) {
    const opened = monitor as Promise<MonitorConnection> | null;
    void opened?.then(
      (connection) => connection.close(),
      () => undefined,
    );
    throw thrown;
  }
}
