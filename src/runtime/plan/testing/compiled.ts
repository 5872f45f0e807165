/** Plans of containers as tests ask for them, and what is looked up in plans. */
import assert from 'node:assert/strict';
import type { ContainerConfig, HostConfig } from '../../../oci/container-config.ts';
import type { Spec } from '../../../oci/runtime-spec.ts';
import { buildSpec } from '../../../oci/spec/build.ts';
import type { IdMap, JoinedContainers } from '../../../oci/spec/namespaces.ts';
import { type CgroupLayout, createCgroupBackend } from '../../cgroups/index.ts';
import { compileStartPlan, type StartInput } from '../compile.ts';
import type { OpArgs, OpName, Plan } from '../table.ts';

export const LAYOUT: CgroupLayout = {
  version: 1,
  v1: ['cpu', 'cpuacct', 'cpuset', 'memory', 'devices', 'freezer', 'blkio', 'pids', 'systemd'].map((name) => ({
    mountPoint: `/sys/fs/cgroup/${name}`,
    controllers: name === 'systemd' ? [] : [name],
    name: name === 'systemd' ? name : null,
  })),
  unified: { mountPoint: '/sys/fs/cgroup/unified', controllers: ['hugetlb'] },
  cpuset: { cpus: '0-1', mems: '0' },
  swapAccounting: true,
};
export const V2: CgroupLayout = {
  ...LAYOUT,
  version: 2,
  v1: [],
  unified: { mountPoint: '/sys/fs/cgroup', controllers: ['cpu', 'memory', 'pids'] },
};
export const ID = '4bd1c0de'.repeat(8);
export const OVERLAY = {
  cwd: '/lib/layers',
  target: '/lib/c/merged',
  options: 'lowerdir=b/fs:a/fs,upperdir=/u,workdir=/w',
};
const SECCOMP = { filter: new Uint8Array(16), flags: 0n, instructions: 2, listener: null, warnings: [] };

interface Given {
  host?: HostConfig;
  config?: ContainerConfig;
  uid?: number;
  over?: Partial<StartInput>;
  joined?: JoinedContainers;
  idMap?: IdMap;
  apparmorProfile?: string;
  change?: (spec: Spec) => Spec;
}

/** The default container's plan, with what is given changed. */
export function compile({
  host = {},
  config = {},
  uid = 0,
  over = {},
  change = (spec) => spec,
  ...more
}: Given = {}): Plan {
  const spec = buildSpec({
    id: ID,
    config,
    hostConfig: host,
    hostname: ID.slice(0, 12),
    user: { uid, gid: uid, additionalGids: [uid], home: '/root' },
    argv: ['sh', '-c', 'true'],
    env: ['PATH=/usr/bin::/bin', 'HOSTNAME=c1', 'HOME=/root'],
    mounts: ['hosts', 'hostname', 'resolv.conf'].map((name) => ({
      type: 'bind',
      source: `/lib/c/${name}`,
      destination: `/etc/${name}`,
      options: ['rbind', 'rprivate'],
    })),
    cgroupsPath: `isle/${ID}`,
    capBounding: (1n << 41n) - 1n,
    ipv4Link: 'eth0',
    ...more,
  });
  return compileStartPlan({
    spec: change(spec),
    id: ID,
    stateDir: `/run/isle/c/${ID}`,
    bundle: `/lib/c/${ID}`,
    logOps: [],
    monitorFlags: 0,
    overlay: OVERLAY,
    cgroups: createCgroupBackend(LAYOUT),
    network: { mode: 'bridge', parent: new Uint8Array([1]), child: new Uint8Array([2]) },
    seccomp: SECCOMP,
    ...over,
  });
}

export const at = (plan: Plan, name: OpName) => plan.ops.findIndex((entry) => entry.op === name);
export function argsOf<N extends OpName>(plan: Plan, name: N): OpArgs<N>[] {
  return plan.ops.filter((entry) => entry.op === name).map((entry) => entry.args as OpArgs<N>);
}
export function assertOrder(plan: Plan, ...names: OpName[]): void {
  const places = names.map((name) => at(plan, name));
  assert.ok(!places.includes(-1), `all of ${names.join()} are there: ${places.join()}`);
  assert.deepEqual(
    places,
    places.toSorted((a, b) => a - b),
    `${names.join(' < ')}: ${places.join()}`,
  );
}
