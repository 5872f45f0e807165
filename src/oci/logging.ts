/**
 * `HostConfig.LogConfig`: the driver and its options, read and checked in dockerd's words. dockerd finds most bad values
 * only at the start; here they are refused when the container is made.
 */
import { EngineError } from '../errors.ts';
import type { HostConfig } from './container-config.ts';
import { parseSyslog, type SyslogSettings } from './syslog.ts';

export type LogConfig = NonNullable<HostConfig['LogConfig']>;

export const LOG_DRIVERS = ['json-file', 'local', 'syslog'] as const;
export type LogDriver = (typeof LOG_DRIVERS)[number] | 'none';

export interface LogRotation {
  /** null: never */
  maxBytes: number | null;
  /** with the current one */
  maxFiles: number;
  compress: boolean;
}

export interface LogSettings {
  driver: LogDriver;
  /** Of the file that `docker logs` reads; null: there is none. */
  file: ({ format: 'json' | 'local' } & LogRotation) | null;
  syslog: SyslogSettings | null;
  /** `mode=non-blocking`: bytes that wait for the driver before lines are dropped; null: the container waits. */
  bufferBytes: number | null;
}

const ATTRIBUTE_OPTIONS = ['labels', 'labels-regex', 'env', 'env-regex', 'tag'];
const SYSLOG_OPTIONS = [
  'syslog-address',
  'syslog-facility',
  'syslog-format',
  'syslog-tls-ca-cert',
  'syslog-tls-cert',
  'syslog-tls-key',
  'syslog-tls-skip-verify',
];
const OPTIONS: Record<(typeof LOG_DRIVERS)[number], readonly string[]> = {
  'json-file': ['max-size', 'max-file', 'compress', ...ATTRIBUTE_OPTIONS],
  local: ['max-size', 'max-file', 'compress'],
  syslog: [...SYSLOG_OPTIONS, ...ATTRIBUTE_OPTIONS],
};
/** Of the copy that `docker logs` reads where the driver cannot be read. */
const CACHE_OPTIONS = ['cache-disabled', 'cache-max-size', 'cache-max-file', 'cache-compress'];
const COMMON_OPTIONS = ['mode', 'max-buffer-size'];

/** dockerd's for `local`; isle's for `json-file` as well, which dockerd lets fill the disk. */
const DEFAULT_MAX_BYTES = 20_000_000;
const DEFAULT_MAX_FILES = 5;
const DEFAULT_BUFFER_BYTES = 1 << 20;

const invalid = (message: string, hint?: string) => new EngineError('InvalidParameter', message, { hint });
/** What dockerd says at the start. */
const uninitialized = (why: string) => invalid(`failed to initialize logging driver: ${why}`);

type Options = Readonly<Record<string, string>>;

/** As dockerd: what the container does not say is the daemon's, options only for the daemon's own driver. */
export function mergeLogConfig(asked: LogConfig | undefined, byDefault: LogConfig): Required<LogConfig> {
  const Type = asked?.Type || byDefault.Type || 'json-file';
  const inherited = Type === (byDefault.Type || 'json-file') ? byDefault.Config : {};
  return { Type, Config: { ...inherited, ...asked?.Config } };
}

/** Throws InvalidParameter for what is not to be had. */
export function parseLogConfig({ Type, Config }: LogConfig): LogSettings {
  const driver = Type || 'json-file';
  const options = Config ?? {};
  if (driver === 'none') {
    // `docker run` refuses them itself, in these words.
    if (Object.keys(options).length > 0) throw invalid('invalid logging opts for driver none');
    return { driver, file: null, syslog: null, bufferBytes: null };
  }
  const known = LOG_DRIVERS.find((name) => name === driver);
  if (known === undefined) {
    throw invalid(
      `error looking up logging plugin ${driver}: plugin "${driver}" not found`,
      `isle has the log drivers ${LOG_DRIVERS.join(', ')} and none`,
    );
  }
  const bufferBytes = parseMode(options);
  checkNames(known, options);
  checkAttributes(options);
  const file = known === 'syslog' ? parseCache(options) : parseFile(known, options);
  return { driver: known, file, syslog: known === 'syslog' ? parseSyslog(options) : null, bufferBytes };
}

function checkNames(driver: (typeof LOG_DRIVERS)[number], options: Options): void {
  const known = new Set([...OPTIONS[driver], ...COMMON_OPTIONS, ...CACHE_OPTIONS]);
  const unknown = Object.keys(options).find((name) => !known.has(name));
  if (unknown === undefined) return;
  const whose = driver === 'local' ? 'log driver local' : `${driver} log driver`;
  throw invalid(`unknown log opt '${unknown}' for ${whose}`, `its options are ${OPTIONS[driver].join(', ')}`);
}

function parseMode({ mode = '', 'max-buffer-size': size }: Options): number | null {
  if (!['', 'blocking', 'non-blocking'].includes(mode)) throw invalid(`logger: logging mode not supported: ${mode}`);
  if (size === undefined) return mode === 'non-blocking' ? DEFAULT_BUFFER_BYTES : null;
  if (mode !== 'non-blocking') {
    throw invalid("logger: max-buffer-size option is only supported with 'mode=non-blocking'");
  }
  const bytes = parseSize(size, 1024);
  if (bytes === null) throw invalid(`error parsing option max-buffer-size: invalid size: '${size}'`);
  return bytes;
}

function checkAttributes(options: Options): void {
  for (const name of ['labels-regex', 'env-regex']) {
    const text = options[name];
    if (text !== undefined) parsePattern(text);
  }
}

/**
 * Of `labels-regex` and `env-regex`, in Go's syntax: names that it finds anywhere. Throws InvalidParameter. The flag `u` has
 * to stay: without it JavaScript would take `[[:alpha:]]` or `\pL` of Go for something else instead of refusing it.
 */
export function parsePattern(text: string): RegExp {
  const [leading = '', flags = ''] = /^\(\?([ims]+)\)/.exec(text) ?? [];
  // Go lets every ASCII punctuation be escaped, this flag only what has a meaning.
  const pattern = text
    .slice(leading.length)
    .replaceAll(/\\([ -~])/g, (escape, char: string) =>
      /[\w^$\\.*+?()[\]{}|/]/.test(char) && char !== '_' ? escape : `\\x${char.charCodeAt(0).toString(16)}`,
    );
  try {
    return new RegExp(pattern, [...new Set(`${flags}u`)].join(''));
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw uninitialized(`error parsing regexp: ${why}`);
  }
}

function parseFile(driver: 'json-file' | 'local', options: Options): LogSettings['file'] {
  return driver === 'local'
    ? { format: 'local', ...parseLocal(options, '') }
    : { format: 'json', ...parseJsonFile(options) };
}

/** A size without a number of files is all that the log may take, as in Docker. */
function parseJsonFile(options: Options): LogRotation {
  const { 'max-size': size, 'max-file': files, compress } = options;
  const maxBytes = size === undefined ? DEFAULT_MAX_BYTES : size === '-1' ? null : parseSize(size, 1000);
  if (maxBytes === null && size !== '-1') throw uninitialized(`invalid size: '${size}'`);
  if (maxBytes !== null && maxBytes <= 0) throw uninitialized('max-size must be a positive number');
  const maxFiles = files === undefined ? (size === undefined ? DEFAULT_MAX_FILES : 1) : parseInteger(files);
  if (maxFiles === null) throw uninitialized(`strconv.Atoi: parsing ${JSON.stringify(files)}: invalid syntax`);
  if (maxFiles < 1) throw uninitialized('max-file cannot be less than 1');
  const isCompressed = compress === undefined ? false : parseBoolean(compress);
  if (isCompressed === null)
    throw uninitialized(`strconv.ParseBool: parsing ${JSON.stringify(compress)}: invalid syntax`);
  if (isCompressed && (maxFiles < 2 || maxBytes === null)) {
    throw uninitialized('compress cannot be true when max-file is less than 2 or max-size is not set');
  }
  return { maxBytes, maxFiles, compress: isCompressed };
}

/** `prefix`: of the options' names, which are those of `local` for the cache as well. */
function parseLocal(options: Options, prefix: string): LogRotation {
  const { [`${prefix}max-size`]: size, [`${prefix}max-file`]: files, [`${prefix}compress`]: compress } = options;
  const maxBytes = size === undefined ? DEFAULT_MAX_BYTES : parseSize(size, 1000);
  if (maxBytes === null) throw uninitialized(`invalid value for max-size: ${size}: invalid size: '${size}'`);
  if (maxBytes === 0) throw uninitialized('max size should be a positive number');
  const maxFiles = files === undefined ? DEFAULT_MAX_FILES : parseInteger(files);
  if (maxFiles === null) {
    const why = `strconv.Atoi: parsing ${JSON.stringify(files)}: invalid syntax`;
    throw uninitialized(`invalid value for max-file: ${files}: ${why}`);
  }
  if (maxFiles < 1) throw uninitialized('max file count cannot be less than 1');
  const isCompressed = compress === undefined ? true : parseBoolean(compress);
  if (isCompressed === null) {
    const why = `strconv.ParseBool: parsing ${JSON.stringify(compress)}: invalid syntax`;
    throw uninitialized(`error reading compress log option: ${why}`);
  }
  if (isCompressed && maxFiles === 1) {
    throw uninitialized('compression cannot be enabled when max file count is 1');
  }
  return { maxBytes, maxFiles, compress: isCompressed };
}

function parseCache(options: Options): LogSettings['file'] {
  const disabled = parseBoolean(options['cache-disabled'] ?? 'false');
  if (disabled === null) throw uninitialized(`invalid value for cache-disabled: ${options['cache-disabled']}`);
  return disabled ? null : { format: 'local', ...parseLocal(options, 'cache-') };
}

const UNITS = 'kmgtp';

/** As go-units: `64k`, `1.5MB`, `2GiB`; null for anything else. `base`: 1000 or 1024. */
export function parseSize(text: string, base: number): number | null {
  const [, number, unit = ''] = /^(\d+(?:\.\d*)?|\.\d+) ?(?:([kmgtp])(?:i?b)?|b)?$/i.exec(text) ?? [];
  if (number === undefined) return null;
  const bytes = Math.floor(Number(number) * base ** (unit === '' ? 0 : UNITS.indexOf(unit.toLowerCase()) + 1));
  return Number.isSafeInteger(bytes) ? bytes : null;
}

function parseInteger(text: string): number | null {
  return /^[+-]?\d{1,9}$/.test(text) ? Number(text) : null;
}

/** Go's words. */
function parseBoolean(text: string): boolean | null {
  if (/^(1|t|T|true|TRUE|True)$/.test(text)) return true;
  return /^(0|f|F|false|FALSE|False)$/.test(text) ? false : null;
}
