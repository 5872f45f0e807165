/** Descriptors of the caller that a container's process keeps, from 3 up: --preserve-fds, and systemd's socket activation. */
import { readdirSync, readlinkSync } from 'node:fs';
import { EngineError } from '../errors.ts';

const FIRST = 3;

function linkOf(fd: number | string): string | null {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw thrown;
  }
}

/**
 * Node's own take the lowest free numbers, an event poll first of all. It marks all descriptors to be closed by exec, its
 * own and the caller's, so only what they are tells them apart.
 */
function isNodes(link: string, all: readonly string[]): boolean {
  if (/^anon_inode:\[(?:eventpoll|eventfd|io_uring)\]$/.test(link)) return true;
  return link.startsWith('pipe:') && all.filter((other) => other === link).length > 1;
}

/** `count` of them are asked for. Throws InvalidParameter for one that the caller has not opened. */
export function checkPreserved(count: number): number {
  if (count < 0) throw new EngineError('InvalidParameter', '--preserve-fds must not be negative');
  if (count === 0) return 0;
  const all = readdirSync('/proc/self/fd').flatMap((fd) => linkOf(fd) ?? []);
  for (let fd = FIRST; fd < FIRST + count; fd++) {
    const link = linkOf(fd);
    if (link !== null && !isNodes(link, all)) continue;
    throw new EngineError('InvalidParameter', `--preserve-fds: descriptor ${fd} is not open`, {
      hint: `the caller has to open descriptors ${FIRST} to ${FIRST + count - 1}`,
    });
  }
  return count;
}

/** How many sockets systemd has handed over: to this process, if it says so (sd_listen_fds(3)). */
export function activatedSockets(env: NodeJS.ProcessEnv): number {
  const count = Number(env['LISTEN_FDS'] ?? 0);
  return Number(env['LISTEN_PID']) === process.pid && Number.isInteger(count) && count > 0 ? count : 0;
}
