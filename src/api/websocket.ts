/**
 * The server's side of a WebSocket (RFC 6455) that carries one byte stream each way, for `attach/ws`: without extensions and
 * subprotocols. Messages are no units here: what a client sends is taken as it comes, in frames of whatever kind and size.
 */
import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { Duplex } from 'node:stream';
import { EngineError } from '../errors.ts';

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;
const FIN = 0x80;
const RESERVED = 0x70;
const MASKED = 0x80;
const MASK_BYTES = 4;
const CONTROL_MAX = 125;
const CLOSE_NORMAL = Buffer.from([0x03, 0xe8]);
const CLOSE_PROTOCOL_ERROR = Buffer.from([0x03, 0xea]);

/** The answer to the handshake's key. Throws InvalidParameter for a request that is no handshake. */
export function webSocketAccept({ headers }: IncomingMessage): string {
  const key = headers['sec-websocket-key'] ?? '';
  const isHandshake = headers.upgrade?.toLowerCase() === 'websocket' && headers['sec-websocket-version'] === '13';
  if (!isHandshake || !/^[A-Za-z0-9+/]{22}==$/.test(key)) {
    throw new EngineError(
      'InvalidParameter',
      'this route takes the handshake of a WebSocket (RFC 6455, version 13) only',
      {
        hint: 'POST /containers/{id}/attach takes plain connections',
      },
    );
  }
  return createHash('sha1')
    .update(key + GUID)
    .digest('base64');
}

function frame(opcode: number, payload: Uint8Array): Buffer[] {
  const { length } = payload;
  const size = length <= CONTROL_MAX ? 2 : length <= 0xffff ? 4 : 10;
  const head = Buffer.alloc(size);
  head[0] = FIN | opcode;
  if (size === 2) head[1] = length;
  else {
    head[1] = size === 4 ? 126 : 127;
    if (size === 4) head.writeUInt16BE(length, 2);
    else head.writeBigUInt64BE(BigInt(length), 2);
  }
  return [head, Buffer.from(payload.buffer, payload.byteOffset, length)];
}

/** How many bytes the head has of which these are the first two. */
function headBytes(second: number): number {
  const length = second & 0x7f;
  return 2 + (length === 126 ? 2 : length === 127 ? 8 : 0) + MASK_BYTES;
}

/** Its readable side ends when the client closes the WebSocket or its half of the connection. */
export class WebSocketStream extends Duplex {
  readonly #socket: Duplex;
  readonly #opcode: number;
  /** Of the head of a frame, until it is whole. */
  #head: number[] = [];
  #type = 0;
  #mask: number[] = [];
  #left = 0;
  #at = 0;
  /** Of a control frame. */
  #control: number[] = [];
  #isClosing = false;

  /** `socket`: behind the handshake. Older clients of Docker want text. */
  constructor(socket: Duplex, kind: 'binary' | 'text') {
    super({ allowHalfOpen: true });
    this.#socket = socket;
    this.#opcode = OPCODE[kind];
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.once('end', () => this.push(null));
    socket.once('close', () => this.destroy());
    socket.on('error', () => this.destroy());
    // A write that a reset connection fails errors this stream too; everyone waits for the 'close' that follows.
    this.on('error', () => {});
    if (socket.destroyed) this.destroy();
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.#send(this.#opcode, chunk, done);
  }

  override _final(done: () => void): void {
    this.#close(CLOSE_NORMAL, done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#socket.destroy();
    done(error);
  }

  #send(opcode: number, payload: Uint8Array, done: (error?: Error | null) => void = () => {}): void {
    if (this.#isClosing || !this.#socket.writable) {
      // The client has left: its 'close' tells that.
      done();
      return;
    }
    const [head, body] = frame(opcode, payload);
    this.#socket.cork();
    this.#socket.write(head);
    this.#socket.write(body, done);
    this.#socket.uncork();
  }

  #close(code: Uint8Array, done: () => void = () => {}): void {
    this.#send(OPCODE.close, code);
    this.#isClosing = true;
    if (this.#socket.writable) this.#socket.end(done);
    else done();
  }

  #receive(chunk: Buffer): void {
    for (let at = 0; at < chunk.length && !this.readableEnded && !this.#isClosing; ) {
      at = this.#left > 0 ? this.#readPayload(chunk, at) : this.#readHead(chunk, at);
    }
  }

  #readHead(chunk: Buffer, start: number): number {
    let at = start;
    while (at < chunk.length) {
      this.#head.push(chunk[at++] ?? 0);
      const [first = 0, second = 0] = this.#head;
      if (this.#head.length < 2 || this.#head.length < headBytes(second)) continue;
      this.#begin(first, second, Buffer.from(this.#head));
      this.#head = [];
      break;
    }
    return at;
  }

  #begin(first: number, second: number, head: Buffer): void {
    const short = second & 0x7f;
    const length = short === 126 ? head.readUInt16BE(2) : short === 127 ? Number(head.readBigUInt64BE(2)) : short;
    this.#type = first & 0x0f;
    const isControl = this.#type >= OPCODE.close;
    const isKnown = Object.values<number>(OPCODE).includes(this.#type);
    const isBroken = isControl && (length > CONTROL_MAX || (first & FIN) === 0);
    // Clients mask, for the sake of what is between; what is not masked comes from no client.
    if ((first & RESERVED) !== 0 || (second & MASKED) === 0 || !isKnown || isBroken) {
      this.#fail();
      return;
    }
    this.#mask = [...head.subarray(-MASK_BYTES)];
    this.#left = length;
    this.#at = 0;
    this.#control = [];
    if (length === 0) this.#endFrame();
  }

  #readPayload(chunk: Buffer, start: number): number {
    const bytes = Buffer.from(chunk.subarray(start, start + this.#left));
    for (let index = 0; index < bytes.length; index++) {
      bytes[index] = (bytes[index] ?? 0) ^ (this.#mask[(this.#at + index) % MASK_BYTES] ?? 0);
    }
    this.#at += bytes.length;
    this.#left -= bytes.length;
    if (this.#type >= OPCODE.close) this.#control.push(...bytes);
    else if (!this.push(bytes)) this.#socket.pause();
    if (this.#left === 0) this.#endFrame();
    return start + bytes.length;
  }

  #endFrame(): void {
    // A client that reads nothing gets no answers that pile up here: only its latest ping needs one (RFC 6455, 5.5.3).
    if (this.#type === OPCODE.ping && !this.#socket.writableNeedDrain) {
      this.#send(OPCODE.pong, Buffer.from(this.#control));
    }
    if (this.#type !== OPCODE.close) return;
    // The client waits for this answer and then closes the connection.
    this.#close(Buffer.from(this.#control.slice(0, 2)));
    this.push(null);
  }

  #fail(): void {
    this.#close(CLOSE_PROTOCOL_ERROR);
    this.push(null);
  }
}
