/** One container in the daemon's memory: its record, its lock, who waits for it, and the line to its monitor. */
import type { MonitorConnection } from '../runtime/monitor.ts';
import type { LiveAttachment } from './attachment.ts';
import type { HealthMonitor } from './health/monitor.ts';
import type { ContainerRecord } from './record.ts';
import { RestartTimer } from './restart-timer.ts';

export interface ExitStatus {
  StatusCode: number;
  Error?: { Message: string };
}

type Listener = (status: ExitStatus) => void;

export class Container {
  readonly record: ContainerRecord;
  /** The connection that carries events; null while it does not run. */
  monitor: MonitorConnection | null = null;
  /** Settles when the last monitor has finished its cleanup and gone. */
  monitorGone: Promise<void> = Promise.resolve();
  /** Clients that attached before the start; they get the output from its first byte. */
  readonly pendingAttachments = new Set<LiveAttachment>();
  readonly exitListeners = new Set<Listener>();
  readonly removeListeners = new Set<Listener>();
  removing = false;
  /** rows and columns asked for before the start */
  consoleSize: { rows: number; cols: number } | null = null;
  /** Of the server that its log goes to, looked up at the last start; null: that was not needed. */
  syslogHost: string | null = null;
  readonly restartTimer = new RestartTimer();
  /** Somebody asked for the end that comes next: no policy follows it. */
  endIsWanted = false;
  /** The last signal that was sent through the engine, for whom its end is told. */
  lastSignal: { signo: number; by: 'stop' | 'kill' } | null = null;
  /** How long it ran when it ended last. */
  ranSeconds = 0;
  health: HealthMonitor | null = null;
  #tail: Promise<unknown> = Promise.resolve();

  constructor(record: ContainerRecord) {
    this.record = record;
  }

  /** Has it processes? A paused one has. */
  get running(): boolean {
    return this.record.state.status === 'running' || this.paused;
  }

  /** It has ended, and its policy will start it again. */
  get restarting(): boolean {
    return this.record.state.status === 'restarting';
  }

  /** It runs, or will again without being asked: Docker shows both as running. */
  get alive(): boolean {
    return this.running || this.restarting;
  }

  get paused(): boolean {
    return this.record.state.status === 'paused';
  }

  /** Runs one life-cycle change at a time for this container, in the order asked. */
  exclusive<T>(body: () => Promise<T>): Promise<T> {
    const result = this.#tail.then(body, body);
    this.#tail = result.catch(() => undefined);
    return result;
  }

  /** Resolves at the next exit, true; or false after timeoutMs (Infinity: never). */
  nextExit(timeoutMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const giveUp = () => {
        this.exitListeners.delete(listener);
        resolve(false);
      };
      const timer = timeoutMs === Number.POSITIVE_INFINITY ? undefined : setTimeout(giveUp, timeoutMs);
      const listener = () => {
        clearTimeout(timer);
        resolve(true);
      };
      this.exitListeners.add(listener);
    });
  }

  notifyExit(): void {
    notify(this.exitListeners, { StatusCode: this.record.state.exitCode });
  }

  /** A container that is gone will not exit any more: who waits for that is told as well. `failure`: it could not be removed. */
  notifyRemoved(failure?: string): void {
    const status = { StatusCode: this.record.state.exitCode };
    notify(this.removeListeners, failure === undefined ? status : { ...status, Error: { Message: failure } });
    if (failure === undefined) notify(this.exitListeners, status);
  }

  /** As dockerd: the reason of a failed start is told to who asks afterwards; a waiting client has it from its start. */
  exitStatus(): ExitStatus {
    const { exitCode, error } = this.record.state;
    return error === '' ? { StatusCode: exitCode } : { StatusCode: exitCode, Error: { Message: error } };
  }
}

function notify(listeners: Set<Listener>, status: ExitStatus): void {
  const called = [...listeners];
  listeners.clear();
  for (const listener of called) listener(status);
}
