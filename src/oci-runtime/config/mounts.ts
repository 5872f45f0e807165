/** The mounts of config.json: hostile places refused, sources made absolute, what each target must be found out. */
import { statfsSync, statSync } from 'node:fs';
import { posix } from 'node:path';
import type { IdMapping, Mount } from '../../oci/runtime-spec.ts';
import { ALLOWED_BELOW_PROC } from '../../oci/spec/proc-mounts.ts';
import { type MountOptions, parseMountOptions } from '../../runtime/plan/mount-options.ts';
import { checkMappings } from './ids.ts';
import { checkPathLength, clipped, locate, MAX_NAME_BYTES, MAX_PATH_BYTES, refuse, shown } from './schema.ts';

const MAX_MOUNTS = 10_000;
const PROC_SUPER_MAGIC = 0x9fa0;
/** islet's buffer for the name of an option. */
const MAX_OPTION_NAME_BYTES = 255;

export interface MountFacts {
  bundle: string;
  /** The container's own maps, for mounts with idmap that bring none. */
  maps: { uidMappings?: IdMapping[]; gidMappings?: IdMapping[] };
  warnings: string[];
}

const isBind = ({ type }: Mount, { bind }: MountOptions) => type === 'bind' || bind !== 'none';

function checkDestination(mount: Mount, options: MountOptions, at: string, warnings: string[]): void {
  if (!mount.destination.startsWith('/')) {
    warnings.push(`${at}.destination: ${shown(mount.destination)} is not absolute; it is taken from the root`);
  }
  const destination = posix.normalize(`/${mount.destination}`).replace(/(.)\/$/, '$1');
  checkPathLength(destination, `${at}.destination`);
  if (options.remount) {
    mount.destination = destination;
    return;
  }
  if (destination === '/') refuse(`${at}.destination`, 'the root itself is no place for a mount');
  if (destination.startsWith('/proc/') && !ALLOWED_BELOW_PROC.has(destination)) {
    refuse(`${at}.destination`, `${shown(destination)} cannot be mounted because it is inside /proc`);
  }
  if (destination === '/proc' && mount.type !== 'proc' && !isBind(mount, options)) {
    refuse(
      `${at}.destination`,
      `a ${clipped(mount.type ?? 'mount')} on /proc would stand in for the kernel's own files`,
    );
  }
  mount.destination = destination;
}

function checkBind(mount: Mount, at: string, bundle: string): void {
  if (mount.source === undefined || mount.source === '') refuse(`${at}.source`, 'a bind mount needs a source');
  mount.source = posix.resolve(bundle, mount.source);
  checkPathLength(mount.source, `${at}.source`);
  const source = mount.source;
  const info = locateSystemError(`${at}.source`, source, () => statSync(source));
  if (mount.destination === '/proc' && statfsSync(source).type !== PROC_SUPER_MAGIC) {
    refuse(`${at}.source`, `${clipped(source)} is not procfs: on /proc it would stand in for the kernel's own files`);
  }
  // islet makes a missing target, and has to know as what.
  if (!info.isDirectory()) mount.options = [...(mount.options ?? []), 'create=file'];
}

const WORDS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or directory',
  ENOTDIR: 'a part of it is not a directory',
  EACCES: 'permission denied',
  ELOOP: 'too many symbolic links',
};

/** Failures of a look at the host, with the place of the path that was to be looked at. */
export function locateSystemError<T>(at: string, path: string, look: () => T): T {
  try {
    return look();
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    if (code === undefined) throw thrown;
    return refuse(at, `${clipped(path)}: ${WORDS[code] ?? code}`);
  }
}

function checkIdMap(mount: Mount, options: MountOptions, at: string, { maps }: MountFacts): void {
  const own = [mount.uidMappings, mount.gidMappings].filter((list) => (list ?? []).length > 0).length;
  if (own === 1) refuse(at, 'has only one of uidMappings and gidMappings', 'give both');
  if (own === 0 && options.idmap === 'none') return;
  if (!isBind(mount, options))
    refuse(at, 'only a bind mount can have mapped owners', 'leave the mappings and idmap out');
  if (own === 0) {
    if (!maps.uidMappings?.length || !maps.gidMappings?.length) {
      refuse(at, `has the option ${options.idmap}, and neither it nor the container has uidMappings and gidMappings`);
    }
    [mount.uidMappings, mount.gidMappings] = [maps.uidMappings, maps.gidMappings];
  }
  checkMappings(mount.uidMappings ?? [], `${at}.uidMappings`);
  checkMappings(mount.gidMappings ?? [], `${at}.gidMappings`);
  // Mappings without the word for them are meant as well; only the word says how far down they reach.
  if (options.idmap === 'none') mount.options = [...(mount.options ?? []), 'idmap'];
}

function checkFileSystem(mount: Mount, { fs, copyUp }: MountOptions, at: string): void {
  if (mount.type === undefined || mount.type === '' || mount.type === 'none') {
    refuse(`${at}.type`, 'is missing: only a bind mount has none', 'give a file system, or the option bind');
  }
  // fsopen(2) and fsconfig(2) take so much, and no file system needs it.
  if (mount.type.length > MAX_NAME_BYTES) refuse(`${at}.type`, `no file system is called ${shown(mount.type)}`);
  checkPathLength(mount.source ?? '', `${at}.source`);
  checkOptionNames(fs, at);
  if (copyUp && mount.type !== 'tmpfs') {
    refuse(`${at}.options`, `tmpcopyup is for a tmpfs, and this is ${shown(mount.type)}`, 'leave it out');
  }
}

function checkOptionNames(fs: readonly string[], at: string): void {
  for (const option of fs) {
    const [name = ''] = option.split('=', 1);
    if (name === '') refuse(`${at}.options`, `${shown(option)} is no option`);
    if (Buffer.byteLength(name) > MAX_OPTION_NAME_BYTES) refuse(`${at}.options`, `no option is called ${shown(name)}`);
  }
  const bytes = Buffer.byteLength(fs.join(','));
  if (bytes > MAX_PATH_BYTES)
    refuse(`${at}.options`, `take ${bytes} bytes together; the kernel takes ${MAX_PATH_BYTES}`);
}

function checkMount(mount: Mount, at: string, facts: MountFacts): void {
  const options = locate(`${at}.options`, () => parseMountOptions(mount.options ?? []));
  checkDestination(mount, options, at, facts.warnings);
  if (options.remount) return checkOptionNames(options.fs, at);
  if (isBind(mount, options)) {
    if (options.copyUp) refuse(`${at}.options`, 'tmpcopyup is for a tmpfs, and this is a bind mount', 'leave it out');
    // `type: bind` alone takes no options of a file system either.
    if (options.bind === 'none') locate(`${at}.options`, () => parseMountOptions(['bind', ...(mount.options ?? [])]));
    checkBind(mount, at, facts.bundle);
  } else checkFileSystem(mount, options, at);
  checkIdMap(mount, options, at, facts);
}

/** Changes the mounts in place. Throws EngineError with the JSON path of what is wrong. */
export function checkMounts(mounts: readonly Mount[], at: string, facts: MountFacts): void {
  if (mounts.length > MAX_MOUNTS) refuse(at, `has ${mounts.length} entries; ${MAX_MOUNTS} is the limit`);
  mounts.forEach((mount, index) => checkMount(mount, `${at}[${index}]`, facts));
}
