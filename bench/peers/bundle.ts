/** An OCI bundle with Docker's default configuration, for runtimes that are run by themselves. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../../test/fixtures/process.ts';

interface Spec {
  process: { terminal: boolean; args: string[] };
  root: { readonly: boolean };
}

/** Unpacks the layers of an OCI layout and takes the runtime's own template of a spec. `true` is what it runs. */
export async function makeBundle(runtime: string, layout: string, directory: string): Promise<void> {
  const root = join(directory, 'rootfs');
  await mkdir(root, { recursive: true });
  const index = JSON.parse(await readFile(join(layout, 'index.json'), 'utf8')) as { manifests: { digest: string }[] };
  const blob = (digest: string) => join(layout, 'blobs', digest.replace(':', '/'));
  const manifest = JSON.parse(await readFile(blob(index.manifests[0]?.digest ?? ''), 'utf8')) as {
    layers: { digest: string }[];
  };
  for (const { digest } of manifest.layers) await run('tar', ['-C', root, '-xzf', blob(digest)]);
  await run('sh', ['-c', 'cd "$1" && exec "$2" spec', 'sh', directory, runtime]);
  const path = join(directory, 'config.json');
  const spec = JSON.parse(await readFile(path, 'utf8')) as Spec;
  spec.process.terminal = false;
  spec.process.args = ['true'];
  spec.root.readonly = false;
  await writeFile(path, JSON.stringify(spec));
}
