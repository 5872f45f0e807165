/** Kernel parameters: which ones belong to a container's own namespaces, and where they are written. */
import { EngineError } from '../errors.ts';

/** Sysctls of the IPC namespace (ipc/ipc_sysctl.c); `fs.mqueue.` and `net.` are namespaced as a whole. */
const IPC_SYSCTLS = new Set([
  'kernel.msgmax',
  'kernel.msgmnb',
  'kernel.msgmni',
  'kernel.sem',
  'kernel.shmall',
  'kernel.shmmax',
  'kernel.shmmni',
  'kernel.shm_rmid_forced',
]);

/** The file of a sysctl: dots are slashes, as in runc. */
export function sysctlPath(name: string): string {
  return `/proc/sys/${name.replaceAll('.', '/')}`;
}

/** Throws InvalidParameter for a name that is none, or whose value is the whole host's. */
export function checkSysctl(name: string, hostNetwork: boolean): void {
  const parts = sysctlPath(name).split('/').slice(1);
  if (!/^[\w./:@-]+$/.test(name) || parts.includes('')) {
    throw new EngineError('InvalidParameter', `invalid sysctl name: ${JSON.stringify(name)}`);
  }
  if (IPC_SYSCTLS.has(name) || name.startsWith('fs.mqueue.')) return;
  if (!name.startsWith('net.')) {
    throw new EngineError('InvalidParameter', `sysctl "${name}" is not in a separate kernel namespace`, {
      hint: 'it would change the host: set it there',
    });
  }
  if (hostNetwork) {
    throw new EngineError('InvalidParameter', `sysctl "${name}" not allowed in host network namespace`);
  }
}
