/** `POST /containers/create`: everything is checked before anything is made; the database row comes last. */
import { rmSync } from 'node:fs';
import { hostname } from 'node:os';
import { EngineError } from '../errors.ts';
import type { ContainerConfig, CreateRequest, HostConfig } from '../oci/container-config.ts';
import { mergeLogConfig } from '../oci/logging.ts';
import { mergeImageConfig } from '../oci/merge.ts';
import { linuxResources } from '../oci/spec/resources.ts';
import { askedUserns } from '../oci/userns-mode.ts';
import { validateCreate } from '../oci/validate.ts';
import { blockDeviceNumber } from '../platform/device-number.ts';
import { randomHex } from '../platform/random.ts';
import { noUserNamespaces } from '../runtime/plan/delegate.ts';
import { resolveCapabilities } from '../security/capabilities.ts';
import { auditWarnings } from './audit.ts';
import { checkBinds } from './binds.ts';
import { checkLandlock, confinementWarnings } from './confinement.ts';
import { Container } from './container.ts';
import { type ContainersContext, containerDir } from './context.ts';
import { explainFullDisk } from './disk-full.ts';
import { unhealthyAction } from './health/action.ts';
import { chooseIds } from './id-map.ts';
import { donorOf, resolveModes } from './joins.ts';
import { seccompFor } from './launch-plan.ts';
import { checkLogTarget } from './logging/settings.ts';
import { generateName } from './name-generator.ts';
import { ownerOnHost } from './owners.ts';
import { publish } from './publish.ts';
import { type ContainerRecord, formatTimeNs, nowNs, ZERO_TIME } from './record.ts';
import { runtimeOf } from './runtimes/delegation.ts';
import { checkLabels, labelWarnings, newLabels, withLabelOptions } from './selinux.ts';
import { parseSignal } from './signals.ts';

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;

/** What this host's cgroups and the compiled system call filter cannot do as asked, each by name. */
function enforcementWarnings(
  { cgroups, cgroupParent, capBounding }: ContainersContext,
  hostConfig: HostConfig,
): string[] {
  const { CapAdd, CapDrop, Privileged } = hostConfig;
  const capabilities = {
    add: CapAdd ?? [],
    drop: CapDrop ?? [],
    privileged: Privileged === true,
    bounding: capBounding,
  };
  return [
    ...cgroups.planContainer(cgroupParent, linuxResources(hostConfig, blockDeviceNumber)).warnings,
    ...(seccompFor(resolveCapabilities(capabilities).names, hostConfig)?.warnings ?? []),
  ];
}

/** What isle can have only its own runtime do. */
function checkRuntimeOf(context: ContainersContext, record: ContainerRecord): void {
  const runtime = runtimeOf(context, record);
  if (runtime !== null && record.idMap) throw noUserNamespaces(runtime);
}

/** A valid, free name; throws in Docker's words otherwise. */
export function checkName(context: ContainersContext, given: string): string {
  const name = given.replace(/^\//, '');
  if (!NAME.test(name)) {
    throw new EngineError(
      'InvalidParameter',
      `Invalid container name (${given}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`,
    );
  }
  for (const { record } of context.containers.values()) {
    if (record.name === name) {
      throw new EngineError(
        'Conflict',
        `Conflict. The container name "/${name}" is already in use by container "${record.id}". You have to remove (or rename) that container to be able to reuse that name.`,
      );
    }
  }
  return name;
}

/** The record that a request makes: the image's values merged in, nothing checked beyond that there is a command. */
export function draftRecord(
  context: ContainersContext,
  request: CreateRequest,
  { id, name }: { id: string; name: string },
): ContainerRecord {
  const image = context.images.resolve(request.Image ?? '');
  const { HostConfig: wanted, NetworkingConfig: _networking, ...asked } = request;
  const hostConfig = withLabelOptions(context, {
    ...resolveModes(context, wanted ?? {}),
    UsernsMode: askedUserns(wanted ?? {}),
    // As dockerd: the default of the day is the container's for life.
    Runtime: wanted?.Runtime || context.runtimes.defaultName,
    LogConfig: mergeLogConfig(wanted?.LogConfig, context.logDefaults),
  });
  const config = mergeImageConfig(asked, image.config.config ?? {});
  const argv = [...(config.Entrypoint ?? []), ...(config.Cmd ?? [])];
  if (argv.length === 0 || argv[0] === '') {
    throw new EngineError('InvalidParameter', 'no command specified', {
      hint: 'give a command behind the image, or --entrypoint',
    });
  }
  return {
    id,
    name,
    created: formatTimeNs(nowNs()),
    imageId: image.id,
    diffIds: image.diffIds,
    config: { ...config, ...hostNames(context, id, config, hostConfig) },
    hostConfig,
    argv,
    state: {
      status: 'created',
      pid: 0,
      exitCode: 0,
      error: '',
      oomKilled: false,
      startedAt: ZERO_TIME,
      finishedAt: ZERO_TIME,
    },
    restartCount: 0,
    endpoint: null,
    user: null,
    ...chooseIds(context, id, hostConfig, { reserve: false }),
    labels: newLabels(context, hostConfig),
  };
}

export async function createContainer(
  context: ContainersContext,
  givenName: string | undefined,
  request: CreateRequest,
): Promise<{ Id: string; Warnings: string[] }> {
  const id = newId(context);
  const record = draftRecord(context, request, { id, name: '' });
  const { version, swapAccounting, cpuset } = context.cgroups.layout;
  const { warnings } = validateCreate(request, {
    capBounding: context.capBounding,
    imageVolumes: context.images.resolve(record.imageId).config.config?.Volumes ?? {},
    cgroupVersion: version,
    swapAccounting,
    cpusetCpus: cpuset?.cpus,
    cpusetMems: cpuset?.mems,
    usernsRemap: context.idMap !== null || context.autoIds !== null,
    isRuntime: (name) => context.runtimes.isKnown(name),
    logDefaults: context.logDefaults,
  });
  checkLogTarget(record);
  checkRuntimeOf(context, record);
  checkLabels(context, record);
  warnings.push(...labelWarnings(context, request.HostConfig ?? {}), ...checkBinds(context, record));
  warnings.push(...enforcementWarnings(context, record.hostConfig));
  checkLandlock(context, record.hostConfig);
  warnings.push(...confinementWarnings(context, record.hostConfig));
  const { StopSignal } = record.config;
  if (StopSignal !== undefined && StopSignal !== '') parseSignal(StopSignal);
  unhealthyAction(record.hostConfig);
  const taken = (name: string) => [...context.containers.values()].some((other) => other.record.name === name);
  record.name = givenName === undefined || givenName === '' ? generateName(taken) : checkName(context, givenName);
  Object.assign(record, chooseIds(context, id, record.hostConfig, { reserve: true }));
  warnings.push(...auditWarnings(context, record));

  const container = new Container(record);
  // The name and the ids are taken from here on, so that a second create meanwhile sees them; others wait their turn.
  context.containers.set(id, container);
  await container.exclusive(() => makeContainer(context, container));
  return { Id: id, Warnings: warnings };
}

async function makeContainer(context: ContainersContext, container: Container): Promise<void> {
  const { record } = container;
  const { id } = record;
  try {
    context.directories.take(containerDir(context, id));
    await context.snapshots.prepare(id, record.diffIds, (owner) => ownerOnHost(record.idMap, owner));
    context.store.insert(record);
  } catch (thrown) {
    context.containers.delete(id);
    await context.snapshots.removeContainer(id);
    rmSync(containerDir(context, id), { recursive: true, force: true });
    throw explainFullDisk(thrown, context.dataDir);
  }
  publish(context, container, 'create');
}

/** The name that programs inside will find: of the namespace that they are in. */
function hostNames(
  context: ContainersContext,
  id: string,
  { Hostname = '', Domainname = '' }: ContainerConfig,
  { NetworkMode = '', UTSMode }: HostConfig,
): { Hostname: string; Domainname: string } {
  const shared = donorOf(context, NetworkMode)?.record.config;
  if (shared !== undefined) return { Hostname: shared.Hostname ?? '', Domainname: shared.Domainname ?? '' };
  const isHosts = UTSMode === 'host' || NetworkMode === 'host';
  return { Hostname: Hostname || (isHosts ? hostname() : id.slice(0, 12)), Domainname };
}

function newId(context: ContainersContext): string {
  for (;;) {
    const id = randomHex(32);
    // A short id that is all digits could be taken for a number by scripts; Docker avoids it as well.
    if (!/^\d+$/.test(id.slice(0, 12)) && !context.containers.has(id)) return id;
  }
}
