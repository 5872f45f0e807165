/** Containers to audit: as everyone makes them, and as tight as can be. */
import { DEFAULT_CAPABILITIES } from '../../capabilities.ts';
import type { AuditedSpec, AuditInput } from '../types.ts';

export interface Changes {
  config?: AuditInput['config'];
  hostConfig?: AuditInput['hostConfig'];
  spec?: AuditedSpec;
  process?: Partial<NonNullable<AuditedSpec['process']>>;
  linux?: AuditedSpec['linux'];
  capabilities?: readonly string[];
  seccomp?: AuditInput['seccomp'];
  runtime?: AuditInput['runtime'];
  landlock?: AuditInput['landlock'];
  imageUser?: string | null;
  sharesIds?: boolean;
  host?: Partial<AuditInput['host']>;
}

const MASKED = ['/proc/kcore', '/proc/keys', '/sys/firmware'];
const READONLY = ['/proc/bus', '/proc/sys', '/proc/sysrq-trigger'];

/** What `run IMAGE` gives, on a host of today without AppArmor. */
export function plain(changes: Changes = {}): AuditInput {
  const names = ['mount', 'uts', 'pid', 'ipc', 'network', 'cgroup'];
  return {
    config: { User: '', Env: ['PATH=/bin'], ...changes.config },
    hostConfig: { NetworkMode: 'default', ...changes.hostConfig },
    spec: {
      root: {},
      mounts: [
        { destination: '/proc', type: 'proc', source: 'proc' },
        { destination: '/etc/hosts', type: 'bind', source: '/var/lib/isle/containers/1/hosts', options: ['rbind'] },
      ],
      ...changes.spec,
      process: {
        user: { uid: 0 },
        capabilities: { bounding: [...DEFAULT_CAPABILITIES, ...(changes.capabilities ?? [])] },
        ...changes.process,
      },
      linux: {
        namespaces: names.map((type) => ({ type })),
        devices: [{ path: '/dev/null', type: 'c', major: 1, minor: 3 }],
        resources: {
          devices: [
            { allow: false, access: 'rwm' },
            { allow: true, type: 'b', access: 'm' },
          ],
        },
        maskedPaths: MASKED,
        readonlyPaths: READONLY,
        ...changes.linux,
      },
    },
    imageUser: changes.imageUser === undefined ? '' : changes.imageUser,
    seccomp: changes.seccomp ?? { kind: 'default' },
    runtime: changes.runtime,
    landlock: changes.landlock ?? { absent: 'kernel' },
    kernelPaths: { masked: MASKED, readonly: READONLY },
    sharesIds: changes.sharesIds ?? false,
    host: {
      kernel: '6.18.1',
      lsms: ['capability', 'landlock'],
      landlockAbi: 7,
      engineRoots: ['/var/lib/isle', '/run/isle'],
      ...changes.host,
    },
  };
}

/** Everything narrowed: nothing is to be found. */
export function tight(changes: Changes = {}): AuditInput {
  const { linux } = plain().spec;
  const confined = { apparmorProfile: 'isle-default', noNewPrivileges: true, user: { uid: 1000 } };
  return plain({
    host: { lsms: ['apparmor'] },
    ...changes,
    config: { User: '1000:1000', Env: [], ...changes.config },
    spec: { root: { readonly: true }, ...changes.spec },
    process: { ...confined, capabilities: { bounding: [] }, ...changes.process },
    linux: {
      namespaces: [...(linux?.namespaces ?? []), { type: 'user' }],
      resources: { memory: { limit: 2 ** 29 }, pids: { limit: 100 } },
      ...changes.linux,
    },
  });
}
