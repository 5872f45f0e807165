import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import type { CreateRequest, HostConfig } from './container-config.ts';
import { type CreateFacts, validateCreate } from './validate.ts';

const FACTS: CreateFacts = { capBounding: (1n << 41n) - 1n, cpus: 2, cpusetCpus: '0-1', cpusetMems: '0' };

/** What `docker run --rm IMAGE echo hi` of the docker CLI 28.2 sends. */
const CLI_REQUEST = JSON.parse(
  readFileSync(new URL('./testdata/docker-cli-28-run.json', import.meta.url), 'utf8'),
) as CreateRequest;

const check = (request: CreateRequest, facts: Partial<CreateFacts> = {}) =>
  validateCreate(request, { ...FACTS, ...facts }).warnings;
const host = (hostConfig: HostConfig, facts: Partial<CreateFacts> = {}) => check({ HostConfig: hostConfig }, facts);
/** JSON from the wire, which keeps to no type. */
const sent = (json: object) => json as CreateRequest;

describe('requests that pass', () => {
  it('accepts what the docker CLI sends for a plain run, without a warning', () => {
    assert.deepEqual(check(CLI_REQUEST), []);
    assert.deepEqual(check({}), []);
    assert.deepEqual(check({ HostConfig: null, NetworkingConfig: null }), []);
  });

  it('accepts limits, capabilities, tmpfs and the other things that are honoured', () => {
    const hostConfig: HostConfig = {
      Memory: 6 << 20,
      MemorySwap: -1,
      NanoCpus: 2e9,
      PidsLimit: -1,
      CpusetCpus: '0,1',
      CapAdd: ['net_admin'],
      CapDrop: ['ALL'],
      Tmpfs: { '/run': 'rw,size=64k,mode=1770' },
      OomScoreAdj: -1000,
      Ulimits: [{ Name: 'nofile', Soft: 1024, Hard: -1 }],
      SecurityOpt: ['no-new-privileges', 'seccomp=unconfined'],
      Sysctls: { 'net.core.somaxconn': '100', 'kernel.shm_rmid_forced': '1' },
      ExtraHosts: ['db:10.0.0.1', 'me=host-gateway'],
      Dns: ['1.1.1.1'],
      LogConfig: { Type: 'none' },
      NetworkMode: 'none',
      CgroupnsMode: 'host',
    };
    const HostConfig = { ...CLI_REQUEST.HostConfig, ...hostConfig };
    assert.deepEqual(check({ ...CLI_REQUEST, HostConfig, NetworkingConfig: null }), []);
  });
});

const DOCKER_REFUSES: [CreateRequest, string][] = [
  [{ HostConfig: { Memory: 6 * 1024 * 1024 - 1 } }, 'Minimum memory limit allowed is 6MB'],
  [
    { HostConfig: { Memory: 64 << 20, MemorySwap: 32 << 20 } },
    'Minimum memoryswap limit should be larger than memory limit, see usage',
  ],
  [
    { HostConfig: { MemorySwap: 32 << 20 } },
    'You should always set the Memory limit when using Memoryswap limit, see usage',
  ],
  [
    { HostConfig: { Memory: 8 << 20, MemoryReservation: 9 << 20 } },
    'Minimum memory limit can not be less than memory reservation limit, see usage',
  ],
  [{ HostConfig: { MemorySwappiness: 101 } }, 'Invalid value: 101, valid memory swappiness range is 0-100'],
  [{ HostConfig: { NanoCpus: 3e9 } }, 'range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available'],
  [{ HostConfig: { NanoCpus: 1e6 } }, 'range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available'],
  [
    { HostConfig: { NanoCpus: 1e9, CpuQuota: 5000 } },
    'Conflicting options: Nano CPUs and CPU Quota cannot both be set',
  ],
  [{ HostConfig: { CpuQuota: 999 } }, 'CPU cfs quota can not be less than 1ms (i.e. 1000)'],
  [{ HostConfig: { CpuShares: -1 } }, 'invalid CPU shares (-1): value must be a positive integer'],
  [{ HostConfig: { CpuShares: 1 } }, 'the minimum allowed cpu-shares is 2'],
  [{ HostConfig: { CpuShares: 262_145 } }, 'the maximum allowed cpu-shares is 262144'],
  [{ HostConfig: { BlkioWeight: 9 } }, 'Range of blkio weight is from 10 to 1000'],
  [
    { HostConfig: { BlkioWeightDevice: [{ Path: '/dev/sda', Weight: 1001 }] } },
    'Range of blkio weight is from 10 to 1000 (/dev/sda)',
  ],
  [
    { HostConfig: { BlkioDeviceReadBps: [{ Path: 'sda', Rate: 1 }] } },
    'invalid HostConfig.BlkioDeviceReadBps: no path of a device',
  ],
  [
    { HostConfig: { CpuRealtimePeriod: 1000, CpuRealtimeRuntime: 2000 } },
    'cpu real-time runtime cannot be higher than cpu real-time period',
  ],
  [{ HostConfig: { Runtime: 'kata' } }, 'unknown or invalid runtime name: kata'],
  [{ HostConfig: { CgroupParent: '/' } }, 'invalid cgroup parent "/": it names the root cgroup'],
  [{ HostConfig: { CgroupParent: '/a/../b' } }, 'invalid cgroup parent "/a/../b": it is no path of plain names'],
  [{ HostConfig: { CpusetCpus: '0-' } }, 'Invalid value 0- for cpuset cpus'],
  [{ HostConfig: { CpusetCpus: '0-4294967295' } }, 'Invalid value 0-4294967295 for cpuset cpus'],
  [{ HostConfig: { CpusetCpus: '2' } }, 'Requested CPUs are not available - requested 2, available: 0-1'],
  [{ HostConfig: { CpusetMems: '1' } }, 'Requested memory nodes are not available - requested 1, available: 0'],
  [{ HostConfig: { CapAdd: ['NO_SUCH'] } }, 'invalid CapAdd: unknown capability: "CAP_NO_SUCH"'],
  [{ HostConfig: { ShmSize: -1 } }, 'SHM size can not be less than 0'],
  [{ HostConfig: { OomScoreAdj: 1001 } }, 'Invalid value 1001, range for oom score adj is [-1000, 1000]'],
  [{ HostConfig: { IpcMode: 'nonsense' } }, 'invalid IPC mode: nonsense'],
  [{ HostConfig: { CgroupnsMode: 'nonsense' } }, 'invalid cgroup namespace mode: nonsense'],
  [
    { HostConfig: { AutoRemove: true, RestartPolicy: { Name: 'always' } } },
    "can't create 'AutoRemove' container with restart policy",
  ],
  [
    { HostConfig: { RestartPolicy: { Name: 'no', MaximumRetryCount: 3 } } },
    "invalid restart policy: maximum retry count can only be used with 'on-failure'",
  ],
  [
    { HostConfig: { Ulimits: [{ Name: 'nofile', Soft: 10, Hard: 5 }] } },
    'ulimit soft limit must be less than or equal to hard limit: 10 > 5',
  ],
  [{ HostConfig: { Ulimits: [{ Name: 'files', Soft: 1, Hard: 1 }] } }, 'invalid ulimit type: files'],
  [{ HostConfig: { SecurityOpt: ['nonsense'] } }, 'invalid --security-opt 1: "nonsense"'],
  [{ HostConfig: { UsernsMode: 'keep-id' } }, 'invalid USER mode: keep-id'],
  [{ HostConfig: { SecurityOpt: ['userns=auto:size=x'] } }, 'invalid USER mode: auto:size=x'],
  [{ HostConfig: { SecurityOpt: ['a=b'] } }, 'invalid --security-opt 2: "a=b"'],
  [
    { HostConfig: { Sysctls: { 'kernel.core_pattern': '|/x' } } },
    'sysctl "kernel.core_pattern" is not in a separate kernel namespace',
  ],
  [
    { HostConfig: { NetworkMode: 'host', Sysctls: { 'net.core.somaxconn': '1' } } },
    'sysctl "net.core.somaxconn" not allowed in host network namespace',
  ],
  [{ HostConfig: { Tmpfs: { '/x': 'nonsense' } } }, 'Invalid tmpfs option "nonsense"'],
  [{ HostConfig: { Tmpfs: { '/': '' } } }, "invalid specification: destination can't be '/'"],
  [{ HostConfig: { PidMode: 'container:' } }, 'invalid PID mode: container:'],
  [{ Hostname: 'a', HostConfig: { UTSMode: 'host' } }, 'conflicting options: hostname and the UTS mode'],
  [{ HostConfig: { NetworkMode: 'container:' } }, 'invalid network mode: invalid container format container:<name|id>'],
  [{ HostConfig: { NetworkMode: 'container:x', Dns: ['1.1.1.1'] } }, 'conflicting options: dns and the network mode'],
  [
    { HostConfig: { IpcMode: 'host', Sysctls: { 'kernel.msgmax': '1' } } },
    'sysctl "kernel.msgmax" not allowed in host ipc namespace',
  ],
  [{ HostConfig: { DeviceCgroupRules: ['d 1:1 r'] } }, "invalid device cgroup rule format: 'd 1:1 r'"],
  [{ HostConfig: { Binds: ['/a:/b:/c:d'] } }, "invalid volume specification: '/a:/b:/c:d'"],
  [{ HostConfig: { Binds: ['/a:b'] } }, "invalid mount path: 'b' mount path must be absolute"],
  [{ HostConfig: { Binds: ['/a:/b:ro,rw'] } }, 'invalid mode: ro,rw'],
  [{ HostConfig: { Binds: ['/a:/..'] } }, "invalid specification: destination can't be '/'"],
  [{ HostConfig: { Binds: ['/a:/b', '/c:/b/'] } }, 'Duplicate mount point: /b'],
  [
    { HostConfig: { Mounts: [{ Type: 'bind', Target: '/b' }] } },
    'invalid mount config for type "bind": field Source must not be empty',
  ],
  [{ HostConfig: { Isolation: 'hyperv' } }, "invalid isolation (hyperv): linux only supports 'default'"],
  [
    { NetworkingConfig: { EndpointsConfig: { default: { IPAMConfig: { IPv4Address: '10.0.0.9' } } } } },
    'user specified IP address is supported on user defined networks only',
  ],
  [{ Env: ['=x'] }, 'invalid environment variable: =x'],
  [{ Env: [''] }, 'invalid environment variable: '],
  [{ WorkingDir: 'srv' }, "the working directory 'srv' is invalid, it needs to be an absolute path"],
  [{ Healthcheck: { Interval: 1000 } }, 'Interval in Healthcheck cannot be less than 1ms'],
  [{ Healthcheck: { Test: ['PING'] } }, 'Healthcheck.Test begins with "PING": it has to be NONE, CMD or CMD-SHELL'],
  [{ Healthcheck: { Test: ['CMD'] } }, 'Healthcheck.Test CMD names no command'],
  [{ ExposedPorts: { 'web/tcp': {} } }, 'invalid port specification: "web/tcp"'],
];

describe("dockerd's own checks, in its words", () => {
  for (const [request, message] of DOCKER_REFUSES) {
    it(`refuses: ${message}`, () => assert.throws(() => check(request), { kind: 'InvalidParameter', message }));
  }
});

describe('input that would do something else than it says', () => {
  it('refuses names that would bring lines of their own into /etc', () => {
    const bad: CreateRequest[] = [
      { Hostname: 'a\nb' },
      { Hostname: 'x'.repeat(65) },
      { Domainname: 'a b' },
      { HostConfig: { DnsSearch: ['a\nnameserver 6.6.6.6'] } },
      { HostConfig: { Dns: ['example.org'] } },
      { HostConfig: { ExtraHosts: ['db:10.0.0.1\n1.2.3.4 bank'] } },
      { HostConfig: { ExtraHosts: ['db'] } },
    ];
    for (const request of bad)
      assert.throws(() => check(request), { kind: 'InvalidParameter' }, JSON.stringify(request));
  });

  it('refuses NUL bytes, which would cut a string short', () => {
    for (const request of [{ Cmd: ['a\0b'] }, { Env: ['A=b\0c'] }, { User: 'a\0' }, { WorkingDir: '/a\0' }]) {
      assert.throws(() => check(request), /NUL/, JSON.stringify(request));
    }
  });

  it('refuses sysctl names that leave /proc/sys', () => {
    for (const name of ['net..core', 'net.a/../../kernel/x', 'net/', 'net.a b']) {
      assert.throws(() => host({ Sysctls: { [name]: '1' } }), { kind: 'InvalidParameter' }, name);
    }
  });

  it('reads a seccomp profile before anything is made', () => {
    assert.throws(() => host({ SecurityOpt: ['seccomp={'] }), { kind: 'InvalidParameter' });
    assert.deepEqual(host({ SecurityOpt: ['seccomp={"defaultAction":"SCMP_ACT_ALLOW","syscalls":[]}'] }), []);
  });

  it('refuses JSON of the wrong shape by the name of the field', () => {
    assert.throws(() => check(sent({ Cmd: 'echo' })), { message: 'invalid Config.Cmd: must be a list of strings' });
    assert.throws(() => check(sent({ HostConfig: { Memory: '64m' } })), {
      message: 'invalid HostConfig.Memory: must be an integer',
    });
    assert.throws(() => check(sent({ HostConfig: { NanoCpus: 0.5 } })), /invalid HostConfig.NanoCpus/);
    assert.throws(() => check(sent({ HostConfig: { Tmpfs: { '/x': 1 } } })), /invalid HostConfig.Tmpfs/);
    assert.throws(() => check(sent({ HostConfig: { Ulimits: [null] } })), /invalid ulimit type/);
  });
});

describe('what later versions bring', () => {
  const refused: [string, CreateRequest][] = [
    ['HostConfig.PortBindings', { HostConfig: { PortBindings: { '80/tcp': [{ HostPort: '80' }] } } }],
    ['HostConfig.PublishAllPorts', { HostConfig: { PublishAllPorts: true } }],
    ['HostConfig.Binds', { HostConfig: { Binds: ['name:/b'] } }],
    ['HostConfig.Mounts', { HostConfig: { Mounts: [{ Type: 'volume', Source: 'a', Target: '/b' }] } }],
    ['HostConfig.VolumesFrom', { HostConfig: { VolumesFrom: ['other'] } }],
    ['Config.Volumes', { Volumes: { '/data': {} } }],
    ['HostConfig.Links', { HostConfig: { Links: ['a:b'] } }],
  ];
  for (const [field, request] of refused) {
    it(`refuses ${field} by name, with a way out`, () => {
      assert.throws(
        () => check(request),
        (thrown: Error & { kind?: string; hint?: string }) =>
          thrown.kind === 'NotImplemented' && thrown.message.startsWith(field) && (thrown.hint ?? '') !== '',
      );
    });
  }

  it('refuses networks that it cannot make, and not as NotFound: docker run would pull the image then', () => {
    assert.throws(() => host({ NetworkMode: 'mynet' }), {
      kind: 'InvalidParameter',
      message: 'network mynet not found',
    });
    const EndpointsConfig = { bridge: {}, other: {} };
    assert.throws(() => check({ NetworkingConfig: { EndpointsConfig } }), { kind: 'NotImplemented' });
  });
});

describe('user namespaces', () => {
  it("refuses what needs the host's root, unless the container keeps the host's ids", () => {
    const modes: HostConfig[] = [
      { Privileged: true },
      { NetworkMode: 'host' },
      { PidMode: 'host' },
      { IpcMode: 'host' },
    ];
    for (const mode of modes) {
      assert.throws(() => host(mode, { usernsRemap: true }), { kind: 'InvalidParameter' }, JSON.stringify(mode));
      assert.deepEqual(host({ ...mode, UsernsMode: 'host' }, { usernsRemap: true }), []);
    }
  });
});

describe('warnings', () => {
  it('names a field that it does not know, unless it is empty', () => {
    assert.deepEqual(check(sent({ HostConfig: { Frobnicate: 1 } })), [
      'HostConfig.Frobnicate is not a field that isle knows: it was ignored.',
    ]);
    assert.deepEqual(check(sent({ Frobnicate: null, HostConfig: { Frobnicate: [] } })), []);
  });

  it("says that the image's volumes are none, except where a tmpfs is", () => {
    const warnings = host({ Tmpfs: { '/cache': '' } }, { imageVolumes: { '/cache': {}, '/data': {} } });
    assert.equal(warnings.length, 1);
    assert.match(warnings[0] ?? '', /\/data/);
  });

  it('says what this kernel will not do', () => {
    assert.match(host({ Memory: 64 << 20 }, { swapAccounting: false })[0] ?? '', /without swap/);
    assert.match(host({ MemorySwappiness: 10 }, { cgroupVersion: 2 })[0] ?? '', /swappiness discarded/);
    assert.match(host({ OomKillDisable: true })[0] ?? '', /no memory limit/);
    assert.match(host({ KernelMemory: 64 << 20 })[0] ?? '', /^HostConfig.KernelMemory/);
    assert.match(host({}, { ipv4Forwarding: false })[0] ?? '', /forwarding is disabled/);
    assert.deepEqual(host({ NetworkMode: 'none' }, { ipv4Forwarding: false }), []);
  });

  it('discards published ports with the host network, as Docker does', () => {
    const warnings = host({ NetworkMode: 'host', PortBindings: { '80/tcp': [] } });
    assert.deepEqual(warnings, ['Published ports are discarded when using host network mode']);
  });

  it('names the capabilities that a privileged container does not get here', () => {
    const warnings = host({ Privileged: true }, { capBounding: FACTS.capBounding & ~(1n << 24n) });
    assert.ok(warnings.some((warning) => warning.includes('CAP_SYS_RESOURCE')));
  });
});
