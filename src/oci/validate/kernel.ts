/** Sysctls, mounts and kernel paths: only what belongs to the container's own namespaces can be set. */
import { posix } from 'node:path';
import { EngineError } from '../../errors.ts';
import type { HostConfig } from '../container-config.ts';
import { bindRequests } from '../spec/binds.ts';
import { checkTmpfsTarget, tmpfsMounts } from '../spec/tmpfs.ts';
import { checkSysctl } from '../sysctl.ts';

const invalid = (message: string) => new EngineError('InvalidParameter', message);

function checkPaths(field: string, paths: readonly string[]): void {
  const wrong = paths.find((path) => !path.startsWith('/') || path.split('/').includes('..'));
  if (wrong !== undefined) throw invalid(`invalid HostConfig.${field}: ${JSON.stringify(wrong)} is no absolute path`);
}

function checkMountTypes({ Mounts }: HostConfig): void {
  for (const request of Mounts ?? []) {
    const type = request?.Type ?? '';
    if (!['bind', 'volume', 'tmpfs', 'npipe', 'cluster', 'image'].includes(type)) {
      throw invalid(`invalid mount config for type "${type}": mount type unknown`);
    }
    if (type !== 'tmpfs' && type !== 'bind') {
      throw new EngineError(
        'NotImplemented',
        `HostConfig.Mounts: a mount of type "${type}" is not supported by isle yet`,
        { hint: 'use type=bind or type=tmpfs, or copy the data into the image' },
      );
    }
    if (type === 'bind') continue;
    if (request.Source) throw invalid('invalid mount config for type "tmpfs": field Source must not be specified');
    checkTmpfsTarget(request.Target ?? '');
  }
}

function checkMountRequests(hostConfig: HostConfig): void {
  checkMountTypes(hostConfig);
  // Building them finds every option that they do not have.
  const binds = bindRequests(hostConfig).map(({ target }) => target);
  const seen = new Set<string>();
  for (const target of [
    ...binds,
    ...tmpfsMounts(hostConfig).map(({ destination }) => posix.resolve('/', destination)),
  ]) {
    if (seen.has(target)) throw invalid(`Duplicate mount point: ${target}`);
    seen.add(target);
  }
}

/** Throws InvalidParameter, or NotImplemented for volumes. */
export function checkKernel(hostConfig: HostConfig): void {
  const { NetworkMode, IpcMode, UTSMode } = hostConfig;
  const host = { network: NetworkMode === 'host', ipc: IpcMode === 'host', uts: UTSMode === 'host' };
  for (const name of Object.keys(hostConfig.Sysctls ?? {})) checkSysctl(name, host);
  checkPaths('MaskedPaths', hostConfig.MaskedPaths ?? []);
  checkPaths('ReadonlyPaths', hostConfig.ReadonlyPaths ?? []);
  checkMountRequests(hostConfig);
  if (Object.hasOwn(hostConfig.Annotations ?? {}, '')) {
    throw invalid('invalid Annotations: the empty string is not permitted as an annotation key');
  }
}
