/** The OCI runtimes that the suite runs on: isle-runtime always, runc and crun to prove the suite itself. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram } from '../../bench/peers/find.ts';

export interface Runtime {
  readonly name: 'isle-runtime' | 'runc' | 'crun';
  /** The program with what has to stand before its own arguments. */
  readonly command: readonly [string, ...string[]];
}

const UNIFIED = '/sys/fs/cgroup/unified';

export const ISLE_RUNTIME: Runtime = {
  name: 'isle-runtime',
  command: [join(import.meta.dirname, '../../isle-runtime')],
};

/** crun refuses hybrid cgroups, which isle and runc handle: there it runs in a mount namespace that hides the unified ones. */
function crun(program: string): Runtime {
  const hiding = ['unshare', '--mount', 'sh', '-c', 'umount "$0" && exec "$@"', UNIFIED] as const;
  return { name: 'crun', command: existsSync(UNIFIED) ? [...hiding, program] : [program] };
}

function peer(name: 'runc' | 'crun'): Runtime {
  const program = findProgram(name);
  if (program === null) throw new Error(`${name} is not installed: apt-get install --no-install-recommends ${name}`);
  return name === 'crun' ? crun(program) : { name, command: [program] };
}

export const RUNTIMES: readonly Runtime[] = [ISLE_RUNTIME, peer('runc'), peer('crun')];
