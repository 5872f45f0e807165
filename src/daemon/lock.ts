/** One daemon for one data root and exec root: the pid file says who, the process's start time says whether still. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { EngineError } from '../errors.ts';

/** Takes the pid file; throws Conflict when a living isled holds it. Returns how to give it back. */
export function takePidFile(path: string): () => void {
  const held = readPidFile(path);
  if (held !== null && held.pid !== process.pid && startTicks(held.pid) === held.ticks) {
    throw new EngineError('Conflict', `isled is already running as process ${held.pid} (${path})`, {
      hint: 'stop it first, or give this one its own --exec-root, --data-root, --bridge and --cgroup-parent',
    });
  }
  writeFileSync(path, `${process.pid}\n${startTicks(process.pid)}\n`);
  return () => rmSync(path, { force: true });
}

function readPidFile(path: string): { pid: number; ticks: string | null } | null {
  try {
    const [pid = '', ticks = ''] = readFileSync(path, 'utf8').split('\n');
    return { pid: Number(pid), ticks };
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw thrown;
  }
}

/** Field 22 of /proc/PID/stat (proc(5)): with the pid it names one process for ever. null when there is none. */
function startTicks(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  } catch (thrown) {
    if (['ENOENT', 'ESRCH'].includes((thrown as NodeJS.ErrnoException).code ?? '')) return null;
    throw thrown;
  }
}
