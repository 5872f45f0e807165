/** Plans over a connection to an islet launcher, and their answers. */
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

interface Request {
  readonly plan: Plan;
  readonly type: number;
  onListening(): void;
  resolve(frame: Frame): void;
  reject(error: unknown): void;
}

/** Requests run side by side; each is answered by itself. After the end of the connection they reject with Unavailable. */
export class PlanChannel {
  readonly #socket: Duplex;
  readonly #requests = new Map<number, Request>();
  readonly #decoder = new FrameDecoder();
  #lastId = 0;
  #gone: EngineError | null = null;

  constructor(socket: Duplex) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('error', (cause) => this.end(`the connection to islet launcher broke: ${cause.message}`, cause));
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
   * Executes a run plan; resolves to what its operations found, in order, null for a missing file. Rejects with
   * PlanError.
   */
  async run(plan: Plan): Promise<(Uint8Array | null)[]> {
    const frame = await this.#request(REQUEST.run, plan);
    return decodeResult(frame.payload);
  }

  /** There will be no more answers. */
  end(message: string, cause?: unknown): void {
    this.#gone ??= new EngineError('Unavailable', message, { code: LAUNCHER_GONE, cause });
    const lost = [...this.#requests.values()];
    this.#requests.clear();
    for (const request of lost) request.reject(this.#gone);
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
}
