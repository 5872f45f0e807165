/** What one seccomp filter lets through and another does not: both are run, by the interpreter, over every call. */
import { loadFilter } from '../seccomp/interpreter.ts';
import { AUDIT_ARCH_I386, AUDIT_ARCH_X86_64, SYSCALLS } from '../seccomp/syscalls.ts';

export interface Allowed {
  /** Names, the most dangerous first; "clone (CLONE_NEWUSER)" for a call that depends on its argument. */
  readonly dangerous: readonly string[];
  readonly others: readonly string[];
}

/** Calls with which containers have been left, or that administer the host; in the order of telling. */
const DANGEROUS: readonly string[] = `
  unshare clone clone3 setns mount umount2 move_mount open_tree fsopen fsconfig fsmount mount_setattr pivot_root
  open_by_handle_at bpf init_module finit_module delete_module kexec_load kexec_file_load ptrace process_vm_writev
  perf_event_open keyctl add_key request_key userfaultfd io_uring_setup reboot swapon swapoff iopl ioperm
  settimeofday clock_settime acct quotactl syslog`
  .trim()
  .split(/\s+/);

interface Probe {
  readonly call: string;
  readonly words: string;
  readonly args: readonly bigint[];
}

/** Calls whose argument decides; all others are asked with every argument 0. */
const PROBES: readonly Probe[] = [
  { call: 'clone', words: 'CLONE_NEWUSER', args: [0x1000_0000n] },
  { call: 'clone', words: 'CLONE_NEWNS', args: [0x2_0000n] },
  { call: 'socket', words: 'AF_VSOCK', args: [40n] },
  { call: 'socket', words: 'AF_ALG', args: [38n] },
  { call: 'personality', words: 'ADDR_NO_RANDOMIZE', args: [0x4_0000n] },
];

const PASSES = new Set(['allow', 'log', 'trace']);

type Ask = (nr: number, arch: number, args?: readonly bigint[]) => boolean;

function asker(filter: Uint8Array): Ask {
  const loaded = loadFilter(filter);
  return (nr, arch, args) => PASSES.has(loaded.run({ nr, arch, args }).action);
}

/** The x32 numbers carry their bit already, so that they are asked as the kernel would. */
const TABLES = [
  ['SCMP_ARCH_X86_64', AUDIT_ARCH_X86_64, ''],
  ['SCMP_ARCH_X32', AUDIT_ARCH_X86_64, ' (x32)'],
  ['SCMP_ARCH_X86', AUDIT_ARCH_I386, ' (i386)'],
] as const;

/** The calls that `filter` lets through and `reference` does not. Throws InvalidParameter for bytes that are no filter. */
export function compareFilters(filter: Uint8Array, reference: Uint8Array): Allowed {
  const [passes, passesByDefault] = [asker(filter), asker(reference)];
  const wider: Ask = (nr, arch, args) => passes(nr, arch, args) && !passesByDefault(nr, arch, args);
  const names: string[] = [];
  for (const [table, arch, suffix] of TABLES) {
    const calls = SYSCALLS[table];
    for (const [name, nr] of calls) {
      // Told once: a call that is open natively is not told again for the other ABIs.
      if (wider(nr, arch) && !names.includes(name)) names.push(`${name}${suffix}`);
    }
    for (const { call, words, args } of PROBES) {
      const nr = calls.get(call);
      if (nr === undefined || names.includes(call) || names.includes(`${call}${suffix}`)) continue;
      const told = `${call} (${words})`;
      if (wider(nr, arch, args) && !names.includes(told)) names.push(`${told}${suffix}`);
    }
  }
  const rank = (name: string) => DANGEROUS.indexOf(name.split(' ', 1)[0] ?? '');
  const dangerous = names.filter((name) => rank(name) >= 0).sort((a, b) => rank(a) - rank(b));
  return { dangerous, others: names.filter((name) => rank(name) < 0) };
}

/** The calls that a filter leaves to its listener, asked as above. */
export function notifiedCalls(filter: Uint8Array): string[] {
  const loaded = loadFilter(filter);
  const names = TABLES.flatMap(([table, arch]) =>
    [...SYSCALLS[table]].filter(([, nr]) => loaded.run({ nr, arch }).action === 'user-notify').map(([name]) => name),
  );
  return [...new Set(names)];
}
