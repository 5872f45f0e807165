/** Bind mounts that the user asks for: `-v SOURCE:TARGET[:OPTIONS]` and `--mount type=bind`. */
import { posix } from 'node:path';
import { EngineError } from '../../errors.ts';
import type { HostConfig, MountRequest } from '../container-config.ts';

export interface BindRequest {
  source: string;
  target: string;
  /** As they were written, for inspect. */
  mode: string;
  /** `no`, `flat` (mounts below the source stay writable), `tree` */
  readonly: 'no' | 'flat' | 'tree';
  recursive: boolean;
  /** '' where it was not asked for: rprivate */
  propagation: string;
  /** Files belong to the owner of the source, whoever makes them. */
  idmap: boolean;
  /** z or Z was given: a new SELinux label. */
  relabel: string;
  /** A missing source is made (`-v`), or refused (`--mount`). */
  createSource: boolean;
}

const PROPAGATION = /^r?(private|shared|slave)$/;
/** Hints to file systems of other machines; Docker on Linux takes and ignores them. */
const CONSISTENCY = new Set(['', 'consistent', 'cached', 'delegated', 'default']);

const invalid = (message: string, hint?: string) => new EngineError('InvalidParameter', message, { hint });

/** Without `.`, `..` and a slash at the end. */
function clean(path: string): string {
  return posix.resolve('/', path);
}

function checkTarget(target: string): void {
  if (target === '') throw invalid('invalid specification: destination cannot be empty');
  if (!target.startsWith('/')) throw invalid(`invalid mount path: '${target}' mount path must be absolute`);
  if (clean(target) === '/') throw invalid("invalid specification: destination can't be '/'");
}

function applyMode(bind: BindRequest, option: string, given: Set<string>): void {
  const once = (kind: string) => {
    if (given.has(kind)) throw invalid(`invalid mode: ${bind.mode}`);
    given.add(kind);
  };
  if (option === 'ro' || option === 'rw') {
    once('access');
    bind.readonly = option === 'ro' ? 'tree' : 'no';
  } else if (PROPAGATION.test(option)) {
    once('propagation');
    bind.propagation = option;
  } else if (option === 'z' || option === 'Z') {
    once('label');
    bind.relabel = option;
  } else if (option === 'idmap') {
    once('idmap');
    bind.idmap = true;
  } else if (!CONSISTENCY.has(option)) {
    throw invalid(`invalid mode: ${bind.mode}`, 'isle knows ro, rw, z, Z, idmap and the propagations such as rslave');
  }
}

/** Throws InvalidParameter in Docker's words, NotImplemented for a volume. */
function parseBind(text: string): BindRequest {
  const parts = text.split(':');
  const [source = '', target = '', mode = ''] = parts;
  if (parts.length > 3 || source === '') throw invalid(`invalid volume specification: '${text}'`);
  if (parts.length < 2 || !source.startsWith('/')) {
    throw new EngineError('NotImplemented', `HostConfig.Binds: the volume "${text}" is not supported by isle yet`, {
      hint: 'give a directory of the host as an absolute path; isle has no volumes yet',
    });
  }
  if (parts.length === 3 && mode === '') throw invalid(`invalid volume specification: '${text}'`);
  checkTarget(target);
  const bind: BindRequest = {
    source: clean(source),
    target: clean(target),
    mode,
    readonly: 'no',
    recursive: true,
    propagation: '',
    idmap: false,
    relabel: '',
    createSource: true,
  };
  const given = new Set<string>();
  for (const option of mode === '' ? [] : mode.split(',')) applyMode(bind, option, given);
  return bind;
}

interface BindOptions {
  Propagation?: string;
  NonRecursive?: boolean;
  CreateMountpoint?: boolean;
  ReadOnlyNonRecursive?: boolean;
  ReadOnlyForceRecursive?: boolean;
  /** isle's own */
  IdMap?: boolean;
}
const BIND_OPTIONS = new Set<string>([
  'Propagation',
  'NonRecursive',
  'CreateMountpoint',
  'ReadOnlyNonRecursive',
  'ReadOnlyForceRecursive',
  'IdMap',
] satisfies (keyof BindOptions)[]);

function fromMount({ Source = '', Target, ReadOnly, BindOptions: given, Consistency = '' }: MountRequest): BindRequest {
  const config = 'invalid mount config for type "bind"';
  if (Source === '') throw invalid(`${config}: field Source must not be empty`);
  if (Target === '') throw invalid(`${config}: field Target must not be empty`);
  if (!Source.startsWith('/')) throw invalid(`${config}: invalid mount path: '${Source}' mount path must be absolute`);
  checkTarget(Target);
  const unknown = Object.entries(given ?? {}).find(([name, value]) => !BIND_OPTIONS.has(name) && value);
  if (unknown !== undefined) throw invalid(`${config}: BindOptions.${unknown[0]} is not a field that isle knows`);
  if (!CONSISTENCY.has(Consistency)) throw invalid(`${config}: invalid consistency: ${Consistency}`);
  const options = (given ?? {}) as BindOptions;
  const { Propagation = '' } = options;
  if (Propagation !== '' && !PROPAGATION.test(Propagation)) throw invalid(`invalid propagation mode: ${Propagation}`);
  const flat = options.ReadOnlyNonRecursive === true;
  if (flat && options.ReadOnlyForceRecursive === true) {
    throw invalid(`${config}: ReadOnlyNonRecursive and ReadOnlyForceRecursive contradict each other`);
  }
  if (ReadOnly !== true && (flat || options.ReadOnlyForceRecursive === true)) {
    throw invalid(`${config}: mount must be set to read-only for ReadOnlyNonRecursive and ReadOnlyForceRecursive`);
  }
  return {
    source: clean(Source),
    target: clean(Target),
    mode: '',
    readonly: ReadOnly !== true ? 'no' : flat ? 'flat' : 'tree',
    recursive: options.NonRecursive !== true,
    propagation: Propagation,
    idmap: options.IdMap === true,
    relabel: '',
    createSource: options.CreateMountpoint === true,
  };
}

/** In the order in which they were given. Throws for what is none; nothing is looked up on the host. */
export function bindRequests({ Binds, Mounts }: HostConfig): BindRequest[] {
  return [...(Binds ?? []).map(parseBind), ...(Mounts ?? []).filter(({ Type }) => Type === 'bind').map(fromMount)];
}

/** The options of the spec's mount. */
export function bindOptions(bind: BindRequest, isFile: boolean): string[] {
  return [
    bind.recursive ? 'rbind' : 'bind',
    bind.propagation || 'rprivate',
    ...(bind.readonly === 'no' ? [] : [bind.readonly === 'tree' && bind.recursive ? 'rro' : 'ro']),
    ...(bind.idmap ? [bind.recursive ? 'ridmap' : 'idmap'] : []),
    ...(isFile ? ['create=file'] : []),
  ];
}
