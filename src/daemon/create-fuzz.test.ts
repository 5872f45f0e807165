/** Bodies of `POST /containers/create`, mutated: whatever one says, the answer is a plan or an error for its sender. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { failedCase, fuzzing, type Json, mutated, Random, vocabularyOf } from '../../test/fixtures/fuzz.ts';
import { createRequest } from '../api/create-request.ts';
import { checkValue } from '../api/schema.ts';
import type { ContainersContext } from '../containers/context.ts';
import { createContainer } from '../containers/create.ts';
import { buildStart } from '../containers/launch-plan.ts';
import { OWN_RUNTIME, Runtimes } from '../containers/runtimes/known.ts';
import { EngineError } from '../errors.ts';
import { resolveUser } from '../oci/user.ts';
import { createCgroupBackend } from '../runtime/cgroups/index.ts';
import { encodePlan } from '../runtime/encode.ts';
import { DEFAULT_CAPABILITIES, capabilityMask } from '../security/capabilities.ts';

const { cases, seed } = fuzzing(100_000);
const DIGEST = `sha256:${'1'.repeat(64)}`;
const PASSWD = 'root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n';
const GROUP = 'root:x:0:\nusers:x:100:user\n';

const CLI = JSON.parse(
  readFileSync(join(import.meta.dirname, '../oci/testdata/docker-cli-28-run.json'), 'utf8'),
) as Json;

/** With something in every field that isle honours. */
const RICH: Json = {
  Image: 'busybox',
  Cmd: ['sh', '-c', 'true'],
  Entrypoint: ['/bin/env'],
  Env: ['A=1', 'B'],
  User: 'user:users',
  WorkingDir: '/work',
  Hostname: 'rich',
  Domainname: 'example.test',
  Tty: true,
  OpenStdin: true,
  Labels: { a: 'b' },
  ExposedPorts: { '80/tcp': {} },
  StopSignal: 'SIGINT',
  StopTimeout: 5,
  HostConfig: {
    Binds: ['/etc:/mnt/etc:ro,rslave'],
    Mounts: [
      { Type: 'tmpfs', Target: '/t', TmpfsOptions: { SizeBytes: 4096, Mode: 448, Options: [['noexec']] } },
      { Type: 'bind', Source: '/usr', Target: '/mnt/usr', ReadOnly: true, BindOptions: { Propagation: 'rprivate' } },
    ],
    Tmpfs: { '/run': 'rw,size=64k' },
    NetworkMode: 'none',
    IpcMode: 'private',
    CgroupnsMode: 'private',
    CapAdd: ['NET_RAW'],
    CapDrop: ['MKNOD'],
    GroupAdd: ['users', '5'],
    SecurityOpt: ['no-new-privileges'],
    Sysctls: { 'net.ipv4.ip_forward': '1', 'kernel.shmmax': '1' },
    Ulimits: [{ Name: 'nofile', Soft: 10, Hard: 20 }],
    Devices: [{ PathOnHost: '/dev/null', PathInContainer: '/dev/other', CgroupPermissions: 'rw' }],
    DeviceCgroupRules: ['c 42:* r'],
    Memory: 67_108_864,
    MemorySwap: 134_217_728,
    MemoryReservation: 33_554_432,
    MemorySwappiness: 10,
    CpuShares: 100,
    CpuPeriod: 100_000,
    CpuQuota: 50_000,
    CpusetCpus: '0',
    CpusetMems: '0',
    PidsLimit: 10,
    BlkioWeight: 100,
    ShmSize: 65_536,
    OomScoreAdj: 10,
    Init: true,
    ReadonlyRootfs: true,
    MaskedPaths: ['/proc/kcore'],
    ReadonlyPaths: ['/proc/sys'],
    Annotations: { a: 'b' },
    ExtraHosts: ['a:1.2.3.4'],
    Dns: ['1.1.1.1'],
    LogConfig: { Type: 'json-file', Config: { 'max-size': '1m', labels: 'a', 'env-regex': '^P', tag: '{{.Name}}' } },
    RestartPolicy: { Name: 'no', MaximumRetryCount: 0 },
  },
};

const BODIES = [
  CLI,
  RICH,
  { Image: 'busybox', HostConfig: { NetworkMode: 'host', PidMode: 'host', Privileged: false } },
];

const MAPPED = { containerID: 0, hostID: 100_000, size: 65_536 };
const nothing = (): void => undefined;

/** The parts of the daemon that a create meets, without a disk, a kernel or a database behind them. */
function fakeContext(directory: string): ContainersContext {
  const image = {
    id: DIGEST,
    config: { config: { Cmd: ['sh'], Env: ['PATH=/bin'] } },
    diffIds: [DIGEST],
    repoTags: [],
  };
  const hierarchy = (name: string) => ({ mountPoint: `/cg/${name}`, controllers: [name], name: null });
  const layout = {
    version: 1,
    v1: ['cpu', 'cpuset', 'memory', 'devices', 'pids', 'blkio'].map(hierarchy),
    unified: { mountPoint: '/cg/unified', controllers: ['hugetlb'] },
    cpuset: { cpus: '0-1', mems: '0' },
    swapAccounting: true,
  } as const;
  // Every member by its name: one that is added is missed here when this is compiled.
  const context: Record<keyof ContainersContext, unknown> = {
    store: { insert: nothing },
    launcher: null,
    islet: '',
    cgroupParents: null,
    appArmor: { enabled: false, hasDefault: false, execFile: '', loadDefault: async () => undefined },
    landlock: { abi: 7, byDefault: true },
    lifecycle: null,
    autoIds: null,
    idPool: { allocate: () => ({ uid: [MAPPED], gid: [MAPPED] }) },
    strayMaps: [],
    selinux: null,
    execs: new Map(),
    cgroups: createCgroupBackend(layout),
    cgroupParent: 'isle',
    runtimes: new Runtimes({ added: new Map(), defaultName: OWN_RUNTIME, stateRoot: '/run/runtimes', searchPath: '' }),
    snapshots: {
      prepare: async () => undefined,
      removeContainer: async () => undefined,
      container: () => ({ cwd: '/layers', target: '/merged', options: 'lowerdir=a' }),
    },
    images: { resolve: () => image },
    bridge: {
      batches: () => ({ parent: new Uint8Array(16), child: new Uint8Array(16) }),
      loopbackOnly: () => new Uint8Array(16),
    },
    events: { publish: nothing },
    log: { info: nothing, warn: nothing, error: nothing },
    logDefaults: { Type: 'json-file' },
    dataDir: join(directory, 'data/containers'),
    directories: { take: (path: string) => mkdirSync(path, { recursive: true }) },
    runDir: join(directory, 'run/containers'),
    capBounding: capabilityMask(DEFAULT_CAPABILITIES),
    auditRefuse: 'off',
    idMap: null,
    containers: new Map(),
    accounts: new Map(),
  };
  return context as unknown as ContainersContext;
}

/** All that happens between the body and the launcher. */
async function compile(text: string, context: ContainersContext): Promise<number> {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch (cause) {
    throw new EngineError('InvalidParameter', 'not JSON', { cause });
  }
  const { value: request } = checkValue(body, createRequest);
  const { Id } = await createContainer(context, undefined, request);
  const container = context.containers.get(Id);
  assert.ok(container !== undefined);
  context.containers.delete(Id);
  rmdirSync(join(context.dataDir, Id));
  const { config, hostConfig } = container.record;
  const accounts = { passwd: PASSWD, group: GROUP };
  container.record.user = resolveUser({ user: config.User ?? '', groupAdd: hostConfig.GroupAdd ?? [], ...accounts });
  return encodePlan(buildStart(context, container, false).plan).length;
}

/** Anything else would be the engine's own fault: HTTP status 500. */
const KINDS = ['InvalidParameter', 'NotFound', 'Conflict', 'NotImplemented', 'Forbidden', 'Unavailable'];

describe('bodies of POST /containers/create, mutated', () => {
  let directory: string;
  before(() => {
    // In memory: each container that is made has a directory.
    directory = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'isle-create-fuzz-'));
    mkdirSync(join(directory, 'data/containers'), { recursive: true });
  });
  after(() => rmSync(directory, { recursive: true, force: true }));

  it('are good as they were', async () => {
    const context = fakeContext(directory);
    for (const body of BODIES) assert.ok((await compile(JSON.stringify(body), context)) > 1000);
  });

  it(`become a plan or an error for their sender, ${cases} times`, { timeout: 3_600_000 }, async () => {
    const random = new Random(seed);
    const vocabulary = vocabularyOf(BODIES);
    const context = fakeContext(directory);
    let plans = 0;
    for (let count = 0; count < cases; count++) {
      const text = mutated(BODIES, random, vocabulary);
      try {
        assert.ok((await compile(text, context)) < 64 << 20);
        plans++;
      } catch (error) {
        const isOurs = error instanceof EngineError && KINDS.includes(error.kind) && error.message !== '';
        if (!isOurs) throw failedCase(count, seed, text, error);
      }
    }
    assert.ok(plans > cases / 20, `only ${plans} of ${cases} compiled`);
    assert.equal(context.containers.size, 0);
  });
});
