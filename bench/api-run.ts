/**
 * The engine's own part of `run`: create, start, and the exit seen, by the API on kept connections and without a client
 * program. The client here is a socket and a few string operations: what is measured is the engine.
 */
import { createConnection, type Socket } from 'node:net';

interface Answer {
  status: number;
  body: string;
}

/** One request at a time on one connection. */
class Connection implements Disposable {
  readonly #socket: Socket;
  #text = '';
  #pending: PromiseWithResolvers<Answer> | null = null;

  constructor(socketPath: string) {
    this.#socket = createConnection(socketPath);
    this.#socket.setEncoding('latin1');
    this.#socket.on('data', (text: string) => this.#receive(text));
    this.#socket.on('error', (error) => this.#pending?.reject(error));
  }

  /** The answer's body. Rejects for a status from 300 on. */
  async send(method: string, path: string, body = ''): Promise<string> {
    const head = `${method} ${path} HTTP/1.1\r\nHost: isle\r\nContent-Type: application/json\r\n`;
    this.#pending = Promise.withResolvers<Answer>();
    this.#socket.write(`${head}Content-Length: ${body.length}\r\n\r\n${body}`);
    const answer = await this.#pending.promise;
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.body}`);
    return answer.body;
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }

  #receive(text: string): void {
    this.#text += text;
    const headEnd = this.#text.indexOf('\r\n\r\n');
    if (headEnd < 0) return;
    const head = this.#text.slice(0, headEnd);
    const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
    const isChunked = /transfer-encoding: chunked/i.test(head);
    const rest = this.#text.slice(headEnd + 4);
    // The one chunked answer here is a short line of JSON in one chunk.
    const chunk = /^[0-9a-f]+\r\n(.*?)\r\n0\r\n\r\n/s.exec(rest);
    if (isChunked ? chunk === null : rest.length < length) return;
    this.#text = '';
    this.#pending?.resolve({ status: Number(head.slice(9, 12)), body: chunk?.[1] ?? rest });
  }
}

export interface ApiRunner extends Disposable {
  /** Makes a container and gives its id. */
  create(): Promise<string>;
  /** Starts it and sees its end. */
  startToExit(id: string): Promise<void>;
  remove(id: string): Promise<void>;
  /** All in one, with auto-remove: until the container is gone. */
  runAndRemove(): Promise<void>;
}

export function apiRunner(socketPath: string, image: string, networkMode: string): ApiRunner {
  const connection = new Connection(socketPath);
  const waiting = new Connection(socketPath);
  const create = async (autoRemove: boolean): Promise<string> => {
    const request = { Image: image, Cmd: ['true'], HostConfig: { AutoRemove: autoRemove, NetworkMode: networkMode } };
    const { Id } = JSON.parse(await connection.send('POST', '/containers/create', JSON.stringify(request))) as {
      Id: string;
    };
    return Id;
  };
  const checkExit = (answer: string): void => {
    const { StatusCode } = JSON.parse(answer) as { StatusCode: number };
    if (StatusCode !== 0) throw new Error(`the container ended with ${StatusCode}`);
  };
  return {
    create: () => create(false),
    startToExit: async (id) => {
      await connection.send('POST', `/containers/${id}/start`);
      checkExit(await connection.send('POST', `/containers/${id}/wait`));
    },
    remove: async (id) => void (await connection.send('DELETE', `/containers/${id}`)),
    runAndRemove: async () => {
      const id = await create(true);
      const gone = waiting.send('POST', `/containers/${id}/wait?condition=removed`);
      await connection.send('POST', `/containers/${id}/start`);
      checkExit(await gone);
    },
    [Symbol.dispose]: () => {
      connection[Symbol.dispose]();
      waiting[Symbol.dispose]();
    },
  };
}
