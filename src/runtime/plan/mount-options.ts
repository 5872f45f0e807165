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
  /** For fsconfig(2): the file system's own options. */
  fs: string[];
}

const ATTR_OPTIONS: Readonly<Record<string, { set?: bigint; clear?: bigint }>> = {
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
};

const PROPAGATION: Readonly<Record<string, bigint>> = {
  private: MS.private,
  slave: MS.slave,
  shared: MS.shared,
  unbindable: MS.unbindable,
};

/** Options that only say what is so anyway. */
const NO_EFFECT = new Set(['defaults', 'async', 'norelatime', 'nomand']);

export function parseMountOptions(options: readonly string[]): MountOptions {
  const result: MountOptions = {
    bind: 'none',
    attrs: 0n,
    treeAttrs: 0n,
    idmap: 'none',
    propagation: 0n,
    create: 'directory',
    fs: [],
  };
  for (const option of options) {
    const attr = ATTR_OPTIONS[option];
    const treeAttr = option.startsWith('r') ? ATTR_OPTIONS[option.slice(1)] : undefined;
    const propagation = PROPAGATION[option.replace(/^r/, '')];
    if (option === 'bind' || option === 'rbind') result.bind = option;
    else if (attr !== undefined) result.attrs = (result.attrs & ~(attr.clear ?? 0n)) | (attr.set ?? 0n);
    else if (treeAttr !== undefined) {
      result.treeAttrs = (result.treeAttrs & ~(treeAttr.clear ?? 0n)) | (treeAttr.set ?? 0n);
    } else if (option === 'idmap' || option === 'ridmap') result.idmap = option;
    else if (propagation !== undefined) result.propagation = propagation | (option.startsWith('r') ? MS.rec : 0n);
    else if (option === 'create=file') result.create = 'file';
    else if (option === 'create=dir') result.create = 'directory';
    else if (!NO_EFFECT.has(option)) result.fs.push(option);
  }
  if (result.bind !== 'none' && result.fs[0] !== undefined) {
    throw new EngineError('InvalidParameter', `a bind mount has no option "${result.fs[0]}"`, {
      hint: 'a bind mount shows an existing tree: only flags such as ro, noexec or rslave apply to it',
    });
  }
  return result;
}
