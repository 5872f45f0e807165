/**
 * The config.json of a bundle for another OCI runtime: a spec of isle's in standard words only. What isle's own runtime does
 * by other means (a filter, the init process) is in it as well. Pure.
 */
import type { OciSeccomp } from '../../security/seccomp/index.ts';
import { type Device, type Linux, type Mount, RLIMIT_UNLIMITED, type Spec } from '../runtime-spec.ts';
import { DEFAULT_DEVICES } from './devices.ts';

/** Where Docker shows its init, and what islet is called when it is one. */
const INIT_PATH = '/sbin/docker-init';
/** crun (1.8) takes 1.0.x only. Later versions added fields, and no runtime refuses one that it does not know. */
const VERSION = '1.0.2';
const MAX_U64 = 2n ** 64n - 1n;

export interface BundleParts {
  /** Absolute. */
  rootDirectory: string;
  /** In place of the spec's. */
  mounts: readonly Mount[];
  /** null: the spec has no network namespace, or one of another container. */
  networkNamespace: string | null;
  seccomp: OciSeccomp | null;
  /** The program of `--init`; null: none */
  initProgram: string | null;
  consoleSize?: { rows: number; cols: number } | undefined;
}

export type BundleConfig = Spec & { linux: Linux & { seccomp?: OciSeccomp } };

/** Every runtime makes the default ones itself. */
function devices(given: readonly Device[]): Device[] {
  const defaults = new Set<Device>(DEFAULT_DEVICES);
  return given.filter((device) => !defaults.has(device)).map(({ hostPath: _ours, ...device }) => device);
}

/** Runtimes of before 2023 pass `domainname` over; the sysctl all of them know. */
function sysctls({ domainname, linux }: Spec): Record<string, string> {
  return { ...(domainname === undefined ? {} : { 'kernel.domainname': domainname }), ...linux?.sysctl };
}

function processOf({ process }: Spec, { initProgram, consoleSize }: BundleParts): Partial<Spec> {
  if (process === undefined) return {};
  const size = consoleSize === undefined ? {} : { consoleSize: { height: consoleSize.rows, width: consoleSize.cols } };
  const args = initProgram === null ? process.args : [INIT_PATH, '--', ...process.args];
  return { process: { ...process, ...(process.terminal === true ? size : {}), args } };
}

/** Otherwise the runtime cuts its mount table off from the one that a mount is to be connected with; as dockerd has it. */
function rootPropagation(mounts: readonly Mount[]): string | null {
  const asks = (word: string) =>
    mounts.some(({ options = [] }) => options.some((option) => option.replace(/^r/, '') === word));
  if (asks('shared')) return 'rshared';
  return asks('slave') ? 'rslave' : null;
}

export function bundleConfig(spec: Spec, parts: BundleParts): BundleConfig {
  const { rootDirectory, mounts, networkNamespace, seccomp, initProgram } = parts;
  const { domainname: _asSysctl, linux = {}, ...rest } = spec;
  const init = { destination: INIT_PATH, type: 'bind', source: initProgram ?? '', options: ['bind', 'ro', 'rprivate'] };
  const propagation = rootPropagation(mounts);
  return {
    ...rest,
    ociVersion: VERSION,
    ...processOf(spec, parts),
    root: { ...spec.root, path: rootDirectory },
    mounts: [...mounts, ...(initProgram === null ? [] : [init])],
    linux: {
      ...linux,
      namespaces: (linux.namespaces ?? []).map((namespace) =>
        namespace.type === 'network' && networkNamespace !== null
          ? { ...namespace, path: networkNamespace }
          : namespace,
      ),
      devices: devices(linux.devices ?? []),
      sysctl: sysctls(spec),
      ...(propagation === null ? {} : { rootfsPropagation: propagation }),
      ...(seccomp === null ? {} : { seccomp }),
    },
  };
}

const exact = JSON as unknown as { rawJSON(text: string): unknown };

/** As JSON; numbers of 64 bits with all their digits. */
export function bundleText(config: BundleConfig): string {
  return JSON.stringify(config, (_key, value: unknown) => {
    if (typeof value === 'bigint') return exact.rawJSON(String(value));
    return typeof value === 'number' && value >= RLIMIT_UNLIMITED ? exact.rawJSON(String(MAX_U64)) : value;
  });
}
