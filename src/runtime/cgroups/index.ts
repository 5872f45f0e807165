import { EngineError } from '../../errors.ts';
import type { CgroupBackend } from './backend.ts';
import type { CgroupLayout } from './layout.ts';
import { V1Backend } from './v1.ts';
import { V2Backend } from './v2.ts';

export type { BlockCount, CgroupBackend, CgroupFile, ContainerCgroups, Counters } from './backend.ts';
export { type CgroupLayout, detectCgroups } from './layout.ts';
export { readCgroupLayout } from './read-layout.ts';

export function createCgroupBackend(layout: CgroupLayout): CgroupBackend {
  if (layout.version === 1) return new V1Backend(layout);
  if (layout.unified === null) {
    throw new EngineError('Unavailable', 'no cgroup2 hierarchy is mounted on this host', {
      hint: 'mount it: mount -t cgroup2 cgroup2 /sys/fs/cgroup',
    });
  }
  return new V2Backend(layout, layout.unified);
}
