/** The audit of a bundle: what its config.json opens, in the rules and words of `isle audit`, by the names of its own fields. */
import { statSync } from 'node:fs';
import { release } from 'node:os';
import { posix } from 'node:path';
import type { AuditReport } from '../api/types/audit.ts';
import type { Mount, Namespace } from '../oci/runtime-spec.ts';
import { DEFAULT_MASKED_PATHS, DEFAULT_READONLY_PATHS } from '../oci/spec/paths.ts';
import { kernelVersion } from '../platform/kernel-version.ts';
import { securityModules } from '../platform/security-modules.ts';
import { type AuditedSeccomp, type AuditInput, audit, type Finding, SEVERITIES } from '../security/audit/index.ts';
import { compileSeccomp, DEFAULT_PROFILE, parseProfile } from '../security/seccomp/index.ts';
import type { BundleConfig } from './config/load.ts';
import type { OciConfig } from './config/types.ts';

/** What the rules, which know the Engine API's fields, say otherwise of a bundle. */
const WORDS: Readonly<Record<string, { what?: string; fix?: string }>> = {
  'seccomp-unconfined': {
    what: 'linux.seccomp is not set',
    fix: "Set linux.seccomp; an engine's default profile, as `isle` and `docker` write it, is a good one.",
  },
  'no-memory-limit': { what: 'linux.resources.memory.limit is not set', fix: 'Set it, for example to 536870912.' },
  'no-pids-limit': { what: 'linux.resources.pids.limit is not set', fix: 'Set it, for example to 256.' },
  'writable-root': {
    what: 'root.readonly is not true',
    fix: 'Set it, with a tmpfs in mounts for each directory that the program writes to.',
  },
  'no-new-privileges-unset': { fix: 'Set process.noNewPrivileges.' },
  'root-user': { fix: 'Set process.user to the ids of a user without rights.' },
  'no-user-namespace': {
    fix: 'Add {"type": "user"} to linux.namespaces, with linux.uidMappings and gidMappings to ids that nobody else has.',
  },
  'host-pid': { fix: 'Add {"type": "pid"} to linux.namespaces.' },
  'host-network': { fix: 'Add {"type": "network"} to linux.namespaces.' },
  'host-ipc': { fix: 'Add {"type": "ipc"} to linux.namespaces.' },
  'host-uts': { fix: 'Add {"type": "uts"} to linux.namespaces.' },
  'host-cgroup': { fix: 'Add {"type": "cgroup"} to linux.namespaces.' },
  'host-device': { fix: 'Leave it out of linux.devices, and its rule out of linux.resources.devices.' },
  'device-rules': {
    fix: 'Let linux.resources.devices allow single devices by major and minor number; and take CAP_MKNOD out of process.capabilities.',
  },
  'kernel-files-writable': { fix: 'Add them to linux.readonlyPaths; set sysctls of namespaces with linux.sysctl.' },
  'kernel-files-visible': { fix: 'Add them to linux.maskedPaths.' },
};

/** Ways out that are flags of an engine. */
const FIXES: readonly (readonly [from: RegExp, to: string])[] = [
  [/Pass the single device with --device\./, 'List the single device in linux.devices.'],
  [/Start isled with --selinux-enabled\./, 'Set process.selinuxLabel and linux.mountLabel.'],
  [/Install what loads policies.*/, 'Set process.apparmorProfile to a profile that the kernel has.'],
];

/** Of a capability it is always the same; the engine's words name its flags. */
function fixOf({ id, what, fix }: Finding): string {
  const capability = /^capability (CAP_\w+)$/.exec(what)?.[1];
  if (capability !== undefined && id.startsWith('cap-'))
    return `Take ${capability} out of the sets of process.capabilities.`;
  return FIXES.reduce((text, [from, to]) => text.replace(from, to), fix);
}

const FIELDS: readonly (readonly [from: RegExp, to: string])[] = [
  [/^HostConfig\.ReadonlyPaths/, 'linux.readonlyPaths'],
  [/^HostConfig\.MaskedPaths/, 'linux.maskedPaths'],
  [/^HostConfig\.\w+Mode = container:/, 'linux.namespaces: '],
  [/^Config\.Env/, 'process.env'],
];

function inBundleWords(finding: Finding): Finding {
  const { what, fix } = WORDS[finding.id] ?? {};
  const named = FIELDS.reduce((text, [from, to]) => text.replace(from, to), finding.what);
  return { ...finding, what: what ?? named, fix: fix ?? fixOf(finding) };
}

const NAMESPACE_FILES: Partial<Record<Namespace['type'], string>> = { network: 'net', mount: 'mnt' };

/** undefined: it is not there, or not to be seen. */
function inodeOf(path: string): number | undefined {
  try {
    return statSync(path).ino;
  } catch (thrown) {
    if (['ENOENT', 'ENOTDIR', 'EACCES', 'EPERM'].includes((thrown as NodeJS.ErrnoException).code ?? ''))
      return undefined;
    throw thrown;
  }
}

/** Is it the host's own, or the one that this program runs in, by whatever path? */
function isHosts({ type, path }: Namespace): boolean {
  if (path === undefined || path === '') return false;
  const inode = inodeOf(path);
  const file = NAMESPACE_FILES[type] ?? type;
  return inode !== undefined && ['1', 'self'].some((pid) => inodeOf(`/proc/${pid}/ns/${file}`) === inode);
}

const MODE_FIELDS = { pid: 'PidMode', network: 'NetworkMode', ipc: 'IpcMode', uts: 'UTSMode' } as const;

/** A namespace of the host that is joined is none of its own; any other one that is joined belongs to somebody else. */
function namespacesOf(config: OciConfig): { own: Namespace[]; joined: AuditInput['hostConfig'] } {
  const own = (config.linux?.namespaces ?? []).filter((namespace) => !isHosts(namespace));
  const joined = own.flatMap(({ type, path }) =>
    path && type in MODE_FIELDS ? [[MODE_FIELDS[type as keyof typeof MODE_FIELDS], `container:${path}`] as const] : [],
  );
  return { own, joined: Object.fromEntries(joined) };
}

/** Single files and directories that engines make for each container, of no use to get out. */
const ENGINE_DATA = ['/var/lib/docker/containers/', '/var/lib/containers/', '/run/containers/', '/run/containerd/'];
const ENGINE_TARGETS = ['/etc/hosts', '/etc/hostname', '/etc/resolv.conf', '/run/.containerenv', '/dev/shm'];

function mountsOf(config: OciConfig, bundle: string): Mount[] {
  const isEngines = ({ source = '', destination }: Mount) =>
    ENGINE_TARGETS.includes(destination) && ENGINE_DATA.some((directory) => source.startsWith(directory));
  const isBind = ({ type, options = [] }: Mount) =>
    type === 'bind' || options.includes('bind') || options.includes('rbind');
  const mounts = (config.mounts ?? [])
    .filter((mount) => !isEngines(mount))
    .map((mount) => (isBind(mount) ? { ...mount, source: posix.resolve(bundle, mount.source ?? '') } : mount));
  const options = [
    'rbind',
    ...(config.root.readonly === true ? ['ro'] : []),
    ...(/^r?shared$/.test(config.linux?.rootfsPropagation ?? '') ? ['rshared'] : []),
  ];
  return [{ destination: '/', type: 'bind', source: posix.resolve(bundle, config.root.path), options }, ...mounts];
}

function seccompOf({ config, seccomp }: BundleConfig): AuditedSeccomp {
  if (seccomp === null) return { kind: 'unconfined' };
  const context = {
    caps: config.process?.capabilities?.bounding ?? [],
    arch: 'x86_64' as const,
    kernel: kernelVersion(),
  };
  const program = compileSeccomp(parseProfile(seccomp), context);
  const byDefault = compileSeccomp(DEFAULT_PROFILE, context);
  return {
    kind: 'custom',
    filter: program.filter,
    byDefault: byDefault.filter,
    listener: program.listener?.path ?? null,
  };
}

const HOST_HOOKS = ['prestart', 'createRuntime', 'createContainer', 'poststart', 'poststop'] as const;

/** Also where it is the mounted file itself. */
function isIn(path: string, source: string): boolean {
  const base = posix.resolve(source);
  return `${posix.normalize(path)}/`.startsWith(base === '/' ? base : `${base}/`);
}

/** A hook is a program of the host, run by its root: nobody inside may be able to change it. */
function hookFindings(config: OciConfig, mounts: readonly Mount[]): Finding[] {
  const writable = mounts.filter(({ source = '', options = [] }) => source.startsWith('/') && !options.includes('ro'));
  return HOST_HOOKS.flatMap((name) =>
    (config.hooks?.[name] ?? []).flatMap(({ path }, index): Finding[] => {
      const inside = writable.find(({ source = '' }) => isIn(path, source));
      if (inside === undefined) return [];
      return [
        {
          id: 'hook-in-container',
          title: 'The runtime executes a program that the container can change',
          severity: 'critical',
          what: `hooks.${name}[${index}].path: ${path}, writable inside at ${inside.destination}`,
          attack: `Replaces ${path}: at the next ${name} the runtime executes it as root of the host.`,
          fix: 'Keep programs of hooks in a directory of the host that no container has.',
          reference: 'OCI runtime-spec, POSIX-platform Hooks',
          origin: 'asked',
        },
      ];
    }),
  );
}

/** Nothing is run, and nothing but namespaces' names looked at on the host. Throws for a seccomp policy that is none. */
export function auditBundle(bundle: string, read: BundleConfig): AuditReport {
  const { config } = read;
  const { own, joined } = namespacesOf(config);
  const mounts = mountsOf(config, bundle);
  const host = { kernel: release(), lsms: [...securityModules()] };
  const user = config.process?.user ?? { uid: 0, gid: 0 };
  const found = audit({
    config: { Env: config.process?.env ?? [] },
    hostConfig: joined,
    spec: {
      ...config,
      ...(config.process === undefined ? {} : { process: { ...config.process, user } }),
      mounts,
      linux: { ...config.linux, namespaces: own },
    },
    imageUser: null,
    seccomp: seccompOf(read),
    kernelPaths: { masked: DEFAULT_MASKED_PATHS, readonly: DEFAULT_READONLY_PATHS },
    // Domains are the engine's: a bundle has no word for one.
    landlock: { absent: 'runtime' },
    host: { ...host, landlockAbi: 0, engineRoots: [] },
  });
  const rank = ({ severity }: Finding) => SEVERITIES.indexOf(severity);
  const findings = [...hookFindings(config, mounts), ...found.map(inBundleWords)].sort((a, b) => rank(a) - rank(b));
  const counts = { critical: 0, high: 0, medium: 0, low: 0, info: 0 };
  for (const { severity } of findings) counts[severity] += 1;
  return { subject: { kind: 'bundle', id: '', name: bundle, image: '' }, host, counts, findings };
}
