import type { ExplainLayer, Fact } from '../../api/types/explain.ts';
import type { Mount } from '../../oci/runtime-spec.ts';
import { bytes, type Enforced, fact, plural } from '../fact.ts';
import { type MountEntry, mountAt, parseMountinfo, rootOf } from '../proc.ts';
import type { KernelFacts, KernelText, LayerInput } from '../types.ts';

const PAGE_BYTES = 4096;
/** Options that the mount table can confirm. */
const CHECKED = ['ro', 'nosuid', 'nodev', 'noexec'];

const WHY: Readonly<Record<string, string>> = {
  '/proc': 'Facts about the processes of this pid namespace. A fresh procfs shows no others.',
  '/dev': "An empty tmpfs with a handful of harmless device nodes, instead of the host's devices.",
  '/dev/pts': 'An own set of terminals, so that those of other containers cannot be opened.',
  '/dev/shm': "Shared memory of POSIX (shm_open), limited in size so that it cannot eat the host's memory.",
  '/dev/mqueue': 'POSIX message queues of this IPC namespace.',
  '/sys': 'Devices and kernel settings; read-only, because writing there changes the host.',
  '/sys/fs/cgroup': 'The own limits and counters, read-only, so that a container cannot raise its limits.',
  '/etc/hosts': 'Names and addresses that the engine knows for this container.',
  '/etc/hostname': 'The host name as a file, for programs that look there.',
  '/etc/resolv.conf': 'Which name servers the programs inside ask.',
};

const isBind = (mount: Mount): boolean =>
  mount.type === 'bind' || (mount.options ?? []).some((option) => /^r?bind$/.test(option));
const flagsOf = (mount: Mount): string[] =>
  CHECKED.filter((flag) => (mount.options ?? []).some((option) => option === flag || option === `r${flag}`));

function describe(mount: Mount): string {
  const what = isBind(mount) ? `${mount.source ?? '?'} of the host` : (mount.type ?? 'none');
  const flags = [...flagsOf(mount), ...sizeWords(sizeOf(mount.options ?? []))];
  return flags.length === 0 ? what : `${what} (${flags.join(', ')})`;
}

/** Bytes of a tmpfs; undefined: half of the memory, which is not told. */
function sizeOf(options: readonly string[]): number | undefined {
  const [, digits, unit = ''] = options.flatMap((option) => /^size=(\d+)([kmg]?)$/i.exec(option) ?? []);
  return digits === undefined ? undefined : Number(digits) * 1024 ** ' kmg'.indexOf(unit.toLowerCase() || ' ');
}

const sizeWords = (size: number | undefined): string[] => (size === undefined ? [] : [bytes(size)]);

/** A bind mount shows the path in its file system, which the host's mount table tells; without that, the host's path or the end of it. */
function rightSource(mount: Mount, entry: MountEntry, host: KernelText): boolean {
  const source = mount.source ?? '';
  const expected = host.text === null ? undefined : rootOf(parseMountinfo(host.text), source);
  if (isBind(mount))
    return expected === undefined ? entry.root === '/' || source.endsWith(entry.root) : entry.root === expected;
  if (mount.type === 'cgroup') return ['tmpfs', 'cgroup', 'cgroup2'].includes(entry.fsType);
  return entry.fsType === mount.type;
}

function mountEnforced(kernel: KernelFacts, entries: readonly MountEntry[] | null, mount: Mount): Enforced {
  const source = `${kernel.mountinfo.path}: ${mount.destination}`;
  if (entries === null) return { text: null, source, holds: null };
  const entry = mountAt(entries, mount.destination);
  if (entry === undefined) return { text: 'not mounted', source, holds: false };
  const flags = CHECKED.filter((flag) => entry.options.includes(flag));
  const what = isBind(mount) ? `${entry.root} of ${entry.source}` : entry.fsType;
  const size = sizeOf(mount.options ?? []);
  const isSized = mount.type === 'tmpfs' && size !== undefined;
  const now = isSized ? sizeOf(entry.superOptions) : undefined;
  const isRightSize = !isSized || now === Math.ceil(size / PAGE_BYTES) * PAGE_BYTES;
  const words = [...flags, ...sizeWords(now)];
  const complete = flagsOf(mount).every((flag) => flags.includes(flag));
  return {
    text: words.length === 0 ? what : `${what} (${words.join(', ')})`,
    source,
    holds: complete && rightSource(mount, entry, kernel.hostMountinfo) && isRightSize,
  };
}

/** Hidden: under an empty tmpfs, or, if it is a file, under /dev/null. */
function isHidden(entry: MountEntry | undefined): boolean {
  if (entry === undefined) return false;
  return entry.root === '/null' || (entry.fsType === 'tmpfs' && entry.options.includes('ro'));
}

/** Is the mount that covers `path` read-only? */
function isReadonly(entries: readonly MountEntry[], path: string): boolean {
  const covers = entries.filter(
    ({ mountPoint }) => path === mountPoint || path.startsWith(mountPoint === '/' ? '/' : `${mountPoint}/`),
  );
  const depth = Math.max(...covers.map(({ mountPoint }) => mountPoint.length));
  return covers.findLast(({ mountPoint }) => mountPoint.length === depth)?.options.includes('ro') ?? false;
}

function pathsFact(
  what: string,
  paths: readonly string[],
  input: { kernel: KernelFacts | null; entries: readonly MountEntry[] | null },
  check: {
    done: string;
    undone: string;
    holds: (entries: readonly MountEntry[], path: string) => boolean;
    why: string;
  },
): Fact {
  const { kernel, entries } = input;
  const asked = paths.length === 0 ? 'none' : paths.join(', ');
  if (kernel === null) return fact(what, asked, null, check.why);
  const source = kernel.mountinfo.path;
  if (entries === null) return fact(what, asked, { text: null, source, holds: null }, check.why);
  const done = paths.filter((path) => check.holds(entries, path));
  const rest = paths.filter((path) => !done.includes(path));
  const present = kernel.presentPaths;
  const broken = present === null ? [] : rest.filter((path) => present.includes(path));
  const absent = rest.length - broken.length;
  const parts = [
    `${plural(done.length, 'path')} ${check.done}`,
    ...(absent === 0 ? [] : [`${absent} ${present === null ? 'not covered' : 'not on this kernel'}`]),
    ...(broken.length === 0 ? [] : [`${check.undone}: ${broken.join(', ')}`]),
  ];
  const holds = present === null && rest.length > 0 ? null : broken.length === 0;
  return fact(what, asked, { text: paths.length === 0 ? 'none' : parts.join('; '), source, holds }, check.why);
}

export function mountsLayer({ spec, kernel }: LayerInput): ExplainLayer {
  const table = kernel?.mountinfo.text ?? null;
  const entries = table === null ? null : parseMountinfo(table);
  const { maskedPaths = [], readonlyPaths = [] } = spec.linux ?? {};
  return {
    name: 'mounts',
    title: 'Mounts: the doors into the kernel and to the host',
    summary:
      'Some directories are not files on a disk but windows into the kernel. A container gets its own, with the dangerous parts hidden or read-only. Volumes are directories of the host, shown inside.',
    facts: [
      ...(spec.mounts ?? []).map((mount) =>
        fact(
          mount.destination,
          describe(mount),
          kernel && mountEnforced(kernel, entries, mount),
          WHY[mount.destination] ??
            (isBind(mount)
              ? 'A part of the host that was asked for: what is done to it inside is done to the host.'
              : 'Asked for.'),
        ),
      ),
      pathsFact(
        'hidden paths',
        maskedPaths,
        { kernel, entries },
        {
          done: 'hidden',
          undone: 'visible',
          holds: (all, path) => isHidden(mountAt(all, path)),
          why: 'Kernel files that tell about the host, or whose reading harms it: memory, keys, timers, power draw. They are covered by something empty.',
        },
      ),
      pathsFact(
        'read-only paths',
        readonlyPaths,
        { kernel, entries },
        {
          done: 'read-only',
          undone: 'writable',
          holds: isReadonly,
          why: 'Kernel files whose writing changes the whole host: settings, interrupts, the emergency keys.',
        },
      ),
    ],
  };
}
