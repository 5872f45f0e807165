import { ContainersClient } from './containers.ts';
import { ExecsClient } from './execs.ts';
import { type EngineAddress, parseHost } from './host.ts';
import { ImagesClient } from './images.ts';
import { SystemClient } from './system.ts';
import { Transport } from './transport.ts';

export interface EngineClientOptions {
  /** `unix:///path` or `tcp://host:port`, or the same taken apart. */
  host: string | EngineAddress;
  /** Called when nothing listens at `host`; when it resolves, the request is sent once more. */
  onUnreachable?: (() => Promise<void>) | undefined;
}

/**
 * A client of the Docker Engine API with isle's additions. Requests carry no API version: the engine answers with its newest.
 * Connections are kept alive between requests; `close()` (or `using`) ends the idle ones.
 */
export class EngineClient implements Disposable {
  readonly containers: ContainersClient;
  readonly execs: ExecsClient;
  readonly images: ImagesClient;
  readonly system: SystemClient;
  readonly address: EngineAddress;
  readonly #transport: Transport;

  constructor(options: EngineClientOptions) {
    this.address = typeof options.host === 'string' ? parseHost(options.host) : options.host;
    this.#transport = new Transport(this.address, options.onUnreachable);
    this.containers = new ContainersClient(this.#transport);
    this.execs = new ExecsClient(this.#transport);
    this.images = new ImagesClient(this.#transport);
    this.system = new SystemClient(this.#transport);
  }

  close(): void {
    this.#transport.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
