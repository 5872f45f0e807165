/** What most integration tests start from: a registry, busybox in it, and a daemon that has pulled it. */
import { busyboxImage } from '../fixtures/images.ts';
import { type Registry, startRegistry } from '../fixtures/registry.ts';
import { type DaemonOptions, startDaemon, type TestDaemon } from './daemon.ts';

export interface World extends AsyncDisposable {
  readonly registry: Registry;
  readonly daemon: TestDaemon;
  /** A reference of the busybox image in the registry; the daemon has it. */
  readonly busybox: string;
}

export async function startWorld(options: DaemonOptions = {}): Promise<World> {
  await using stack = new AsyncDisposableStack();
  const registry = stack.use(await startRegistry());
  await registry.push(await busyboxImage(), 'busybox:1');
  const daemon = stack.use(await startDaemon(options));
  const busybox = `${registry.host}/busybox:1`;
  await daemon.ok(['pull', '-q', busybox]);
  const owned = stack.move();
  return { registry, daemon, busybox, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
