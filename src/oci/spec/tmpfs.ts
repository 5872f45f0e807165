/** tmpfs mounts that the user asks for: `--tmpfs DEST[:OPTIONS]` and `--mount type=tmpfs`. */
import { EngineError } from '../../errors.ts';
import type { HostConfig, MountRequest } from '../container-config.ts';
import type { Mount } from '../runtime-spec.ts';

/** Flag -> the flag that it takes back; the later one of the two wins. */
const OPPOSITES: Record<string, string> = {
  exec: 'noexec',
  noexec: 'exec',
  suid: 'nosuid',
  nosuid: 'suid',
  dev: 'nodev',
  nodev: 'dev',
  ro: 'rw',
  rw: 'ro',
  atime: 'noatime',
  noatime: 'atime',
  diratime: 'nodiratime',
  nodiratime: 'diratime',
  relatime: 'norelatime',
  norelatime: 'relatime',
  strictatime: 'nostrictatime',
  nostrictatime: 'strictatime',
};
const OTHER_FLAGS = new Set(['defaults', 'sync', 'async', 'dirsync', 'mand', 'nomand', 'rprivate', 'private']);
const KEYS = new Set(['size', 'mode', 'uid', 'gid', 'nr_inodes', 'nr_blocks', 'mpol']);
const DOCKER_FLAGS = ['noexec', 'nosuid', 'nodev', 'rprivate'];

/** Docker's defaults with the given options over them. Throws InvalidParameter naming an option that tmpfs does not have. */
function tmpfsOptions(given: readonly string[]): string[] {
  const flags = new Set(DOCKER_FLAGS);
  const values = new Map<string, string>();
  for (const option of given) {
    if (option === '') continue;
    const split = option.indexOf('=');
    const name = split < 0 ? option : option.slice(0, split);
    if (split > 0 && KEYS.has(name)) {
      values.set(name, option.slice(split + 1));
      continue;
    }
    const opposite = OPPOSITES[option];
    if (opposite === undefined && !OTHER_FLAGS.has(option)) {
      throw new EngineError('InvalidParameter', `Invalid tmpfs option "${option}"`, {
        hint: `tmpfs knows ${[...KEYS].join(', ')} and mount flags such as ro, noexec, exec`,
      });
    }
    if (opposite !== undefined) flags.delete(opposite);
    flags.add(option);
  }
  return [...flags, ...[...values].map(([name, value]) => `${name}=${value}`)];
}

/** Throws InvalidParameter in Docker's words unless a tmpfs can be mounted there. */
export function checkTmpfsTarget(target: string): void {
  if (target === '') throw new EngineError('InvalidParameter', 'invalid specification: destination cannot be empty');
  if (!target.startsWith('/')) {
    throw new EngineError('InvalidParameter', `invalid mount path: '${target}' mount path must be absolute`);
  }
  if (/^[/.]*$/.test(target) && !target.includes('...')) {
    throw new EngineError('InvalidParameter', "invalid specification: destination can't be '/'");
  }
}

function requestOptions(request: MountRequest): string[] {
  const { SizeBytes = 0, Mode = 0, Options = [] } = request.TmpfsOptions ?? {};
  return [
    ...(request.ReadOnly === true ? ['ro'] : []),
    ...(SizeBytes > 0 ? [`size=${SizeBytes}`] : []),
    ...(Mode > 0 ? [`mode=${Mode.toString(8)}`] : []),
    ...(Options ?? []).map((pair) => pair.join('=')),
  ];
}

export function tmpfsMounts(hostConfig: HostConfig): Mount[] {
  const asked: [string, readonly string[]][] = [
    ...Object.entries(hostConfig.Tmpfs ?? {}).map(([target, options]): [string, readonly string[]] => [
      target,
      options.split(','),
    ]),
    ...(hostConfig.Mounts ?? [])
      .filter((request) => request.Type === 'tmpfs')
      .map((request): [string, readonly string[]] => [request.Target, requestOptions(request)]),
  ];
  return asked.map(([target, options]) => {
    checkTmpfsTarget(target);
    return { destination: target, type: 'tmpfs', source: 'tmpfs', options: tmpfsOptions(options) };
  });
}
