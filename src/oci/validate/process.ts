/** What the container's first process is given: strings that reach execve, the kernel's names or a file of /etc. */
import { EngineError } from '../../errors.ts';
import type { CreateRequest } from '../container-config.ts';

const invalid = (message: string, hint?: string) => new EngineError('InvalidParameter', message, { hint });

/** The kernel's __NEW_UTS_LEN. */
const MAX_UTS_BYTES = 64;
const MINIMUM_HEALTH_NS = 1_000_000;

/** The kernel's strings end at NUL: what follows would be lost without a word. */
function checkNul(field: string, values: readonly string[]): void {
  if (values.some((value) => value.includes('\0'))) throw invalid(`invalid ${field}: a NUL byte cannot be passed on`);
}

function checkUtsName(kind: 'hostname' | 'domainname', name: string): void {
  // It is written into /etc/hosts and /etc/hostname, where white space would start another name or line.
  if (/[\s\p{Cc}/]/u.test(name) || Buffer.byteLength(name) > MAX_UTS_BYTES) {
    throw invalid(
      `invalid ${kind}: ${JSON.stringify(name)}`,
      `a ${kind} has at most ${MAX_UTS_BYTES} bytes, without spaces and slashes`,
    );
  }
}

function checkEnv(env: readonly string[]): void {
  for (const entry of env) {
    if (entry === '' || entry.startsWith('=')) throw invalid(`invalid environment variable: ${entry}`);
  }
}

function checkHealth(request: CreateRequest): void {
  const health = request.Healthcheck;
  if (!health) return;
  for (const name of ['Interval', 'Timeout', 'StartPeriod', 'StartInterval'] as const) {
    const value = health[name] ?? 0;
    if (value !== 0 && value < MINIMUM_HEALTH_NS) throw invalid(`${name} in Healthcheck cannot be less than 1ms`);
  }
  if ((health.Retries ?? 0) < 0) throw invalid('Retries in Healthcheck cannot be negative');
  const [kind, ...words] = health.Test ?? [];
  if (kind !== undefined && !['NONE', 'CMD', 'CMD-SHELL'].includes(kind)) {
    throw invalid(`Healthcheck.Test begins with "${kind}": it has to be NONE, CMD or CMD-SHELL`);
  }
  if (kind?.startsWith('CMD') && (words[0] ?? '') === '') throw invalid(`Healthcheck.Test ${kind} names no command`);
}

function checkPorts(request: CreateRequest): void {
  for (const port of Object.keys(request.ExposedPorts ?? {})) {
    const number = Number(/^(\d{1,5})(?:-\d{1,5})?(?:\/(?:tcp|udp|sctp))?$/.exec(port)?.[1] ?? 0);
    if (number < 1 || number > 65535) throw invalid(`invalid port specification: ${JSON.stringify(port)}`);
  }
}

/** Throws InvalidParameter. */
export function checkProcess(request: CreateRequest): void {
  const { Cmd, Entrypoint, Env, WorkingDir = '', User = '', Hostname = '', Domainname = '' } = request;
  checkNul('Cmd', Cmd ?? []);
  checkNul('Entrypoint', Entrypoint ?? []);
  checkNul('Env', Env ?? []);
  checkNul('WorkingDir', [WorkingDir]);
  checkNul('User', [User]);
  checkEnv(Env ?? []);
  if (WorkingDir !== '' && !WorkingDir.startsWith('/')) {
    throw invalid(`the working directory '${WorkingDir}' is invalid, it needs to be an absolute path`);
  }
  checkUtsName('hostname', Hostname);
  checkUtsName('domainname', Domainname);
  checkHealth(request);
  checkPorts(request);
}
