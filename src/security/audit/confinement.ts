/** The filters between a container and the kernel: seccomp, AppArmor and SELinux, hidden kernel files. */
import { APPARMOR_UNCONFINED } from '../apparmor/profile.ts';
import { LANDLOCK_ABI_NEEDED } from '../landlock.ts';
import { compareFilters, notifiedCalls, type Allowed } from './seccomp-difference.ts';
import { hasUserNamespace, isPrivileged, userOf } from './subject.ts';
import type { AuditedSeccomp, AuditInput, Finding, HostFacts, Rule } from './types.ts';

export const seccompFindings: Rule = (input) => {
  // `privileged` says that there is no filter.
  if (input.seccomp.kind === 'unconfined') return isPrivileged(input) ? [] : [unconfinedFinding()];
  return input.seccomp.kind === 'custom' ? [...customFindings(input.seccomp), ...listenerFindings(input.seccomp)] : [];
};

function listenerFindings({ filter, listener }: Extract<AuditedSeccomp, { kind: 'custom' }>): Finding[] {
  if (listener === null) return [];
  const calls = listed(notifiedCalls(filter)) || 'some calls, by their arguments';
  return [
    {
      id: 'seccomp-listener',
      title: 'A process outside decides on system calls',
      severity: 'medium',
      what: `seccomp profile: ${listener} is asked about ${calls}`,
      attack:
        'Where the listener answers "go on" after a look at the arguments, another thread changes the memory that they point to before the kernel reads it: what was judged is not what is done. And the listener acts with its own rights on what the container tells it.',
      fix: 'Let the listener do the call itself and answer with the result, never SECCOMP_USER_NOTIF_FLAG_CONTINUE for what it refuses otherwise; give it few rights.',
      reference: 'seccomp_unotify(2)',
      origin: 'asked',
    },
  ];
}

function unconfinedFinding(): Finding {
  return {
    id: 'seccomp-unconfined',
    title: 'Every system call is open',
    severity: 'high',
    what: 'HostConfig.SecurityOpt: seccomp=unconfined',
    attack:
      'Makes a user namespace with unshare(2), is root in it with all capabilities, and reaches mount, nf_tables and BPF code of the kernel from there: where most kernel exploits of recent years start.',
    fix: 'Leave the option out; or give a profile that is the default one with the calls that are missing.',
    reference: 'CVE-2022-0185; seccomp(2)',
    origin: 'asked',
  };
}

const MAX_NAMED = 12;

function listed(calls: readonly string[]): string {
  const rest = calls.length - MAX_NAMED;
  return rest > 0 ? `${calls.slice(0, MAX_NAMED).join(', ')} and ${rest} more` : calls.join(', ');
}

function customFindings({ filter, byDefault }: Extract<AuditedSeccomp, { kind: 'custom' }>): Finding[] {
  const allowed: Allowed = compareFilters(filter, byDefault);
  const all = [...allowed.dangerous, ...allowed.others];
  if (all.length === 0) return [];
  const [first = ''] = allowed.dangerous;
  return [
    {
      id: 'seccomp-custom-wider',
      title: 'The seccomp profile allows what the default refuses',
      severity: allowed.dangerous.length > 0 ? 'high' : 'medium',
      what: `seccomp profile, beyond the default: ${listed(all)}`,
      attack:
        first === ''
          ? 'Reaches code of the kernel behind these calls that other containers do not: a flaw there is a way out.'
          : `Calls ${first}, of which the default profile says no because it leads out of containers: ${DANGERS[first.split(' ')[0] ?? ''] ?? 'it administers the host'}.`,
      fix: `Take from the profile what is not needed: ${listed(all)}.`,
      reference: 'seccomp(2)',
      origin: 'asked',
    },
  ];
}

const DANGERS: Readonly<Record<string, string>> = {
  unshare: 'in a user namespace of its own it has all capabilities',
  clone: 'with CLONE_NEWUSER it has all capabilities in a namespace of its own',
  clone3: 'its flags lie in memory, where no filter sees CLONE_NEWUSER',
  setns: 'it enters other namespaces by file descriptor',
  mount: 'with the capability it mounts over what hides the host',
  keyctl: "the kernel's key store is not divided by namespaces",
  add_key: "the kernel's key store is not divided by namespaces",
  bpf: 'mistakes of the verifier become writing to kernel memory',
  ptrace: 'on kernels before 4.8 it gets round the filter itself',
  userfaultfd: 'it stops the kernel in the middle of a copy, which makes races certain',
  io_uring_setup: 'its requests pass no seccomp filter',
};

function isConfined({ spec }: AuditInput): boolean {
  const { apparmorProfile = '', selinuxLabel = '' } = spec.process ?? {};
  return !['', APPARMOR_UNCONFINED].includes(apparmorProfile) || selinuxLabel !== '';
}

const modulesOf = ({ lsms }: HostFacts): string[] => lsms.filter((name) => name === 'apparmor' || name === 'selinux');

export const lsmFindings: Rule = (input) => {
  if (isPrivileged(input)) return [];
  const { hostConfig, host } = input;
  const asked = (word: string) =>
    (hostConfig.SecurityOpt ?? []).find(
      (option) => (option === 'disable' ? 'label=disable' : option.replace(':', '=')) === word,
    );
  const apparmor = asked('apparmor=unconfined');
  const label = asked('label=disable');
  const findings: Finding[] = [];
  if (apparmor !== undefined && host.lsms.includes('apparmor')) {
    findings.push({
      id: 'apparmor-unconfined',
      title: 'AppArmor is switched off',
      severity: 'medium',
      what: `HostConfig.SecurityOpt: ${apparmor}`,
      attack:
        'Writes kernel files in /proc and /sys and mounts as far as capabilities and masks allow: one fence less, where one of those has a hole.',
      fix: 'Leave the option out, or name a profile that allows what is missing.',
      reference: 'apparmor(7)',
      origin: 'asked',
    });
  }
  if (label !== undefined && host.lsms.includes('selinux')) {
    findings.push({
      id: 'selinux-disabled',
      title: 'SELinux does not confine it',
      severity: 'medium',
      what: `HostConfig.SecurityOpt: ${label}`,
      attack:
        "Opens files of the host that come within its reach (a leaked descriptor, a mount) although they are not labelled as a container's.",
      fix: 'Leave the option out; label mounted directories with :z or :Z.',
      reference: 'selinux(8)',
      origin: 'asked',
    });
  }
  if (findings.length > 0 || isConfined(input)) return findings;
  const has = modulesOf(host);
  return [
    {
      id: 'no-lsm-profile',
      title: 'No security module confines it',
      severity: 'info',
      what:
        has.length === 0
          ? 'the host runs neither AppArmor nor SELinux'
          : `the host runs ${has.join(', ')}; no profile or label is applied`,
      attack:
        'Where a mistake opens one of the other fences (a mask, a mount, a descriptor), nothing stands behind it.',
      fix:
        has.length === 0
          ? 'Run a kernel with AppArmor or SELinux switched on.'
          : has.includes('selinux')
            ? 'Start isled with --selinux-enabled.'
            : 'Install what loads policies (the package apparmor) and start isled again.',
      reference: 'Documentation/admin-guide/LSM',
      origin: 'host',
    },
  ];
};

export const runtimeFindings: Rule = ({ runtime }) =>
  runtime === undefined
    ? []
    : [
        {
          id: 'other-runtime',
          title: 'Another runtime sets the fences up',
          severity: 'low',
          what: `HostConfig.Runtime = ${runtime.name}`,
          attack:
            "Is started from an image in which /dev/null, /dev or /proc is a symbolic link: a runtime that follows it by name makes its masks and device nodes somewhere else, on the host too. isle's own runtime looks every path of an image up below its root, and verifies what it finds there.",
          fix: 'Leave --runtime out, or keep that program up to date.',
          reference: 'CVE-2025-31133; CVE-2019-16884; CVE-2019-5736',
          origin: runtime.isDefault ? 'default' : 'asked',
        },
      ];

/** What switched it off, where it would have been there. */
function landlockOff({ landlock, hostConfig, host }: AuditInput): Pick<Finding, 'what' | 'fix' | 'origin'> | null {
  if (typeof landlock === 'string' || host.landlockAbi < LANDLOCK_ABI_NEEDED) return null;
  const option = (pattern: RegExp) => (hostConfig.SecurityOpt ?? []).find((given) => pattern.test(given));
  const asked = (given: string | undefined) =>
    ({ what: `HostConfig.SecurityOpt: ${given ?? ''}`, fix: 'Leave the option out.', origin: 'asked' }) as const;
  switch (landlock.absent) {
    case 'unconfined':
      return asked(option(/^landlock[=:]unconfined$/));
    case 'module-off':
      // Where the module is there, its own finding says more.
      return modulesOf(host).length > 0 ? null : asked(option(/^(apparmor[=:]unconfined|label[=:]disable|disable)$/));
    case 'daemon':
      return { what: 'isled --landlock off', fix: 'Start isled without it.', origin: 'host' };
    default:
      return null;
  }
}

export const landlockFindings: Rule = (input) => {
  const off = landlockOff(input);
  if (off === null || isPrivileged(input) || isConfined(input)) return [];
  return [
    {
      ...off,
      id: 'landlock-off',
      title: 'No Landlock domain keeps it from processes outside',
      severity: 'low',
      attack:
        "Where it sees processes outside (the host's /proc in a mount, the host's PID namespace), it signals them and walks through /proc/PID/root and /proc/PID/environ into their files and secrets.",
      reference: 'landlock(7)',
    },
  ];
};

const isCovered = (path: string, by: readonly string[]): boolean =>
  by.some((covering) => path === covering || path.startsWith(`${covering}/`));

export const kernelPathFindings: Rule = (input) => {
  if (isPrivileged(input)) return [];
  const { maskedPaths = [], readonlyPaths = [] } = input.spec.linux ?? {};
  const hidden = [...maskedPaths, ...readonlyPaths];
  const open = input.kernelPaths.readonly.filter((path) => !isCovered(path, hidden));
  const shown = input.kernelPaths.masked.filter((path) => !isCovered(path, maskedPaths));
  const findings: Finding[] = [];
  if (open.length > 0) {
    const isRoot = userOf(input).isRoot && !hasUserNamespace(input);
    findings.push({
      id: 'kernel-files-writable',
      title: "The kernel's settings can be written",
      severity: isRoot ? 'critical' : 'medium',
      what: `HostConfig.ReadonlyPaths lacks ${open.join(', ')}`,
      attack: open.includes('/proc/sys')
        ? "Root writes a pipe and the path of its own program (the overlay's upper directory, which mountinfo names) into /proc/sys/kernel/core_pattern and crashes a process: the kernel starts the program as root on the host."
        : 'Root writes to these files, which belong to the host: b into /proc/sysrq-trigger, for example, restarts it.',
      fix: 'Leave systempaths=unconfined out; set namespaced sysctls with --sysctl.',
      reference: 'core(5), Piping core dumps to a program; CVE-2025-31133',
      origin: 'asked',
    });
  }
  if (shown.length > 0) {
    findings.push({
      id: 'kernel-files-visible',
      title: 'Kernel files that tell about the host are visible',
      severity: 'medium',
      what: `HostConfig.MaskedPaths lacks ${shown.join(', ')}`,
      attack:
        "Reads keys' names, timers, interrupts and power draw of the host and its other containers, from which secrets have been measured; with SYS_RAWIO /proc/kcore is the kernel's memory.",
      fix: 'Leave systempaths=unconfined out, or list only the paths that are needed.',
      reference: 'GHSA-6fw5-f8r9-fgfm; GHSA-jq35-85cj-fj4p',
      origin: 'asked',
    });
  }
  return findings;
};
