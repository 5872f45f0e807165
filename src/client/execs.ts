import type { ExecConfig, ExecInspect } from '../api/types/container.ts';
import type { Hijacked, Transport } from './transport.ts';

/** Further processes in containers that run. */
export class ExecsClient {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  create(container: string, config: ExecConfig): Promise<{ Id: string }> {
    return this.#transport.json('POST', `/containers/${encodeURIComponent(container)}/exec`, { body: config });
  }

  /** `socket` is the caller's, as of an attach. A program that cannot be started is told of in the stream. */
  start(id: string, options: { tty: boolean; consoleSize?: [number, number] | undefined }): Promise<Hijacked> {
    const ConsoleSize = options.consoleSize ?? null;
    return this.#transport.hijack(`/exec/${id}/start`, { body: { Detach: false, Tty: options.tty, ConsoleSize } });
  }

  async startDetached(id: string): Promise<void> {
    await this.#transport.json('POST', `/exec/${id}/start`, { body: { Detach: true } });
  }

  inspect(id: string): Promise<ExecInspect> {
    return this.#transport.json('GET', `/exec/${id}/json`);
  }

  async resize(id: string, size: { rows: number; columns: number }): Promise<void> {
    await this.#transport.json('POST', `/exec/${id}/resize`, { query: { h: size.rows, w: size.columns } });
  }
}
