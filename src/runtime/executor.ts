/** The daemon's end of `islet launcher`: hands plans over and awaits their answers. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { EngineError } from '../errors.ts';
import type { Started } from './launcher-frames.ts';
import { PlanChannel } from './plan-channel.ts';
import type { Plan } from './plan/table.ts';

export { errnoName, PlanError } from './plan-error.ts';
export type { Started } from './launcher-frames.ts';
export { LAUNCHER_GONE } from './plan-channel.ts';

/** How the launcher process ended. */
export interface LauncherExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

const SOCKET_FD = 3;
const CLOSE_PATIENCE_MS = 5000;

/**
 * One `islet launcher`. Requests run side by side; each is answered by itself. Containers outlive the launcher: when it
 * goes, only requests without an answer are lost (they reject with Unavailable).
 */
export class Launcher {
  /** Resolves when the process has ended, for whatever reason. */
  readonly exited: Promise<LauncherExit>;
  readonly #child: ChildProcess;
  readonly #socket: Duplex;
  readonly #channel: PlanChannel;

  private constructor(child: ChildProcess, socket: Duplex) {
    this.#child = child;
    this.#socket = socket;
    this.#channel = new PlanChannel(socket);
    this.exited = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        this.#channel.end(`islet launcher has ended (${signal ?? `exit code ${code}`})`);
        resolve({ code, signal });
      });
    });
  }

  /** The pid of the launcher process. */
  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /**
   * Starts the launcher. Rejects with EngineError(System) when the binary cannot be executed. In a session of its own,
   * so that Ctrl-C at a daemon in the foreground does not reach it.
   */
  static async spawn(isletPath: string, env: NodeJS.ProcessEnv = process.env): Promise<Launcher> {
    const child = spawn(isletPath, ['launcher'], {
      argv0: 'islet',
      detached: true,
      env,
      stdio: ['ignore', 'ignore', 'inherit', 'pipe'],
    });
    try {
      await once(child, 'spawn');
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new EngineError('System', `cannot start ${isletPath}: ${reason}`, {
        hint: 'Build it with `make -C native`, or name it with --islet.',
        cause,
      });
    }
    return new Launcher(child, child.stdio[SOCKET_FD] as Duplex);
  }

  /** As PlanChannel.start. */
  start(plan: Plan, onListening?: () => void): Promise<Started> {
    return this.#channel.start(plan, onListening);
  }

  /** As PlanChannel.run. */
  run(plan: Plan): Promise<(Uint8Array | null)[]> {
    return this.#channel.run(plan);
  }

  /** Ends the launcher. Containers that run go on. Idempotent. */
  async close(): Promise<void> {
    this.#socket.end();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), CLOSE_PATIENCE_MS);
    await this.exited;
    clearTimeout(timer);
    this.#socket.destroy();
  }
}
