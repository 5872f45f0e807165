import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { EngineError } from '../errors.ts';
import { errnoName } from './plan-error.ts';

/** How a container ended; the monitor keeps it as `<stateDir>/exit`. */
export interface ExitRecord {
  /** Status of the first process, 128 + signal when it was killed. */
  readonly exitCode: number;
  /** 0 when it ended by itself. */
  readonly signal: number;
  readonly oomKilled: boolean;
  /** Processes that the kernel killed in the container for lack of memory. */
  readonly oomKills: number;
  /** CLOCK_REALTIME, nanoseconds. */
  readonly finishedAtNs: bigint;
  /** Operations of the plan's cleanup section that failed: "<index>:<errno name>". */
  readonly cleanupErrors: string[];
  /** Name of the errno that lost a part of the log, '' when the log is whole. */
  readonly logError: string;
  /** Lines that the log driver did not get, because it was too slow or out of reach. */
  readonly logLost: number;
}

function parseCleanupErrors(text: string): string[] {
  if (text === '') return [];
  return text.split(',').map((entry) => {
    const [index = '', errno = ''] = entry.split(':');
    return `${index}:${errnoName(Number(errno))}`;
  });
}

/**
 * Parses "key=value" lines; unknown keys are left for newer versions. Throws EngineError(System) when the exit code or
 * the time is missing.
 */
export function parseExitRecord(text: string): ExitRecord {
  const values = new Map<string, string>();
  for (const line of text.split('\n')) {
    const at = line.indexOf('=');
    if (at > 0) values.set(line.slice(0, at), line.slice(at + 1));
  }
  const exitCode = Number(values.get('exitCode') ?? Number.NaN);
  const finishedAtNs = values.get('finishedAtNs') ?? '';
  if (!Number.isInteger(exitCode) || !/^\d+$/.test(finishedAtNs)) {
    throw new EngineError('System', `malformed exit record: ${JSON.stringify(text)}`);
  }
  const logError = values.get('logError');
  return {
    exitCode,
    signal: Number(values.get('signal') ?? 0),
    oomKilled: values.get('oomKilled') === '1',
    oomKills: Number(values.get('oomKills') ?? 0),
    finishedAtNs: BigInt(finishedAtNs),
    cleanupErrors: parseCleanupErrors(values.get('cleanupErrors') ?? ''),
    logError: logError === undefined ? '' : errnoName(Number(logError)),
    logLost: Number(values.get('logLost') ?? 0),
  };
}

/**
 * The exit record in a container's state directory, or null when the container has not ended (or its monitor was
 * killed). A loss of power may leave an empty one, where that directory is on a disk: it tells as little.
 */
export function readExitRecord(stateDir: string): ExitRecord | null {
  const path = join(stateDir, 'exit');
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return null;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new EngineError('System', `cannot read the exit record: ${reason}`, { cause });
  }
  return /^\0*$/.test(text) ? null : parseExitRecord(text);
}
