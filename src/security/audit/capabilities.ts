/** Capabilities that lead out of a container, each with its way. */
import { DEFAULT_CAPABILITIES } from '../capabilities.ts';
import { usesHost } from './namespaces.ts';
import { canHold, hasUserNamespace, isPrivileged, userOf, hasDefaultProfile } from './subject.ts';
import { type AuditInput, type Finding, lower, type Rule, type Severity } from './types.ts';

interface Dangerous {
  readonly id: string;
  readonly severity: Severity | ((input: AuditInput) => Severity);
  /** With a user namespace: what is left of it; null: the kernel asks for it in the host's user namespace, so nothing. */
  readonly mapped: Severity | null;
  readonly title: string;
  readonly attack: string;
  readonly fix: string;
  readonly reference?: string;
}

const MAN = 'capabilities(7)';

const DANGEROUS: Readonly<Record<string, Dangerous>> = {
  CAP_SYS_ADMIN: {
    id: 'cap-sys-admin',
    severity: 'critical',
    mapped: 'low',
    title: 'May mount and administer the kernel',
    attack:
      "Mounts a second procfs, which has no read-only parts, and writes a pipe into its sys/kernel/core_pattern: the kernel starts that program as root on the host. In the host's cgroup namespace a cgroup v1 hierarchy with its release_agent does the same.",
    fix: 'Leave SYS_ADMIN out; for FUSE give --device /dev/fuse with a user namespace, for one privileged call write a seccomp profile that allows it.',
    reference: 'core(5), Piping core dumps to a program; cgroup-v1/cgroups.rst, 1.4',
  },
  CAP_SYS_MODULE: {
    id: 'cap-sys-module',
    severity: 'critical',
    mapped: null,
    title: 'May load kernel modules',
    attack:
      "Compiles a module for the host's kernel and loads it with finit_module(2): its code runs in the kernel and starts a process on the host.",
    fix: 'Load the module on the host (/etc/modules-load.d) and drop the capability.',
  },
  CAP_SYS_PTRACE: {
    id: 'cap-sys-ptrace',
    severity: (input) => (usesHost(input, 'pid') && !hasDefaultProfile(input) ? 'critical' : 'low'),
    mapped: 'low',
    title: 'May look into and change other processes',
    attack:
      "With the host's pid namespace: attaches to a root process of the host with ptrace(2) and has it execute shell code, or walks into /proc/1/root; Landlock leaves it its own monitor for that, AppArmor's default profile nothing. Without it only the container's own processes can be reached.",
    fix: 'Drop it, or give the container its own pid namespace; a debugger of its own processes needs no capability.',
    reference: 'ptrace(2), Ptrace access mode checking',
  },
  CAP_DAC_READ_SEARCH: {
    id: 'cap-dac-read-search',
    severity: 'critical',
    mapped: null,
    title: 'May open any file by its handle',
    attack:
      'Takes /etc/hosts, which lies on a file system of the host, as mount fd and opens inode 2, that file system\'s root, with open_by_handle_at(2): from there every file can be read, /etc/shadow too (the "shocker" exploit).',
    fix: 'Drop it; to read files of other owners DAC_OVERRIDE, which containers have, is enough.',
    reference: 'open_by_handle_at(2)',
  },
  CAP_SYS_RAWIO: {
    id: 'cap-sys-rawio',
    severity: 'high',
    mapped: null,
    title: 'May reach hardware ports and raw memory',
    attack:
      'Opens I/O ports with iopl(2) and programs a DMA-capable device or the reset port of the host; with a device such as /dev/mem or /dev/sda also reads and writes physical memory or sends raw SCSI commands.',
    fix: 'Drop it; pass the one device that is needed with --device.',
  },
  CAP_BPF: {
    id: 'cap-bpf',
    severity: 'high',
    mapped: null,
    title: 'May load BPF programs',
    attack:
      "Loads BPF programs past the limits for unprivileged ones: a mistake of the kernel's verifier becomes writing to kernel memory; with PERFMON programs read kernel memory directly and trace every process of the host.",
    fix: 'Drop it; run the tracing program on the host.',
    reference: 'CVE-2020-8835; bpf(2)',
  },
  CAP_PERFMON: {
    id: 'cap-perfmon',
    severity: 'high',
    mapped: null,
    title: 'May observe the whole host',
    attack:
      "Opens CPU-wide events with perf_event_open(2), where seccomp allows it, and samples registers and kernel addresses of all the host's processes, which gives keys and defeats address randomization.",
    fix: 'Drop it; profile from the host with `perf --cgroup`.',
    reference: 'perf-security.rst',
  },
  CAP_NET_ADMIN: {
    id: 'cap-net-admin',
    severity: (input) => (usesHost(input, 'network') ? 'high' : 'medium'),
    mapped: 'low',
    title: 'May configure the network',
    attack:
      "On the host's network: changes its addresses, routes and firewall, and redirects its traffic to itself. In a network of its own: takes other addresses of the bridge, and reaches nf_tables and tc, from which most kernel exploits of recent years start.",
    fix: 'Drop it; set sysctls with --sysctl and addresses with --ip; a VPN needs it only with a network of its own and /dev/net/tun.',
    reference: 'CVE-2024-1086',
  },
  CAP_SYS_BOOT: {
    id: 'cap-sys-boot',
    severity: (input) => (usesHost(input, 'pid') || input.seccomp.kind === 'unconfined' ? 'high' : 'low'),
    mapped: null,
    title: 'May reboot',
    attack:
      "In the host's pid namespace reboot(2) restarts the machine; where seccomp does not refuse kexec_load(2), a kernel of one's own choice is started. In a pid namespace of its own reboot only ends the container.",
    fix: 'Drop it.',
    reference: 'reboot(2)',
  },
  CAP_SYSLOG: {
    id: 'cap-syslog',
    severity: 'medium',
    mapped: null,
    title: "May read the kernel's log",
    attack:
      "Reads and clears the host's kernel log with syslog(2), and sees kernel addresses in /proc/kallsyms: the first step of a kernel exploit.",
    fix: 'Drop it; read the log on the host.',
  },
  CAP_SYS_TIME: {
    id: 'cap-sys-time',
    severity: 'medium',
    mapped: null,
    title: "May set the host's clock",
    attack:
      'Sets the clock, which no namespace separates: expired certificates become valid, logs lie, and timers of every program on the host fire.',
    fix: 'Drop it; keep the time on the host.',
    reference: 'time_namespaces(7)',
  },
  CAP_SYS_RESOURCE: {
    id: 'cap-sys-resource',
    severity: 'low',
    mapped: null,
    title: 'May pass over resource limits',
    attack:
      'Raises its hard limits (open files, processes, locked memory) and uses disk blocks reserved for root until the host has none left.',
    fix: 'Drop it; give the limits that are needed with --ulimit.',
  },
  CAP_MAC_ADMIN: {
    id: 'cap-mac-admin',
    severity: 'medium',
    mapped: null,
    title: 'May change mandatory access control',
    attack:
      "Where the module's interface is within reach (the host's /sys/kernel/security, or Smack's labels of files), replaces the policy, that of its own profile included, and is unconfined afterwards.",
    fix: 'Drop it; load profiles on the host.',
  },
  CAP_AUDIT_CONTROL: {
    id: 'cap-audit-control',
    severity: (input) => (usesHost(input, 'pid') ? 'medium' : 'info'),
    mapped: null,
    title: "May configure the kernel's audit",
    attack:
      "In the host's pid namespace it switches the host's audit rules off over netlink, so that what follows leaves no trace; in one of its own the kernel refuses.",
    fix: 'Drop it.',
    reference: 'auditctl(8)',
  },
  CAP_NET_RAW: {
    id: 'cap-net-raw',
    severity: (input) => (usesHost(input, 'network') ? 'high' : 'info'),
    mapped: 'info',
    title: 'May send and receive raw packets',
    attack:
      "Opens packet sockets: on the host's network it reads all of the host's traffic; on the bridge it can answer ARP for its neighbours and so read what is meant for them.",
    fix: '--cap-drop NET_RAW; ping works without it where net.ipv4.ping_group_range allows (it does in isle).',
    reference: 'CVE-2020-14386; packet(7)',
  },
};

function severityOf(input: AuditInput, { severity, mapped }: Dangerous): Severity | null {
  if (hasUserNamespace(input)) return mapped;
  const full = typeof severity === 'function' ? severity(input) : severity;
  // Another user gets it only through a set-uid program of the image.
  return userOf(input).isRoot ? full : lower(full);
}

export const capabilityFindings: Rule = (input) => {
  // `privileged` says it for all of them.
  if (isPrivileged(input)) return [];
  const findings: Finding[] = [];
  for (const [capability, dangerous] of Object.entries(DANGEROUS)) {
    const severity = canHold(input, capability) ? severityOf(input, dangerous) : null;
    if (severity === null) continue;
    const { id, title, attack, fix, reference = MAN } = dangerous;
    const origin = DEFAULT_CAPABILITIES.includes(capability) ? 'default' : 'asked';
    findings.push({ id, title, severity, what: `capability ${capability}`, attack, fix, reference, origin });
  }
  return findings;
};
