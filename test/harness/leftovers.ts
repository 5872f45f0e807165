/**
 * What of one isle instance is still on this machine: cgroups, network links, mounts, processes, container directories.
 * An instance is known by its roots, bridge and cgroup parent, so that several may run side by side.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

export interface InstanceNames {
  /** The directory that holds the instance's data root and exec root. */
  root: string;
  bridge: string;
  cgroupParent: string;
}

/** One line per thing found, such as `cgroup /sys/fs/cgroup/pids/isle-test-7/4f1d...`; sorted. */
export function leftovers(names: InstanceNames): string[] {
  return [
    ...cgroups(names.cgroupParent).map((path) => `cgroup ${path}`),
    ...links(names.bridge).map((name) => `link ${name}`),
    ...mounts(names.root).map((point) => `mount ${point}`),
    ...processes(names).map((text) => `process ${text}`),
    ...containerFiles(names.root).map((path) => `file ${path}`),
  ].toSorted();
}

/** The mount points of every cgroup hierarchy, v1 and v2. */
export function cgroupMounts(): string[] {
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  return lines.filter((line) => / - cgroup2? /.test(line)).map((line) => line.split(' ')[4] ?? '');
}

/** The directories of the containers' cgroups, in every hierarchy. */
export function cgroups(parent: string): string[] {
  return cgroupMounts().flatMap((mount) => directoriesBelow(join(mount, parent)));
}

function directoriesBelow(path: string): string[] {
  const below = entries(path).filter((entry) => entry.isDirectory());
  return below.flatMap((entry) => [join(path, entry.name), ...directoriesBelow(join(path, entry.name))]);
}

function entries(path: string) {
  try {
    return readdirSync(path, { withFileTypes: true });
  } catch (thrown) {
    // It may have gone between being listed and being read.
    if (['ENOENT', 'ENOTDIR', 'ENODEV'].includes((thrown as NodeJS.ErrnoException).code ?? '')) return [];
    throw thrown;
  }
}

function links(bridge: string): string[] {
  return entries(`/sys/class/net/${bridge}/brif`).map((entry) => entry.name);
}

function mounts(root: string): string[] {
  const points = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '');
  // The data root may be a file system of its own, mounted by the harness.
  return points.filter((point) => point.startsWith(`${root}/`) && point !== `${root}/data`);
}

function readOr(fallback: string, read: () => string): string {
  try {
    return read();
  } catch {
    // The process ended meanwhile, or is a kernel thread.
    return fallback;
  }
}

/** Processes of the instance's containers, and any that name, work in or hold open something below the root. */
function processes(names: InstanceNames): string[] {
  const found: string[] = [];
  for (const { name } of entries('/proc')) {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) continue;
    const directory = `/proc/${name}`;
    const command = readOr('', () => readFileSync(`${directory}/cmdline`, 'utf8'));
    const cgroup = readOr('', () => readFileSync(`${directory}/cgroup`, 'utf8'));
    const belongs = cgroup.includes(`/${names.cgroupParent}/`) || command.includes(`${names.root}/`);
    if (belongs || holdsOpen(directory, names.root)) found.push(`${name} ${command.replaceAll('\0', ' ').trim()}`);
  }
  return found;
}

function holdsOpen(directory: string, root: string): boolean {
  const descriptors = (() => {
    try {
      return readdirSync(`${directory}/fd`);
    } catch {
      return [];
    }
  })();
  const paths = [`${directory}/cwd`, `${directory}/exe`, ...descriptors.map((fd) => `${directory}/fd/${fd}`)];
  return paths.some((path) => readOr('', () => readlinkSync(path)).startsWith(`${root}/`));
}

/** Everything named after a container (64 hex digits), blobs aside, which are named by their digests. */
function containerFiles(root: string): string[] {
  const found: string[] = [];
  const walk = (path: string): void => {
    for (const entry of entries(path)) {
      const child = join(path, entry.name);
      if (/^[0-9a-f]{64}/.test(entry.name)) found.push(child);
      else if (entry.isDirectory() && entry.name !== 'content' && entry.name !== 'layers') walk(child);
    }
  };
  walk(root);
  return found;
}
