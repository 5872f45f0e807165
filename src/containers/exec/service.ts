/** Further processes in containers, as the API asks for them. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Attachment, ExecsBackend, JsonObject } from '../../api/backend.ts';
import { EngineError } from '../../errors.ts';
import type { ExecConfig } from '../../oci/container-config.ts';
import { randomHex } from '../../platform/random.ts';
import { LiveAttachment } from '../attachment.ts';
import { type ContainersContext, findContainer } from '../context.ts';
import { publish } from '../publish.ts';
import { ExecSession } from './session.ts';
import { announceExec, checkCanExec, startExec } from './start.ts';

/** How long an ended one can be asked about. */
const KEPT_MS = 5 * 60 * 1000;
const RESIZE_PATIENCE_MS = 10_000;

type Size = { rows: number; cols: number };

function sizeOf(given: readonly number[] | null | undefined): Size | null {
  const [rows = 0, cols = 0] = given ?? [];
  return rows > 0 && cols > 0 ? { rows, cols } : null;
}

export class ExecService implements ExecsBackend {
  readonly #context: ContainersContext;

  constructor(context: ContainersContext) {
    this.#context = context;
  }

  create(containerName: string, config: ExecConfig): { Id: string } {
    if ((config.Cmd ?? []).length === 0) throw new EngineError('InvalidParameter', 'No exec command specified');
    const container = findContainer(this.#context, containerName);
    checkCanExec(container, containerName);
    this.#forgetOld();
    const session = new ExecSession(randomHex(32), container, config);
    this.#context.execs.set(session.id, session);
    announceExec(this.#context, session);
    return { Id: session.id };
  }

  /** Throws what has to be told before the connection is taken over. */
  check(id: string): { tty: boolean; detachKeys: string | undefined } {
    const session = this.#find(id);
    if (session.status === 'exited') {
      throw new EngineError('Conflict', `Error: Exec command ${id} has already run`);
    }
    if (session.status !== 'created') {
      throw new EngineError('Conflict', `Error: Exec command ${id} is already running`);
    }
    checkCanExec(session.container);
    return { tty: session.config.Tty === true, detachKeys: session.config.DetachKeys };
  }

  async startDetached(id: string): Promise<void> {
    this.check(id);
    const session = this.#find(id);
    await startExec(this.#context, session, { size: sizeOf(session.config.ConsoleSize), attachment: null });
  }

  startAttached(id: string, consoleSize: readonly number[] | null): { attachment: Attachment; started: Promise<void> } {
    this.check(id);
    const session = this.#find(id);
    const { Tty, AttachStdin, AttachStdout, AttachStderr } = session.config;
    const streams = { stdin: AttachStdin === true, stdout: AttachStdout === true, stderr: AttachStderr === true };
    const closed = (reason?: 'detached') => {
      if (reason === 'detached') publish(this.#context, session.container, 'exec_detach', { execID: id });
    };
    const attachment = new LiveAttachment(Tty === true, streams, closed, session.ended);
    const size = sizeOf(consoleSize) ?? sizeOf(session.config.ConsoleSize);
    return { attachment, started: startExec(this.#context, session, { size, attachment }) };
  }

  async resize(id: string, size: { rows: number; columns: number }): Promise<void> {
    const session = this.#find(id);
    // A client sends the size of its terminal beside the start.
    const late = new AbortController();
    await Promise.race([session.begun, delay(RESIZE_PATIENCE_MS, undefined, { signal: late.signal, ref: false })]);
    late.abort();
    if (session.monitor === null) {
      throw new EngineError('Conflict', `cannot resize a stopped process: exec ${id} is ${session.status}`);
    }
    session.monitor.resize(size.rows, size.columns);
  }

  inspect(id: string): JsonObject {
    const { config, container, ...session } = this.#find(id);
    const [entrypoint = '', ...args] = config.Cmd ?? [];
    return {
      ID: id,
      Running: session.status === 'running' || session.status === 'starting',
      ExitCode: session.exitCode,
      ProcessConfig: {
        tty: config.Tty === true,
        entrypoint,
        arguments: args,
        privileged: config.Privileged === true,
        ...(config.User ? { user: config.User } : {}),
      },
      OpenStdin: config.AttachStdin === true,
      OpenStderr: config.AttachStderr === true,
      OpenStdout: config.AttachStdout === true,
      CanRemove: session.status === 'exited',
      ContainerID: container.record.id,
      DetachKeys: config.DetachKeys ?? '',
      Pid: session.pid,
    };
  }

  #find(id: string): ExecSession {
    const session = this.#context.execs.get(id);
    if (session === undefined) throw new EngineError('NotFound', `No such exec instance: ${id}`);
    return session;
  }

  #forgetOld(): void {
    const now = Date.now();
    for (const [id, session] of this.#context.execs) {
      const gone = !this.#context.containers.has(session.container.record.id);
      if (session.status === 'exited' && (gone || now - session.exitedAtMs > KEPT_MS)) this.#context.execs.delete(id);
      else if (session.status === 'created' && !session.container.running) this.#context.execs.delete(id);
    }
  }
}
