/** Reading of a link in another network namespace what /proc does not tell. */
import { CLONE, MOUNT_ATTR, MS } from './constants.ts';
import { op } from './op.ts';
import type { Plan } from './table.ts';

/** What every file of sysfs says its size is. */
const SYSFS_FILE_BYTES = 4096;

/**
 * A run plan whose one result is the hardware address of a link in the network namespace of a process. A new sysfs shows
 * the links of who mounts it; the container's own one may be covered.
 */
export function compileLinkAddressPlan(pid: number, link: string): Plan {
  const attrs = MOUNT_ATTR.rdonly | MOUNT_ATTR.nosuid | MOUNT_ATTR.nodev | MOUNT_ATTR.noexec;
  return {
    ops: [
      op('setup', 'namespaces', 'unshare', { flags: CLONE.mount }),
      op('setup', 'namespaces', 'mountPropagation', { path: '/', flags: MS.slave | MS.rec }),
      op('setup', 'namespaces', 'setns', { path: `/proc/${pid}/ns/net`, nsType: CLONE.network }),
      op('setup', 'rootfs', 'bindRoot', { source: '/', target: '', recursive: 0, attrs: 0n }),
      op('setup', 'rootfs', 'mountFs', { fsType: 'sysfs', source: 'sysfs', target: '/sys', options: [], attrs }),
      op('setup', 'rootfs', 'readFileIn', { path: `/sys/class/net/${link}/address`, maxBytes: SYSFS_FILE_BYTES }),
    ],
  };
}
