/** Plans that read or write a container's files from outside: by the root of its process, or by its layers when none runs. */
import type { OverlayMount } from '../../mounts/mount.ts';
import type { IdMap } from '../../oci/spec/namespaces.ts';
import { CLONE, MOUNT_ATTR, MS } from './constants.ts';
import { overlayOp } from './compile.ts';
import type { JoinedProcess } from './exec.ts';
import { mapText } from './namespaces.ts';
import { op } from './op.ts';
import type { Plan, PlanOp } from './table.ts';

export interface StoppedRoot {
  overlay: OverlayMount;
  idMap: IdMap | null;
  /** Directories and files of the host that it would have; `isFile` for a missing target. */
  binds: readonly { source: string; target: string; readOnly: boolean; isFile: boolean }[];
}

export type ContainerRoot = { joined: JoinedProcess } | StoppedRoot;

/** The root as the container sees it, or would; nothing of it appears in the host's mount table. */
function rootOps(root: ContainerRoot): PlanOp[] {
  if ('joined' in root) {
    return [
      op('setup', 'namespaces', 'joinOpen', { ...root.joined }),
      op('setup', 'rootfs', 'rootOf', { pid: root.joined.pid }),
    ];
  }
  const { overlay, idMap, binds } = root;
  return [
    op('setup', 'namespaces', 'unshare', { flags: CLONE.mount }),
    op('setup', 'namespaces', 'mountPropagation', { path: '/', flags: MS.slave | MS.rec }),
    ...(idMap === null
      ? []
      : [
          op('setup', 'user namespace', 'userNs', { uidMap: mapText(idMap.uid), gidMap: mapText(idMap.gid) }),
          op('setup', 'rootfs', 'idmapOver', { path: overlay.cwd }),
        ]),
    overlayOp('setup', overlay, MS.nosuid | MS.nodev | MS.noexec),
    ...binds.map(({ source, target, readOnly, isFile }) =>
      op('setup', 'mounts', 'mountBind', {
        source,
        target,
        recursive: 1,
        attrs: readOnly ? MOUNT_ATTR.rdonly : 0n,
        propagation: MS.private,
        createTarget: isFile ? 2 : 1,
      }),
    ),
  ];
}

/** flags: PACK_FLAGS. */
export function compilePack(root: ContainerRoot, path: string, flags: number): Plan {
  return { ops: [...rootOps(root), op('setup', 'archive', 'packTree', { path, flags })] };
}

/** A directory of the host as the root, such as a writable layer. */
export function compilePackDirectory(directory: string, flags: number): Plan {
  return {
    ops: [
      op('setup', 'namespaces', 'unshare', { flags: CLONE.mount }),
      op('setup', 'namespaces', 'mountPropagation', { path: '/', flags: MS.slave | MS.rec }),
      op('setup', 'rootfs', 'bindRoot', { source: directory, target: '', recursive: 0, attrs: 0n }),
      op('setup', 'archive', 'packTree', { path: '/', flags }),
    ],
  };
}

export function compileUnpack(root: ContainerRoot, keepKinds: boolean): Plan {
  return { ops: [...rootOps(root), op('setup', 'archive', 'unpackTree', { keepKinds: keepKinds ? 1 : 0 })] };
}
