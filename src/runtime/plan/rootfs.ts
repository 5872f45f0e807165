/** The container's file system: its mounts, devices, hidden paths; everything up to the pivot. */
import type { Device, Linux, Mount, Spec } from '../../oci/runtime-spec.ts';
import { sysctlPath } from '../../oci/sysctl.ts';
import type { CgroupBackend } from '../cgroups/backend.ts';
import type { LateEntry } from './appear.ts';
import type { Binds } from './binds.ts';
import { FILE_TYPE, MOUNT_ATTR } from './constants.ts';
import { withContextOption } from './labels.ts';
import { type MountOptions, parseMountOptions } from './mount-options.ts';
import { op } from './op.ts';
import type { PlanOp } from './table.ts';

export interface MountView {
  /** Where bind mounts go. */
  to: Binds;
  backend: CgroupBackend;
  path: string;
  ownNamespace: boolean;
  /** Whose procfs is shown, or null for one of its own. */
  late: LateEntry | null;
  /** SELinux context of the files in new file systems, '' for none. */
  label: string;
}

/** In a tmpfs made a moment ago, so nothing can be in the way. */
const DEV_LINKS: readonly [target: string, path: string][] = [
  ['/proc/self/fd', '/dev/fd'],
  ['/proc/self/fd/0', '/dev/stdin'],
  ['/proc/self/fd/1', '/dev/stdout'],
  ['/proc/self/fd/2', '/dev/stderr'],
  ['pts/ptmx', '/dev/ptmx'],
  ['/proc/kcore', '/dev/core'],
];

const isBind = ({ type }: Mount, options: MountOptions) => type === 'bind' || options.bind !== 'none';

function cgroupOps(target: string, options: MountOptions, view: MountView): PlanOp[] {
  const { backend, path, ownNamespace, to } = view;
  const { directory, binds, links } = backend.mounts(path, ownNamespace);
  const inside = (name: string) => (name === '' ? target : `${target}/${name}`);
  const mounts = binds.flatMap(({ source, name }) => to.ops(source, inside(name), { ...options, bind: 'bind' }));
  if (!directory) return mounts;
  const writable = options.attrs & ~MOUNT_ATTR.rdonly;
  return [
    op('child', 'mounts', 'mountFs', {
      fsType: 'tmpfs',
      source: 'tmpfs',
      target,
      options: withContextOption('tmpfs', ['mode=755'], view.label),
      attrs: writable,
    }),
    ...mounts,
    ...links.map((link) => op('child', 'mounts', 'symlinkIn', { target: link.target, path: inside(link.name) })),
    // Only now: the mount points above had to be made in it.
    ...(options.attrs === writable
      ? []
      : [op('child', 'mounts', 'mountAttrs', { path: target, attrs: MOUNT_ATTR.rdonly })]),
  ];
}

export function mountOps(mounts: readonly Mount[], view: MountView): PlanOp[] {
  return mounts.flatMap((mount) => {
    const options = parseMountOptions(mount.options ?? []);
    const { destination: target, type = 'none', source = type } = mount;
    if (options.remount) return [remountOp(target, options)];
    if (isBind(mount, options)) return view.to.ops(source, target, options, mount);
    if (type === 'cgroup') return cgroupOps(target, options, view);
    if (type === 'proc' && view.late !== null) return view.to.procfs(target, options, view.late);
    const fs = withContextOption(type, options.fs, view.label);
    return fileSystemOps({ fsType: type, source, target }, { ...options, fs });
  });
}

function remountOp(path: string, { fs, attrs, cleared, propagation }: MountOptions): PlanOp {
  return op('child', 'mounts', 'remount', { path, options: fs, attrs, clear: cleared, propagation });
}

/** What is copied into it comes before it is made read-only. */
function fileSystemOps(
  what: { fsType: string; source: string; target: string },
  { fs, attrs, treeAttrs, copyUp, propagation }: MountOptions,
): PlanOp[] {
  const path = what.target;
  const all = attrs | treeAttrs;
  const first = copyUp ? all & ~MOUNT_ATTR.rdonly : all;
  const mount = op('child', 'mounts', 'mountFs', { ...what, options: fs, attrs: first });
  const later = { path, options: [], attrs: all & ~first, clear: 0n, propagation };
  return [
    ...(copyUp ? [op('child', 'mounts', 'copyFrom', { path })] : []),
    mount,
    ...(copyUp ? [op('child', 'mounts', 'copyUp', { path })] : []),
    ...(later.attrs === 0n && propagation === 0n ? [] : [op('child', 'mounts', 'remount', later)]),
  ];
}

function nodeOp({ path, type, major = 0, minor = 0, fileMode, uid, gid }: Device): PlanOp {
  const mode = FILE_TYPE[type] | ((fileMode ?? 0o666) & 0o7777);
  return op('child', 'devices', 'mknodIn', { path, mode, major, minor, uid: uid ?? 0, gid: gid ?? 0 });
}

/** Nodes lie in /dev itself but for some, such as /dev/net/tun. */
function parentOps(devices: readonly Device[]): PlanOp[] {
  const parents = new Set(devices.map(({ path }) => path.slice(0, path.lastIndexOf('/'))));
  return [...parents]
    .filter((path) => path !== '' && path !== '/dev')
    .map((path) => op('child', 'devices', 'mkdirIn', { path, mode: 0o755, uid: 0, gid: 0 }));
}

/**
 * A /dev that the user brings along is left as it is. In a user namespace mknod makes nothing that can be opened: there
 * the host's nodes are shown.
 */
export function deviceOps(spec: Spec, to: Binds, inUserNamespace: boolean): PlanOp[] {
  const ownDev = spec.mounts?.some(
    (mount) => mount.destination === '/dev' && isBind(mount, parseMountOptions(mount.options ?? [])),
  );
  if (ownDev === true) return [];
  const devices = spec.linux?.devices ?? [];
  const shown = { ...parseMountOptions(['bind', 'private', 'nosuid', 'noexec']), create: 'file' } as const;
  return [
    ...parentOps(devices),
    ...devices.flatMap((device) =>
      inUserNamespace && device.type !== 'p'
        ? to.ops(device.hostPath ?? device.path, device.path, shown)
        : [nodeOp(device)],
    ),
    ...DEV_LINKS.map(([target, path]) => op('child', 'devices', 'symlinkIn', { target, path })),
  ];
}

/** While /proc/sys is still writable, and the links are there but not up: what is set for one of them holds from its first packet on. */
export function sysctlOps({ sysctl = {} }: Linux): PlanOp[] {
  const files = Object.entries(sysctl).flatMap(([name, value]) => [sysctlPath(name), value]);
  return files.length === 0 ? [] : [op('child', 'sysctls', 'writeProc', { files })];
}

export function kernelPathOps({ readonlyPaths = [], maskedPaths = [], mountLabel: label = '' }: Linux): PlanOp[] {
  return [
    ...readonlyPaths.map((path) => op('child', 'masks', 'readonlyPath', { path })),
    ...maskedPaths.map((path) => op('child', 'masks', 'mask', { path, label })),
  ];
}
