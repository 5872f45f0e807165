/** `POST /containers/create`: everything is checked before anything is made; the database row comes last. */
import { randomBytes } from 'node:crypto';
import { mkdirSync, rmSync } from 'node:fs';
import { hostname } from 'node:os';
import { EngineError } from '../errors.ts';
import type { CreateRequest, HostConfig } from '../oci/container-config.ts';
import { mergeImageConfig } from '../oci/merge.ts';
import { linuxResources } from '../oci/spec/resources.ts';
import { validateCreate } from '../oci/validate.ts';
import { resolveCapabilities } from '../security/capabilities.ts';
import { Container } from './container.ts';
import { type ContainersContext, containerDir } from './context.ts';
import { explainFullDisk } from './disk-full.ts';
import { seccompFor } from './launch-plan.ts';
import { generateName } from './name-generator.ts';
import { publish } from './publish.ts';
import { type ContainerRecord, formatTimeNs, nowNs, ZERO_TIME } from './record.ts';
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
    ...cgroups.planContainer(cgroupParent, linuxResources(hostConfig)).warnings,
    ...(seccompFor(resolveCapabilities(capabilities).names, hostConfig)?.warnings ?? []),
  ];
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

export async function createContainer(
  context: ContainersContext,
  givenName: string | undefined,
  request: CreateRequest,
): Promise<{ Id: string; Warnings: string[] }> {
  const image = context.images.resolve(request.Image ?? '');
  const { HostConfig: hostConfig, NetworkingConfig: _networking, ...asked } = request;
  const config = mergeImageConfig(asked, image.config.config ?? {});
  const argv = [...(config.Entrypoint ?? []), ...(config.Cmd ?? [])];
  if (argv.length === 0 || argv[0] === '') {
    throw new EngineError('InvalidParameter', 'no command specified', {
      hint: 'give a command behind the image, or --entrypoint',
    });
  }
  const { version, swapAccounting, cpuset } = context.cgroups.layout;
  const { warnings } = validateCreate(request, {
    capBounding: context.capBounding,
    imageVolumes: image.config.config?.Volumes ?? {},
    cgroupVersion: version,
    swapAccounting,
    cpusetCpus: cpuset?.cpus,
    cpusetMems: cpuset?.mems,
  });
  warnings.push(...enforcementWarnings(context, hostConfig ?? {}));
  if (config.StopSignal !== undefined && config.StopSignal !== '') parseSignal(config.StopSignal);
  const taken = (name: string) => [...context.containers.values()].some(({ record }) => record.name === name);
  const name = givenName === undefined || givenName === '' ? generateName(taken) : checkName(context, givenName);

  const id = newId(context);
  const record: ContainerRecord = {
    id,
    name,
    created: formatTimeNs(nowNs()),
    imageId: image.id,
    diffIds: image.diffIds,
    config: { ...config, Hostname: config.Hostname || defaultHostname(hostConfig ?? {}, id) },
    hostConfig: hostConfig ?? {},
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
  };
  const container = new Container(record);
  // The name is taken from here on, so that a second create meanwhile sees it.
  context.containers.set(id, container);
  try {
    mkdirSync(containerDir(context, id), { recursive: true, mode: 0o710 });
    await context.snapshots.prepare(id, record.diffIds);
    context.store.insert(record);
  } catch (thrown) {
    context.containers.delete(id);
    await context.snapshots.removeContainer(id);
    rmSync(containerDir(context, id), { recursive: true, force: true });
    throw explainFullDisk(thrown, context.dataDir);
  }
  publish(context, container, 'create');
  return { Id: id, Warnings: warnings };
}

/** With the host's network comes the host's name, as with Docker: it is what its addresses are known by. */
function defaultHostname({ NetworkMode }: HostConfig, id: string): string {
  return NetworkMode === 'host' ? hostname() : id.slice(0, 12);
}

function newId(context: ContainersContext): string {
  for (;;) {
    const id = randomBytes(32).toString('hex');
    // A short id that is all digits could be taken for a number by scripts; Docker avoids it as well.
    if (!/^\d+$/.test(id.slice(0, 12)) && !context.containers.has(id)) return id;
  }
}
