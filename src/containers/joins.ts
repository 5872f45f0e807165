/** Containers whose namespaces another one shares: `--pid`, `--ipc` and `--network container:NAME`. */
import { EngineError } from '../errors.ts';
import type { HostConfig } from '../oci/container-config.ts';
import type { JoinedContainers } from '../oci/spec/namespaces.ts';
import type { Container } from './container.ts';
import { type ContainersContext, findContainer } from './context.ts';
import type { ContainerRecord } from './record.ts';

const MODES = [
  { field: 'PidMode', key: 'pid', words: 'PID' },
  { field: 'IpcMode', key: 'ipc', words: 'IPC' },
  { field: 'NetworkMode', key: 'network', words: 'network' },
] as const;

function donorName(mode: string | undefined): string | undefined {
  return /^container:(.+)$/s.exec(mode ?? '')?.[1];
}

/** The container that a resolved mode names, if it names one and that is still there. */
export function donorOf(context: ContainersContext, mode: string | undefined): Container | undefined {
  const id = donorName(mode);
  return id === undefined ? undefined : context.containers.get(id);
}

/** All containers whose namespaces this one joins, and that are still there. */
export function donorsOf(context: ContainersContext, { hostConfig }: ContainerRecord): Container[] {
  return MODES.flatMap(({ field }) => donorOf(context, hostConfig[field]) ?? []);
}

/** Names become ids, so that a rename changes nothing. Throws NotFound for a container that is not there. */
export function resolveModes(context: ContainersContext, hostConfig: HostConfig): HostConfig {
  const resolved = { ...hostConfig };
  for (const { field } of MODES) {
    const name = donorName(hostConfig[field]);
    if (name !== undefined) resolved[field] = `container:${findContainer(context, name).record.id}`;
  }
  return resolved;
}

/** Throws, in Docker's words, unless all containers whose namespaces are asked for run and share theirs. */
export function checkJoins(context: ContainersContext, record: ContainerRecord): void {
  const donors = new Set<string>();
  for (const { field, words } of MODES) {
    const name = donorName(record.hostConfig[field]);
    if (name === undefined) continue;
    const donor = findContainer(context, name);
    if (donor.record.id === record.id) {
      throw new EngineError('InvalidParameter', `cannot join own ${words} namespace`);
    }
    if (!donor.running) {
      throw new EngineError(
        'Conflict',
        `cannot join the ${words} namespace of a non running container: ${donor.record.name}`,
        {
          hint: `start ${donor.record.name} first`,
        },
      );
    }
    if (field === 'IpcMode') checkShareable(donor.record);
    checkSameMap(record, donor.record);
    donors.add(donor.record.id);
  }
  if (record.idMap && donors.size > 1) {
    throw new EngineError(
      'InvalidParameter',
      'with user namespaces, all joined namespaces have to be those of one container',
      {
        hint: 'name the same container, or give this one --userns host',
      },
    );
  }
}

function checkShareable({ id, hostConfig }: ContainerRecord): void {
  if (hostConfig.IpcMode === 'shareable') return;
  throw new EngineError('InvalidParameter', `failed to join IPC namespace: container ${id}: non-shareable IPC`, {
    hint: 'use IpcMode:shareable for the donor container',
  });
}

/** A process cannot be in one user namespace and set up what belongs to another. */
function checkSameMap({ name, idMap }: ContainerRecord, donor: ContainerRecord): void {
  if (!idMap || JSON.stringify(idMap) === JSON.stringify(donor.idMap)) return;
  throw new EngineError(
    'Conflict',
    `container ${name} cannot share namespaces with ${donor.name}: their user ids are mapped differently`,
    {
      hint: donor.idMap
        ? `make it anew with --userns auto: it then has the ids of ${donor.name}`
        : `make it anew with --userns host: ${donor.name} has the host's ids`,
    },
  );
}

/** Host pids of the containers that are joined; 0 for one that does not run, whose plan can only be shown. */
export function joinedContainers(context: ContainersContext, { hostConfig }: ContainerRecord): JoinedContainers {
  const joined: JoinedContainers = {};
  for (const { field, key } of MODES) {
    const name = donorName(hostConfig[field]);
    if (name !== undefined) joined[key] = context.containers.get(name)?.record.state.pid ?? 0;
  }
  return joined;
}
