/** Claims what one daemon under test needs for itself: a directory, a bridge name, a subnet, a cgroup parent. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../fixtures/process.ts';
import { cgroupMounts, type InstanceNames } from './leftovers.ts';
import { idLines, takeIds } from './subids.ts';

export interface Instance extends InstanceNames {
  dataRoot: string;
  execRoot: string;
  socket: string;
  /** The bridge's address with its prefix length, `10.2xx.x.1/24`. */
  bip: string;
}

const MAX_INSTANCES = 800;
/** Where daemons note which of them gives out the ids of a pool. */
export const CLAIMS = '/var/lib/isle-userns-pools';

/** The directory is the claim: mkdir succeeds for one process only. */
export function claimInstance(): Instance {
  const inUse = new Set(
    Object.values(networkInterfaces()).flatMap((list) =>
      (list ?? []).map(({ address }) => address.replace(/\.\d+$/, '.')),
    ),
  );
  for (let number = 0; number < MAX_INSTANCES; number++) {
    const prefix = `10.${200 + (number >> 4)}.${(number & 15) * 16}.`;
    const bridge = `isletest${number}`;
    if (inUse.has(prefix) || existsSync(`/sys/class/net/${bridge}`)) continue;
    const root = join(tmpdir(), `isle-test-${number}`);
    try {
      mkdirSync(root, { mode: 0o711 });
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code === 'EEXIST') continue;
      throw thrown;
    }
    const execRoot = join(root, 'run');
    const paths = { root, dataRoot: join(root, 'data'), execRoot, socket: join(execRoot, 'isle.sock') };
    return { ...paths, bridge, bip: `${prefix}1/24`, cgroupParent: `isle-test-${number}` };
  }
  throw new Error(`${join(tmpdir(), 'isle-test-*')}: all ${MAX_INSTANCES} are taken; remove those of dead test runs`);
}

/** Makes the data root a file system of its own; ramfs has no size. */
export async function mountDataRoot(
  instance: Instance,
  sizeBytes: number,
  type: 'tmpfs' | 'ramfs' = 'tmpfs',
): Promise<void> {
  mkdirSync(instance.dataRoot);
  await run('mount', ['-t', type, '-o', `size=${sizeBytes}`, 'isle-test', instance.dataRoot]);
}

/** Frees by force what `leftovers` found, so that one failed test does not make the next ones fail too. */
export function scrub(found: readonly string[]): void {
  for (const line of found) {
    const pid = /^process (\d+) /.exec(line)?.[1];
    if (pid === undefined) continue;
    try {
      process.kill(Number(pid), 'SIGKILL');
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code !== 'ESRCH') throw thrown;
    }
  }
}

/** Removes what outlives a daemon by design: bridge, nftables table, cgroup parents, pool of user ids, directories. */
export async function releaseInstance(instance: Instance, dataRootIsMounted: boolean): Promise<void> {
  if (existsSync(`/sys/class/net/${instance.bridge}`)) await run('ip', ['link', 'delete', instance.bridge]);
  const table = `table ip isle-${instance.bridge}`;
  if ((await run('nft', ['list', 'tables'])).split('\n').includes(table))
    await run('nft', ['delete', ...table.split(' ')]);
  await removeCgroups(instance.cgroupParent);
  releaseClaims(instance.dataRoot);
  // Where a container had user ids of its own, its daemon has made a pool of them under this name.
  if (idLines(instance.bridge).length > 0) await takeIds(instance.bridge);
  if (dataRootIsMounted) await run('umount', [instance.dataRoot]);
  rmSync(instance.root, { recursive: true, force: true });
}

/** Its daemon may have claimed several pools, one after the other. */
function releaseClaims(dataRoot: string): void {
  if (!existsSync(CLAIMS)) return;
  for (const name of readdirSync(CLAIMS).filter((file) => file.endsWith('.owner'))) {
    const path = join(CLAIMS, name);
    if (readFileSync(path, 'utf8').trim() === dataRoot) rmSync(path);
  }
}

/** Removes the cgroup of this path, with what is below it, from every hierarchy. */
export async function removeCgroups(parent: string): Promise<void> {
  for (const mount of cgroupMounts()) await removeCgroup(join(mount, parent));
}

async function removeCgroup(path: string): Promise<void> {
  if (!existsSync(path)) return;
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    if (entry.isDirectory()) await removeCgroup(join(path, entry.name));
  }
  // Its last process may be dying still: such a cgroup is busy for a moment.
  for (let attempt = 0; ; attempt++) {
    try {
      return rmdirSync(path);
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code !== 'EBUSY' || attempt === 40) throw thrown;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
