/** SELinux on this host: is a policy in force, what does it say of containers, does it know a context? */
import { readFileSync, writeFileSync } from 'node:fs';

const FILE_SYSTEM = '/sys/fs/selinux';
/** A container policy brings the first (container-selinux), the policy itself the second, in a directory of its own name. */
const CONTAINER_CONTEXTS = '/usr/share/containers/selinux/contexts';
const CONFIG = '/etc/selinux/config';

/** The text; null where there is no such file. */
function read(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // Not there, or the kernel refuses: this host has no SELinux, or keeps nothing there.
    return null;
  }
}

/** Until a policy is loaded everything is called `kernel`; an older one may be mounted but switched off. */
export function hasSelinux(): boolean {
  if (read(`${FILE_SYSTEM}/enforce`) === null) return false;
  const own = (read('/proc/self/attr/current') ?? '').replace(/\0$/, '').trim();
  return own.includes(':');
}

/** What the host's policy says of containers, as lines `name = "context"`; '' where it says nothing. */
export function containerContexts(): string {
  const policy = /^\s*SELINUXTYPE\s*=\s*([\w.-]+)\s*$/m.exec(read(CONFIG) ?? '')?.[1] ?? 'targeted';
  return read(CONTAINER_CONTEXTS) ?? read(`/etc/selinux/${policy}/contexts/lxc_contexts`) ?? '';
}

/**
 * Does the policy in force have the context's user, role, type and level, and in this combination? True also where this
 * process may not ask: who uses the context then learns it.
 */
export function isKnownContext(context: string): boolean {
  try {
    writeFileSync(`${FILE_SYSTEM}/context`, context);
    return true;
  } catch (thrown) {
    const { code = '' } = thrown as NodeJS.ErrnoException;
    if (code === 'EINVAL') return false;
    if (code === 'EACCES' || code === 'EPERM') return true;
    throw thrown;
  }
}
