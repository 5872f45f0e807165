/** Parts of the host that are mounted into the container. */
import { type HostMount, hostMounts, isWithin } from './mount-list.ts';
import { isPrivileged } from './subject.ts';
import type { AuditInput, Finding, Rule, Severity } from './types.ts';

/** Sockets of engines: whoever may connect can have any container started, so is root. */
const ENGINE_SOCKETS: readonly string[] = [
  '/run/docker.sock',
  '/run/isle/isle.sock',
  '/run/containerd/containerd.sock',
  '/run/crio/crio.sock',
  '/run/podman/podman.sock',
  '/run/buildkit/buildkitd.sock',
];
const SOCKET_NAME = /\/(?:docker|isle|containerd|crio|podman|buildkitd|cri-dockerd)\.sock$/;

/** null: no engine's socket can be reached through this mount. '/' has a finding of its own. */
function reachedSocket({ source }: HostMount): string | null {
  if (SOCKET_NAME.test(source)) return source;
  if (source === '/') return null;
  return ENGINE_SOCKETS.find((socket) => isWithin(socket, source)) ?? null;
}

function socketFinding(mount: HostMount, socket: string): Finding {
  return {
    id: 'engine-socket',
    title: "Reaches a container engine's socket",
    severity: 'critical',
    what: mount.what,
    attack: `Sends POST /containers/create (or its like) with Privileged and a bind mount of / to ${socket}, starts that container, and is root on the host. Read-only changes nothing: connecting writes no file.`,
    fix: 'Leave the socket out; if the program only looks, put a proxy in between that lets GET requests of single routes pass.',
    reference: 'SECURITY.md: whoever reaches the API socket is root',
    origin: 'asked',
  };
}

interface Place {
  readonly paths: readonly string[];
  /** below: also a directory or file in it; else only itself, or what contains it */
  readonly below: boolean;
  readonly writable: Severity;
  /** null: nothing to say when it is read-only */
  readonly readonly: Severity | null;
  readonly attack: string;
  readonly readonlyAttack?: string;
  readonly fix: string;
}

const SPECIFIC = 'Mount only the directory that the program needs, and read-only (:ro) if it only reads.';

/** The first that fits is told. */
const PLACES: readonly Place[] = [
  {
    paths: ['/'],
    below: false,
    writable: 'critical',
    readonly: 'high',
    attack:
      "Writes /etc/cron.d, /root/.ssh/authorized_keys or a program of /usr/bin under the mount: the host executes it as root. (chroot into the mount is already a shell on the host's files.)",
    readonlyAttack:
      "Reads /etc/shadow, private keys and every container's data; connects to the sockets of engines under /run, which read-only does not hinder.",
    fix: SPECIFIC,
  },
  {
    paths: ['/proc'],
    below: true,
    writable: 'critical',
    readonly: 'medium',
    attack:
      "Writes a pipe into the mounted sys/kernel/core_pattern and crashes a program: the kernel starts the attacker's program as root on the host.",
    readonlyAttack:
      "Reads the command lines of all the host's processes, and with the uid of a user of the host (setuid) the environments and, through PID/root, the files of that user.",
    fix: 'Leave it out: the container has a /proc of its own; for metrics mount single files, read-only.',
  },
  {
    paths: ['/sys/fs/cgroup'],
    below: true,
    writable: 'critical',
    readonly: 'info',
    attack:
      "Moves itself into the root cgroup by cgroup.procs: its limits and device rules are gone, and a node of the host's disk, made with mknod(1), opens. With SYS_ADMIN it sets a release_agent, which the kernel starts as root on the host.",
    readonlyAttack: "Sees the names and the load of all the host's services and containers.",
    fix: 'Leave it out; a container with its own cgroup namespace sees its own cgroup there.',
  },
  {
    paths: ['/sys'],
    below: true,
    writable: 'critical',
    readonly: 'low',
    attack:
      'Writes kernel/uevent_helper, where the kernel has it, and root of the host executes a program; or leaves its limits and device rules by fs/cgroup, which comes along; or reconfigures hardware.',
    readonlyAttack: "Reads the host's hardware, firmware and cgroup names, which the masked paths hide otherwise.",
    fix: 'Leave it out; mount the one subdirectory that is needed, read-only.',
  },
  {
    paths: ['/dev'],
    below: false,
    writable: 'high',
    readonly: 'medium',
    attack:
      "Replaces /dev/null or another node for every program of the host by a file of its own, and reads the host's terminals and shared memory (/dev/shm).",
    readonlyAttack:
      'Writes to terminals of the host in /dev/pts (opening a device is not hindered by read-only) as far as the device rules allow.',
    fix: 'Pass the single device with --device.',
  },
  {
    paths: ['/boot'],
    below: true,
    writable: 'high',
    readonly: 'info',
    attack:
      "Changes the initial ramdisk or the boot loader's configuration: at the next boot its code runs before all else.",
    readonlyAttack: 'Reads the kernel image and System.map, which give the addresses that kernel exploits need.',
    fix: SPECIFIC,
  },
  {
    paths: ['/etc'],
    below: false,
    writable: 'critical',
    readonly: 'medium',
    attack: 'Adds a line to cron.d, sudoers or passwd, or a library to ld.so.preload: root of the host executes it.',
    readonlyAttack: 'Reads shadow and private keys (ssh, TLS), and tries the password hashes at leisure.',
    fix: 'Mount the single file that is needed, read-only.',
  },
  {
    paths: [
      ...'cron.d crontab cron.hourly cron.daily passwd shadow sudoers sudoers.d ssh ld.so.preload systemd init.d pam.d profile.d udev'
        .split(' ')
        .map((name) => `/etc/${name}`),
      '/var/spool/cron',
      '/lib/systemd',
    ],
    below: true,
    writable: 'critical',
    readonly: 'low',
    attack: 'Writes a job, unit, key or account there that the host carries out as root.',
    readonlyAttack: 'Reads accounts, keys or jobs of the host.',
    fix: SPECIFIC,
  },
  {
    paths: ['/root', '/root/.ssh', '/home/*/.ssh'],
    below: false,
    writable: 'critical',
    readonly: 'medium',
    attack: "Adds a key to .ssh/authorized_keys and logs in to the host as that user; or adds to root's .bashrc.",
    readonlyAttack: 'Reads private keys and credentials (.ssh, .docker, .kube, .aws) and uses them elsewhere.',
    fix: SPECIFIC,
  },
  {
    paths: ['/home', '/home/*'],
    below: false,
    writable: 'high',
    readonly: 'medium',
    attack:
      'Writes .ssh/authorized_keys or .bashrc of a user and has a shell as that user on the host; where the user may use sudo, as root.',
    readonlyAttack: 'Reads private keys and credentials of the users (.ssh, .docker, .kube, .aws).',
    fix: 'Mount the project directory, not the home directory.',
  },
  {
    paths: ['/var', '/var/lib'],
    below: false,
    writable: 'critical',
    readonly: 'medium',
    attack:
      'Changes the files of other containers and images in lib/isle or lib/docker, or jobs in spool/cron, which root of the host executes.',
    readonlyAttack: "Reads databases and other containers' data and logs.",
    fix: SPECIFIC,
  },
  {
    paths: ['/var/lib/isle', '/var/lib/docker', '/var/lib/containerd', '/var/lib/kubelet', '/var/lib/containers'],
    below: true,
    writable: 'critical',
    readonly: 'high',
    attack:
      "Changes programs in other containers' layers, which privileged ones among them execute, or the engine's own records of what to mount.",
    readonlyAttack: "Reads all other containers' files, logs, environments and secrets.",
    fix: 'Use a volume; ask the engine over a proxy that lets single routes pass.',
  },
  {
    paths: ['/usr', '/bin', '/sbin', '/lib', '/lib64', '/usr/bin', '/usr/sbin', '/usr/lib', '/usr/local', '/opt'],
    below: false,
    writable: 'critical',
    readonly: null,
    attack:
      'Replaces a program or library that root of the host executes the next time anyone logs in or a service starts.',
    fix: SPECIFIC,
  },
];

/** `/home/*` is any one name below /home. */
function fits(source: string, { paths, below }: Place): boolean {
  return paths.some((path) => {
    if (path.includes('*')) return new RegExp(`^${path.replace('*', '[^/]+')}$`).test(source);
    return below ? isWithin(source, path) : source === path;
  });
}

function placeFinding(mount: HostMount): Finding[] {
  const place = PLACES.find((candidate) => fits(mount.source, candidate));
  if (place === undefined) return [];
  const severity = mount.readonly ? place.readonly : place.writable;
  if (severity === null) return [];
  return [
    {
      id: mount.readonly ? 'host-path-readable' : 'host-path-writable',
      title: `${mount.readonly ? 'Reads' : 'Writes'} ${mount.source} of the host`,
      severity,
      what: mount.what,
      attack: mount.readonly ? (place.readonlyAttack ?? place.attack) : place.attack,
      fix: place.fix,
      reference: 'OCI runtime-spec, mounts; mount_namespaces(7)',
      origin: 'asked',
    },
  ];
}

/** MS_SHARED needs the right to mount to be of use. */
function sharedFinding(mount: HostMount, input: AuditInput): Finding[] {
  if (!mount.shared) return [];
  const mayMount =
    isPrivileged(input) || input.spec.process?.capabilities?.bounding?.includes('CAP_SYS_ADMIN') === true;
  return [
    {
      id: 'shared-propagation',
      title: 'Mounts made inside appear on the host',
      severity: mayMount ? 'high' : 'low',
      what: mount.what,
      attack:
        'With the right to mount it puts a file system of its own over a directory that programs of the host use; without that right nothing yet.',
      fix: "Use rslave (the host's mounts appear inside, not the other way), or the default rprivate.",
      reference: 'sharedsubtree.rst',
      origin: 'asked',
    },
  ];
}

export const mountFindings: Rule = (input) =>
  hostMounts(input).flatMap((mount) => {
    const socket = reachedSocket(mount);
    const main = socket === null ? placeFinding(mount) : [socketFinding(mount, socket)];
    return [...main, ...sharedFinding(mount, input)];
  });
