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

/** Which namespaces are the host's: what is set there would be set for all. */
export interface HostNamespaces {
  network: boolean;
  ipc: boolean;
  uts: boolean;
}

/** Throws InvalidParameter for a name that is none, or whose value is the whole host's. */
export function checkSysctl(name: string, host: HostNamespaces): void {
  const parts = sysctlPath(name).split('/').slice(1);
  if (!/^[\w./:@-]+$/.test(name) || parts.includes('')) {
    throw new EngineError('InvalidParameter', `invalid sysctl name: ${JSON.stringify(name)}`);
  }
  const dotted = parts.slice(2).join('.');
  const namespace = namespaceOfSysctl(dotted);
  if (namespace === undefined) {
    throw new EngineError('InvalidParameter', `sysctl "${name}" is not in a separate kernel namespace`, {
      hint: dotted === 'kernel.hostname' ? 'use --hostname' : 'it would change the host: set it there',
    });
  }
  if (host[namespace]) {
    throw new EngineError('InvalidParameter', `sysctl "${name}" not allowed in host ${namespace} namespace`);
  }
}

function namespaceOfSysctl(name: string): keyof HostNamespaces | undefined {
  if (IPC_SYSCTLS.has(name) || name.startsWith('fs.mqueue.')) return 'ipc';
  if (name === 'kernel.domainname') return 'uts';
  return name.startsWith('net.') ? 'network' : undefined;
}
