/** Which ids of the host a new container gets: none of its own, those of all remapped ones, or a range that nobody else has. */
import { EngineError } from '../errors.ts';
import type { HostConfig } from '../oci/container-config.ts';
import type { IdMap } from '../oci/spec/namespaces.ts';
import { parseUsernsMode, type UsernsMode } from '../oci/userns-mode.ts';
import type { ContainersContext } from './context.ts';
import { donorOf } from './joins.ts';
import type { ContainerRecord } from './record.ts';

type Ids = Pick<ContainerRecord, 'idMap' | 'idOwner'>;

/** The mode that a container really has; with `--userns-remap auto` that is what "as the engine does" means. */
function effectiveMode({ autoIds }: ContainersContext, { UsernsMode: asked = '' }: HostConfig): UsernsMode {
  const mode = parseUsernsMode(asked) ?? { kind: 'engine' };
  return mode.kind === 'engine' && autoIds !== null ? autoIds : mode;
}

/** Of the container whose namespaces it joins: these belong to that one's user namespace, so its ids come with them. */
function joinedIds(context: ContainersContext, hostConfig: HostConfig): Ids | undefined {
  const { PidMode, IpcMode, NetworkMode } = hostConfig;
  for (const mode of [NetworkMode, PidMode, IpcMode]) {
    const { idMap, idOwner } = donorOf(context, mode)?.record ?? {};
    if (idMap) return idOwner === undefined ? { idMap } : { idMap, idOwner };
  }
  return undefined;
}

/**
 * For a new container of this id whose modes are resolved. `reserve`: the pool is made on this host if there is none, as
 * opposed to a request that is only looked at. The range is taken as soon as the container is in `context.containers`,
 * and free when it has left that. Throws Unavailable when no range is free.
 */
export function chooseIds(
  context: ContainersContext,
  id: string,
  hostConfig: HostConfig,
  options: { reserve: boolean },
): Ids {
  const mode = effectiveMode(context, hostConfig);
  if (mode.kind === 'host') return { idMap: null };
  if (mode.kind === 'engine') return { idMap: context.idMap };
  const joined = joinedIds(context, hostConfig);
  if (joined === undefined) {
    return { idMap: context.idPool.allocate(mode.size, takenMaps(context), options), idOwner: id };
  }
  if (!mode.isDefaultSize && joined.idMap?.uid[0]?.size !== mode.size) {
    throw new EngineError(
      'InvalidParameter',
      `conflicting options: ${mode.size} ids, and namespaces of a container that has another number of them`,
      { hint: 'leave the size out: both containers then have the same ids' },
    );
  }
  return joined;
}

function takenMaps({ containers, strayMaps }: ContainersContext): IdMap[] {
  return [...strayMaps, ...[...containers.values()].flatMap(({ record }) => record.idMap ?? [])];
}

/**
 * Containers that may meet this one's ids on the host: with a range for all remapped containers, those; with a range of its
 * own, none. Those that share its namespaces have its ids by design and are left out.
 */
export function strangersWithIds(
  { containers }: ContainersContext,
  { id, idOwner }: ContainerRecord,
): ContainerRecord[] {
  return [...containers.values()]
    .map(({ record }) => record)
    .filter((other) => other.id !== id && other.idMap && (idOwner === undefined || other.idOwner !== idOwner));
}
