/** Where `:z` and `:Z` change labels, and where the host would stop working if they did. */

/** As dockerd; and where the links among these lead, as paths are compared behind links. */
const PROTECTED: ReadonlySet<string> = new Set(
  [
    ['/', '/bin', '/boot', '/dev', '/etc', '/etc/passwd', '/etc/pki', '/etc/shadow', '/home', '/lib', '/lib64'],
    [
      '/media',
      '/opt',
      '/proc',
      '/root',
      '/run',
      '/sbin',
      '/srv',
      '/sys',
      '/tmp',
      '/usr',
      '/var',
      '/var/lib',
      '/var/log',
    ],
    ['/usr/bin', '/usr/lib', '/usr/lib64', '/usr/sbin'],
  ].flat(),
);

/**
 * Why a tree must not be relabelled; null if it may. `path` is absolute and without symbolic links; `own` are directories
 * of the engine, `homes` home directories.
 */
export function relabelRefusal(path: string, own: readonly string[], homes: readonly string[]): string | null {
  if (PROTECTED.has(path) || homes.includes(path)) return `SELinux relabeling of ${path} is not allowed`;
  const inside = own.find((directory) => directory === path || directory.startsWith(`${path}/`));
  return inside === undefined ? null : `SELinux relabeling of ${path} is not allowed: it holds the engine's ${inside}`;
}
