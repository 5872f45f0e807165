/** Directories and files of the host that a container was given: looked at when it is made, and again when it starts. */
import { chownSync, existsSync, mkdirSync, type Stats, statSync } from 'node:fs';
import { EngineError } from '../errors.ts';
import type { Mount } from '../oci/runtime-spec.ts';
import { bindOptions, bindRequests, type BindRequest } from '../oci/spec/binds.ts';
import type { ContainersContext } from './context.ts';
import { ownerOnHost } from './owners.ts';
import type { ContainerRecord, UserRecord } from './record.ts';
import { relabelling, whyNoLabel } from './selinux.ts';

/**
 * At create. Throws InvalidParameter for a source that has to exist, or that cannot be relabelled; the warnings name what
 * is not done.
 */
export function checkBinds(context: ContainersContext, record: ContainerRecord): string[] {
  const warnings: string[] = [];
  for (const bind of bindRequests(record.hostConfig)) {
    if (!bind.createSource && !existsSync(bind.source)) {
      throw new EngineError(
        'InvalidParameter',
        `invalid mount config for type "bind": bind source path does not exist: ${bind.source}`,
      );
    }
    if (bind.relabel === '') continue;
    const field = `HostConfig.Binds: the option "${bind.relabel}" of ${bind.source}:${bind.target}`;
    if (context.selinux === null) warnings.push(`${field}: ${whyNoLabel()}, so no label is changed.`);
    else relabelling(context, record, bind);
  }
  return warnings;
}

/** At the start, as Docker does for `-v`; in a user namespace it belongs to the container's root. */
export function createSources({ hostConfig, idMap }: ContainerRecord): void {
  for (const { createSource, source } of bindRequests(hostConfig)) {
    if (!createSource || existsSync(source)) continue;
    mkdirSync(source, { recursive: true, mode: 0o755 });
    if (!idMap) continue;
    const { uid, gid } = ownerOnHost(idMap, { uid: 0, gid: 0 });
    chownSync(source, uid, gid);
  }
}

/**
 * One pair of ids: the source's owner on disk is the container's user inside. Nobody else inside can make files there,
 * which is what keeps the mapping from giving anyone the rights of another.
 */
function ownerMaps(
  record: ContainerRecord,
  user: UserRecord,
  owner: Stats,
): Pick<Mount, 'uidMappings' | 'gidMappings'> {
  const { uid, gid } = ownerOnHost(record.idMap, user);
  return {
    uidMappings: [{ containerID: owner.uid, hostID: uid, size: 1 }],
    gidMappings: [{ containerID: owner.gid, hostID: gid, size: 1 }],
  };
}

function toMount(context: ContainersContext, record: ContainerRecord, user: UserRecord, bind: BindRequest): Mount {
  const labelled = relabelling(context, record, bind);
  const stats = statSync(bind.source, { throwIfNoEntry: false });
  const maps = bind.idmap && stats !== undefined ? ownerMaps(record, user, stats) : {};
  return {
    destination: bind.target,
    type: 'bind',
    source: bind.source,
    ...labelled,
    ...maps,
    options: bindOptions(bind, stats?.isDirectory() === false),
  };
}

export function bindMounts(context: ContainersContext, record: ContainerRecord, user: UserRecord): Mount[] {
  return bindRequests(record.hostConfig).map((bind) => toMount(context, record, user, bind));
}
