/** isled's command line. Every flag is checked before anything is made. */
import { basename, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { OWN_RUNTIME, parseRuntimeFlag } from '../containers/runtimes/known.ts';
import { EngineError } from '../errors.ts';
import { type LogConfig, parseLogConfig } from '../oci/logging.ts';
import { parseSubnet } from '../networks/ipam/allocator.ts';
import { SEVERITIES, type Severity } from '../security/audit/index.ts';

export interface DaemonConfig {
  dataRoot: string;
  execRoot: string;
  socketPath: string;
  pidFile: string;
  bridge: string;
  /** undefined: the first private /16 that overlaps nothing on this host */
  bip: string | undefined;
  cgroupParent: string;
  logLevel: string;
  /** Creates with an audit finding of this severity or above are refused. */
  auditRefuse: Severity | 'off';
  /** Landlock domains for containers that do not ask, where nothing else confines them. */
  landlock: boolean;
  /** `default`, `user`, `user:group` or `auto[:size=N]`; undefined: containers have the host's ids */
  usernsRemap: string | undefined;
  /** Whose ranges in /etc/subuid and /etc/subgid `--userns auto` gives to containers. */
  usernsPool: string;
  /** What images leave free on the data root's file system; undefined: the default of DiskRoom */
  keepFreeBytes: number | undefined;
  /** Containers get labels of SELinux, where the host has it. */
  selinuxEnabled: boolean;
  /** Instead of serving: take the bridge, its firewall table and the cgroup parent off this host. */
  removeNetwork: boolean;
  /** Names of OCI runtimes to programs. */
  addedRuntimes: ReadonlyMap<string, string>;
  defaultRuntime: string;
  /** Driver and options of containers that do not ask for others. */
  logDefaults: LogConfig;
  /** where islet and hello lie */
  programDir: string;
}

export const USAGE = `Usage: isled [OPTIONS]

The isle daemon: the Docker Engine API on a unix socket.

Options:
      --data-root DIR        images, containers, the database (default /var/lib/isle)
      --exec-root DIR        sockets and state of running containers (default /run/isle)
  -H, --host unix://PATH     socket to listen on (default unix://<exec-root>/isle.sock)
  -p, --pidfile FILE         (default <exec-root>/isled.pid)
      --bridge NAME          the default network's bridge (default isle0)
      --bip CIDR             the bridge's address and subnet, such as 172.17.0.1/16
      --cgroup-parent NAME   parent of the containers' cgroups (default isle)
      --audit-refuse LEVEL   refuse creates with an audit finding of critical, high, medium, low, info
                             or above (default off)
      --landlock on|off      fence containers by Landlock where AppArmor and SELinux do not confine them
                             (default on; needs Linux 6.12)
      --userns-remap USER    map the containers' ids to those of USER[:GROUP] in /etc/subuid and
                             /etc/subgid, or of 'default'; 'auto[:size=N]' gives each container N ids
                             (65536) that no other has
      --userns-pool USER     whose ids in /etc/subuid and /etc/subgid those are (default isle; made there
                             if missing)
      --keep-free SIZE       what images leave free on the disk, such as 500m or 2g (default a twentieth
                             of it, at most 1g)
      --selinux-enabled      label containers and their files, each with categories of its own, by the
                             host's SELinux policy
      --add-runtime NAME=PATH  an OCI runtime (a program as runc is one) for run --runtime NAME; may be
                             given several times. Known without it: isle, and runc and crun in PATH
      --default-runtime NAME the runtime of containers that ask for none (default isle)
      --log-driver NAME      what keeps the output of containers that do not say: json-file, local, syslog
                             or none (default json-file)
      --log-opt NAME=VALUE   an option of that driver, such as max-size=10m; may be given several times
  -l, --log-level LEVEL      debug, info, warn, error, fatal (default info)
  -D, --debug                the same as --log-level debug
      --islet PATH           the islet program (default: beside this program's own files)
      --remove-network       remove the bridge, its nftables table and the cgroup parent that an isled with
                             these flags has made on this host, and end; not while containers run
      --version              print the version
      --help                 print this text
`;

const OPTIONS = {
  'data-root': { type: 'string' },
  'exec-root': { type: 'string' },
  host: { type: 'string', short: 'H' },
  pidfile: { type: 'string', short: 'p' },
  bridge: { type: 'string' },
  bip: { type: 'string' },
  'cgroup-parent': { type: 'string' },
  'audit-refuse': { type: 'string' },
  landlock: { type: 'string' },
  'userns-remap': { type: 'string' },
  'userns-pool': { type: 'string' },
  'keep-free': { type: 'string' },
  'selinux-enabled': { type: 'boolean' },
  'add-runtime': { type: 'string', multiple: true },
  'default-runtime': { type: 'string' },
  'log-driver': { type: 'string' },
  'log-opt': { type: 'string', multiple: true },
  'log-level': { type: 'string', short: 'l' },
  debug: { type: 'boolean', short: 'D' },
  islet: { type: 'string' },
  'remove-network': { type: 'boolean' },
  version: { type: 'boolean' },
  help: { type: 'boolean' },
} as const;

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'];
/** IFNAMSIZ is 16 with the NUL. */
const MAX_LINK_NAME = 15;
/** sun_path is 108 bytes with the NUL. */
const MAX_SOCKET_PATH = 107;

/** Throws InvalidParameter that names the flag. `help` and `version` come back as words. */
export function parseConfig(argv: string[], programDir: string): DaemonConfig | 'help' | 'version' {
  const values = readFlags(argv);
  if (values.help === true) return 'help';
  if (values.version === true) return 'version';
  const execRoot = resolve(values['exec-root'] ?? '/run/isle');
  const host = values.host ?? `unix://${join(execRoot, 'isle.sock')}`;
  const socketPath = /^unix:\/\/(\/.+)$/.exec(host)?.[1];
  if (socketPath === undefined) invalid('host', host, 'isled listens on unix://PATH only, with an absolute path');
  if (Buffer.byteLength(socketPath) > MAX_SOCKET_PATH)
    invalid('host', host, `the path is longer than ${MAX_SOCKET_PATH} bytes`);
  const bridge = values.bridge ?? 'isle0';
  if (!/^[^\s/:]+$/.test(bridge) || bridge.length > MAX_LINK_NAME) {
    invalid('bridge', bridge, `an interface name has 1 to ${MAX_LINK_NAME} characters, without blank, slash or colon`);
  }
  const cgroupParent = (values['cgroup-parent'] ?? 'isle').replace(/^\/+|\/+$/g, '');
  if (cgroupParent === '' || cgroupParent.split('/').some((part) => part === '' || part === '.' || part === '..')) {
    invalid('cgroup-parent', values['cgroup-parent'] ?? '', 'give a name or a relative path without dots');
  }
  const logLevel = values.debug === true ? 'debug' : (values['log-level'] ?? 'info');
  if (!LEVELS.includes(logLevel)) invalid('log-level', logLevel, `choose one of ${LEVELS.join(', ')}`);
  if (values.bip !== undefined) parseSubnet(values.bip);
  const usernsPool = values['userns-pool'] ?? 'isle';
  if (!/^[^\s:#]+$/.test(usernsPool)) invalid('userns-pool', usernsPool, 'give the name of a user');
  const auditRefuse = parseAuditRefuse(values['audit-refuse'] ?? 'off');
  return {
    dataRoot: resolve(values['data-root'] ?? '/var/lib/isle'),
    execRoot,
    socketPath,
    pidFile: resolve(values.pidfile ?? join(execRoot, 'isled.pid')),
    bridge,
    bip: values.bip,
    cgroupParent,
    logLevel,
    auditRefuse,
    landlock: parseSwitch('landlock', values.landlock ?? 'on'),
    usernsRemap: values['userns-remap'],
    usernsPool,
    removeNetwork: values['remove-network'] === true,
    keepFreeBytes: parseSize('keep-free', values['keep-free']),
    selinuxEnabled: values['selinux-enabled'] === true,
    addedRuntimes: new Map((values['add-runtime'] ?? []).map(parseRuntimeFlag)),
    defaultRuntime: values['default-runtime'] ?? OWN_RUNTIME,
    logDefaults: parseLogFlags(values['log-driver'], values['log-opt'] ?? []),
    programDir: values.islet === undefined ? programDir : directoryOf(values.islet),
  };
}

/** The daemon's other program, `hello`, lies beside islet. */
function directoryOf(islet: string): string {
  if (basename(islet) === 'islet') return resolve(islet, '..');
  throw new EngineError('InvalidParameter', `--islet ${islet}: the program has to be called islet, as it is built`);
}

function parseLogFlags(driver: string | undefined, options: readonly string[]): LogConfig {
  const pairs = options.map((option): [string, string] => {
    const split = option.indexOf('=');
    return split < 1
      ? invalid('log-opt', option, 'give NAME=VALUE')
      : [option.slice(0, split), option.slice(split + 1)];
  });
  const given = { Type: driver ?? 'json-file', Config: Object.fromEntries(pairs) };
  parseLogConfig(given);
  return given;
}

function parseSize(flag: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const [, digits, unit = ''] = /^(\d{1,15})([kmgt]?)b?$/i.exec(value) ?? [];
  if (digits === undefined) invalid(flag, value, 'give bytes, or a number with k, m, g or t behind it');
  return Number(digits) * 1024 ** ' kmgt'.indexOf(unit.toLowerCase() || ' ');
}

function parseSwitch(flag: string, value: string): boolean {
  return value === 'on' || (value === 'off' ? false : invalid(flag, value, 'choose on or off'));
}

function parseAuditRefuse(value: string): Severity | 'off' {
  const levels = [...SEVERITIES, 'off'] as const;
  return (
    levels.find((level) => level === value) ?? invalid('audit-refuse', value, `choose one of ${levels.join(', ')}`)
  );
}

function readFlags(argv: string[]) {
  try {
    return parseArgs({ args: argv, options: OPTIONS, strict: true, allowPositionals: false }).values;
  } catch (thrown) {
    throw new EngineError('InvalidParameter', thrown instanceof Error ? thrown.message : String(thrown), {
      hint: "see 'isled --help'",
      cause: thrown,
    });
  }
}

function invalid(flag: string, value: string, why: string): never {
  throw new EngineError('InvalidParameter', `invalid value "${value}" for --${flag}: ${why}`);
}
