/**
 * Pull of a large image from a registry on loopback: from the command until the image can be run.
 * Usage: bench/pull.ts [--rounds N] [--megabytes N]
 */
import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ImageManifest } from '../src/oci/image-spec.ts';
import { startRegistry } from '../test/fixtures/registry.ts';
import { type Finished, run } from '../test/harness/command.ts';
import { startDaemon } from '../test/harness/daemon.ts';
import { type Candidate, formatResults, inTurns, numberOption } from './measure.ts';
import { startDockerd } from './peers/dockerd.ts';
import { explainMissing } from './peers/find.ts';
import { pullImage } from './pull-image.ts';

const ROUNDS = numberOption('rounds', 3);
const MEGABYTES = numberOption('megabytes', 1000);
const SHAPE = { layers: 10, filesPerLayer: 5000, totalBytes: MEGABYTES * 1_000_000 };

type Docker = (args: readonly string[]) => Promise<Finished>;

function pulling(name: string, docker: Docker, image: string): Candidate {
  const check = async (args: readonly string[]): Promise<void> => {
    const { code, stderr } = await docker(args);
    if (code !== 0) throw new Error(`${name}: docker ${args.join(' ')} ended with ${code}: ${stderr}`);
  };
  return { name, run: () => check(['pull', '-q', image]), reset: () => check(['rmi', image]) };
}

/** What the same bytes cost without registry, digests and engine: one layer after the other through zcat and tar. */
async function zcatTar(layout: string, directory: string): Promise<Candidate> {
  const index = JSON.parse(await readFile(join(layout, 'index.json'), 'utf8')) as { manifests: { digest: string }[] };
  const blob = (digest = '') => join(layout, 'blobs', digest.replace(':', '/'));
  const manifest = JSON.parse(await readFile(blob(index.manifests[0]?.digest), 'utf8')) as ImageManifest;
  const paths = manifest.layers.map(({ digest }) => blob(digest));
  const script =
    'target=$1; shift; for layer; do mkdir -p "$target/$layer"; zcat "$layer" | tar -xf - -C "$target/$layer" || exit; done';
  const target = join(directory, 'unpacked');
  return {
    name: 'zcat | tar x, in sequence',
    run: async () => {
      const { code, stderr } = await run('sh', ['-c', script, 'sh', target, ...paths], { timeoutMs: 600_000 });
      if (code !== 0) throw new Error(stderr);
    },
    reset: () => rm(target, { recursive: true }),
  };
}

function peakMegabytes(pid: number): string {
  const peak = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return (Number(peak) / 1024).toFixed(0);
}

async function main(): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), 'isle-bench-'));
  stack.defer(() => rm(directory, { recursive: true, force: true }));
  const layout = await pullImage(SHAPE);
  const registry = stack.use(await startRegistry());
  await registry.push(layout, 'large:1');
  const image = `${registry.host}/large:1`;
  const daemon = stack.use(await startDaemon());
  const dockerd = stack.use(await startDockerd());
  const candidates = [pulling('isle', (args) => daemon.docker(args, { timeoutMs: 600_000 }), image)];
  if (dockerd !== null) candidates.push(pulling('dockerd', (args) => dockerd.docker(args), image));
  candidates.push(await zcatTar(layout, directory));
  const title = `docker pull, ${MEGABYTES} MB in ${SHAPE.layers} layers, ${SHAPE.layers * SHAPE.filesPerLayer} files`;
  console.log(formatResults(title, await inTurns(candidates, ROUNDS)));
  console.log(`isled's peak memory: ${peakMegabytes(daemon.pid())} MiB\n`);
  console.log(explainMissing(['dockerd', 'containerd', 'runc']));
}

await main();
