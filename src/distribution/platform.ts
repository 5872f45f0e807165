/** Platforms: `os/architecture[/variant]`, their short forms, and which image fits which machine (containerd's rules). */
import { EngineError } from '../errors.ts';
import type { Descriptor, Platform } from '../oci/image-spec.ts';

const ARCHITECTURES: Record<string, [architecture: string, variant?: string]> = {
  i386: ['386'],
  x86_64: ['amd64'],
  'x86-64': ['amd64'],
  aarch64: ['arm64'],
  armhf: ['arm', 'v7'],
  armel: ['arm', 'v6'],
};
const KNOWN_ARCHITECTURES = new Set(
  '386 amd64 arm arm64 loong64 mips mips64 mips64le mipsle ppc64 ppc64le riscv64 s390x wasm'.split(' '),
);
const KNOWN_SYSTEMS = new Set(
  'aix android darwin dragonfly freebsd illumos ios js linux netbsd openbsd plan9 solaris wasip1 windows'.split(' '),
);
const NODE_ARCHITECTURES: Record<string, string> = { x64: 'amd64', ia32: '386' };

/** The platform of this machine: linux and the architecture that Node was built for. */
export function hostPlatform(arch: string = process.arch): Platform {
  return normalise({ os: 'linux', architecture: NODE_ARCHITECTURES[arch] ?? arch });
}

/** Parses `--platform`: `linux/amd64`, `linux/arm64/v8`, `arm64`, `linux`. */
export function parsePlatform(text: string): Platform {
  const parts = text.toLowerCase().split('/');
  if (parts.length > 3 || parts.some((part) => !/^[a-z0-9_.-]+$/.test(part))) {
    throw invalid(text, 'must be OS/ARCHITECTURE/VARIANT, such as linux/amd64 or linux/arm64/v8');
  }
  const [first = '', second, variant] = parts;
  if (second !== undefined) {
    return normalise({
      os: first === 'macos' ? 'darwin' : first,
      architecture: second,
      ...(variant === undefined ? {} : { variant }),
    });
  }
  if (KNOWN_SYSTEMS.has(first)) return normalise({ os: first, architecture: hostPlatform().architecture });
  const alone = normalise({ os: 'linux', architecture: first });
  if (KNOWN_ARCHITECTURES.has(alone.architecture)) return alone;
  throw invalid(text, 'unknown operating system or architecture');
}

function invalid(text: string, reason: string): EngineError {
  return new EngineError('InvalidParameter', `${JSON.stringify(text)}: ${reason}: invalid argument`, {
    code: 'EPLATFORM',
  });
}

export function formatPlatform({ os, architecture, variant }: Platform): string {
  return [os, architecture, variant].filter((part) => part !== undefined && part !== '').join('/');
}

/** One way to write each platform: aliases resolved, default variants (amd64 v1, arm64 v8) left out, arm without one is v7. */
function normalise({ os, architecture, variant }: Platform): Platform {
  const [name, implied] = ARCHITECTURES[architecture.toLowerCase()] ?? [architecture.toLowerCase()];
  let level = (variant ?? '').toLowerCase() === '' ? (implied ?? '') : (variant ?? '').toLowerCase();
  if (/^\d+$/.test(level)) level = `v${level}`;
  if (name === 'arm' && level === '') level = 'v7';
  if ((name === 'amd64' && level === 'v1') || (name === 'arm64' && level === 'v8')) level = '';
  return { os: os.toLowerCase(), architecture: name, ...(level === '' ? {} : { variant: level }) };
}

/** What a machine of this platform can run, best first: amd64/v3 also runs v2 and v1, arm64 also 32-bit arm. */
function runnable(wanted: Platform): Platform[] {
  const { os, architecture, variant } = normalise(wanted);
  const levels = (from: number, to: number, arch: string): Platform[] =>
    Array.from({ length: Math.max(0, from - to + 1) }, (_, index) =>
      normalise({ os, architecture: arch, variant: `v${from - index}` }),
    );
  const level = Number((variant ?? '').slice(1));
  if (architecture === 'amd64') return levels(Math.min(level || 1, 9), 1, 'amd64');
  if (architecture === 'arm') return levels(Math.min(level, 9), 5, 'arm');
  if (architecture === 'arm64') return [...levels(Math.min(level || 8, 9), 8, 'arm64'), ...levels(8, 5, 'arm')];
  return [normalise(wanted)];
}

/** Position in the order of preference; -1 when a machine of platform `wanted` cannot run it. */
function rank(wanted: Platform, offered: Platform): number {
  const text = formatPlatform(normalise(offered));
  return runnable(wanted).findIndex((candidate) => formatPlatform(candidate) === text);
}

export function matchesPlatform(wanted: Platform, offered: Platform): boolean {
  return rank(wanted, offered) >= 0;
}

/**
 * The best entry of an index for a platform. Entries without a platform are taken only when no other fits (an image
 * pushed from a plain OCI layout has none); undefined when nothing fits.
 */
export function choosePlatform(entries: readonly Descriptor[], wanted: Platform): Descriptor | undefined {
  let best: Descriptor | undefined;
  let bestRank = Number.POSITIVE_INFINITY;
  for (const entry of entries) {
    const position = entry.platform === undefined ? Number.MAX_SAFE_INTEGER : rank(wanted, entry.platform);
    if (position < 0 || position >= bestRank) continue;
    best = entry;
    bestRank = position;
  }
  return best;
}
