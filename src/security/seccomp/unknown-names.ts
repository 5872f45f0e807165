/** Rules for system calls that there are not: a misspelt name in a list of refusals leaves open what it was to close. */
import { MULTIPLEXED, SYSCALLS } from './syscalls.ts';
import type { SeccompRule } from './types.ts';

/** Calls of other architectures, and of old kernels, that the profiles of Docker and Podman name. */
const ELSEWHERE: ReadonlySet<string> = new Set(
  `arm_fadvise64_64 arm_sync_file_range breakpoint cacheflush get_tls set_tls usr26 usr32 sync_file_range2 riscv_flush_icache
  riscv_hwprobe s390_guarded_storage s390_pci_mmio_read s390_pci_mmio_write s390_runtime_instr s390_sthyi swapcontext
  pciconfig_iobase pciconfig_read pciconfig_write rtas spu_create spu_run subpage_prot switch_endian
  sys_debug_setcontext multiplexer syscall sysmips timerfd`.split(/\s+/),
);

let here: ReadonlySet<string> | undefined;

function knownHere(): ReadonlySet<string> {
  here ??= new Set([
    ...Object.values(SYSCALLS).flatMap((table) => [...table.keys()]),
    ...Object.values(MULTIPLEXED).flatMap((table) => [...table.keys()]),
  ]);
  return here;
}

const MAX_NAMED = 20;
const MAX_SHOWN = 60;

/** For a message: names of a profile are as many and as long as its author likes. */
export function shownNames(names: Iterable<string>): string {
  const all = [...names];
  const short = all
    .slice(0, MAX_NAMED)
    .map((name) => (name.length > MAX_SHOWN ? `${name.slice(0, MAX_SHOWN - 3)}...` : name));
  return `${short.join(', ')}${all.length > MAX_NAMED ? ` and ${all.length - MAX_NAMED} more` : ''}`;
}

/** A warning if there are any. Docker and runc pass them over, since a profile may be made for another kernel. */
export function unknownNames(rules: readonly SeccompRule[]): string[] {
  const names = new Set(rules.flatMap((rule) => rule.names));
  const unknown = [...names].filter((name) => !knownHere().has(name) && !ELSEWHERE.has(name));
  if (unknown.length === 0) return [];
  return [
    `seccomp profile: isle knows no system calls of these names, so the rules for them have no effect: ${shownNames(unknown)}`,
  ];
}
