/** The SELinux labels of containers: given at the create, for life. */
import { realpathSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname } from 'node:path';
import { EngineError } from '../errors.ts';
import type { HostConfig } from '../oci/container-config.ts';
import { parseSecurityOpt } from '../oci/security-opt.ts';
import type { BindRequest } from '../oci/spec/binds.ts';
import { hasSelinux } from '../platform/selinux.ts';
import {
  type ContainerLabels,
  containerLabels,
  duplicateOptions,
  type LabelDefaults,
  levelOf,
  parseContext,
  relabelRefusal,
  sharedLabel,
} from '../security/selinux/index.ts';
import type { ContainersContext } from './context.ts';
import { donorOf } from './joins.ts';
import type { ContainerRecord } from './record.ts';

/** The host's SELinux, as containers see it. */
export interface SelinuxHost {
  readonly defaults: LabelDefaults;
  /** Does the policy know the context? */
  readonly isKnown: (context: string) => boolean;
}

const isLabelOption = (option: string) => /^label[=:]|^disable$/.test(option);

/**
 * The options with dockerd's own among them: the processes of a container that is privileged, or in the host's IPC or PID
 * namespace, get no label; who shares those of another container has that one's.
 */
export function withLabelOptions(context: ContainersContext, hostConfig: HostConfig): HostConfig {
  const { SecurityOpt: given, IpcMode, PidMode, Privileged } = hostConfig;
  const options = given ?? [];
  if (options.some(isLabelOption)) return hostConfig;
  if (Privileged === true || IpcMode === 'host' || PidMode === 'host') {
    return { ...hostConfig, SecurityOpt: [...options, 'label=disable'] };
  }
  const donors = [IpcMode, PidMode].flatMap((mode) => donorOf(context, mode) ?? []);
  const [label = '', other = label] = donors.map(({ record }) => record.labels?.process ?? '');
  if (label === '' || other === '') return hostConfig;
  if (label !== other) {
    throw new EngineError('InvalidParameter', "--ipc and --pid containers SELinux labels aren't the same", {
      hint: 'name the same container for both, or give --security-opt label=disable',
    });
  }
  const duplicated = duplicateOptions(parseContext(label, 'label')).map((option) => `label=${option}`);
  return { ...hostConfig, SecurityOpt: [...options, ...duplicated] };
}

/** undefined: this engine gives no labels. */
export function newLabels(context: ContainersContext, hostConfig: HostConfig): ContainerLabels | undefined {
  if (context.selinux === null) return undefined;
  const taken = new Set([...context.containers.values()].map(({ record }) => levelOf(record.labels?.process ?? '')));
  return containerLabels(context.selinux.defaults, parseSecurityOpt(hostConfig.SecurityOpt ?? []).label, taken);
}

/** Throws InvalidParameter for a label that the policy does not have: the start would fail. */
export function checkLabels({ selinux }: ContainersContext, { labels }: ContainerRecord): void {
  if (selinux === null || labels === undefined) return;
  const unknown = [labels.process, labels.mount].find((label) => label !== '' && !selinux.isKnown(label));
  if (unknown === undefined) return;
  throw new EngineError('InvalidParameter', `the SELinux policy of this host does not know the label ${unknown}`, {
    hint: 'look at --security-opt label=...; for a type that is missing install a policy for containers (container-selinux), or give --security-opt label=disable',
  });
}

export function whyNoLabel(): string {
  return hasSelinux() ? 'this engine runs without --selinux-enabled' : 'this host has no SELinux';
}

/** At create: what is asked for and not given, by name. dockerd is silent about it. */
export function labelWarnings({ selinux }: ContainersContext, asked: HostConfig): string[] {
  if (selinux !== null) return [];
  return (asked.SecurityOpt ?? [])
    .filter((option) => isLabelOption(option) && !/^(?:label[=:])?disable$/.test(option))
    .map((option) => `HostConfig.SecurityOpt: "${option}": ${whyNoLabel()}, so no label is set.`);
}

/** The directories that a relabelling must not touch: the engine's own. */
function ownDirectories({ dataDir, runDir }: ContainersContext): string[] {
  return [dirname(dataDir), dirname(runDir)];
}

/** As the spec's mount has it. */
interface Relabelling {
  /** The source without symbolic links: what is labelled is what was looked at. */
  source: string;
  relabel: string;
}

/**
 * What `:z` or `:Z` does to a bind mount's source; null for nothing. Throws InvalidParameter for a place whose labels the
 * host needs. A source that is missing yet is not judged.
 */
export function relabelling(
  context: ContainersContext,
  { labels }: ContainerRecord,
  { relabel, source }: BindRequest,
): Relabelling | null {
  if (relabel === '' || !labels?.mount) return null;
  if (statSync(source, { throwIfNoEntry: false }) === undefined) return null;
  const path = realpathSync(source);
  const reason = relabelRefusal(path, ownDirectories(context), [homedir()]);
  if (reason !== null) {
    throw new EngineError('InvalidParameter', `error setting label on mount source '${path}': ${reason}`, {
      hint: `leave ":${relabel}" out, or give a directory of its own; --security-opt label=disable reaches files whatever their label is`,
    });
  }
  return { source: path, relabel: relabel === 'z' ? sharedLabel(labels.mount) : labels.mount };
}

/** Throws Conflict for a container that was made under SELinux and is to start without it. */
export function checkSelinuxIsThere({ name, labels }: ContainerRecord, isThere: () => boolean = hasSelinux): void {
  if (labels === undefined || isThere()) return;
  throw new EngineError('Conflict', `container ${name} has SELinux labels, and SELinux is not active on this host`, {
    hint: 'switch it on again, or make the container anew',
  });
}

/** Of the engine's own files in a container: all containers in one network share them. */
export function engineFileLabel({ labels, hostConfig }: ContainerRecord): Pick<Relabelling, 'relabel'> | null {
  if (!labels?.mount) return null;
  const isShared = hostConfig.NetworkMode?.startsWith('container:') === true;
  return { relabel: isShared ? sharedLabel(labels.mount) : labels.mount };
}
