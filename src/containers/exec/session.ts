/** A further process of a container, from its creation until it is forgotten. */
import type { ExecConfig } from '../../oci/container-config.ts';
import type { MonitorConnection } from '../../runtime/monitor.ts';
import type { Container } from '../container.ts';

/** created -> starting -> running -> exited; a start that fails goes to exited at once. */
export type ExecStatus = 'created' | 'starting' | 'running' | 'exited';

export class ExecSession {
  readonly id: string;
  readonly container: Container;
  readonly config: ExecConfig;
  status: ExecStatus = 'created';
  /** As the host numbers it; 0 when it does not run. */
  pid = 0;
  exitCode: number | null = null;
  exitedAtMs = 0;
  monitor: MonitorConnection | null = null;
  /** Settles when it runs, or will not; a resize may come before that. */
  readonly begun: Promise<void>;
  /** Settles when its exit code is known. */
  readonly ended: Promise<void>;
  #resolveBegun = (): void => {};
  #resolveEnded = (): void => {};

  constructor(id: string, container: Container, config: ExecConfig) {
    this.id = id;
    this.container = container;
    this.config = config;
    this.begun = new Promise((resolve) => {
      this.#resolveBegun = resolve;
    });
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
  }

  run(pid: number, monitor: MonitorConnection): void {
    this.status = 'running';
    this.pid = pid;
    this.monitor = monitor;
    this.#resolveBegun();
  }

  exit(code: number): void {
    this.status = 'exited';
    this.pid = 0;
    this.exitCode = code;
    this.exitedAtMs = Date.now();
    this.monitor = null;
    this.#resolveBegun();
    this.#resolveEnded();
  }
}
