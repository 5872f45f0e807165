/** The daemon's end of `islet launcher`: hands plans over and awaits their answers. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { EngineError } from '../errors.ts';
import { encodePlan } from './encode.ts';
import {
  ANSWER,
  decodeFailed,
  decodeResult,
  decodeStarted,
  encodeFrame,
  type Frame,
  FrameDecoder,
  REQUEST,
  type Started,
} from './launcher-frames.ts';
import { PlanError } from './plan-error.ts';
import type { Plan } from './plan/table.ts';

/** The code of the error with which a request ends whose launcher has gone: what became of its plan is not known. */
export const LAUNCHER_GONE = 'ELAUNCHERGONE';

export { errnoName, PlanError } from './plan-error.ts';
export type { Started } from './launcher-frames.ts';

/** How the launcher process ended. */
export interface LauncherExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

interface Request {
  readonly plan: Plan;
  readonly type: number;
  onListening(): void;
  resolve(frame: Frame): void;
  reject(error: unknown): void;
}

function gone(message: string, cause?: unknown): EngineError {
  return new EngineError('Unavailable', message, { code: LAUNCHER_GONE, cause });
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
  readonly #requests = new Map<number, Request>();
  readonly #decoder = new FrameDecoder();
  #lastId = 0;
  #gone: EngineError | null = null;

  private constructor(child: ChildProcess, socket: Duplex) {
    this.#child = child;
    this.#socket = socket;
    this.exited = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        this.#fail(gone(`islet launcher has ended (${signal ?? `exit code ${code}`})`));
        resolve({ code, signal });
      });
    });
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('error', (cause) => {
      this.#fail(gone(`the connection to islet launcher broke: ${cause.message}`, cause));
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

  /**
   * Executes a start plan. Resolves when the container's program has been executed. Rejects with PlanError when an
   * operation failed; then nothing of the container is left. `onListening` is called before, when the monitor can be
   * connected to.
   */
  async start(plan: Plan, onListening: () => void = () => undefined): Promise<Started> {
    const frame = await this.#request(REQUEST.start, plan, onListening);
    return decodeStarted(frame.payload);
  }

  /**
   * Executes a run plan; resolves to what its readFileIn operations found, in order, null for a missing file. Rejects
   * with PlanError.
   */
  async run(plan: Plan): Promise<(Uint8Array | null)[]> {
    const frame = await this.#request(REQUEST.run, plan);
    return decodeResult(frame.payload);
  }

  /** Ends the launcher. Containers that run go on. Idempotent. */
  async close(): Promise<void> {
    this.#socket.end();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), CLOSE_PATIENCE_MS);
    await this.exited;
    clearTimeout(timer);
    this.#socket.destroy();
  }

  #request(type: number, plan: Plan, onListening: () => void = () => undefined): Promise<Frame> {
    if (this.#gone !== null) return Promise.reject(this.#gone);
    const payload = encodePlan(plan);
    this.#lastId = (this.#lastId + 1) >>> 0;
    const id = this.#lastId;
    return new Promise((resolve, reject) => {
      this.#requests.set(id, { plan, type, onListening, resolve, reject });
      this.#socket.write(encodeFrame(id, type, payload));
    });
  }

  #receive(chunk: Buffer): void {
    for (const frame of this.#decoder.push(chunk)) {
      const request = this.#requests.get(frame.id);
      if (frame.type === ANSWER.listening) {
        request?.onListening();
        continue;
      }
      this.#requests.delete(frame.id);
      if (request !== undefined) this.#answer(request, frame);
    }
  }

  #answer(request: Request, frame: Frame): void {
    const expected = request.type === REQUEST.start ? ANSWER.started : ANSWER.result;
    if (frame.type === expected) {
      request.resolve(frame);
      return;
    }
    if (frame.type !== ANSWER.failed) {
      request.reject(new EngineError('System', `islet launcher gave an answer of the unknown type ${frame.type}`));
      return;
    }
    try {
      request.reject(new PlanError(request.plan, decodeFailed(frame.payload)));
    } catch (error) {
      request.reject(error);
    }
  }

  #fail(error: EngineError): void {
    this.#gone ??= error;
    const lost = [...this.#requests.values()];
    this.#requests.clear();
    for (const request of lost) request.reject(error);
  }
}
