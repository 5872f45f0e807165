/** The host's directories and files that a container gets, from every place where they can be asked for. */
import { posix } from 'node:path';
import type { AuditInput } from './types.ts';

export interface HostMount {
  /** Absolute and normalized, /var/run told as /run. */
  readonly source: string;
  readonly target: string;
  readonly readonly: boolean;
  /** Mounts made inside appear on the host. */
  readonly shared: boolean;
  /** The field and its value. */
  readonly what: string;
}

/** On every current distribution /var/run is a symbolic link to /run. */
function canonical(path: string): string {
  const normal = posix.normalize(path).replace(/(.)\/+$/, '$1');
  return normal === '/var/run' || normal.startsWith('/var/run/') ? normal.slice('/var'.length) : normal;
}

function fromBind(bind: string): HostMount | null {
  const [source = '', target = '', mode = ''] = bind.split(':');
  // A name is a volume's, not a path.
  if (!source.startsWith('/')) return null;
  const options = mode.split(',');
  return {
    source: canonical(source),
    target,
    readonly: options.includes('ro'),
    shared: options.includes('shared') || options.includes('rshared'),
    what: `HostConfig.Binds: ${bind}`,
  };
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '');
const record = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};

type MountRequest = NonNullable<AuditInput['hostConfig']['Mounts']>[number];

/** The local driver mounts what it is told: a volume with `o=bind` is a bind mount in disguise. */
function boundDevice({ VolumeOptions }: MountRequest): string {
  const options = record(record(record(VolumeOptions)['DriverConfig'])['Options']);
  return /(?:^|,)r?bind(?:,|$)/.test(text(options['o'])) ? text(options['device']) : '';
}

function fromMount(request: MountRequest): HostMount | null {
  const { Type = '', Target = '' } = request;
  const source = Type === 'bind' ? (request.Source ?? '') : boundDevice(request);
  if (!source.startsWith('/')) return null;
  const readonly = request.ReadOnly === true;
  return {
    source: canonical(source),
    target: Target,
    readonly,
    shared: ['shared', 'rshared'].includes(text(record(request.BindOptions)['Propagation'])),
    what: `HostConfig.Mounts: ${Type} ${source} on ${Target}${readonly ? ', read-only' : ''}`,
  };
}

function fromSpec({ spec, host }: AuditInput): HostMount[] {
  const isOwn = (source: string) => host.engineRoots.some((root) => source.startsWith(`${root}/`));
  return (spec.mounts ?? []).flatMap(({ source = '', destination, type, options = [] }) => {
    const isBind = type === 'bind' || options.includes('bind') || options.includes('rbind');
    if (!isBind || !source.startsWith('/') || isOwn(source)) return [];
    const readonly = options.includes('ro');
    return [
      {
        source: canonical(source),
        target: destination,
        readonly,
        shared: options.includes('shared') || options.includes('rshared'),
        what: `mounts: ${source} on ${destination}${readonly ? ', read-only' : ''}`,
      },
    ];
  });
}

/** What was asked for in HostConfig first; a mount of the spec at the same place is the same one. */
export function hostMounts(input: AuditInput): HostMount[] {
  const { Binds, Mounts } = input.hostConfig;
  const asked = [...(Binds ?? []).map(fromBind), ...(Mounts ?? []).map(fromMount)].filter((mount) => mount !== null);
  const targets = new Set(asked.map(({ target }) => posix.normalize(target)));
  return [...asked, ...fromSpec(input).filter(({ target }) => !targets.has(posix.normalize(target)))];
}

/** Is `path` this directory or something in it? */
export function isWithin(path: string, directory: string): boolean {
  return path === directory || directory === '/' || path.startsWith(`${directory}/`);
}
