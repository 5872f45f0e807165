/** A syslog server for tests: takes what comes by UDP, TCP or a unix stream socket, and can be slow. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';

export interface SyslogServer extends AsyncDisposable {
  /** For `--log-opt syslog-address=`. */
  readonly address: string;
  /** The messages so far, without their newlines. */
  messages(): string[];
  /** Takes nothing any more, until `resume`; stream sockets only. */
  pause(): void;
  resume(): void;
}

export async function udpSyslog(): Promise<SyslogServer> {
  const socket = createSocket('udp4');
  const seen: string[] = [];
  socket.on('message', (bytes) => void seen.push(bytes.toString().replace(/\n$/, '')));
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const nothing = (): void => undefined;
  return {
    address: `udp://127.0.0.1:${socket.address().port}`,
    messages: () => [...seen],
    pause: nothing,
    resume: nothing,
    [Symbol.asyncDispose]: async () => {
      socket.close();
      await once(socket, 'close');
    },
  };
}

/** `at`: a port of this host, 0 for any, or the path of a socket. */
export async function streamSyslog(at: number | string = 0): Promise<SyslogServer> {
  const pieces: Buffer[] = [];
  const sockets = new Set<Socket>();
  let paused = false;
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('data', (chunk) => void pieces.push(chunk));
    socket.on('error', () => undefined);
    if (paused) socket.pause();
  });
  server.listen(typeof at === 'string' ? { path: at } : { port: at, host: '127.0.0.1' });
  await once(server, 'listening');
  const address = server.address() as AddressInfo | string;
  return {
    address: typeof address === 'string' ? `unix://${address}` : `tcp://127.0.0.1:${address.port}`,
    messages: () => Buffer.concat(pieces).toString().split('\n').slice(0, -1),
    pause: () => {
      paused = true;
      for (const socket of sockets) socket.pause();
    },
    resume: () => {
      paused = false;
      for (const socket of sockets) socket.resume();
    },
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
