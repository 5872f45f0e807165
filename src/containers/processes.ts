/** What /proc says of single processes, for `top`: the host's view, as ps on the host would see them. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { readFileOrNull } from './cgroup-parents.ts';

export interface ProcessFacts {
  pid: number;
  ppid: number;
  pgid: number;
  sid: number;
  uid: number;
  gid: number;
  /** The program's name, at most 15 bytes. */
  comm: string;
  /** The command line; the name in brackets where there is none. */
  args: string;
  state: string;
  tty: string;
  nice: number;
  priority: number;
  threads: number;
  cpuSeconds: number;
  startedMs: number;
  virtualKiB: number;
  residentKiB: number;
}

const TICKS_PER_SECOND = 100;
const PAGE_KIB = 4;

/** tty_nr of proc_pid_stat(5): minor in bits 0-7 and 20-31, major in 8-15. */
function ttyName(number: number): string {
  const major = (number >> 8) & 0xff;
  const minor = (number & 0xff) | ((number >> 12) & 0xfff00);
  if (number === 0) return '?';
  if (major >= 136 && major <= 143) return `pts/${(major - 136) * 256 + minor}`;
  if (major === 4) return minor < 64 ? `tty${minor}` : `ttyS${minor - 64}`;
  return major === 5 && minor === 1 ? 'console' : `${major}:${minor}`;
}

function ids(status: string): { uid: number; gid: number } {
  const effective = (name: string) => Number(new RegExp(`^${name}:\\s+\\d+\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0);
  return { uid: effective('Uid'), gid: effective('Gid') };
}

/** `stat`, `status` and `cmdline` of /proc/PID. null where they are no such texts. */
export function parseProcess(
  texts: { stat: string; status: string; cmdline: string },
  bootMs: number,
): ProcessFacts | null {
  // The name may hold blanks and brackets: it ends at the last one.
  const [, pid, comm = '', rest = ''] = /^(\d+) \((.*)\) (.*)$/s.exec(texts.stat) ?? [];
  if (pid === undefined) return null;
  const [state = '', ...numbers] = rest.trim().split(' ');
  // Field 4 (ppid) is the first of the numbers.
  const field = (number: number) => Number(numbers[number - 4] ?? 0);
  const words = texts.cmdline.replace(/\0+$/, '').replaceAll('\0', ' ');
  return {
    pid: Number(pid),
    ppid: field(4),
    pgid: field(5),
    sid: field(6),
    ...ids(texts.status),
    comm,
    args: words === '' ? `[${comm}]` : words,
    state,
    tty: ttyName(field(7)),
    priority: field(18),
    nice: field(19),
    threads: field(20),
    cpuSeconds: (field(14) + field(15)) / TICKS_PER_SECOND,
    startedMs: bootMs + (field(22) / TICKS_PER_SECOND) * 1000,
    virtualKiB: field(23) / 1024,
    residentKiB: field(24) * PAGE_KIB,
  };
}

/** Pids in a cgroup and in those that the container made inside it. */
function pidsBelow(directory: string): number[] {
  const own = (readFileOrNull(join(directory, 'cgroup.procs')) ?? '').split('\n').filter(Boolean).map(Number);
  let below: string[] = [];
  try {
    below = readdirSync(directory, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'ENOENT') throw thrown;
  }
  return [...own, ...below.flatMap((name) => pidsBelow(join(directory, name)))];
}

function readProcess(pid: number, bootMs: number): ProcessFacts | null {
  const read = (name: string) => {
    try {
      return readFileSync(`/proc/${pid}/${name}`, 'utf8');
    } catch {
      // ENOENT, ESRCH: it has ended meanwhile.
      return null;
    }
  };
  const [stat, status, cmdline] = [read('stat'), read('status'), read('cmdline')];
  return stat === null || status === null || cmdline === null ? null : parseProcess({ stat, status, cmdline }, bootMs);
}

/** The processes of the cgroup that `procsFile` (cgroup.procs) belongs to, by pid. */
export function readProcesses(procsFile: string): ProcessFacts[] {
  const bootS = Number(/^btime (\d+)$/m.exec(readFileSync('/proc/stat', 'utf8'))?.[1] ?? 0);
  return pidsBelow(dirname(procsFile))
    .toSorted((a, b) => a - b)
    .flatMap((pid) => readProcess(pid, bootS * 1000) ?? []);
}
