/** Devices of the host that the container may use. */
import { canHold, isPrivileged } from './subject.ts';
import type { AuditedDeviceRule, Finding, Rule, Severity } from './types.ts';

interface DeviceKind {
  readonly matches: RegExp;
  readonly severity: Severity;
  readonly attack: string;
}

const KINDS: readonly DeviceKind[] = [
  {
    matches: /^\/dev\/(?:sd|hd|vd|xvd|nvme|dm-|mapper\/|md|mmcblk|disk\/|nbd|loop\d)/,
    severity: 'critical',
    attack:
      "Reads and writes the file system below the kernel, with debugfs(8) for example: /etc/shadow and root's keys of the host are its to read and to change.",
  },
  {
    matches: /^\/dev\/(?:mem|kmem|port|kcore|vfio\/|sg\d|bsg\/|raw)/,
    severity: 'critical',
    attack: "Reads and writes physical memory or a controller directly, and so the kernel's own data.",
  },
  {
    matches: /^\/dev\/(?:kmsg|loop-control|tty\d|vcs|input\/|uinput|console|pts\/|hidraw)/,
    severity: 'high',
    attack:
      "Reads or fakes what the host's console, keyboard or kernel log shows: input typed into a shell of the host is executed there.",
  },
  {
    matches: /^\/dev\/(?:fuse|net\/tun|kvm|dri\/|nvidia|snd\/|video\d|vhost|ppp|dma_heap)/,
    severity: 'low',
    attack:
      "Sends crafted requests to this device's driver, which is code of the kernel that containers otherwise do not reach.",
  },
];

const OTHER: Omit<DeviceKind, 'matches'> = {
  severity: 'medium',
  attack: "Controls the hardware behind it and sends crafted requests to its driver in the host's kernel.",
};

/** Every container has these. */
const DEFAULT_NODES = new Set(
  'null zero full random urandom tty console ptmx'.split(' ').map((name) => `/dev/${name}`),
);

function deviceFinding(path: string, what: string, access: string): Finding {
  const kind = KINDS.find(({ matches }) => matches.test(path)) ?? OTHER;
  const readsOnly = access !== '' && !access.includes('w');
  return {
    id: 'host-device',
    title: `Uses the host's ${path}`,
    severity: readsOnly && kind.severity === 'critical' ? 'high' : kind.severity,
    what,
    attack: readsOnly ? `${kind.attack} (Reading only: what it reads, no more.)` : kind.attack,
    fix: 'Leave it out; or give the narrowest node, and with access r where reading is enough (--device PATH:PATH:r).',
    reference: 'devices.txt; cgroup-v1/devices.rst',
    origin: 'asked',
  };
}

export const deviceFindings: Rule = (input) => {
  if (isPrivileged(input)) return [];
  const findings = (input.hostConfig.Devices ?? []).map(({ PathOnHost = '', CgroupPermissions = '' }) =>
    deviceFinding(
      PathOnHost,
      `HostConfig.Devices: ${PathOnHost}${CgroupPermissions === '' ? '' : `:${CgroupPermissions}`}`,
      CgroupPermissions,
    ),
  );
  // A bundle's config.json has no HostConfig: there the spec is what was asked for.
  if (findings.length > 0) return findings;
  const asked = (input.spec.linux?.devices ?? []).filter(({ path }) => !DEFAULT_NODES.has(path));
  return asked.map(({ path }) => deviceFinding(path, `linux.devices: ${path}`, ''));
};

/** Physical memory, kernel memory, I/O ports: `c 1:1`, `c 1:2`, `c 1:4`. */
const MEMORY_MINORS = new Set([1, 2, 4]);
const MEMORY_MAJOR = 1;

/** Lets a rule use (not only make) a whole class of devices, or the machine's memory? */
function isBroad({ allow, type = 'a', major, minor, access = 'rwm' }: AuditedDeviceRule): boolean {
  if (!allow || !/[rw]/.test(access)) return false;
  if (type === 'a' || type === 'b' || major === undefined || major < 0) return true;
  return major === MEMORY_MAJOR && (minor === undefined || minor < 0 || MEMORY_MINORS.has(minor));
}

/** `b 8:* rwm`, `a`, `c 10:200 rw` */
function parseRule(text: string): AuditedDeviceRule {
  const [, type = 'a', major, minor, access] =
    /^\s*([abc])(?:\s+(\d+|\*):(\d+|\*)(?:\s+([rwm]+))?)?\s*$/.exec(text) ?? [];
  const number = (word: string | undefined) => (word === undefined || word === '*' ? {} : { value: Number(word) });
  const [majorNumber, minorNumber] = [number(major).value, number(minor).value];
  return {
    allow: true,
    type,
    ...(majorNumber === undefined ? {} : { major: majorNumber }),
    ...(minorNumber === undefined ? {} : { minor: minorNumber }),
    ...(access === undefined ? {} : { access }),
  };
}

const describe = ({ type = 'a', major, minor, access = 'rwm' }: AuditedDeviceRule): string =>
  `${type} ${major ?? '*'}:${minor ?? '*'} ${access}`;

export const deviceRuleFindings: Rule = (input) => {
  if (isPrivileged(input)) return [];
  const { hostConfig, spec } = input;
  const named = new Set(
    (spec.linux?.devices ?? []).map(({ type, major, minor }) => `${type} ${major ?? '*'}:${minor ?? '*'}`),
  );
  const asked = (hostConfig.DeviceCgroupRules ?? []).map((text) => ({ rule: parseRule(text), text }));
  const given = (spec.linux?.resources?.devices ?? [])
    // The rule of a device that is passed by its own name has its finding there.
    .filter((rule) => !named.has(describe(rule).split(' ').slice(0, 2).join(' ')))
    .map((rule) => ({ rule, text: describe(rule) }));
  const broad = (asked.length > 0 ? asked : given).filter(({ rule }) => isBroad(rule));
  if (broad.length === 0) return [];
  const canMake = canHold(input, 'CAP_MKNOD');
  return [
    {
      id: 'device-rules',
      title: 'May use devices of the host that it makes itself',
      severity: canMake ? 'critical' : 'medium',
      what: `device rules: ${broad.map(({ text }) => text).join(', ')}${canMake ? ', with capability CAP_MKNOD' : ''}`,
      attack: canMake
        ? "Makes a node of the host's disk or memory with mknod(1), which the rule lets it open, and reads and writes it with debugfs(8) or dd."
        : 'Opens such a node if one is in the container by another way; it cannot make one itself without MKNOD.',
      fix: 'Give single devices with --device, or rules with major and minor number; and --cap-drop MKNOD.',
      reference: 'cgroup-v1/devices.rst; mknod(2)',
      origin: 'asked',
    },
  ];
};
