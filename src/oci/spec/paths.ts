/** The kernel's files that Docker hides from a container or makes read-only, and why they are on the lists. */

/**
 * Hidden. The first group tells about the host or its hardware (keys, timers, memory, interrupt timing as in
 * GHSA-6fw5-f8r9-fgfm, power draw as in GHSA-jq35-85cj-fj4p); none of it belongs to a container's namespaces.
 */
export const DEFAULT_MASKED_PATHS: readonly string[] = [
  '/proc/acpi',
  '/proc/asound',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/sys/devices/virtual/powercap',
  '/sys/firmware',
];

/** Read-only: writing to them changes the host. */
export const DEFAULT_READONLY_PATHS: readonly string[] = [
  '/proc/bus',
  '/proc/fs',
  '/proc/irq',
  '/proc/sys',
  '/proc/sysrq-trigger',
];

/** Where each CPU counts its thermal events; Docker masks those that the machine has (GHSA-6fw5-f8r9-fgfm). */
export function thermalThrottlePaths(cpus: number): string[] {
  return Array.from({ length: cpus }, (_, cpu) => `/sys/devices/system/cpu/cpu${cpu}/thermal_throttle`);
}
