/** A client of a container's monitor: output, input, resize, signals, and the news of its end. */
import { closeSync, constants, openSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { basename, dirname } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { EngineError } from '../errors.ts';
import { type ExitRecord, parseExitRecord } from './exit-record.ts';
import { encodeMonitorFrame, HEAD_BYTES, MONITOR_FRAME, MonitorDecoder, SUBSCRIBE } from './monitor-frames.ts';
import { errnoName, errnoText } from './plan-error.ts';

export { type ExitRecord, parseExitRecord, readExitRecord } from './exit-record.ts';

export interface Subscription {
  readonly stdout: boolean;
  readonly stderr: boolean;
  /** OOM and the exit record. Cannot be had together with `raw`. */
  readonly events: boolean;
  /** Output without frame heads, for a terminal. */
  readonly raw: boolean;
  /** Others may follow: a monitor that waits for an attached client goes on waiting, until `go`. */
  readonly hold?: boolean;
}

/** To follow a container to its end, without its output. */
export const EVENTS_ONLY: Subscription = { stdout: false, stderr: false, events: true, raw: false };

/** sun_path has 108 bytes, one of them for the end. */
const SOCKET_PATH_MAX = 107;

interface PendingSignal {
  resolve(): void;
  reject(error: EngineError): void;
}

function gone(cause?: unknown): EngineError {
  return new EngineError('Unavailable', "the container's monitor has ended", { code: 'EMONITORGONE', cause });
}

export class MonitorConnection {
  /**
   * The container's output, framed as Docker frames it or raw, with back-pressure; ends when the monitor closes the
   * connection.
   */
  readonly output: Readable;
  /** The container's stdin. Ending it sends STDIN_CLOSE. */
  readonly stdin: Writable;
  /**
   * Resolves when the container has ended; null when the connection ended without the news (or `events` was not asked
   * for).
   */
  readonly exit: Promise<ExitRecord | null>;
  /** Operations of the cleanup section that failed (see ExitRecord); complete when the connection is closed. */
  cleanupErrors: readonly string[] = [];
  /** Resolves when the connection is closed. With `events` that is after the monitor's cleanup. Never rejects. */
  readonly closed: Promise<void>;
  readonly #socket: Socket;
  readonly #subscription: Subscription;
  readonly #decoder = new MonitorDecoder();
  readonly #signals: PendingSignal[] = [];
  readonly #oomListeners: (() => void)[] = [];
  readonly #rotationListeners: (() => void)[] = [];
  readonly #renames: ((done: boolean) => void)[] = [];
  readonly #subscribed = Promise.withResolvers<void>();
  readonly #exit = Promise.withResolvers<ExitRecord | null>();
  #isSubscribed = false;
  #inputEnded = false;
  /** Bytes of the SUBSCRIBED frame that a raw connection has received. */
  #rawHead = 0;

  constructor(socket: Socket, subscription: Subscription) {
    this.#socket = socket;
    this.#subscription = subscription;
    this.exit = this.#exit.promise;
    // Whoever waits for the exit sees a malformed record; a connection that only attaches does not wait.
    this.exit.catch(() => {});
    this.#subscribed.promise.catch(() => {});
    this.output = new Readable({ read: () => socket.resume(), highWaterMark: 256 * 1024 });
    // An output that nobody listens to must not take the process down; who reads it sees the error.
    this.output.on('error', () => {});
    this.stdin = this.#makeStdin();
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.#finish();
        resolve();
      });
    });
    socket.on('error', (cause) => {
      this.#subscribed.reject(gone(cause));
    });
  }

  /** Resolves when the monitor has taken the subscription: from then on no output is lost. */
  get subscribed(): Promise<void> {
    return this.#subscribed.promise;
  }

  /** @internal */
  subscribe(): void {
    const { stdout, stderr, events, raw, hold = false } = this.#subscription;
    const flags =
      (stdout ? SUBSCRIBE.stdout : 0) |
      (stderr ? SUBSCRIBE.stderr : 0) |
      (events ? SUBSCRIBE.events : 0) |
      (raw ? SUBSCRIBE.raw : 0) |
      (hold ? SUBSCRIBE.hold : 0);
    this.#socket.write(encodeMonitorFrame(MONITOR_FRAME.subscribe, Uint8Array.of(flags)));
  }

  /** Ends the container's stdin, if it was created with StdinOnce; otherwise the monitor ignores it, as Docker does. */
  closeStdin(): void {
    this.stdin.end();
  }

  resize(rows: number, cols: number): void {
    const payload = Buffer.alloc(8);
    payload.writeUInt32BE(rows, 0);
    payload.writeUInt32BE(cols, 4);
    this.#send(MONITOR_FRAME.resize, payload);
  }

  /**
   * Sends a signal to the container's first process. Rejects with the errno as code (ESRCH: it has ended). Not on a raw
   * connection.
   */
  signal(signo: number): Promise<void> {
    if (this.#subscription.raw) return Promise.reject(new EngineError('System', 'a raw connection cannot be answered'));
    if (!this.#socket.writable) return Promise.reject(gone());
    const payload = Buffer.alloc(4);
    payload.writeUInt32BE(signo, 0);
    return new Promise((resolve, reject) => {
      this.#signals.push({ resolve, reject });
      this.#send(MONITOR_FRAME.signal, payload);
    });
  }

  /** Called for each OOM in the container. */
  onOom(listener: () => void): void {
    this.#oomListeners.push(listener);
  }

  /** Called after the log has been rotated. */
  onRotation(listener: () => void): void {
    this.#rotationListeners.push(listener);
  }

  /**
   * `<log>.gz-part` is the compressed form of the old log file with this inode: it is to take its place. Resolves when that
   * is done, or to false when the monitor has gone. Needs `events`.
   */
  logCompressed(inode: bigint): Promise<boolean> {
    const payload = Buffer.alloc(8);
    payload.writeBigUInt64BE(inode);
    return new Promise((resolve) => {
      if (!this.#socket.writable) return resolve(false);
      this.#renames.push(resolve);
      this.#send(MONITOR_FRAME.compressed, payload);
    });
  }

  /** Lets a monitor that waits for an attached client read the container's output. */
  go(): void {
    this.#send(MONITOR_FRAME.go);
  }

  /** Leaves the container alone. */
  close(): void {
    this.#socket.destroy();
  }

  #send(type: number, payload?: Uint8Array): void {
    if (this.#socket.writable) this.#socket.write(encodeMonitorFrame(type, payload));
  }

  #makeStdin(): Writable {
    const stdin = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        if (!this.#socket.writable) return done(gone());
        return void this.#socket.write(encodeMonitorFrame(MONITOR_FRAME.stdin, chunk), (error) => done(error ?? null));
      },
      final: (done) => {
        if (!this.#inputEnded) this.#send(MONITOR_FRAME.stdinClose);
        this.#inputEnded = true;
        done();
      },
      highWaterMark: 64 * 1024,
    });
    // As with output: a container that ended while it was written to is no failure of the daemon.
    stdin.on('error', () => {});
    return stdin;
  }

  #receive(chunk: Buffer): void {
    if (this.#subscription.raw) {
      this.#receiveRaw(chunk);
      return;
    }
    for (const item of this.#decoder.push(chunk)) {
      if (item.kind === 'output') this.#output(item.bytes);
      else this.#event(item.type, item.payload);
    }
  }

  /** The one frame of a raw connection is SUBSCRIBED, without payload; what follows it is output. */
  #receiveRaw(chunk: Buffer): void {
    if (this.#isSubscribed) {
      this.#output(chunk);
      return;
    }
    const head = chunk.subarray(0, HEAD_BYTES - this.#rawHead);
    this.#rawHead += head.length;
    for (const item of this.#decoder.push(head)) if (item.kind === 'event') this.#event(item.type, item.payload);
    if (chunk.length > head.length) this.#output(chunk.subarray(head.length));
  }

  #output(bytes: Buffer): void {
    if (!this.output.push(bytes)) this.#socket.pause();
  }

  #event(type: number, payload: Buffer): void {
    switch (type) {
      case MONITOR_FRAME.subscribed:
        this.#isSubscribed = true;
        this.#subscribed.resolve();
        break;
      case MONITOR_FRAME.exited:
        this.#takeExit(payload.toString('utf8'));
        break;
      case MONITOR_FRAME.oom:
        for (const listener of this.#oomListeners) listener();
        break;
      case MONITOR_FRAME.rotated:
        for (const listener of this.#rotationListeners) listener();
        break;
      case MONITOR_FRAME.renamed:
        this.#renames.shift()?.(true);
        break;
      case MONITOR_FRAME.signalled:
        this.#takeSignalled(payload.readInt32BE(0));
        break;
      default:
        // A newer monitor may tell more than this version knows.
        break;
    }
  }

  #takeExit(text: string): void {
    try {
      // It is told once more when the cleanup has failed.
      const record = parseExitRecord(text);
      this.cleanupErrors = record.cleanupErrors;
      this.#exit.resolve(record);
    } catch (error) {
      this.#exit.reject(error);
    }
  }

  #takeSignalled(errno: number): void {
    const pending = this.#signals.shift();
    if (errno === 0) pending?.resolve();
    else
      pending?.reject(
        new EngineError('System', `cannot signal the container: ${errnoText(errno)}`, { code: errnoName(errno) }),
      );
  }

  #finish(): void {
    if (!this.#isSubscribed) this.#subscribed.reject(gone());
    this.#exit.resolve(null);
    for (const pending of this.#signals.splice(0)) pending.reject(gone());
    for (const resolve of this.#renames.splice(0)) resolve(false);
    this.output.push(null);
    this.stdin.destroy();
  }
}

/** Connects to a path that may be longer than a socket address: by way of its open directory. */
export async function connectSocket(socketPath: string): Promise<Socket> {
  const long = Buffer.byteLength(socketPath) > SOCKET_PATH_MAX;
  const directory = long ? openSync(dirname(socketPath), constants.O_RDONLY | constants.O_DIRECTORY) : -1;
  const path = long ? `/proc/self/fd/${directory}/${basename(socketPath)}` : socketPath;
  try {
    const socket = createConnection({ path, allowHalfOpen: false });
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    socket.removeAllListeners('error');
    return socket;
  } finally {
    if (long) closeSync(directory);
  }
}

/**
 * Connects to `<stateDir>/monitor.sock` and subscribes. Rejects with EngineError(Unavailable, code EMONITORGONE) when
 * no monitor listens there (any more); the exit record tells then how the container ended.
 */
export async function connectMonitor(socketPath: string, subscription: Subscription): Promise<MonitorConnection> {
  const connection = await openMonitor(socketPath, subscription);
  await connection.subscribed;
  return connection;
}

/**
 * As `connectMonitor`, but does not wait until the monitor has taken the subscription, which a monitor that still makes its
 * container does when that runs. What is asked of the connection meanwhile is done in order.
 */
export async function openMonitor(socketPath: string, subscription: Subscription): Promise<MonitorConnection> {
  if (subscription.raw && subscription.events) throw new EngineError('System', 'a raw connection carries no events');
  let socket: Socket;
  try {
    socket = await connectSocket(socketPath);
  } catch (cause) {
    throw gone(cause);
  }
  const connection = new MonitorConnection(socket, subscription);
  connection.subscribe();
  return connection;
}
