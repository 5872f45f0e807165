/** Bare OCI runtimes with a bundle of the tests' busybox image, isle's own among them. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { busyboxImage } from '../../test/fixtures/images.ts';
import { type Finished, run } from '../../test/harness/command.ts';
import { removeCgroups } from '../../test/harness/instance.ts';
import { cgroupMounts } from '../../test/harness/leftovers.ts';
import type { Candidate } from '../measure.ts';
import { makeBundle } from './bundle.ts';
import { findProgram } from './find.ts';

/** Parent of containers whose bundle names no cgroup; isle-runtime keeps it for the next one. */
const ISLE_RUNTIME_CGROUP = 'isle-runtime';
const ISLE_RUNTIME = join(import.meta.dirname, '../../isle-runtime');

/** crun refuses hybrid cgroups, which isle and runc handle: there it runs in a mount namespace that hides the unified ones. */
const HIDING = ['unshare', '--mount', 'sh', '-c', 'umount "$0" && exec "$@"'];

export async function check(what: string, finished: Promise<Finished>): Promise<void> {
  const { code, stderr } = await finished;
  if (code !== 0) throw new Error(`${what} ended with ${code}: ${stderr}`);
}

/** `RUNTIME run` of those that are here; their bundles lie below `directory`. */
export async function runtimes(directory: string): Promise<Candidate[]> {
  const candidates: Candidate[] = [];
  for (const name of ['runc', 'crun', 'isle-runtime']) {
    const program = name === 'isle-runtime' ? ISLE_RUNTIME : findProgram(name);
    if (program === null) continue;
    const bundle = join(directory, name);
    await makeBundle(program, await busyboxImage(), bundle);
    const state = ['--root', join(directory, `${name}-state`)];
    const unified = '/sys/fs/cgroup/unified';
    const hide = name === 'crun' && existsSync(unified);
    const [command = '', ...prefix] = hide ? [...HIDING, unified, program] : [program];
    let count = 0;
    const id = () => `isle-bench-${process.pid}-${count++}`;
    candidates.push({
      name: `${name} run, with a bundle${hide ? ' (through unshare)' : ''}`,
      run: () => check(name, run(command, [...prefix, ...state, 'run', '--bundle', bundle, id()])),
    });
  }
  return candidates;
}

/** To be called before the first run: what it gives back removes the cgroup that isle-runtime keeps, if nobody had it before. */
export function isleRuntimeCgroup(): () => Promise<void> {
  const isInUse = cgroupMounts().some((mount) => existsSync(join(mount, ISLE_RUNTIME_CGROUP)));
  return async () => {
    if (!isInUse) await removeCgroups(ISLE_RUNTIME_CGROUP);
  };
}
