/** The mounts of config.json: hostile places refused, sources made absolute, what each target must be found out. */
import { statSync } from 'node:fs';
import { posix } from 'node:path';
import type { Mount } from '../../oci/runtime-spec.ts';
import { ALLOWED_BELOW_PROC } from '../../oci/spec/proc-mounts.ts';
import { refuse } from './schema.ts';

const MAX_MOUNTS = 10_000;

const isBind = ({ type, options = [] }: Mount) =>
  type === 'bind' || options.includes('bind') || options.includes('rbind');

function checkDestination(mount: Mount, at: string, warnings: string[]): void {
  if (!mount.destination.startsWith('/')) {
    warnings.push(`${at}.destination: "${mount.destination}" is not absolute; it is taken from the root`);
  }
  const destination = posix.normalize(`/${mount.destination}`).replace(/(.)\/$/, '$1');
  if (destination === '/') refuse(`${at}.destination`, 'the root itself is no place for a mount');
  if (destination.startsWith('/proc/') && !ALLOWED_BELOW_PROC.has(destination)) {
    refuse(`${at}.destination`, `"${destination}" cannot be mounted because it is inside /proc`);
  }
  if (destination === '/proc' && mount.type !== 'proc' && !isBind(mount)) {
    refuse(`${at}.destination`, `a ${mount.type ?? 'mount'} on /proc would stand in for the kernel's own files`);
  }
  mount.destination = destination;
}

function checkBind(mount: Mount, at: string, bundle: string): void {
  if (mount.source === undefined || mount.source === '') refuse(`${at}.source`, 'a bind mount needs a source');
  mount.source = posix.resolve(bundle, mount.source);
  const info = statSync(mount.source, { throwIfNoEntry: false });
  if (info === undefined) refuse(`${at}.source`, `${mount.source}: no such file or directory`);
  // islet makes a missing target, and has to know as what.
  if (!info.isDirectory()) mount.options = [...(mount.options ?? []), 'create=file'];
}

/** Changes the mounts in place. Bind options that runtimes define for copying or relabelling are warned of. */
export function checkMounts(mounts: readonly Mount[], bundle: string, warnings: string[]): void {
  if (mounts.length > MAX_MOUNTS)
    refuse('config.json: mounts', `has ${mounts.length} entries; ${MAX_MOUNTS} is the limit`);
  mounts.forEach((mount, index) => {
    const at = `config.json: mounts[${index}]`;
    checkDestination(mount, at, warnings);
    if (isBind(mount)) checkBind(mount, at, bundle);
    if (mount.options?.includes('tmpcopyup')) {
      warnings.push(
        `${at}.options: tmpcopyup is not supported: the files below ${mount.destination} are hidden, not copied`,
      );
    }
    mount.options = mount.options?.filter((option) => option !== 'tmpcopyup' && option !== 'notmpcopyup') ?? [];
  });
}
