/** Where a syslog server is: names are looked up at each start, and given to the monitor as the kernel's addresses. */
import { existsSync } from 'node:fs';
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { EngineError } from '../../errors.ts';
import type { SyslogSettings } from '../../oci/syslog.ts';

/** Where the host's own syslog may listen. */
const LOCAL_SOCKETS = ['/dev/log', '/var/run/syslog', '/var/run/log'];
const AF_UNIX = 1;
const AF_INET = 2;
const AF_INET6 = 10;

function uninitialized(why: string, hint?: string): EngineError {
  return new EngineError('InvalidParameter', `failed to initialize logging driver: ${why}`, { hint });
}

/** Throws InvalidParameter where there is no such socket on this host, as dockerd does. */
export function checkSyslogSocket(settings: SyslogSettings): void {
  if (settings.transport === 'local') localSocket();
  const { path } = settings;
  if (path === '' || existsSync(path)) return;
  throw new EngineError('InvalidParameter', `stat ${path}: no such file or directory`, {
    hint: 'syslog-address names a socket that a syslog server on this host listens at',
  });
}

function localSocket(): string {
  const found = LOCAL_SOCKETS.find((path) => existsSync(path));
  if (found !== undefined) return found;
  throw uninitialized(
    'Unix syslog delivery error',
    `none of ${LOCAL_SOCKETS.join(', ')} is there: start a syslog server, or name one with --log-opt syslog-address=`,
  );
}

/** The address of a host of that name now; null where none is to be looked up. */
export async function resolveSyslogHost({ host }: SyslogSettings): Promise<string | null> {
  if (host === '' || isIP(host) !== 0) return null;
  try {
    return (await lookup(host)).address;
  } catch (thrown) {
    throw uninitialized(`lookup ${host}: ${(thrown as NodeJS.ErrnoException).code ?? String(thrown)}`);
  }
}

/** A struct sockaddr. `resolved`: of resolveSyslogHost; a name that was not looked up yet becomes an address of nobody. */
export function socketAddress(settings: SyslogSettings, resolved: string | null): Buffer {
  const { transport, port } = settings;
  if (transport === 'local') return unixAddress(localSocket());
  if (settings.path !== '') return unixAddress(settings.path);
  const host = resolved ?? (isIP(settings.host) === 0 ? '0.0.0.0' : settings.host);
  return isIP(host) === 6 ? inet6Address(host, port) : inetAddress(host, port);
}

function unixAddress(path: string): Buffer {
  const bytes = Buffer.concat([Buffer.alloc(2), Buffer.from(path), Buffer.alloc(1)]);
  bytes.writeUInt16LE(AF_UNIX);
  return bytes;
}

function inetAddress(host: string, port: number): Buffer {
  const bytes = Buffer.alloc(16);
  bytes.writeUInt16LE(AF_INET);
  bytes.writeUInt16BE(port, 2);
  bytes.set(host.split('.').map(Number), 4);
  return bytes;
}

function inet6Address(host: string, port: number): Buffer {
  const bytes = Buffer.alloc(28);
  bytes.writeUInt16LE(AF_INET6);
  bytes.writeUInt16BE(port, 2);
  for (const [index, word] of inet6Words(host).entries()) bytes.writeUInt16BE(word, 8 + 2 * index);
  return bytes;
}

/** The eight words of an address in whatever form; a zone (`%eth0`) is left out. */
function inet6Words(host: string): number[] {
  // URL brings all forms into one, without dots.
  const text = new URL(`http://[${host.replace(/%.*$/, '')}]/`).hostname.slice(1, -1);
  const [head = '', tail] = text.split('::');
  const words = (part: string) => (part === '' ? [] : part.split(':').map((word) => Number.parseInt(word, 16)));
  if (tail === undefined) return words(head);
  const gap = 8 - words(head).length - words(tail).length;
  return [...words(head), ...Array.from({ length: gap }, () => 0), ...words(tail)];
}
