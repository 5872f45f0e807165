/** Reading kernel files that show to each process what its namespaces hold: sysctls, links. */
import { CLONE, MOUNT_ATTR, MS } from './constants.ts';
import { op } from './op.ts';
import type { Plan } from './table.ts';

/** What every file of sysfs says its size is; no sysctl is longer. */
const FILE_BYTES = 4096;

/** Namespaces that such files depend on. */
export type ReadableNamespace = 'network' | 'ipc' | 'uts' | 'user';

/**
 * A run plan that reads files below /proc/sys and /sys as a process in these namespaces of another one sees them: one
 * result for each path. Both file systems are mounted anew, since the container's own may be covered.
 */
export function compileNamespaceReadPlan(input: {
  /** on the host */
  pid: number;
  namespaces: readonly ReadableNamespace[];
  paths: readonly string[];
}): Plan {
  const { pid, namespaces, paths } = input;
  const attrs = MOUNT_ATTR.rdonly | MOUNT_ATTR.nosuid | MOUNT_ATTR.nodev | MOUNT_ATTR.noexec;
  const enter = (type: ReadableNamespace) =>
    op('setup', 'namespaces', 'setns', {
      path: `/proc/${pid}/ns/${type === 'network' ? 'net' : type}`,
      nsType: CLONE[type],
    });
  const mount = (fsType: string, target: string) =>
    op('setup', 'rootfs', 'mountFs', { fsType, source: fsType, target, options: [], attrs });
  return {
    ops: [
      op('setup', 'namespaces', 'unshare', { flags: CLONE.mount }),
      op('setup', 'namespaces', 'mountPropagation', { path: '/', flags: MS.slave | MS.rec }),
      ...namespaces.filter((type) => type !== 'user').map(enter),
      op('setup', 'rootfs', 'bindRoot', { source: '/', target: '', recursive: 0, attrs: 0n }),
      mount('proc', '/proc'),
      mount('sysfs', '/sys'),
      // Ids are told as they are inside. Behind the mounts, for which its root has no right.
      ...namespaces.filter((type) => type === 'user').map(enter),
      ...paths.map((path) => op('setup', 'rootfs', 'readFileIn', { path, maxBytes: FILE_BYTES })),
    ],
  };
}
