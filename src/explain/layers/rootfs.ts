import type { ExplainLayer, Fact } from '../../api/types/explain.ts';
import type { Plan } from '../../runtime/plan/table.ts';
import { type Enforced, fact, plural, said } from '../fact.ts';
import { type MountEntry, mountAt, parseMountinfo } from '../proc.ts';
import type { KernelFacts, LayerInput } from '../types.ts';

const shortDigest = (digest: string): string => digest.replace(/^sha256:/, '').slice(0, 12);

/** Lower directories of overlay options; since Linux 6.5 there is one "lowerdir+" for each. */
function lowerDirs(options: readonly string[]): string[] {
  return options.flatMap((option) => {
    const value = /^lowerdir\+?=(.*)$/.exec(option)?.[1];
    return value === undefined ? [] : value.split(':');
  });
}

function askedLowerDirs(plan: Plan): string[] {
  const overlay = plan.ops.find((candidate) => candidate.op === 'overlayRoot');
  return overlay?.op === 'overlayRoot' ? lowerDirs(overlay.args.options.split(',')) : [];
}

function rootOf(kernel: KernelFacts): MountEntry | null {
  return said(kernel.mountinfo, (text) => mountAt(parseMountinfo(text), '/') ?? null);
}

function layersEnforced(kernel: KernelFacts, asked: readonly string[]): Enforced {
  const root = rootOf(kernel);
  const source = `${kernel.mountinfo.path}: /`;
  if (root === null) return { text: null, source, holds: null };
  const lower = lowerDirs(root.superOptions);
  const isOverlay = root.fsType === 'overlay';
  const sameDirs = lower.length === asked.length && lower.every((directory, index) => directory === asked[index]);
  const text = isOverlay
    ? `overlay of ${plural(lower.length, 'lower directory', 'lower directories')}`
    : `${root.fsType} from ${root.source}`;
  return { text: isOverlay && !sameDirs ? `${text}, not those asked for` : text, source, holds: isOverlay && sameDirs };
}

function writableFact({ spec, kernel }: LayerInput): Fact {
  const wantsReadonly = spec.root?.readonly === true;
  const root = kernel && rootOf(kernel);
  const isReadonly = root?.options.includes('ro') ?? null;
  return fact(
    'root file system',
    wantsReadonly ? 'read-only' : 'writable',
    kernel && {
      text: isReadonly === null ? null : isReadonly ? 'read-only' : 'writable',
      source: `${kernel.mountinfo.path}: /`,
      holds: isReadonly === wantsReadonly,
    },
    wantsReadonly
      ? 'Nothing in the root can be changed: what needs writing gets a volume or a tmpfs.'
      : 'Writes go to the upper directory, which belongs to this container alone and is deleted with it. The image stays as it is.',
  );
}

function propagationFact({ spec, kernel }: LayerInput): Fact {
  const wantsShared = (spec.mounts ?? []).some((mount) => mount.options?.some((option) => /^r?shared$/.test(option)));
  const shared =
    kernel &&
    said(kernel.mountinfo, (text) =>
      parseMountinfo(text).filter((entry) => entry.propagation.some((field) => field.startsWith('shared:'))),
    );
  const names = shared?.map((entry) => entry.mountPoint);
  return fact(
    'mounts shared with the host',
    wantsShared ? 'as the volumes ask' : 'none',
    kernel && {
      text: names === undefined ? null : names.length === 0 ? 'none' : names.join(', '),
      source: `${kernel.mountinfo.path}: shared`,
      holds: names === undefined ? null : wantsShared || names.length === 0,
    },
    "A shared mount point carries mounts made inside out to the host. Containers get private copies, so nothing of theirs appears in the host's mount table.",
  );
}

export function rootfsLayer(input: LayerInput): ExplainLayer {
  const { image, kernel, plan } = input;
  const asked = askedLowerDirs(plan);
  return {
    name: 'rootfs',
    title: 'Root file system: image layers under one writable layer',
    summary:
      'An image is a stack of read-only directories. Overlayfs shows them as one tree and puts a writable directory on top, so a container starts without copying anything.',
    facts: [
      fact(
        'image',
        `${image.reference} (${shortDigest(image.id)})`,
        null,
        "The id is the digest of the image's configuration, which names the digest of every layer: the same id is the same content everywhere.",
      ),
      fact(
        'layers',
        `overlay of ${plural(image.layers.length, 'image layer')}: ${image.layers.map(shortDigest).join(', ')}`,
        kernel && layersEnforced(kernel, asked),
        'Containers of one image share these directories on disk and in the page cache. The topmost layer that has a file wins.',
      ),
      writableFact(input),
      propagationFact(input),
    ],
  };
}
