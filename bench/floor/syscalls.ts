/** The system calls that make a container, counted by strace: of the floor, and of isle's monitor and first process. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readFileSync } from 'node:fs';
import { eventually, start } from '../../test/harness/command.ts';

/** Kind -> how strace prints one of it. What reads, polls and closes is left out, and what the container's program does. */
const KINDS: Record<string, RegExp> = {
  'clone3 with namespaces': /clone3\(.*CLONE_NEWNS/,
  unshare: /unshare\(/,
  'cgroup directories made': /mkdir\("\/sys\/fs\/cgroup\//,
  'cgroup files written': /write\(\d+<\/sys\/fs\/cgroup\//,
  'cgroup directories removed': /rmdir\("\/sys\/fs\/cgroup\//,
  'proc files written': /write\(\d+<[^>]*\/(?:oom_score_adj|sys\/net\/)/,
  mount: /mount\(/,
  fsopen: /fsopen\(/,
  fsconfig: /fsconfig\(/,
  fsmount: /fsmount\(/,
  open_tree: /open_tree\(/,
  mount_setattr: /mount_setattr\(/,
  move_mount: /move_mount\(/,
  umount2: /umount2\(/,
  pivot_root: /pivot_root\(/,
  openat2: /openat2\(/,
  mkdirat: /mkdirat\(/,
  mknodat: /mknodat\(/,
  symlinkat: /symlinkat\(/,
  'netlink messages': /sendto\(.*nlmsg_len/,
  keyctl: /keyctl\(/,
  sethostname: /sethostname\(/,
  'capabilities dropped': /prctl\(PR_CAPBSET_DROP/,
  'identity and capabilities set': /(?:setgroups|setresgid|setresuid|capset)\(/,
  seccomp: /seccomp\(/,
  execve: /execve\(/,
};
const TRACED =
  'clone3,unshare,mkdir,write,rmdir,mount,fsopen,fsconfig,fsmount,open_tree,mount_setattr,move_mount,umount2,pivot_root,' +
  'openat2,mkdirat,mknodat,symlinkat,sendto,keyctl,sethostname,prctl,setgroups,setresgid,setresuid,capset,seccomp,execve';

const isTraced = (pid: number) => !/^TracerPid:\t0$/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));

/** Follows the process and what it forks while `action` makes one container. */
export async function countSyscalls(pid: number, action: () => Promise<void>): Promise<Map<string, number>> {
  const directory = await mkdtemp(join(tmpdir(), 'isle-bench-'));
  const output = join(directory, 'trace');
  try {
    const args = ['-f', '-y', '-qq', '-s', '8', '-o', output, '-e', `trace=${TRACED}`, '-p', String(pid)];
    const strace = start('strace', args, { timeoutMs: 60_000 });
    await eventually('strace is attached', () => (isTraced(pid) ? true : null));
    try {
      await action();
    } finally {
      strace.child.kill('SIGINT');
    }
    await strace.finished;
    // A call during which another process was seen is printed in two lines.
    const calls = (await readFile(output, 'utf8')).split('\n').map((line) => line.replace(/^\d+ +/, ''));
    const begun = calls.filter((call) => !call.startsWith('<...'));
    return new Map(
      Object.entries(KINDS).map(([kind, pattern]) => {
        const starts = new RegExp(`^(?:${pattern.source})`);
        return [kind, begun.filter((call) => starts.test(call)).length];
      }),
    );
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** A table of both; throws when they differ: then the floor is not the floor of this isle. */
export function compareCounts(floor: ReadonlyMap<string, number>, isle: ReadonlyMap<string, number>): string {
  const rows = [...floor].map(([kind, count]) => [kind, count, isle.get(kind) ?? 0] as const);
  const table = rows.map(([kind, a, b]) => `  ${kind.padEnd(32)}${String(a).padStart(6)}${String(b).padStart(6)}`);
  const text = ['system calls of one container (floor, isle)', ...table, ''].join('\n');
  const different = rows.filter(([, a, b]) => a !== b).map(([kind]) => kind);
  if (different.length > 0) throw new Error(`${text}\nthe floor and isle differ in: ${different.join(', ')}`);
  return text;
}
