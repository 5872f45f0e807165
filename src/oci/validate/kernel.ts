/** Sysctls, mounts and kernel paths: only what belongs to the container's own namespaces can be set. */
import { EngineError } from '../../errors.ts';
import type { HostConfig } from '../container-config.ts';
import { checkTmpfsTarget, tmpfsMounts } from '../spec/tmpfs.ts';
import { checkSysctl } from '../sysctl.ts';

const invalid = (message: string) => new EngineError('InvalidParameter', message);

function checkPaths(field: string, paths: readonly string[]): void {
  const wrong = paths.find((path) => !path.startsWith('/') || path.split('/').includes('..'));
  if (wrong !== undefined) throw invalid(`invalid HostConfig.${field}: ${JSON.stringify(wrong)} is no absolute path`);
}

function checkMountRequests(hostConfig: HostConfig): void {
  const targets = new Set<string>();
  for (const request of hostConfig.Mounts ?? []) {
    const type = request?.Type ?? '';
    if (!['bind', 'volume', 'tmpfs', 'npipe', 'cluster', 'image'].includes(type)) {
      throw invalid(`invalid mount config for type "${type}": mount type unknown`);
    }
    if (type !== 'tmpfs') {
      throw new EngineError(
        'NotImplemented',
        `HostConfig.Mounts: a mount of type "${type}" is not supported by isle yet`,
        {
          hint: 'use type=tmpfs, or copy the data into the image',
        },
      );
    }
    if (request.Source) throw invalid('invalid mount config for type "tmpfs": field Source must not be specified');
    checkTmpfsTarget(request.Target ?? '');
    if (targets.has(request.Target)) throw invalid(`Duplicate mount point: ${request.Target}`);
    targets.add(request.Target);
  }
  for (const target of Object.keys(hostConfig.Tmpfs ?? {})) {
    if (targets.has(target)) throw invalid(`Duplicate mount point: ${target}`);
  }
  // Building them finds every option that tmpfs does not have.
  tmpfsMounts(hostConfig);
}

/** Throws InvalidParameter, or NotImplemented for volumes. */
export function checkKernel(hostConfig: HostConfig): void {
  for (const name of Object.keys(hostConfig.Sysctls ?? {})) checkSysctl(name, hostConfig.NetworkMode === 'host');
  checkPaths('MaskedPaths', hostConfig.MaskedPaths ?? []);
  checkPaths('ReadonlyPaths', hostConfig.ReadonlyPaths ?? []);
  checkMountRequests(hostConfig);
  if (Object.hasOwn(hostConfig.Annotations ?? {}, '')) {
    throw invalid('invalid Annotations: the empty string is not permitted as an annotation key');
  }
}
