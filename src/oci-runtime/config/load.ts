/** config.json of a bundle: read, checked, and brought into the form that the plan compiler takes. */
import { readFileSync, realpathSync, statSync } from 'node:fs';
import { join, posix } from 'node:path';
import { EngineError } from '../../errors.ts';
import { checkLinux } from './linux.ts';
import { checkMounts, locateSystemError } from './mounts.ts';
import { checkProcess } from './process.ts';
import { checkPathLength, clipped, refuse, shown } from './schema.ts';
import type { Mount } from '../../oci/runtime-spec.ts';
import { configShape } from './shape.ts';
import type { OciConfig } from './types.ts';

export interface BundleConfig {
  config: OciConfig;
  /** linux.seccomp as it was written, so that 64-bit numbers keep their digits; null: no filter. */
  seccomp: string | null;
}

export interface LoadedConfig extends BundleConfig {
  /** Absolute, without symbolic links. */
  rootDirectory: string;
  warnings: string[];
}

const CONFIG = 'config.json: ';
/** Far more than any engine writes; ten thousand mounts have two. */
const MAX_BYTES = 16 << 20;
/** What walks over a value calls itself for each level. */
const MAX_DEPTH = 200;

/** How deep lists and objects lie in each other, at most, looked at before any of them is made. */
function depthOf(text: string): number {
  let [depth, deepest, quoted] = [0, 0, false];
  for (let at = 0; at < text.length; at++) {
    const sign = text[at];
    if (sign === '"') quoted = !quoted;
    else if (quoted) at += sign === '\\' ? 1 : 0;
    else if (sign === '[' || sign === '{') deepest = Math.max(deepest, ++depth);
    else if (sign === ']' || sign === '}') depth--;
  }
  return deepest;
}

export function parseJson(text: string, name: string): unknown {
  const depth = depthOf(text);
  if (depth > MAX_DEPTH) refuse(name, `is ${depth} levels deep; ${MAX_DEPTH} is the limit`);
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
    const info = statSync(path);
    // A FIFO would be waited for, /dev/zero read for ever.
    if (!info.isFile()) refuse(path, 'is not a file');
    if (info.size > MAX_BYTES) refuse(path, `is larger than ${MAX_BYTES} bytes`);
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
  const at = `${CONFIG}root.path`;
  if (config.root.path === '') refuse(at, 'must not be empty');
  checkPathLength(path, at);
  const real = locateSystemError(at, path, () => realpathSync(path));
  if (!statSync(real).isDirectory()) refuse(at, `${clipped(path)} is not a directory`);
  if (real === '/') refuse(at, "the host's root cannot be a container's root");
  return real;
}

/** As SemVer 2.0.0 has it, with a major version of 1: all of them are compatible. */
const VERSION = /^1\.(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})(-[\w.-]{1,100})?(\+[\w.-]{1,100})?$/;

/** Each hook gets the state with all annotations, as text in the plan. */
const MAX_STATES_BYTES = 16 << 20;

function checkHooks({ hooks = {}, annotations = {} }: OciConfig): void {
  const count = Object.values(hooks).reduce((sum, list) => sum + (list?.length ?? 0), 0);
  const bytes = count * Buffer.byteLength(JSON.stringify(annotations));
  if (bytes <= MAX_STATES_BYTES) return;
  refuse(
    `${CONFIG}annotations`,
    `${count} hooks would be given ${bytes} bytes of them; ${MAX_STATES_BYTES} is the limit`,
  );
}

/** A /dev of the host's or of a volume is left as it is: nothing is made in it. */
function warnOfDevices({ mounts = [], linux }: OciConfig, warnings: string[]): void {
  const isBind = ({ type, options = [] }: Mount) =>
    type === 'bind' || options.some((option) => /^r?bind$/.test(option));
  const at = mounts.findIndex((mount) => mount.destination === '/dev' && isBind(mount));
  if (at === -1 || (linux?.devices ?? []).length === 0) return;
  warnings.push(`${CONFIG}linux.devices: not made, because mounts[${at}] brings a /dev of its own`);
}

function parseConfig(text: string, path: string): BundleConfig {
  const config = parseJson(text, path) as OciConfig;
  configShape(config, CONFIG);
  if (!VERSION.test(config.ociVersion)) {
    refuse(`${CONFIG}ociVersion`, `version ${shown(config.ociVersion)} is not known`, 'isle-runtime speaks 1.x.y');
  }
  return { config, seccomp: seccompText(text, config) };
}

/** Only its shape is checked: what it asks for may be impossible on this host. Throws EngineError. */
export function readBundleConfig(path: string): BundleConfig {
  return parseConfig(readConfig(path), path);
}

function check({ config, seccomp }: BundleConfig, bundle: string): LoadedConfig {
  const warnings: string[] = [];
  checkLinux(config, CONFIG, warnings);
  checkMounts(config.mounts ?? [], `${CONFIG}mounts`, { bundle, maps: config.linux ?? {}, warnings });
  warnOfDevices(config, warnings);
  if (config.process !== undefined) checkProcess(config.process, `${CONFIG}process`, warnings);
  checkHooks(config);
  return { config, rootDirectory: checkRoot(config, bundle), seccomp, warnings };
}

/** `text` is that of a bundle's config.json. Throws EngineError with the JSON path of what is wrong. */
export function checkConfig(text: string, bundle: string): LoadedConfig {
  return check(parseConfig(text, join(bundle, 'config.json')), bundle);
}

/** As checkConfig, of a file. */
export function loadConfig(bundle: string, path: string): LoadedConfig {
  return check(readBundleConfig(path), bundle);
}
