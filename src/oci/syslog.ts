/** The options of the log driver `syslog`, in dockerd's words. */
import { isIP } from 'node:net';
import { EngineError } from '../errors.ts';

export interface SyslogSettings {
  /** As it was given, for people. */
  address: string;
  /** `local`: the host's own, wherever its socket is. */
  transport: 'udp' | 'tcp' | 'unix' | 'unixgram' | 'local';
  /** Name or address, without brackets; '' for sockets of this host. */
  host: string;
  port: number;
  path: string;
  facility: number;
  format: '' | 'rfc3164' | 'rfc5424' | 'rfc5424micro';
}

const DEFAULT_PORT = 514;
/** sun_path is 108 bytes with the NUL. */
const MAX_SOCKET_PATH = 107;
/** By their numbers; 12 to 15 have no names in Docker. */
const FACILITIES = (
  'kern user mail daemon auth syslog lpr news uucp cron authpriv ftp' +
  ' - - - - local0 local1 local2 local3 local4 local5 local6 local7'
).split(' ');
const FORMATS = ['', 'rfc3164', 'rfc5424', 'rfc5424micro'] as const;

const invalid = (message: string) => new EngineError('InvalidParameter', message);

/** Throws InvalidParameter; NotImplemented for TLS. Does not look whether anybody is there. */
export function parseSyslog(options: Readonly<Record<string, string>>): SyslogSettings {
  const tls = Object.keys(options).find((name) => name.startsWith('syslog-tls-'));
  if (tls !== undefined) throw noTls(`log option ${tls}`);
  const format = FORMATS.find((name) => name === (options['syslog-format'] ?? ''));
  if (format === undefined) throw invalid('Invalid syslog format');
  const address = options['syslog-address'] ?? '';
  return { address, ...parseAddress(address), facility: parseFacility(options['syslog-facility'] || 'daemon'), format };
}

function noTls(what: string): EngineError {
  return new EngineError('NotImplemented', `${what} is not supported by isle: it speaks no TLS to syslog servers`, {
    hint: 'send to a server on this host (rsyslog, syslog-ng, stunnel) that passes the lines on',
  });
}

type Address = Pick<SyslogSettings, 'transport' | 'host' | 'port' | 'path'>;

function parseAddress(address: string): Address {
  if (address === '') return { transport: 'local', host: '', port: 0, path: '' };
  const [, scheme, rest = ''] = /^(tcp|tcp\+tls|udp|unix|unixgram):\/\/(.*)$/s.exec(address) ?? [];
  if (scheme === undefined) throw invalid(`syslog-address should be in form proto://address, got ${address}`);
  if (scheme === 'tcp+tls') throw noTls(`syslog-address ${address}`);
  if (scheme === 'unix' || scheme === 'unixgram') {
    if (!rest.startsWith('/') || rest.includes('\0')) {
      throw invalid(`syslog-address ${address}: the path of a socket is absolute`);
    }
    if (Buffer.byteLength(rest) > MAX_SOCKET_PATH) {
      throw invalid(`syslog-address ${address}: the path of a socket has at most ${MAX_SOCKET_PATH} bytes`);
    }
    return { transport: scheme, host: '', port: 0, path: rest };
  }
  return { transport: scheme === 'udp' ? 'udp' : 'tcp', path: '', ...parseHost(address, rest) };
}

function parseHost(address: string, text: string): { host: string; port: number } {
  const [, bracketed, plain = '', port] = /^(?:\[([^\]]*)\]|([^:/?#@\s]*))(?::([^/]*))?\/?$/.exec(text) ?? [];
  if (port !== undefined && (!/^\d{1,5}$/.test(port) || Number(port) > 65_535)) {
    throw invalid(`parse ${JSON.stringify(address)}: invalid port ":${port}" after host`);
  }
  const host = bracketed ?? plain;
  if (host === '' || (bracketed !== undefined && isIP(bracketed) !== 6)) {
    throw invalid(`syslog-address ${address}: no host is named`);
  }
  return { host, port: port === undefined ? DEFAULT_PORT : Number(port) };
}

function parseFacility(text: string): number {
  const named = text === '-' ? -1 : FACILITIES.indexOf(text);
  if (named >= 0) return named;
  if (/^\d{1,2}$/.test(text) && Number(text) <= 23) return Number(text);
  throw invalid('invalid syslog facility');
}
