/** A client attached to a container, from before its start or in the middle of its life. */
import { PassThrough, type Readable, Writable } from 'node:stream';
import type { Attachment } from '../api/backend.ts';
import { EngineError } from '../errors.ts';
import { connectMonitor, type MonitorConnection } from '../runtime/monitor.ts';

export interface AttachedStreams {
  stdin: boolean;
  stdout: boolean;
  stderr: boolean;
  /** Without frames; so is a terminal's output in any case. */
  raw?: boolean | undefined;
}

/**
 * Output goes through untouched: the monitor frames it as Docker does, or sends it raw for a terminal.
 * Input that comes before the monitor is there waits, with back-pressure on the client.
 */
export class LiveAttachment implements Attachment {
  readonly tty: boolean;
  readonly output: PassThrough = new PassThrough({ highWaterMark: 256 * 1024 });
  readonly input: Writable | null;
  readonly #streams: AttachedStreams;
  readonly #onClose: (reason?: 'detached') => void;
  readonly #beforeEnd: Promise<unknown> | undefined;
  #connection: MonitorConnection | null = null;
  #waitingInput: (() => void) | null = null;
  #closed = false;

  /** `beforeEnd`: what clients may ask for once the output has ended, and must be known by then. */
  constructor(
    tty: boolean,
    streams: AttachedStreams,
    onClose: (reason?: 'detached') => void,
    beforeEnd?: Promise<unknown>,
  ) {
    this.tty = tty;
    this.#beforeEnd = beforeEnd;
    this.#streams = streams;
    this.#onClose = onClose;
    this.input = streams.stdin ? this.#makeInput() : null;
  }

  /** Connects to a monitor that is there. Called once, before the container's first byte is read or later in its life. */
  async connect(socketPath: string): Promise<void> {
    const { stdout, stderr, raw = false } = this.#streams;
    // Of several clients that attached before the start the first must not let the container begin.
    const wanted = { stdout, stderr, events: false, raw: raw || this.tty, hold: true };
    const connection = await connectMonitor(socketPath, wanted);
    if (this.#closed) {
      connection.close();
      return;
    }
    this.#connection = connection;
    connection.output.on('error', () => this.finish());
    connection.output.pipe(this.output, { end: false });
    connection.output.once('end', () => {
      if (this.#beforeEnd === undefined) this.output.end();
      else void this.#beforeEnd.finally(() => this.output.end());
    });
    this.#waitingInput?.();
    this.#waitingInput = null;
  }

  /** As `connect`; a container that has ended already gives no output, which is no failure of its start. */
  async connectOrEnd(socketPath: string): Promise<void> {
    try {
      await this.connect(socketPath);
    } catch (thrown) {
      if (!(thrown instanceof EngineError && thrown.code === 'EMONITORGONE')) throw thrown;
      this.finish();
    }
  }

  /** Sends what was logged before the live output follows. */
  async sendFirst(logged: Readable): Promise<void> {
    for await (const chunk of logged) {
      if (!this.output.write(chunk)) await new Promise((resolve) => this.output.once('drain', resolve));
    }
  }

  /** The container will give no output (any more): the client reads what is there, then the end. */
  finish(): void {
    this.#closed = true;
    this.output.end();
  }

  close(reason?: 'detached'): void {
    if (this.#closed && this.#connection === null) return;
    this.#closed = true;
    this.#connection?.close();
    this.#connection = null;
    this.output.destroy();
    this.#waitingInput?.();
    this.#onClose(reason);
  }

  #makeInput(): Writable {
    const whenConnected = (body: () => void) => {
      if (this.#connection !== null || this.#closed) body();
      else this.#waitingInput = body;
    };
    return new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        whenConnected(() => {
          // A container that has gone takes no more input; its output stream tells the client.
          if (this.#connection === null) done();
          else this.#connection.stdin.write(chunk, () => done());
        });
      },
      final: (done) => {
        whenConnected(() => {
          this.#connection?.closeStdin();
          done();
        });
      },
    });
  }
}
