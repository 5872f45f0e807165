/** From the finished root to the container's program: limits, identity, capabilities, seccomp, exec. */
import { EngineError } from '../../errors.ts';
import type { Capabilities, Process, Rlimit } from '../../oci/runtime-spec.ts';
import { capabilityMask } from '../../security/capabilities.ts';
import { RLIM_INFINITY, RLIMITS } from './constants.ts';
import { op } from './op.ts';
import { type MemoryAndPersonality, memoryAndPersonalityOps, schedulingOps } from './scheduling.ts';
import type { PlanOp, SectionName } from './table.ts';

const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
/** Anything at or above is "no limit": doubles near 2^64 cannot tell. */
const UNLIMITED_FROM = 2 ** 63;
const DEFAULT_UMASK = 0o022;

const limitValue = (value: number) =>
  value < 0 || value >= UNLIMITED_FROM ? RLIM_INFINITY : BigInt(Math.trunc(value));

function rlimitOp({ type, soft, hard }: Rlimit, section: SectionName): PlanOp {
  const resource = RLIMITS[type];
  if (resource === undefined) {
    throw new EngineError('InvalidParameter', `unknown resource limit "${type}"`, {
      hint: `the kernel has ${Object.keys(RLIMITS).join(', ')}`,
    });
  }
  return op(section, 'limits', 'rlimit', { resource, soft: limitValue(soft), hard: limitValue(hard) });
}

function rlimitOps({ rlimits = [] }: Process, section: SectionName): PlanOp[] {
  return rlimits.map((limit) => rlimitOp(limit, section));
}

/** What the monitor does in the section parent for a process in a user namespace, which has no right to it. */
export function hostRightsOps(process: Process): PlanOp[] {
  return [...rlimitOps(process, 'parent'), ...schedulingOps(process, 'parent')];
}

/** The process without what hostRightsOps does. */
export function withoutHostRights({ scheduler: _scheduler, ioPriority: _ioPriority, ...process }: Process): Process {
  return { ...process, rlimits: [] };
}

/** Nothing was asked for: nothing is changed (config.md). */
export function oomScoreOps(value: number | undefined): PlanOp[] {
  return value === undefined ? [] : [op('child', 'limits', 'oomScoreAdj', { value })];
}

export function searchPath(env: readonly string[]): string[] {
  const path = env.findLast((entry) => entry.startsWith('PATH='))?.slice('PATH='.length) ?? DEFAULT_PATH;
  // An empty element would be the working directory, which is the image's to fill.
  return path.split(':').filter(Boolean);
}

interface Masks {
  bounding: bigint;
  effective: bigint;
  permitted: bigint;
  inheritable: bigint;
  ambient: bigint;
}

function masks(capabilities: Capabilities = {}): Masks {
  return {
    bounding: capabilityMask(capabilities.bounding ?? []),
    effective: capabilityMask(capabilities.effective ?? []),
    permitted: capabilityMask(capabilities.permitted ?? []),
    inheritable: capabilityMask(capabilities.inheritable ?? []),
    ambient: capabilityMask(capabilities.ambient ?? []),
  };
}

/**
 * runc's order. Installing a filter without no_new_privs takes CAP_SYS_ADMIN, so it then comes before the identity and
 * capabilities change, and as late as that allows: every call after it has to pass the filter.
 */
export function processOps(
  process: Process,
  linux: MemoryAndPersonality,
  filter: readonly PlanOp[],
  beforeExec: readonly PlanOp[] = [],
): PlanOp[] {
  const { user, capabilities, noNewPrivileges = false } = process;
  const caps = masks(capabilities);
  // Leaving uid 0 clears the permitted set unless it is asked to stay; with nothing to keep that is one call less.
  const keepCaps = user.uid !== 0 && (caps.permitted | caps.ambient) !== 0n;
  return [
    op('child', 'process', 'chdir', { path: process.cwd }),
    ...rlimitOps(process, 'child'),
    ...schedulingOps(process, 'child'),
    ...memoryAndPersonalityOps(linux),
    op('child', 'process', 'umask', { mask: user.umask ?? DEFAULT_UMASK }),
    ...(noNewPrivileges ? [op('child', 'capabilities', 'noNewPrivs', {})] : []),
    op('child', 'capabilities', 'boundingSet', { keep: caps.bounding }),
    ...(keepCaps ? [op('child', 'capabilities', 'keepCaps', { on: 1 })] : []),
    op('child', 'user', 'setGroups', { groups: user.additionalGids ?? [] }),
    op('child', 'user', 'setGid', { gid: user.gid }),
    ...(noNewPrivileges ? [] : filter),
    op('child', 'user', 'setUid', { uid: user.uid }),
    op('child', 'capabilities', 'capset', {
      effective: caps.effective,
      permitted: caps.permitted,
      inheritable: caps.inheritable,
    }),
    ...(caps.ambient === 0n ? [] : [op('child', 'capabilities', 'ambientSet', { raise: caps.ambient })]),
    ...(noNewPrivileges ? filter : []),
    ...beforeExec,
    op('child', 'process', 'exec', { argv: process.args, env: process.env, searchPath: searchPath(process.env) }),
  ];
}
