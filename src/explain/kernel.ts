/** Reads what the kernel says about a running container. The only part of explain with side effects: it reads, nothing else. */
import { access, readFile, readlink } from 'node:fs/promises';
import { basename } from 'node:path';
import { EngineError } from '../errors.ts';
import { type KernelFacts, type KernelText, NAMESPACE_FILES, type NamespaceFile } from './types.ts';

/** Errors that mean "the kernel does not tell": it is not there, not allowed, or its process has gone. */
const UNREADABLE = new Set(['ENOENT', 'ENOTDIR', 'EACCES', 'EPERM', 'ESRCH', 'EINVAL', 'EOPNOTSUPP', 'EIO', 'ENODEV']);

function isUnreadable(thrown: unknown): boolean {
  return thrown instanceof Error && UNREADABLE.has(String((thrown as NodeJS.ErrnoException).code));
}

async function orNull<T>(reading: Promise<T>): Promise<T | null> {
  try {
    return await reading;
  } catch (thrown) {
    if (isUnreadable(thrown)) return null;
    throw thrown;
  }
}

export async function readKernelText(path: string): Promise<KernelText> {
  return { path, text: await orNull(readFile(path, 'utf8')) };
}

async function namespacesOf(process: string): Promise<Partial<Record<NamespaceFile, string>>> {
  const found: Partial<Record<NamespaceFile, string>> = {};
  await Promise.all(
    NAMESPACE_FILES.map(async (name) => {
      const target = await orNull(readlink(`/proc/${process}/ns/${name}`));
      if (target !== null) found[name] = target;
    }),
  );
  return found;
}

async function presentOf(paths: readonly string[] | undefined): Promise<string[] | null> {
  if (paths === undefined) return null;
  const present = await Promise.all(
    paths.map(async (path) => ((await orNull(access(path).then(() => true))) ? path : null)),
  );
  return present.filter((path) => path !== null);
}

async function masterOf(link: string | undefined): Promise<KernelText> {
  const path = `/sys/class/net/${link ?? '-'}/master`;
  const target = link === undefined ? null : await orNull(readlink(path));
  return { path, text: target === null ? null : basename(target) };
}

/** AppArmor has a file of its own where several modules may label processes (Linux 5.8). */
async function labelOf(pid: number): Promise<KernelText> {
  const appArmor = await readKernelText(`/proc/${pid}/attr/apparmor/current`);
  return appArmor.text === null ? readKernelText(`/proc/${pid}/attr/current`) : appArmor;
}

export interface KernelQuestions {
  /** linux.maskedPaths and linux.readonlyPaths of the spec: whether this kernel has them at all */
  readonly kernelPaths?: readonly string[] | undefined;
  /** the veth's host end */
  readonly hostLink?: string | undefined;
  /** read inside, where alone they can be: the hardware address of the veth's other end, sysctls by name */
  readonly inside?: Pick<KernelFacts, 'linkAddress' | 'sysctls'> | undefined;
}

/**
 * `pid` is the container's first process on the host; `cgroupFiles` maps names of limits to files (CgroupBackend.files).
 * null if the process has gone meanwhile. What the kernel does not tell is null in its place; other errors are thrown.
 */
export async function readKernelFacts(
  pid: number,
  cgroupFiles: Readonly<Record<string, string>>,
  questions: KernelQuestions = {},
): Promise<KernelFacts | null> {
  if (!Number.isInteger(pid) || pid < 1)
    throw new EngineError('System', `cannot read the state of process ${pid}: not a process id`);
  const at = (name: string): Promise<KernelText> => readKernelText(`/proc/${pid}/${name}`);
  const limits = Promise.all(
    Object.entries(cgroupFiles).map(async ([name, path]) => [name, await readKernelText(path)] as const),
  );
  const [status, hostMountinfo, namespaces, hostNamespaces, files] = await Promise.all([
    at('status'),
    readKernelText('/proc/self/mountinfo'),
    namespacesOf(String(pid)),
    namespacesOf('self'),
    limits,
  ]);
  const [mountinfo, uidMap, gidMap, timeOffsets, processLimits, cgroup, cmdline, oomScoreAdj, label] =
    await Promise.all([
      at('mountinfo'),
      at('uid_map'),
      at('gid_map'),
      at('timens_offsets'),
      at('limits'),
      at('cgroup'),
      at('cmdline'),
      at('oom_score_adj'),
      labelOf(pid),
    ]);
  const [fibTrie, route, interfaces, inet6] = await Promise.all([
    at('net/fib_trie'),
    at('net/route'),
    at('net/dev'),
    at('net/if_inet6'),
  ]);
  const [linkMaster, presentPaths] = await Promise.all([
    masterOf(questions.hostLink),
    presentOf(questions.kernelPaths),
  ]);
  // a zombie still has a status; its namespaces are gone
  if (status.text === null || namespaces.mnt === undefined) return null;
  return {
    pid,
    namespaces,
    hostNamespaces,
    status: status.text,
    mountinfo,
    hostMountinfo,
    uidMap,
    gidMap,
    timeOffsets,
    limits: processLimits,
    cgroup,
    cmdline,
    oomScoreAdj,
    label,
    cgroupFiles: Object.fromEntries(files),
    fibTrie,
    route,
    interfaces,
    inet6,
    linkMaster,
    linkAddress: questions.inside?.linkAddress ?? { path: 'only visible inside', text: null },
    sysctls: questions.inside?.sysctls ?? {},
    presentPaths,
  };
}
