/** The container's file system: its mounts, devices, hidden paths; everything up to the pivot. */
import type { Device, Linux, Mount, Spec } from '../../oci/runtime-spec.ts';
import { sysctlPath } from '../../oci/sysctl.ts';
import type { CgroupBackend } from '../cgroups/backend.ts';
import { FILE_TYPE, MOUNT_ATTR, MS } from './constants.ts';
import { type MountOptions, parseMountOptions } from './mount-options.ts';
import { op, text } from './op.ts';
import type { PlanOp } from './table.ts';

export interface CgroupView {
  backend: CgroupBackend;
  path: string;
  ownNamespace: boolean;
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

function bindOp(source: string, target: string, options: MountOptions): PlanOp {
  const recursive = options.bind !== 'bind';
  return op('child', 'mounts', 'mountBind', {
    source,
    target,
    recursive: recursive ? 1 : 0,
    attrs: options.attrs,
    propagation: options.propagation || MS.private | (recursive ? MS.rec : 0n),
    createTarget: options.create === 'file' ? 2 : 1,
  });
}

function cgroupOps(target: string, options: MountOptions, { backend, path, ownNamespace }: CgroupView): PlanOp[] {
  const { directory, binds, links } = backend.mounts(path, ownNamespace);
  const inside = (name: string) => (name === '' ? target : `${target}/${name}`);
  const mounts = binds.map(({ source, name }) => bindOp(source, inside(name), { ...options, bind: 'bind' }));
  if (!directory) return mounts;
  const writable = options.attrs & ~MOUNT_ATTR.rdonly;
  return [
    op('child', 'mounts', 'mountFs', {
      fsType: 'tmpfs',
      source: 'tmpfs',
      target,
      options: ['mode=755'],
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

export function mountOps(mounts: readonly Mount[], cgroups: CgroupView): PlanOp[] {
  return mounts.flatMap((mount) => {
    const options = parseMountOptions(mount.options ?? []);
    const { destination: target, type = 'none', source = type } = mount;
    if (isBind(mount, options)) return [bindOp(source, target, options)];
    if (type === 'cgroup') return cgroupOps(target, options, cgroups);
    return [
      op('child', 'mounts', 'mountFs', { fsType: type, source, target, options: options.fs, attrs: options.attrs }),
    ];
  });
}

function deviceOp({ path, type, major, minor, fileMode, uid, gid }: Device): PlanOp {
  const mode = FILE_TYPE[type] | (fileMode ?? 0o666);
  return op('child', 'devices', 'mknodIn', { path, mode, major, minor, uid: uid ?? 0, gid: gid ?? 0 });
}

/** A /dev that the user brings along is left as it is. */
export function deviceOps(spec: Spec): PlanOp[] {
  const ownDev = spec.mounts?.some(
    (mount) => mount.destination === '/dev' && isBind(mount, parseMountOptions(mount.options ?? [])),
  );
  if (ownDev === true) return [];
  return [
    ...(spec.linux?.devices ?? []).map(deviceOp),
    ...DEV_LINKS.map(([target, path]) => op('child', 'devices', 'symlinkIn', { target, path })),
  ];
}

/** Sysctls are written while /proc/sys is still writable. */
export function kernelPathOps({ sysctl = {}, readonlyPaths = [], maskedPaths = [] }: Linux): PlanOp[] {
  return [
    ...Object.entries(sysctl).map(([name, value]) =>
      op('child', 'sysctls', 'writeProc', { path: sysctlPath(name), data: text(value) }),
    ),
    ...readonlyPaths.map((path) => op('child', 'masks', 'readonlyPath', { path })),
    ...maskedPaths.map((path) => op('child', 'masks', 'mask', { path })),
  ];
}
