/** fstab options of a spec's mount, sorted by which system call takes them. */
import { EngineError } from '../../errors.ts';
import { MOUNT_ATTR, MS } from './constants.ts';

export interface MountOptions {
  bind: 'none' | 'bind' | 'rbind';
  /** MOUNT_ATTR_* of the mount */
  attrs: bigint;
  /** MOUNT_ATTR_* of the mount and of all below it: rro, rnosuid ... */
  treeAttrs: bigint;
  /** Owners are mapped, of the mount or of the tree. */
  idmap: 'none' | 'idmap' | 'ridmap';
  /** MS_*, with MS_REC for the tree below it; 0 for what a new mount has */
  propagation: bigint;
  /** What a missing target of a bind mount is made as. */
  create: 'directory' | 'file';
  /** What the image has at the target is copied into the new file system (tmpcopyup). */
  copyUp: boolean;
  /** What is mounted at the target is changed: attrs are set, `cleared` are taken away. */
  remount: boolean;
  cleared: bigint;
  /** For fsconfig(2): the file system's own options. */
  fs: string[];
}

/** Maps, not objects: an option may be called `constructor`. */
const ATTR_OPTIONS = new Map<string, { set?: bigint; clear?: bigint }>(
  Object.entries({
    ro: { set: MOUNT_ATTR.rdonly },
    rw: { clear: MOUNT_ATTR.rdonly },
    nosuid: { set: MOUNT_ATTR.nosuid },
    suid: { clear: MOUNT_ATTR.nosuid },
    nodev: { set: MOUNT_ATTR.nodev },
    dev: { clear: MOUNT_ATTR.nodev },
    noexec: { set: MOUNT_ATTR.noexec },
    exec: { clear: MOUNT_ATTR.noexec },
    noatime: { set: MOUNT_ATTR.noatime, clear: MOUNT_ATTR.strictatime },
    strictatime: { set: MOUNT_ATTR.strictatime, clear: MOUNT_ATTR.noatime },
    relatime: { clear: MOUNT_ATTR.noatime | MOUNT_ATTR.strictatime },
    atime: { clear: MOUNT_ATTR.noatime },
    nostrictatime: { clear: MOUNT_ATTR.strictatime },
    nodiratime: { set: MOUNT_ATTR.nodiratime },
    diratime: { clear: MOUNT_ATTR.nodiratime },
    nosymfollow: { set: MOUNT_ATTR.nosymfollow },
    symfollow: { clear: MOUNT_ATTR.nosymfollow },
    norelatime: {},
  }),
);

const PROPAGATION = new Map([
  ['private', MS.private],
  ['slave', MS.slave],
  ['shared', MS.shared],
  ['unbindable', MS.unbindable],
]);

/**
 * Options that only say what is so anyway, or that the kernel has given up: mandatory locks with 5.15, and i_version,
 * which file systems that have it always keep.
 */
const NO_EFFECT = new Set(
  'defaults async mand nomand loud silent iversion noiversion nolazytime notmpcopyup'.split(' '),
);

/** By name: what parseMountOptions knows, the file systems' own options aside. */
export const MOUNT_OPTIONS: readonly string[] = [
  ...ATTR_OPTIONS.keys(),
  ...[...ATTR_OPTIONS.keys()].map((name) => `r${name}`),
  ...[...PROPAGATION.keys()].flatMap((name) => [name, `r${name}`]),
  ...NO_EFFECT,
  ...'bind rbind idmap ridmap remount tmpcopyup create=file create=dir dirsync lazytime sync'.split(' '),
].toSorted();

export function parseMountOptions(options: readonly string[]): MountOptions {
  const result: MountOptions = {
    bind: 'none',
    attrs: 0n,
    treeAttrs: 0n,
    idmap: 'none',
    propagation: 0n,
    create: 'directory',
    copyUp: false,
    remount: false,
    cleared: 0n,
    fs: [],
  };
  for (const option of options) {
    if (!takeFlag(result, option) && !takeWord(result, option)) result.fs.push(option);
  }
  const [foreign] = result.fs;
  if (result.bind !== 'none' && foreign !== undefined) {
    const shown = foreign.length > 60 ? `${foreign.slice(0, 57)}...` : foreign;
    throw new EngineError('InvalidParameter', `a bind mount has no option "${shown}"`, {
      hint: 'a bind mount shows an existing tree: only flags such as ro, noexec or rslave apply to it',
    });
  }
  return result;
}

/** Flags of one mount, or of a tree. */
function takeFlag(result: MountOptions, option: string): boolean {
  const attr = ATTR_OPTIONS.get(option);
  if (attr !== undefined) {
    const { set = 0n, clear = 0n } = attr;
    result.attrs = (result.attrs & ~clear) | set;
    result.cleared = (result.cleared & ~set) | clear;
    return true;
  }
  const isTree = option.startsWith('r');
  const treeAttr = isTree ? ATTR_OPTIONS.get(option.slice(1)) : undefined;
  if (treeAttr !== undefined) {
    result.treeAttrs = (result.treeAttrs & ~(treeAttr.clear ?? 0n)) | (treeAttr.set ?? 0n);
    return true;
  }
  const propagation = PROPAGATION.get(option) ?? (isTree ? PROPAGATION.get(option.slice(1)) : undefined);
  if (propagation !== undefined) result.propagation = propagation | (isTree ? MS.rec : 0n);
  return propagation !== undefined;
}

function takeWord(result: MountOptions, option: string): boolean {
  if (option === 'bind' || option === 'rbind') result.bind = option;
  else if (option === 'idmap' || option === 'ridmap') result.idmap = option;
  else if (option === 'create=file') result.create = 'file';
  else if (option === 'create=dir') result.create = 'directory';
  else if (option === 'tmpcopyup') result.copyUp = true;
  else if (option === 'remount') result.remount = true;
  else return NO_EFFECT.has(option);
  return true;
}
