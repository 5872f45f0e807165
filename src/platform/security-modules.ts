/** Which security modules this kernel runs. Read once: they change with a boot only. */
import { readFileSync } from 'node:fs';

/** The text, trimmed; '' where there is no such file: the kernel does not have the module, or its directory is not mounted. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return '';
  }
}

function findModules(): string[] {
  const listed = read('/sys/kernel/security/lsm');
  if (listed !== '') return listed.split(',');
  // The list is in securityfs, which is not mounted everywhere; without it, the modules' own directories tell.
  const appArmor = read('/sys/module/apparmor/parameters/enabled') === 'Y' ? ['apparmor'] : [];
  return read('/sys/fs/selinux/enforce') === '' ? appArmor : [...appArmor, 'selinux'];
}

let found: readonly string[] | undefined;

/** As /sys/kernel/security/lsm lists them, such as `apparmor`. */
export function securityModules(): readonly string[] {
  found ??= findModules();
  return found;
}
