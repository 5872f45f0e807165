/** Images made to attack: busybox with whatever entries and configuration, in the registry and pulled by the daemon. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ImageRunConfig } from '../../src/oci/image-spec.ts';
import { type TarEntry, tar, writeLayout } from '../fixtures/layout.ts';
import type { World } from '../harness/world.ts';

const APPLETS = 'sh cat chmod chown echo head id kill ls mkdir mknod mount readlink rm sleep stat true umount wc yes';

export interface HostileImage {
  entries?: readonly TarEntry[];
  config?: ImageRunConfig;
}

let serial = 0;

/** A busybox without /dev, /etc, /proc and /sys, and over it a layer of `entries`. Gives its reference. */
export async function hostileImage(world: World, { entries = [], config = {} }: HostileImage): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'isle-hostile-'));
  try {
    const base = await tar([
      { name: 'bin/busybox', mode: 0o755, content: await readFile('/bin/busybox') },
      ...APPLETS.split(' ').map((name): TarEntry => ({ name: `bin/${name}`, type: 'symlink', linkname: 'busybox' })),
    ]);
    const layout = join(directory, 'layout');
    await writeLayout(layout, { layers: [base, await tar(entries)], compression: 'zstd', config });
    const name = `hostile:${++serial}`;
    await world.registry.push(layout, name);
    await world.daemon.ok(['pull', '-q', `${world.registry.host}/${name}`]);
    return `${world.registry.host}/${name}`;
  } finally {
    await rm(directory, { recursive: true });
  }
}

export const link = (name: string, linkname: string): TarEntry => ({ name, type: 'symlink', linkname });
