/** OOM kills of a container's processes, by the kernel's own counters. */
import type { CgroupBackend } from '../runtime/cgroups/index.ts';
import { dirname, join } from 'node:path';
import { cgroupTree } from './lifecycle.ts';
import { readIfThere } from './plan.ts';

/** cgroup v1 counts a kill in the cgroup of the process alone; v2 in those above it too. */
export class OomCounter {
  readonly #files: () => string[];
  readonly #seen = new Map<string, number>();

  constructor(backend: CgroupBackend, cgroupsPath: string) {
    const file = backend.files(cgroupsPath).memoryEvents;
    const isV1 = file?.endsWith('memory.oom_control') === true;
    this.#files = () => {
      if (file === undefined) return [];
      return isV1 ? cgroupTree(dirname(file)).map((directory) => join(directory, 'memory.oom_control')) : [file];
    };
    this.more();
  }

  /** How many since the last call. */
  more(): number {
    let more = 0;
    for (const file of this.#files()) {
      const count = Number(/^oom_kill (\d+)$/m.exec(readIfThere(file) ?? '')?.[1] ?? 0);
      more += Math.max(0, count - (this.#seen.get(file) ?? 0));
      this.#seen.set(file, count);
    }
    return more;
  }
}
