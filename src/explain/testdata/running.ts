/** A running container as /proc tells it (Linux 6.18, cgroup v1): texts recorded from a kernel, shortened, with names of our own. */
import type { Spec } from '../../oci/runtime-spec.ts';
import { op } from '../../runtime/plan/op.ts';
import type { Plan } from '../../runtime/plan/table.ts';
import { DEFAULT_CAPABILITIES } from '../../security/capabilities.ts';
import { compileSeccomp, DEFAULT_PROFILE } from '../../security/seccomp/index.ts';
import type { ContainerExplainInput, KernelFacts, KernelText } from '../types.ts';

const PID = 4711;
const ID = '4bd1'.padEnd(64, '0');

const STATUS = `Name:	sleep
Umask:	0022
State:	S (sleeping)
Tgid:	4711
Pid:	4711
PPid:	4700
Uid:	0	0	0	0
Gid:	0	0	0	0
Groups:	0 10
NStgid:	4711	1
NSpid:	4711	1
CapInh:	0000000000000000
CapPrm:	00000000a80425fb
CapEff:	00000000a80425fb
CapBnd:	00000000a80425fb
CapAmb:	0000000000000000
NoNewPrivs:	0
Seccomp:	2
Seccomp_filters:	1
`;

const MOUNTINFO = `411 398 0:61 / / rw,relatime - overlay overlay rw,lowerdir=bbbbbbbbbbbbbbbbbbbbbbbb/fs:aaaaaaaaaaaaaaaaaaaaaaaa/fs,upperdir=/var/lib/isle/snapshots/containers/4bd1/upper,workdir=/var/lib/isle/snapshots/containers/4bd1/work
412 411 0:64 / /proc rw,nosuid,nodev,noexec,relatime - proc proc rw
413 411 0:65 / /dev rw,nosuid - tmpfs tmpfs rw,size=65536k,mode=755,inode64
414 411 0:67 / /sys ro,nosuid,nodev,noexec,relatime - sysfs sysfs rw
415 414 0:68 / /sys/fs/cgroup ro,nosuid,nodev,noexec,relatime - tmpfs tmpfs rw,mode=755,inode64
416 411 254:0 /var/lib/isle/containers/4bd1/hosts /etc/hosts rw,relatime - ext4 /dev/vda rw
417 411 254:0 /srv/my\\040data /data ro,relatime - ext4 /dev/vda rw
420 412 0:64 /sys /proc/sys ro,nosuid,nodev,noexec,relatime - proc proc rw
421 412 0:64 /bus /proc/bus ro,nosuid,nodev,noexec,relatime - proc proc rw
422 412 0:5 /null /proc/kcore rw,nosuid,noexec,relatime - devtmpfs devtmpfs rw
423 414 0:70 / /sys/firmware ro,relatime - tmpfs tmpfs rw,inode64
`;

const CGROUP = `9:name=systemd:/isle/${ID}
8:pids:/isle/${ID}
4:memory:/isle/${ID}
1:cpu:/isle/${ID}
0::/isle/${ID}
`;

const FIB_TRIE = `Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 172.17.0.0/16 2 0 2
        |-- 172.17.0.0
           /16 link UNICAST
        |-- 172.17.0.2
           /32 host LOCAL
        |-- 172.17.255.255
           /32 link BROADCAST
     +-- 127.0.0.0/8 2 0 2
        |-- 127.0.0.0
           /8 host LOCAL
        |-- 127.0.0.1
           /32 host LOCAL
Local:
     +-- 172.17.0.0/16 2 0 2
        |-- 172.17.0.2
           /32 host LOCAL
`;

const ROUTE = `Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
eth0	00000000	010011AC	0003	0	0	0	00000000	0	0	0
eth0	000011AC	00000000	0001	0	0	0	0000FFFF	0	0	0
`;

const INTERFACES = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:       0       0    0    0    0     0          0         0        0       0    0    0    0     0       0          0
  eth0:     956      12    0    0    0     0          0         0      806       9    0    0    0     0       0          0
`;

const LIMITS = `Limit                     Soft Limit           Hard Limit           Units
Max cpu time              unlimited            unlimited            seconds
Max open files            1024                 4096                 files
Max pending signals       7856                 7856                 signals
`;

const DEVICES = 'b *:* m\nc *:* m\nc 1:3 rwm\nc 136:* rwm\n';

const text = (name: string, content: string | null): KernelText => ({ path: `/proc/${PID}/${name}`, text: content });
const limit = (directory: string, name: string, content: string): KernelText => ({
  path: `/sys/fs/cgroup/${directory}/isle/${ID}/${name}`,
  text: `${content}\n`,
});

const ownNamespaces = { pid: 1, net: 2, mnt: 3, uts: 4, ipc: 5, cgroup: 6, user: 37, time: 34 };
const links = (inodes: Record<string, number>) =>
  Object.fromEntries(Object.entries(inodes).map(([name, inode]) => [name, `${name}:[40265318${inode}]`]));

export const RUNNING: KernelFacts = {
  pid: PID,
  namespaces: links(ownNamespaces),
  hostNamespaces: links({ pid: 36, net: 33, mnt: 32, uts: 38, ipc: 39, cgroup: 35, user: 37, time: 34 }),
  status: STATUS,
  mountinfo: text('mountinfo', MOUNTINFO),
  uidMap: text('uid_map', '         0          0 4294967295\n'),
  hostMountinfo: { path: '/proc/self/mountinfo', text: null },
  timeOffsets: text('timens_offsets', 'monotonic           0         0\nboottime            0         0\n'),
  gidMap: text('gid_map', '         0          0 4294967295\n'),
  limits: text('limits', LIMITS),
  cgroup: text('cgroup', CGROUP),
  cmdline: text('cmdline', 'sleep\0infinity\0'),
  oomScoreAdj: text('oom_score_adj', '0\n'),
  label: text('attr/apparmor/current', 'isle-default (enforce)\n'),
  cgroupFiles: {
    memoryLimit: limit('memory', 'memory.limit_in_bytes', '67108864'),
    memorySwapLimit: limit('memory', 'memory.memsw.limit_in_bytes', '134217728'),
    cpuQuota: limit('cpu', 'cpu.cfs_quota_us', '50000'),
    cpuPeriod: limit('cpu', 'cpu.cfs_period_us', '100000'),
    cpuShares: limit('cpu', 'cpu.shares', '1024'),
    cpusetCpus: limit('cpuset', 'cpuset.cpus', '0-1'),
    pidsLimit: limit('pids', 'pids.max', '64'),
    devices: limit('devices', 'devices.list', DEVICES),
  },
  fibTrie: text('net/fib_trie', FIB_TRIE),
  route: text('net/route', ROUTE),
  interfaces: text('net/dev', INTERFACES),
  inet6: text('net/if_inet6', '00000000000000000000000000000001 01 80 10 80       lo\n'),
  linkMaster: { path: '/sys/class/net/veth4bd1/master', text: 'isle0' },
  sysctls: {
    'net.ipv6.conf.eth0.disable_ipv6': { path: '/proc/sys/net/ipv6/conf/eth0/disable_ipv6, inside', text: '1' },
    'net.ipv4.ping_group_range': { path: '/proc/sys/net/ipv4/ping_group_range, inside', text: '0\t2147483647' },
  },
  linkAddress: { path: '/sys/class/net/eth0/address, inside', text: '02:42:ac:11:00:02' },
  presentPaths: ['/proc/kcore', '/sys/firmware', '/proc/sys', '/proc/bus'],
};

const bind = (source: string, destination: string, ...options: string[]) => ({
  destination,
  source,
  type: 'bind',
  options,
});
const capabilities = [...DEFAULT_CAPABILITIES];

const SPEC: Spec = {
  ociVersion: '1.2.1',
  hostname: 'box',
  root: { path: 'rootfs' },
  process: {
    user: { uid: 0, gid: 0, additionalGids: [10, 0] },
    args: ['sleep', 'infinity'],
    env: ['PATH=/bin'],
    cwd: '/',
    capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities },
    rlimits: [{ type: 'RLIMIT_NOFILE', soft: 1024, hard: 4096 }],
    apparmorProfile: 'isle-default',
    oomScoreAdj: 0,
  },
  mounts: [
    { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev'] },
    { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'mode=755', 'size=65536k'] },
    { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['nosuid', 'noexec', 'nodev', 'ro'] },
    { destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', options: ['ro', 'nosuid', 'noexec', 'nodev'] },
    bind('/var/lib/isle/containers/4bd1/hosts', '/etc/hosts', 'rbind'),
    bind('/srv/my data', '/data', 'rbind', 'ro'),
  ],
  linux: {
    namespaces: [
      { type: 'mount' },
      { type: 'uts' },
      { type: 'pid' },
      { type: 'ipc' },
      { type: 'network' },
      { type: 'cgroup' },
    ],
    devices: [{ path: '/dev/null', type: 'c', major: 1, minor: 3 }],
    cgroupsPath: `isle/${ID}`,
    resources: {
      devices: [
        { allow: false, access: 'rwm' },
        { allow: true, type: 'c', access: 'm' },
        { allow: true, type: 'b', access: 'm' },
        { allow: true, type: 'c', major: 1, minor: 3, access: 'rwm' },
        { allow: true, type: 'c', major: 136, access: 'rwm' },
      ],
      memory: { limit: 67108864, swap: 134217728 },
      cpu: { quota: 50000, period: 100000, cpus: '0,1' },
      pids: { limit: 64 },
    },
    sysctl: { 'net.ipv6.conf.eth0.disable_ipv6': '1', 'net.ipv4.ping_group_range': '0 2147483647' },
    maskedPaths: ['/proc/kcore', '/proc/scsi', '/sys/firmware'],
    readonlyPaths: ['/proc/sys', '/proc/bus', '/proc/asound'],
  },
};

const seccomp = compileSeccomp(DEFAULT_PROFILE, { caps: capabilities, arch: 'x86_64', kernel: [6, 18] });

const PLAN: Plan = {
  ops: [
    op('setup', 'namespaces', 'clone', { flags: 0x6c020000n }),
    op('child', 'rootfs', 'overlayRoot', {
      cwd: '/var/lib/isle/snapshots/layers',
      target: '/var/lib/isle/snapshots/containers/4bd1/merged',
      options: 'lowerdir=bbbbbbbbbbbbbbbbbbbbbbbb/fs:aaaaaaaaaaaaaaaaaaaaaaaa/fs,upperdir=/u,workdir=/w',
      flags: 0n,
    }),
    op('child', 'seccomp', 'seccomp', { flags: seccomp.flags, filter: seccomp.filter }),
    op('child', 'process', 'exec', { argv: ['sleep', 'infinity'], env: [], searchPath: ['/bin'] }),
  ],
};

/** A container for which everything holds. */
export const CONTAINER: ContainerExplainInput = {
  id: ID,
  name: '/box',
  state: 'running',
  pid: PID,
  spec: SPEC,
  plan: PLAN,
  modules: ['capability', 'apparmor'],
  landlock: { asked: { absent: 'confined' }, abi: 7, entered: null },
  kernel: RUNNING,
  network: {
    ip: '172.17.0.2',
    prefixLength: 16,
    gateway: '172.17.0.1',
    mac: '02:42:ac:11:00:02',
    bridge: 'isle0',
    hostLink: 'veth4bd1',
  },
  image: {
    reference: 'busybox:latest',
    id: `sha256:${'c'.repeat(64)}`,
    layers: [`sha256:${'a'.repeat(64)}`, `sha256:${'b'.repeat(64)}`],
  },
};
