/** config.json of a bundle: read, checked, and brought into the form that the plan compiler takes. */
import { readFileSync, realpathSync, statSync } from 'node:fs';
import { join, posix } from 'node:path';
import { EngineError } from '../../errors.ts';
import { checkMounts } from './mounts.ts';
import { checkProcess, checkSelinuxLabel } from './process.ts';
import { refuse } from './schema.ts';
import { configShape } from './shape.ts';
import type { OciConfig } from './types.ts';

export interface LoadedConfig {
  config: OciConfig;
  /** Absolute, without symbolic links. */
  rootDirectory: string;
  /** linux.seccomp as it was written, so that 64-bit numbers keep their digits; null: no filter. */
  seccomp: string | null;
  warnings: string[];
}

const CONFIG = 'config.json: ';
/** Far more than any engine writes. */
const MAX_BYTES = 64 << 20;

export function parseJson(text: string, name: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new EngineError('InvalidParameter', `${name} is not JSON: ${(cause as Error).message}`, { cause });
  }
}

type Reviver = (key: string, value: unknown, context: { source?: string }) => unknown;
const exact = JSON as unknown as { parse(text: string, reviver: Reviver): OciConfig; rawJSON(text: string): unknown };

/** A number that a double cannot hold is written again digit by digit. */
function seccompText(text: string, config: OciConfig): string | null {
  const seccomp = config.linux?.seccomp;
  if (seccomp === undefined) return null;
  if (!/\d{16}/.test(text)) return JSON.stringify(seccomp);
  const kept = exact.parse(text, (_key, value, { source }) =>
    typeof value === 'number' && source !== undefined && /^\d{16,}$/.test(source) ? exact.rawJSON(source) : value,
  );
  return JSON.stringify(kept.linux?.seccomp);
}

function readConfig(path: string): string {
  try {
    if (statSync(path).size > MAX_BYTES) refuse(path, `is larger than ${MAX_BYTES} bytes`);
    return readFileSync(path, 'utf8');
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'ENOENT') throw thrown;
    throw new EngineError('NotFound', `JSON specification file ${path} not found`, {
      hint: 'give the bundle with --bundle; `isle-runtime spec` writes a config.json to begin with',
    });
  }
}

function checkRoot(config: OciConfig, bundle: string): string {
  const path = posix.resolve(bundle, config.root.path);
  try {
    const real = realpathSync(path);
    if (!statSync(real).isDirectory()) refuse(`${CONFIG}root.path`, `${path} is not a directory`);
    if (real === '/') refuse(`${CONFIG}root.path`, "the host's root cannot be a container's root");
    return real;
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === undefined || thrown instanceof EngineError) throw thrown;
    return refuse(`${CONFIG}root.path`, `${path}: ${(thrown as Error).message}`);
  }
}

const UNSUPPORTED_LINUX = ['intelRdt', 'personality', 'memoryPolicy', 'netDevices'] as const;

function checkLinux(config: OciConfig): void {
  const linux = (config.linux ?? {}) as Record<string, unknown> & OciConfig['linux'];
  for (const name of UNSUPPORTED_LINUX) {
    if (linux[name] !== undefined) refuse(`${CONFIG}linux.${name}`, 'is not supported by isle-runtime', 'leave it out');
  }
  const seen = new Set<string>();
  (linux.namespaces ?? []).forEach((namespace, index) => {
    const { type, path } = namespace;
    // As for Go's decoder: an empty path is none.
    if (path === '') delete namespace.path;
    const at = `${CONFIG}linux.namespaces[${index}]`;
    if (seen.has(type)) refuse(at, `the ${type} namespace is listed twice`);
    seen.add(type);
    if (path !== undefined && path !== '' && !path.startsWith('/'))
      refuse(`${at}.path`, `must be an absolute path, is "${path}"`);
  });
  for (const [index, { type }] of (linux.devices ?? []).entries()) {
    const device = linux.devices?.[index];
    if (type !== 'p' && (device?.major === undefined || device.minor === undefined)) {
      refuse(`${CONFIG}linux.devices[${index}]`, 'a device needs major and minor');
    }
  }
  if (linux.mountLabel) checkSelinuxLabel(linux.mountLabel, `${CONFIG}linux.mountLabel`);
  if (config.hostname && !seen.has('uts')) {
    refuse(`${CONFIG}hostname`, 'cannot be set without an own uts namespace: it would rename the host');
  }
}

/** Throws EngineError with the JSON path of what is wrong. */
export function loadConfig(bundle: string): LoadedConfig {
  const path = join(bundle, 'config.json');
  const text = readConfig(path);
  const config = parseJson(text, path) as OciConfig;
  configShape(config, CONFIG);
  if (!/^1\.\d+\.\d+/.test(config.ociVersion)) {
    refuse(`${CONFIG}ociVersion`, `version "${config.ociVersion}" is not known; isle-runtime speaks 1.x`);
  }
  const warnings: string[] = [];
  checkLinux(config);
  checkMounts(config.mounts ?? [], bundle, warnings);
  if (config.process !== undefined) checkProcess(config.process, `${CONFIG}process`, warnings);
  return { config, rootDirectory: checkRoot(config, bundle), seccomp: seccompText(text, config), warnings };
}
