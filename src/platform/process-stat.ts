import { readFileSync } from 'node:fs';

export interface ProcessStat {
  /** Z and X: it has ended, and only waits for its parent. */
  letter: string;
  /** When it started, in clock ticks since the boot: a pid that was given out again has another. */
  startTicks: string;
}

/** Fields 3 and 22 of /proc/PID/stat (proc(5)); null where there is no such process. */
export function readProcessStat(pid: number): ProcessStat | null {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch (thrown) {
    if (['ENOENT', 'ESRCH'].includes((thrown as NodeJS.ErrnoException).code ?? '')) return null;
    throw thrown;
  }
  // The program's name, field 2, may hold blanks and brackets.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return { letter: fields[0] ?? '', startTicks: fields[19] ?? '' };
}
