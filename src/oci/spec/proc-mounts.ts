/** Mounts on /proc and below: a runtime trusts what it finds there, and so does whoever looks into the container. */
import { posix } from 'node:path';
import { EngineError } from '../../errors.ts';
import type { Mount } from '../runtime-spec.ts';

/** Files of procfs that engines replace by emulations (lxcfs); everything else below /proc stays the kernel's own. */
export const ALLOWED_BELOW_PROC: ReadonlySet<string> = new Set(
  [
    'cpuinfo',
    'diskstats',
    'meminfo',
    'stat',
    'swaps',
    'uptime',
    'loadavg',
    'slabinfo',
    'net/dev',
    'sys/kernel/ns_last_pid',
    'sys/crypto/fips_enabled',
  ].map((name) => `/proc/${name}`),
);

/**
 * Throws InvalidParameter for a mount that would stand in for the kernel's files (CVE-2019-16884). Whether what is bound on
 * /proc itself is a procfs, and where links of the image lead, is found out by islet.
 */
export function checkProcMount({ destination, type }: Mount): void {
  const path = posix.normalize(destination);
  if (path.startsWith('/proc/') && !ALLOWED_BELOW_PROC.has(path)) {
    throw new EngineError('InvalidParameter', `"${path}" cannot be mounted because it is inside /proc`, {
      hint: `of procfs only these files can be replaced: ${[...ALLOWED_BELOW_PROC].join(', ')}`,
    });
  }
  if (path === '/proc' && type !== 'bind') {
    throw new EngineError('InvalidParameter', `"/proc" cannot be mounted because it is not of type proc`, {
      hint: 'a container has a procfs of its own there',
    });
  }
}
