import { RegistryClient } from '../distribution/registry.ts';
import type { RegistryOptions } from '../distribution/registry.ts';
import type { ImageSource } from './ports.ts';

/** A repository of a registry; the maker holds it and must release it. */
export class RegistrySource implements ImageSource {
  readonly #client: RegistryClient;
  #holders = 1;

  constructor(options: RegistryOptions) {
    this.#client = new RegistryClient(options);
  }

  manifest(tagOrDigest: string, signal: AbortSignal) {
    return this.#client.manifest(tagOrDigest, signal);
  }

  blob(digest: string, start: number, signal: AbortSignal) {
    return this.#client.blob(digest, start, signal);
  }

  tags(signal: AbortSignal) {
    return this.#client.tags(signal);
  }

  retain(): void {
    this.#holders += 1;
  }

  async release(): Promise<void> {
    this.#holders -= 1;
    if (this.#holders === 0) await this.#client.close();
  }
}
