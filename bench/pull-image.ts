/** The image that bench/pull.ts pulls: layers of many files, some of them compressible, some not; the same every time. */
import { createCipheriv } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { pack } from 'tar-stream';
import { writeLayout } from '../test/fixtures/layout.ts';
import { ROOT } from '../scripts/source-files.ts';

export interface ImageShape {
  layers: number;
  filesPerLayer: number;
  /** uncompressed, all layers */
  totalBytes: number;
}

/** Gives the path of an OCI layout, made at the first time and kept under `.cache/`. */
export async function pullImage(shape: ImageShape): Promise<string> {
  const cache = join(ROOT, '.cache/bench');
  const target = join(cache, `pull-${shape.layers}-${shape.filesPerLayer}-${shape.totalBytes}`);
  if ((await stat(target).catch(() => null)) !== null) return target;
  await mkdir(cache, { recursive: true });
  const work = await mkdtemp(join(cache, 'making-'));
  try {
    const layers: string[] = [];
    for (let layer = 0; layer < shape.layers; layer++) layers.push(await writeLayer(work, layer, shape));
    await writeLayout(join(work, 'layout'), { layers, compression: 'gzip', config: { Cmd: ['true'] } });
    await rename(join(work, 'layout'), target);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return target;
}

async function writeLayer(work: string, layer: number, shape: ImageShape): Promise<string> {
  const path = join(work, `${layer}.tar`);
  const archive = pack();
  const written = pipeline(archive, createWriteStream(path));
  const bytesPerFile = Math.floor(shape.totalBytes / shape.layers / shape.filesPerLayer);
  const noise = createCipheriv('aes-128-ctr', Buffer.alloc(16, layer + 1), Buffer.alloc(16));
  for (let file = 0; file < shape.filesPerLayer; file++) {
    const name = `usr/lib/layer${layer}/dir${Math.floor(file / 50)}/file${file}`;
    const content = noise.update(Buffer.alloc(bytesPerFile));
    // Half of each file is text-like, so that gzip has something to do, as with programs.
    content.fill('the quick brown fox jumps over the lazy dog\n', 0, Math.floor(bytesPerFile / 2));
    await new Promise<void>((resolve, reject) => {
      archive.entry({ name, mode: 0o644, mtime: new Date(1_700_000_000_000) }, content, (error) => {
        if (error) reject(error);
        else resolve();
      });
    });
  }
  archive.finalize();
  await written;
  return path;
}
