import type { Socket } from 'node:net';
import { MULTIPLEXED_STREAM } from '../../../api/types/frames.ts';
import { copyOutput } from '../../../client/demux.ts';
import { type Hijacked, readBody } from '../../../client/transport.ts';
import { CommandError } from '../../errors.ts';
import { messages } from '../../format/messages.ts';
import type { Invocation, Io } from '../command.ts';
import { DEFAULT_DETACH_KEYS, DetachScanner, parseDetachKeys } from './detach-keys.ts';
import { enterRawMode } from './terminal.ts';

export interface SessionOptions {
  /** The container has a terminal. */
  tty: boolean;
  stdin: boolean;
  stdout: boolean;
  stderr: boolean;
  /** '' = ctrl-p,ctrl-q */
  detachKeys: string;
}

export interface Session {
  /** `ended`: all output was written. `detached`: the user typed the detach keys; the container goes on. */
  done: Promise<'ended' | 'detached'>;
  /** Leaves at once and puts the terminal back. Idempotent. */
  close: () => void;
}

/** An interactive container needs a real terminal on our stdin. Checked before anything is made. */
export function checkTerminal(io: Io, options: { tty: boolean; stdin: boolean }): void {
  if (options.tty && options.stdin && !io.stdin.isTTY) throw new CommandError(messages.notATerminal);
}

/** Joins this terminal (or these pipes) with the container's streams. The container may start afterwards. */
export async function openSession(context: Invocation, id: string, options: SessionOptions): Promise<Session> {
  const { io, engine } = context;
  keysOf(options.detachKeys);
  const hijacked = await engine.containers.attach(id, {
    stdin: options.stdin,
    stdout: options.stdout,
    stderr: options.stderr,
    detachKeys: options.detachKeys || undefined,
  });
  return joinStreams(io, hijacked, options);
}

function keysOf(text: string): Uint8Array {
  return text === '' ? DEFAULT_DETACH_KEYS : parseDetachKeys(text);
}

/** Joins our streams with a connection that was taken over. */
export async function joinStreams(
  io: Io,
  { socket, contentType }: Hijacked,
  options: Pick<SessionOptions, 'tty' | 'stdin' | 'detachKeys'>,
): Promise<Session> {
  const keys = keysOf(options.detachKeys);
  const restore = options.tty && options.stdin ? await enterRawMode(io.stdin) : (): void => undefined;
  const detached = Promise.withResolvers<'detached'>();
  const stopInput = options.stdin
    ? pumpInput(io.stdin, socket, options.tty ? new DetachScanner(keys) : undefined, () => detached.resolve('detached'))
    : endInput(socket);
  const close = (): void => {
    stopInput();
    restore();
    socket.destroy();
  };
  const framed = contentType === undefined ? !options.tty : contentType === MULTIPLEXED_STREAM;
  const ended = copyOutput(readBody(socket), framed, io.stdout, io.stderr).then(() => 'ended' as const);
  const done = Promise.race([ended, detached.promise]).finally(close);
  // `run` looks at `done` only after the start, which may have failed first.
  done.catch(() => undefined);
  return { done, close };
}

function endInput(socket: Socket): () => void {
  socket.end();
  return () => undefined;
}

/** Copies our stdin to the container, as fast as it reads; our end of file becomes the half-close of the connection. */
function pumpInput(
  stdin: NodeJS.ReadStream,
  socket: Socket,
  scanner: DetachScanner | undefined,
  onDetach: () => void,
): () => void {
  const onData = (chunk: Buffer): void => {
    const { pass, detached } = scanner?.push(chunk) ?? { pass: chunk, detached: false };
    if (pass.byteLength > 0 && socket.writable && !socket.write(pass)) stdin.pause();
    if (detached) onDetach();
  };
  const onDrain = (): void => void stdin.resume();
  const onEnd = (): void => void socket.end();
  stdin.on('data', onData).once('end', onEnd);
  socket.on('drain', onDrain);
  return () => {
    stdin.off('data', onData).off('end', onEnd).pause();
    socket.off('drain', onDrain);
  };
}
