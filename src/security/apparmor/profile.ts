/** isle's default AppArmor profile, in the policy language of apparmor.d(5). It refuses what Docker's default profile refuses. */

export const DEFAULT_APPARMOR_PROFILE = 'isle-default';
/** What AppArmor calls a process that no profile confines. */
export const APPARMOR_UNCONFINED = 'unconfined';

/**
 * Writes are refused in layers: `deny` beats every allowing rule, so what stays open (a process's own files, shm limits,
 * cgroups) has to be left out of the patterns letter by letter. `/proc/self` is a link: the kernel matches `/proc/PID`.
 */
const RULES = `
  network,
  capability,
  file,
  umount,

  # The files of /proc itself: kernel memory, sysrq, ...
  deny /proc/* w,
  # All directories of /proc but those of processes and /proc/sys ...
  deny /proc/[^0-9s/]*/** w,
  deny /proc/s[^y/]*/** w,
  deny /proc/sy[^s/]*/** w,
  deny /proc/sys[^/]*/** w,
  # ... and of that all but kernel/shm*, which is the IPC namespace's own.
  deny /proc/sys/[^k/]** w,
  deny /proc/sys/kernel/[^s/]** w,
  deny /proc/sys/kernel/s[^h/]** w,
  deny /proc/sys/kernel/sh[^m/]** w,
  deny /proc/sysrq-trigger rwklx,
  deny /proc/kcore rwklx,

  deny mount,

  # All of /sys but the cgroups.
  deny /sys/[^f/]** wklx,
  deny /sys/f[^s/]** wklx,
  deny /sys/fs/[^c/]** wklx,
  deny /sys/fs/c[^g/]** wklx,
  deny /sys/fs/cg[^r/]** wklx,
  # Not to be read either: firmware tables, power draw, policies.
  deny /sys/firmware/** rwklx,
  deny /sys/devices/virtual/powercap/** rwklx,
  deny /sys/kernel/security/** rwklx,
`;

/**
 * The whole policy text. `daemonLabel` is what AppArmor calls this daemon: it may send signals, as unconfined processes of
 * the host may. It includes nothing, so that it means the same on every host.
 */
export function defaultAppArmorProfile(daemonLabel: string): string {
  const name = DEFAULT_APPARMOR_PROFILE;
  const senders = [...new Set([APPARMOR_UNCONFINED, daemonLabel])];
  return `profile ${name} flags=(attach_disconnected,mediate_deleted) {${RULES}
  # Signals come from the host and from containers, and go to containers only. So does tracing.
${senders.map((label) => `  signal (receive) peer=${quoted(label)},\n`).join('')}  signal (send, receive) peer=${name},
  ptrace (trace, read, tracedby, readby) peer=${name},
}
`;
}

/** A label may hold blanks and the characters of patterns. */
function quoted(label: string): string {
  if (/^[\w./-]+$/.test(label)) return label;
  return `"${label.replace(/["\\*?[\]{}^]/g, '\\$&')}"`;
}
