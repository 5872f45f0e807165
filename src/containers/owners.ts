/** Owners of files as a container with a user namespace has them, and as the host does. Without one they are the same. */
import type { IdMapping } from '../oci/runtime-spec.ts';
import type { IdMap } from '../oci/spec/namespaces.ts';
import { hostId } from '../runtime/plan/namespaces.ts';

export interface Owner {
  uid: number;
  gid: number;
}

/** What the kernel shows for an id that a user namespace does not map (/proc/sys/kernel/overflowuid). */
const NOBODY = 65534;

type Map = IdMap | null | undefined;

/** Throws InvalidParameter for an id that the container has not. */
export function ownerOnHost(idMap: Map, { uid, gid }: Owner): Owner {
  if (!idMap) return { uid, gid };
  return { uid: hostId(idMap.uid, uid, 'user id'), gid: hostId(idMap.gid, gid, 'group id') };
}

function idInside(mappings: readonly IdMapping[], id: number): number {
  const range = mappings.find(({ hostID, size }) => id >= hostID && id < hostID + size);
  return range === undefined ? NOBODY : range.containerID + (id - range.hostID);
}

/** What the container does not map is nobody's. */
export function ownerInside(idMap: Map, { uid, gid }: Owner): Owner {
  if (!idMap) return { uid, gid };
  return { uid: idInside(idMap.uid, uid), gid: idInside(idMap.gid, gid) };
}
