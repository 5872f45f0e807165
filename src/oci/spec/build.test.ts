import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DEFAULT_CAPABILITIES } from '../../security/capabilities.ts';
import type { ContainerConfig, HostConfig } from '../container-config.ts';
import { RLIMIT_UNLIMITED, type Spec } from '../runtime-spec.ts';
import { buildSpec, type SpecInput } from './build.ts';
import { thermalThrottlePaths } from './paths.ts';

const ALL_CAPS = (1n << 41n) - 1n;
const ENGINE_FILES = ['hosts', 'hostname', 'resolv.conf'].map((name) => ({
  type: 'bind',
  source: `/engine/${name}`,
  destination: `/etc/${name}`,
  options: ['rbind', 'rprivate'],
}));

function spec(hostConfig: HostConfig = {}, config: ContainerConfig = {}, over: Partial<SpecInput> = {}): Spec {
  return buildSpec({
    id: 'c1',
    config,
    hostConfig,
    hostname: 'c1',
    user: { uid: 0, gid: 0, additionalGids: [0, 10], home: '/root' },
    argv: ['sh'],
    env: ['PATH=/bin'],
    mounts: ENGINE_FILES,
    cgroupsPath: 'isle/c1',
    capBounding: ALL_CAPS,
    ...over,
  });
}
const mountAt = (built: Spec, path: string) => built.mounts?.find(({ destination }) => destination === path);
const types = (built: Spec) => built.linux?.namespaces?.map(({ type }) => type).toSorted();

describe('the default container', () => {
  const built = spec();

  it('has no IPv6 on the link of an IPv4 network, unless that is asked for', () => {
    const name = 'net.ipv6.conf.eth0.disable_ipv6';
    assert.equal(built.linux?.sysctl?.[name], undefined);
    const connected = (hostConfig: HostConfig) => spec(hostConfig, {}, { ipv4Link: 'eth0' }).linux?.sysctl ?? {};
    assert.equal(connected({})[name], '1');
    assert.equal(connected({ Sysctls: { [name]: '0' } })[name], '0');
    const all = Object.keys(connected({ Sysctls: { 'net.ipv6.conf.all.disable_ipv6': '0' } }));
    assert.ok(all.indexOf(name) < all.indexOf('net.ipv6.conf.all.disable_ipv6'), 'what is asked for has the last word');
  });

  it('has its own mount, uts, pid, ipc, network and cgroup namespaces', () => {
    assert.deepEqual(types(built), ['cgroup', 'ipc', 'mount', 'network', 'pid', 'uts']);
  });

  it("has Docker's mounts in order, and the engine's files as files", () => {
    assert.deepEqual(
      built.mounts?.map(({ destination, type }) => `${type} ${destination}`),
      [
        'proc /proc',
        'tmpfs /dev',
        'devpts /dev/pts',
        'sysfs /sys',
        'cgroup /sys/fs/cgroup',
        'mqueue /dev/mqueue',
        'tmpfs /dev/shm',
        'bind /etc/hosts',
        'bind /etc/hostname',
        'bind /etc/resolv.conf',
      ],
    );
    assert.ok(mountAt(built, '/dev/shm')?.options?.includes('size=67108864'));
    assert.ok(mountAt(built, '/etc/hosts')?.options?.includes('create=file'));
    assert.ok(mountAt(built, '/sys')?.options?.includes('ro'));
  });

  it("has Docker's capabilities in three sets, and none inheritable or ambient", () => {
    const sets = built.process?.capabilities;
    assert.deepEqual(sets?.bounding, DEFAULT_CAPABILITIES);
    assert.deepEqual(sets?.effective, DEFAULT_CAPABILITIES);
    assert.deepEqual(sets?.permitted, DEFAULT_CAPABILITIES);
    assert.equal(sets?.inheritable, undefined);
    assert.equal(sets?.ambient, undefined);
  });

  it('hides and protects the kernel, and lets ports below 1024 and ping be used', () => {
    for (const path of ['/proc/kcore', '/proc/interrupts', '/sys/firmware', '/sys/devices/virtual/powercap']) {
      assert.ok(built.linux?.maskedPaths?.includes(path), path);
    }
    assert.ok(built.linux?.readonlyPaths?.includes('/proc/sys'));
    assert.equal(built.linux?.sysctl?.['net.ipv4.ip_unprivileged_port_start'], '0');
    assert.equal(built.linux?.sysctl?.['net.ipv4.ping_group_range'], '0 2147483647');
  });

  it('denies every device that is not listed, and asks for no other limit', () => {
    assert.deepEqual(Object.keys(built.linux?.resources ?? {}), ['devices']);
    assert.deepEqual(built.linux?.resources?.devices?.[0], { allow: false, access: 'rwm' });
    assert.equal(built.process?.oomScoreAdj, 0);
    assert.equal(built.process?.cwd, '/');
  });

  it('masks the thermal counters that the host has', () => {
    const masked = spec({}, {}, { maskedHostPaths: thermalThrottlePaths(2) }).linux?.maskedPaths ?? [];
    assert.ok(masked.includes('/sys/devices/system/cpu/cpu1/thermal_throttle'));
  });
});

describe('what the user asks for', () => {
  it('gives another user than root nothing but the bounding set', () => {
    const user = { uid: 1000, gid: 1000, additionalGids: [1000], home: '/' };
    assert.deepEqual(Object.keys(spec({}, {}, { user }).process?.capabilities ?? {}), ['bounding']);
  });

  it('changes the capability sets by --cap-add and --cap-drop', () => {
    const sets = spec({ CapAdd: ['NET_ADMIN'], CapDrop: ['ALL'] }).process?.capabilities;
    assert.deepEqual(sets?.effective, ['CAP_NET_ADMIN']);
  });

  it('shares the network of the host with --network host, and sets no sysctl of it', () => {
    const built = spec({ NetworkMode: 'host' });
    assert.ok(!types(built)?.includes('network'));
    assert.deepEqual(built.linux?.sysctl, {});
  });

  it("opens everything with --privileged, within the host's bounding set", () => {
    const withoutResource = ALL_CAPS & ~(1n << 24n);
    const built = spec({ Privileged: true }, {}, { capBounding: withoutResource });
    assert.equal(built.process?.capabilities?.effective?.length, 40);
    assert.ok(!built.process?.capabilities?.bounding?.includes('CAP_SYS_RESOURCE'));
    assert.deepEqual(built.linux?.maskedPaths, []);
    assert.deepEqual(built.linux?.readonlyPaths, []);
    assert.deepEqual(built.linux?.resources?.devices, [{ allow: true, access: 'rwm' }]);
    assert.ok(!mountAt(built, '/sys')?.options?.includes('ro'));
    assert.ok(!mountAt(built, '/sys/fs/cgroup')?.options?.includes('ro'));
  });

  it('allows as much swap as memory where only memory is limited', () => {
    assert.deepEqual(spec({ Memory: 100 }).linux?.resources?.memory, { limit: 100, swap: 200 });
    assert.deepEqual(spec({ Memory: 100, MemorySwap: -1 }).linux?.resources?.memory, { limit: 100, swap: -1 });
    assert.deepEqual(spec({ MemorySwappiness: -1, PidsLimit: 0 }).linux?.resources, spec().linux?.resources);
  });

  it('turns --cpus into a quota of 100 ms periods', () => {
    assert.deepEqual(spec({ NanoCpus: 5e8 }).linux?.resources?.cpu, { period: 100_000, quota: 50_000 });
    assert.deepEqual(spec({ CpuQuota: 20_000, CpuShares: 2 }).linux?.resources?.cpu, { shares: 2, quota: 20_000 });
  });

  it('passes ulimits on, -1 as unlimited', () => {
    const limits = spec({ Ulimits: [{ Name: 'nofile', Soft: 5, Hard: -1 }] }).process?.rlimits;
    assert.deepEqual(limits, [{ type: 'RLIMIT_NOFILE', soft: 5, hard: RLIMIT_UNLIMITED }]);
  });

  it("makes the engine's files read-only with a read-only root, but not /dev", () => {
    const built = spec({ ReadonlyRootfs: true });
    assert.equal(built.root?.readonly, true);
    assert.ok(mountAt(built, '/etc/hosts')?.options?.includes('ro'));
    assert.ok(!mountAt(built, '/dev')?.options?.includes('ro'));
    assert.ok(!mountAt(built, '/dev/shm')?.options?.includes('ro'));
  });

  it("mounts tmpfs with Docker's flags, after shallower mounts, in the place of a default one", () => {
    const built = spec({ Tmpfs: { '/run/deep/er': 'size=1m,exec', '/dev/shm': '' } });
    assert.deepEqual(mountAt(built, '/run/deep/er')?.options, ['nosuid', 'nodev', 'rprivate', 'exec', 'size=1m']);
    assert.equal(built.mounts?.filter(({ destination }) => destination === '/dev/shm').length, 1);
    assert.equal(built.mounts?.at(-1)?.destination, '/run/deep/er');
    const mounts = [{ Type: 'tmpfs', Target: '/x', TmpfsOptions: { SizeBytes: 9, Mode: 0o700 } }];
    assert.deepEqual(mountAt(spec({ Mounts: mounts }), '/x')?.options?.slice(-2), ['size=9', 'mode=700']);
  });

  it('has no /dev/shm with --ipc none, and the size that was asked otherwise', () => {
    assert.equal(mountAt(spec({ IpcMode: 'none' }), '/dev/shm'), undefined);
    assert.ok(mountAt(spec({ ShmSize: 4096 }), '/dev/shm')?.options?.includes('size=4096'));
  });

  it('takes the given masked paths, also none, instead of the default', () => {
    const built = spec({ MaskedPaths: [], ReadonlyPaths: ['/proc/sys'] });
    assert.deepEqual([built.linux?.maskedPaths, built.linux?.readonlyPaths], [[], ['/proc/sys']]);
  });

  it('sets no_new_privs in each of the ways to write it', () => {
    for (const option of ['no-new-privileges', 'no-new-privileges=true', 'no-new-privileges:true']) {
      assert.equal(spec({ SecurityOpt: [option] }).process?.noNewPrivileges, true, option);
    }
    assert.equal(spec({ SecurityOpt: ['no-new-privileges=false'] }).process?.noNewPrivileges, undefined);
  });

  it('gives a terminal with its size, a working directory, a domain name and annotations', () => {
    const built = spec(
      { ConsoleSize: [24, 80], Annotations: { a: 'b' } },
      { Tty: true, WorkingDir: '/srv', Domainname: 'd' },
    );
    assert.equal(built.process?.terminal, true);
    assert.deepEqual(built.process?.consoleSize, { height: 24, width: 80 });
    assert.equal(built.process?.cwd, '/srv');
    assert.equal(built.domainname, 'd');
    assert.deepEqual(built.annotations, { a: 'b' });
  });
});
