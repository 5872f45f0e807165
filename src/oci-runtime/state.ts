/**
 * What is kept of a container below --root: a directory of its id with `state.json`, the copy of its configuration that
 * later commands need, its seccomp filter, and `exec.fifo` from `create` until `start`.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EngineError } from '../errors.ts';
import type { Linux, LinuxResources, NamespaceType, Process } from '../oci/runtime-spec.ts';
import { readProcessStat } from '../platform/process-stat.ts';
import { type CgroupBackend, createCgroupBackend, readCgroupLayout } from '../runtime/cgroups/index.ts';
import type { SeccompListener } from '../security/seccomp/index.ts';
import type { Hooks } from './config/types.ts';

export const OCI_VERSION = '1.3.0';

export type Status = 'creating' | 'created' | 'running' | 'paused' | 'stopped';

export interface SavedState {
  ociVersion: string;
  id: string;
  /** Of the container's first process; 0 before it is there. */
  pid: number;
  /** When that process started, in clock ticks: tells it from a later one with the same pid. */
  startTicks: string;
  bundle: string;
  rootfs: string;
  created: string;
  annotations: Record<string, string>;
  cgroupsPath: string;
  /** The container's own and joined ones: what `exec` has to enter. */
  namespaces: NamespaceType[];
  process: Process;
  resources: LinuxResources;
  /** What else of linux holds for further processes; containers made by an older isle-runtime do not have it. */
  linux?: Pick<Linux, 'personality' | 'memoryPolicy'>;
  /** null: no filter; else what goes with the file seccomp.bpf. */
  seccomp: { flags: string; listener: SeccompListener | null } | null;
  hooks: Hooks;
  /** Its processes have the session keyring of whoever makes them. */
  noNewKeyring?: boolean;
}

/** The spec's own form (runtime.md), which hooks get on their standard input. */
export interface OciState {
  ociVersion: string;
  id: string;
  status: Status;
  pid: number;
  bundle: string;
  annotations?: Record<string, string>;
}

const ID = /^[\w+.-]+$/;
const ID_MAX = 1024;

/** The container's directory. Refuses an id that would be another path. */
export function containerDirectory(root: string, id: string): string {
  if (!ID.test(id) || id === '.' || id === '..' || id.length > ID_MAX) {
    throw new EngineError('InvalidParameter', `invalid container ID format: "${id}"`, {
      hint: 'letters, digits, and the signs _ + - .',
    });
  }
  return join(root, id);
}

/** mkdir is the claim: of two creates with one id, one fails. */
export function claimDirectory(root: string, id: string): string {
  const directory = containerDirectory(root, id);
  mkdirSync(root, { recursive: true, mode: 0o711 });
  try {
    mkdirSync(directory, { mode: 0o711 });
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'EEXIST') throw thrown;
    throw new EngineError('Conflict', `container with id exists: ${id}`, {
      hint: 'delete it first, or take another id',
    });
  }
  return directory;
}

export function saveState(directory: string, state: SavedState): void {
  const path = join(directory, 'state.json');
  writeFileSync(`${path}.new`, JSON.stringify(state), { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

export function notFound(id: string): EngineError {
  return new EngineError('NotFound', `container does not exist: ${id}`, {
    hint: '`isle-runtime list` shows those that do; each --root has its own',
  });
}

export function loadState(root: string, id: string): SavedState {
  const path = join(containerDirectory(root, id), 'state.json');
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as SavedState;
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') throw notFound(id);
    throw thrown;
  }
}

/** Nothing for a container that is not there: it may be deleted between being listed and being read. */
export function loadIfThere(root: string, id: string): SavedState[] {
  try {
    return [loadState(root, id)];
  } catch (error) {
    if (error instanceof EngineError && error.kind === 'NotFound') return [];
    throw error;
  }
}

export function listIds(root: string): string[] {
  if (!existsSync(root)) return [];
  return readdirSync(root).filter((name) => ID.test(name) && existsSync(join(root, name, 'state.json')));
}

export function removeDirectory(root: string, id: string): void {
  rmSync(containerDirectory(root, id), { recursive: true, force: true });
}

export function startTicksOf(pid: number): string {
  return readProcessStat(pid)?.startTicks ?? '0';
}

/** A zombie counts as ended: its parent may take its time. */
export function isAlive({ pid, startTicks }: Pick<SavedState, 'pid' | 'startTicks'>): boolean {
  const stat = pid > 0 ? readProcessStat(pid) : null;
  return stat !== null && stat.startTicks === startTicks && stat.letter !== 'Z' && stat.letter !== 'X';
}

let backend: CgroupBackend | undefined;

/** For this host; its layout is read once. */
export function cgroupBackend(): CgroupBackend {
  backend ??= createCgroupBackend(readCgroupLayout());
  return backend;
}

/** Limits for which not every kernel has the file: what they are written to is looked at before. */
function variesByKernel({ blockIO, cpu }: LinuxResources): boolean {
  return blockIO !== undefined || cpu?.burst !== undefined || cpu?.idle !== undefined;
}

/** A directory that shows which files cgroups of this hierarchy have. */
function anyCgroup(mountPoint: string): string | undefined {
  const entry = readdirSync(mountPoint, { withFileTypes: true }).find((one) => one.isDirectory());
  return entry === undefined ? undefined : join(mountPoint, entry.name);
}

/**
 * As cgroupBackend, for a container with these limits: those whose file this kernel lacks are warned of instead of
 * failing. On cgroup v2 the files of another cgroup tell nothing, they depend on what its parent passes on.
 */
export function cgroupBackendFor(resources: LinuxResources): CgroupBackend {
  const { layout } = cgroupBackend();
  if (layout.v1.length === 0 || !variesByKernel(resources)) return cgroupBackend();
  const shown = layout.v1.map(({ mountPoint }) => anyCgroup(mountPoint));
  if (shown.includes(undefined)) return cgroupBackend();
  return createCgroupBackend({ ...layout, files: new Set(shown.flatMap((path) => readdirSync(path ?? ''))) });
}

function isFrozen({ cgroupsPath }: SavedState): boolean {
  const freeze = cgroupBackend().freeze(cgroupsPath, true);
  try {
    return freeze.isReached(readFileSync(freeze.stateFile, 'utf8'));
  } catch (thrown) {
    if (['ENOENT', 'ENODEV'].includes((thrown as NodeJS.ErrnoException).code ?? '')) return false;
    throw thrown;
  }
}

export function statusOf(root: string, state: SavedState): Status {
  if (state.pid === 0) return 'creating';
  if (!isAlive(state)) return 'stopped';
  if (existsSync(join(containerDirectory(root, state.id), 'exec.fifo'))) return 'created';
  return isFrozen(state) ? 'paused' : 'running';
}

export function ociState(state: SavedState, status: Status): OciState {
  const { id, pid, bundle, annotations } = state;
  return {
    ociVersion: OCI_VERSION,
    id,
    status,
    // A stopped container has no process: the pid may be another's by now.
    pid: status === 'stopped' ? 0 : pid,
    bundle,
    ...(Object.keys(annotations).length > 0 ? { annotations } : {}),
  };
}

/** The user name of whoever made the container, by the owner of its directory. */
export function ownerOf(root: string, id: string): string {
  const { uid } = statSync(containerDirectory(root, id));
  return uid === 0 ? 'root' : String(uid);
}
