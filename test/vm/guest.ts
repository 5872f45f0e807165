/** What the tests in a virtual machine start from: a daemon, and busybox in it, out of a registry in this process. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ImageConfig, ImageManifest } from '../../src/oci/image-spec.ts';
import { FakeRegistry } from '../fixtures/fake-registry.ts';
import { busyboxImage } from '../fixtures/images.ts';
import { type Finished, run } from '../harness/command.ts';
import { startDaemon, type TestDaemon } from '../harness/daemon.ts';

export interface Guest extends AsyncDisposable {
  readonly daemon: TestDaemon;
  /** A reference of the busybox image; the daemon has it. */
  readonly busybox: string;
  /** Runs `isle ARGS` against the daemon. */
  isle(...args: string[]): Promise<Finished>;
}

/** Not `./isle`, which would look for a compiler. */
const CLI = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));

/** `args`: more of isled's flags. */
export async function startGuest(args: string[] = []): Promise<Guest> {
  await using stack = new AsyncDisposableStack();
  const registry = stack.use(await FakeRegistry.start());
  await serve(registry, await busyboxImage('none'));
  const daemon = stack.use(await startDaemon({ args }));
  const busybox = `${registry.host}/busybox:1`;
  await daemon.ok(['pull', '-q', busybox]);
  const owned = stack.move();
  return {
    daemon,
    busybox,
    isle: (...args) => run(process.execPath, ['--', CLI, ...args], { env: { DOCKER_HOST: daemon.dockerHost } }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function serve(registry: FakeRegistry, layout: string): Promise<void> {
  const blob = (digest: string) => readFile(join(layout, 'blobs', digest.replace(':', '/')));
  const document = async <T>(digest: string): Promise<T> => JSON.parse((await blob(digest)).toString()) as T;
  const index = JSON.parse(await readFile(join(layout, 'index.json'), 'utf8')) as { manifests: { digest: string }[] };
  const manifest = await document<ImageManifest>(index.manifests[0]?.digest ?? '');
  const config = await document<ImageConfig>(manifest.config.digest);
  const layers = await Promise.all(
    manifest.layers.map(async ({ digest }, at) => ({
      blob: await blob(digest),
      diffId: config.rootfs.diff_ids[at] ?? '',
    })),
  );
  registry.addImage('busybox', '1', { layers, config });
}
