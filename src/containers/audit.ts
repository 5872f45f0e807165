/** The audit of a container, or of a request to create one: what its configuration opens, and what policy says of that. */
import { release } from 'node:os';
import { dirname } from 'node:path';
import type { AuditReport } from '../api/types/audit.ts';
import { EngineError } from '../errors.ts';
import type { HostConfig } from '../oci/container-config.ts';
import type { Namespace, NamespaceType, Spec } from '../oci/runtime-spec.ts';
import { parseSecurityOpt } from '../oci/security-opt.ts';
import { DEFAULT_MASKED_PATHS, DEFAULT_READONLY_PATHS } from '../oci/spec/paths.ts';
import { securityModules } from '../platform/security-modules.ts';
import {
  type AuditedSeccomp,
  type AuditInput,
  audit,
  type Finding,
  type HostFacts,
  isAtLeast,
  SEVERITIES,
} from '../security/audit/index.ts';
import { landlockOf } from './confinement.ts';
import type { ContainersContext } from './context.ts';
import { donorOf } from './joins.ts';
import { seccompFor, specOf } from './launch-plan.ts';
import type { ContainerRecord } from './record.ts';
import { otherRuntime } from './runtimes/delegation.ts';

/** What does not change while the daemon runs. */
const host = { kernel: release(), lsms: [...securityModules()] };

function hostFacts(context: ContainersContext): HostFacts {
  return {
    ...host,
    landlockAbi: context.landlock.abi,
    engineRoots: [dirname(context.dataDir), dirname(context.runDir)],
  };
}

function seccompOf(caps: readonly string[], { hostConfig }: ContainerRecord): AuditedSeccomp {
  const program = seccompFor(caps, hostConfig);
  if (program === null) return { kind: 'unconfined' };
  const { seccomp } = parseSecurityOpt(hostConfig.SecurityOpt ?? []);
  if (seccomp === 'default') return { kind: 'default' };
  // What the same container would have without a profile of its own; `unconfined` cannot come back from that.
  const byDefault = seccompFor(caps, {}) ?? program;
  const listener = program.listener?.path ?? null;
  return { kind: 'custom', filter: program.filter, byDefault: byDefault.filter, listener };
}

function runtimeFact({ runtimes }: ContainersContext, { hostConfig }: ContainerRecord): AuditInput['runtime'] {
  const runtime = otherRuntime(runtimes, hostConfig);
  return runtime === null ? undefined : { name: runtime.name, isDefault: runtime.name === runtimes.defaultName };
}

/** `User` of the image itself; null when the image is not there any more. */
function imageUser(context: ContainersContext, { imageId }: ContainerRecord): string | null {
  try {
    return context.images.resolve(imageId).config.config?.User ?? '';
  } catch (thrown) {
    if (thrown instanceof EngineError && thrown.kind === 'NotFound') return null;
    throw thrown;
  }
}

/**
 * What of a HostConfig is read from the spec. The rest is audited as it was asked for: a draft was not validated, and a
 * device may be gone, which must not keep a container from being audited.
 */
const SPEC_FIELDS = [
  'CapAdd',
  'CapDrop',
  'CgroupnsMode',
  'IpcMode',
  'MaskedPaths',
  'Memory',
  'NetworkMode',
  'PidMode',
  'PidsLimit',
  'Privileged',
  'ReadonlyPaths',
  'ReadonlyRootfs',
  'SecurityOpt',
  'UTSMode',
  'UsernsMode',
] as const satisfies readonly (keyof HostConfig)[];

function auditedSpec(context: ContainersContext, record: ContainerRecord): Spec {
  const hostConfig = Object.fromEntries(SPEC_FIELDS.map((name) => [name, record.hostConfig[name]]));
  const spec = specOf(context, { ...record, hostConfig });
  const namespaces = spec.linux?.namespaces?.map((namespace): Namespace => {
    const field = MODE_FIELDS[namespace.type];
    const isHosts = field !== undefined && leadsToHost(context, record.hostConfig[field], field);
    return isHosts ? { ...namespace, path: `/proc/1/ns/${namespace.type}` } : namespace;
  });
  return { ...spec, linux: { ...spec.linux, ...(namespaces === undefined ? {} : { namespaces }) } };
}

const MODE_FIELDS: Partial<Record<NamespaceType, 'PidMode' | 'IpcMode' | 'NetworkMode'>> = {
  pid: 'PidMode',
  ipc: 'IpcMode',
  network: 'NetworkMode',
};

/** A container that joins one that is in the host's namespace is there too. */
function leadsToHost(
  context: ContainersContext,
  mode: string | undefined,
  field: 'PidMode' | 'IpcMode' | 'NetworkMode',
): boolean {
  if (mode === 'host') return true;
  const donor = donorOf(context, mode);
  // A container can only name one that was there before it, so this ends.
  return donor !== undefined && leadsToHost(context, donor.record.hostConfig[field], field);
}

function auditRecord(context: ContainersContext, record: ContainerRecord): Finding[] {
  const spec = auditedSpec(context, record);
  return audit({
    config: record.config,
    hostConfig: record.hostConfig,
    spec,
    imageUser: imageUser(context, record),
    runtime: runtimeFact(context, record),
    landlock: landlockOf(context, record.hostConfig, spec.process ?? {}),
    seccomp: seccompOf(spec.process?.capabilities?.bounding ?? [], record),
    sharesIds: record.idOwner === undefined && Boolean(record.idMap),
    kernelPaths: { masked: DEFAULT_MASKED_PATHS, readonly: DEFAULT_READONLY_PATHS },
    host: hostFacts(context),
  });
}

/** `isDraft`: the record is of a request and not of a container. */
export function auditReport(context: ContainersContext, record: ContainerRecord, isDraft: boolean): AuditReport {
  const findings = auditRecord(context, record);
  const counts = { critical: 0, high: 0, medium: 0, low: 0, info: 0 };
  for (const { severity } of findings) counts[severity] += 1;
  const [id, name] = isDraft ? ['', ''] : [record.id, record.name];
  return {
    subject: { kind: isDraft ? 'request' : 'container', id, name, image: record.config.Image ?? '' },
    host,
    counts,
    findings,
  };
}

/**
 * What a create has to be told. A policy (isled --audit-refuse) does not look at the host's own weaknesses, which no
 * request can mend. Throws Forbidden.
 */
export function auditWarnings(context: ContainersContext, record: ContainerRecord): string[] {
  const findings = auditRecord(context, record);
  const { auditRefuse } = context;
  if (auditRefuse !== 'off') {
    refuse(
      auditRefuse,
      findings.filter(({ severity, origin }) => origin !== 'host' && isAtLeast(severity, auditRefuse)),
    );
  }
  // Only what was asked for: a container as everyone makes it should not warn.
  return findings
    .filter(({ severity, origin }) => origin === 'asked' && isAtLeast(severity, 'high'))
    .map(({ severity, title, what, fix }) => `audit: ${severity}: ${title} (${what}). Narrower: ${fix}`);
}

function refuse(level: string, refused: readonly Finding[]): void {
  if (refused.length === 0) return;
  const named = refused.map(({ id, severity, what }) => `${id} (${severity}): ${what}`).join('; ');
  const fixes = [...new Set(refused.map(({ fix }) => fix))].join(' ');
  const threshold = level === SEVERITIES[0] ? level : `${level} or above`;
  throw new EngineError('Forbidden', `the audit policy of this engine refuses findings of ${threshold}: ${named}`, {
    code: 'EAUDIT',
    hint: `${fixes} The policy is isled's --audit-refuse.`,
  });
}
