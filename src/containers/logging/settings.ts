/** From a container's log driver and options to its files, and to what its monitor is told. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { hostname } from 'node:os';
import { type LogSettings, parseLogConfig } from '../../oci/logging.ts';
import type { SyslogSettings } from '../../oci/syslog.ts';
import { op } from '../../runtime/plan/op.ts';
import { LOG_FORMATS, type PlanOp, SYSLOG_FORMATS } from '../../runtime/plan/table.ts';
import type { Container } from '../container.ts';
import { type ContainersContext, containerDir } from '../context.ts';
import type { ContainerRecord } from '../record.ts';
import { logAttributes, logTag } from './attributes.ts';
import type { LogFiles } from './files.ts';
import { checkSyslogSocket, resolveSyslogHost, socketAddress } from './syslog-target.ts';

/** What may wait for a syslog server before the container has to. */
const WAITING_BYTES = 1 << 20;

function settingsOf({ hostConfig }: Pick<ContainerRecord, 'hostConfig'>): LogSettings {
  return parseLogConfig(hostConfig.LogConfig ?? {});
}

/** As Docker names them. */
function pathOf(context: ContainersContext, id: string, driver: LogSettings['driver']): string {
  const directory = containerDir(context, id);
  if (driver === 'syslog') return join(directory, 'container-cached.log');
  return driver === 'local' ? join(directory, 'local-logs', 'container.log') : join(directory, `${id}-json.log`);
}

/** What `docker logs` reads; null: nothing is kept. */
export function logFilesOf(context: ContainersContext, record: ContainerRecord): LogFiles | null {
  const { driver, file } = settingsOf(record);
  if (file === null) return null;
  return { path: pathOf(context, record.id, driver), maxFiles: file.maxFiles, format: file.format };
}

/** `LogPath` of inspect: Docker tells it of json-file only, which others may read. */
export function shownLogPath(context: ContainersContext, record: ContainerRecord): string {
  const { driver } = settingsOf(record);
  return driver === 'json-file' ? pathOf(context, record.id, driver) : '';
}

/** Bytes of all files of a container's log, rotated ones included; 0 when there is no such container (any more). */
export function logBytes(context: ContainersContext, id: string): number {
  const record = context.containers.get(id)?.record;
  const files = record === undefined ? null : logFilesOf(context, record);
  if (files === null) return 0;
  const directory = dirname(files.path);
  const names = existsSync(directory) ? readdirSync(directory) : [];
  const own = names.filter((name) => name.startsWith(basename(files.path)));
  return own.reduce((sum, name) => sum + (statSync(join(directory, name), { throwIfNoEntry: false })?.size ?? 0), 0);
}

/** Are old files to be compressed? */
export function compressesLogs(record: ContainerRecord): boolean {
  return settingsOf(record).file?.compress === true;
}

/** Throws for a server that is not there. To be called before the start; see `logOps`. */
export async function resolveLogTarget({ record }: Container): Promise<string | null> {
  const { syslog } = settingsOf(record);
  return syslog === null ? null : await resolveSyslogHost(syslog);
}

/** What a create can know of where its log is to go. Throws InvalidParameter. */
export function checkLogTarget(record: ContainerRecord): void {
  const { syslog } = settingsOf(record);
  if (syslog !== null) checkSyslogSocket(syslog);
  logTag(record);
}

/** What stands behind the operation `monitor`. `syslogHost`: the server's address, if it had to be looked up. */
export function logOps(context: ContainersContext, record: ContainerRecord, syslogHost: string | null): PlanOp[] {
  const { syslog, bufferBytes } = settingsOf(record);
  const maxBytes = BigInt(bufferBytes ?? WAITING_BYTES);
  const drops = bufferBytes === null ? 0 : 1;
  return [
    ...fileOps(context, record),
    ...(syslog === null ? [] : [syslogOp(record, syslog, syslogHost)]),
    ...(syslog === null && bufferBytes === null ? [] : [op('setup', 'log', 'logQueue', { maxBytes, drops })]),
  ];
}

function syslogOp(record: ContainerRecord, syslog: SyslogSettings, host: string | null): PlanOp {
  return op('setup', 'log', 'logSyslog', {
    name: syslog.address || "the host's syslog",
    address: socketAddress(syslog, host),
    stream: syslog.transport === 'tcp' || syslog.transport === 'unix' ? 1 : 0,
    facility: syslog.facility,
    format: SYSLOG_FORMATS[syslog.format || 'unix'],
    tag: logTag(record),
    hostname: hostname(),
  });
}

function fileOps(context: ContainersContext, record: ContainerRecord): PlanOp[] {
  const files = logFilesOf(context, record);
  const { driver, file } = settingsOf(record);
  if (files === null || file === null) return [];
  const attrs = file.format === 'json' ? logAttributes(record) : null;
  return [
    ...(driver === 'local' ? [op('setup', 'log', 'mkdir', { path: dirname(files.path), mode: 0o700 })] : []),
    op('setup', 'log', 'logFile', {
      path: files.path,
      format: LOG_FORMATS[file.format],
      maxBytes: BigInt(file.maxBytes ?? 0),
      maxFiles: file.maxFiles,
      attrs: attrs === null ? new Uint8Array(0) : Buffer.from(goJson(attrs)),
    }),
  ];
}

/** As Go writes it: keys in order, and nothing that a browser would take for markup. */
function goJson(attrs: Readonly<Record<string, string>>): string {
  const sorted = Object.fromEntries(Object.entries(attrs).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  return JSON.stringify(sorted).replace(
    /[<>&\u2028\u2029]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
